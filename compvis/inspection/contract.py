"""What the drawings need to know of a parse; whatever has these attributes can be drawn."""

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

from jaxtyping import Bool, Float
from numpy import ndarray

from compvis.tree import ParseTree


@runtime_checkable
class AlternativeLike(Protocol):
    """Another explanation of the same image.

    Attributes:
        label: its class.
        log_evidence: log p(image given label), nats.
    """

    label: Any
    log_evidence: float


@runtime_checkable
class ParseLike(Protocol):
    """A parse of one image.

    Attributes:
        image: ink in [0, 1], 1 = full ink.
        tree: its leaves carry their primitives (control points in image pixels, x right, y down).
        label: the class of the parse.
        log_evidence: log p(image given label), nats.
        scores: (address, name, nats) items; an address that is not in the tree stands for the picture as a
            whole.
        rendering: what the tree draws, ink in [0, 1].
        residual: image minus rendering.
        alternatives: other explanations, best first; may contain the parse itself.
    """

    image: Float[ndarray, "H W"]
    tree: ParseTree
    label: Any
    log_evidence: float
    scores: Sequence[tuple[str, str, float]]
    rendering: Float[ndarray, "H W"]
    residual: Float[ndarray, "H W"]
    alternatives: Sequence[AlternativeLike]


class InkParseLike(ParseLike, Protocol):
    """A parse of ink that may be turned and among other ink.

    Attributes:
        turn: degrees by which the character was found turned. left_out: ink taken to be of something else.
    """

    turn: float
    left_out: Bool[ndarray, "H W"]
