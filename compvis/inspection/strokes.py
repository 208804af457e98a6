"""The drawn leaves of an ink tree, and the colours that tell strokes apart."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from compvis.tree import ParseTree

# Okabe & Ito's colours for all kinds of colour vision, without black and yellow (invisible on ink or paper).
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")


@dataclass(frozen=True)
class DrawnStroke:
    """A leaf as it lies on the image.

    Attributes:
        address: of the leaf.
        control_points: cubic Bezier, image pixels.
        width: full pen width, pixels.
        darkness: grey value of full ink, in (0, 1].
        colour: hexadecimal; leaves of one stroke share it.
    """

    address: str
    control_points: Float[ndarray, "4 2"]
    width: float
    darkness: float
    colour: str


def drawn_strokes(tree: ParseTree) -> list[DrawnStroke]:
    """The leaves of an ink tree in the order they are drawn.

    Raises:
        ValueError: a leaf has no primitive: place the tree with its grammar first.
    """
    colours = colours_by_parent(tree)
    drawn = []
    for address, leaf in tree.leaves():
        if leaf.primitive is None:
            raise ValueError(f"Leaf {address!r} has no primitive: place the tree with its grammar first.")
        points = leaf.primitive["control_points"].detach().cpu().numpy().astype(float)
        darkness = leaf.primitive.get("darkness")
        drawn.append(
            DrawnStroke(
                address,
                points,
                leaf.primitive["width"].item(),
                1.0 if darkness is None else darkness.item(),
                colours[address.rpartition("/")[0]],
            )
        )
    return drawn


def colours_by_parent(tree: ParseTree) -> Mapping[str, str]:
    """A colour for each node that has leaves, by its address; they repeat after `PALETTE` is used up."""
    parents = dict.fromkeys(address.rpartition("/")[0] for address, _ in tree.leaves())
    return {address: PALETTE[index % len(PALETTE)] for index, address in enumerate(parents)}


def curve_points(control_points: Float[ndarray, "4 2"], n: int = 24) -> Float[ndarray, "n 2"]:
    """``n`` points of a cubic Bezier at equally spaced parameters, ends included."""
    t = np.linspace(0.0, 1.0, n)[:, None]
    a, b, c, d = control_points
    return (1 - t) ** 3 * a + 3 * (1 - t) ** 2 * t * b + 3 * (1 - t) * t**2 * c + t**3 * d
