"""What the grammar makes of one photograph, for users: the tree, its scores, what it draws, what is hidden."""

from dataclasses import dataclass
from typing import Any

from jaxtyping import Bool, Int64, UInt8
from numpy import ndarray

from compvis.inspection.solid_page import solid_page
from compvis.tree import ParseTree


@dataclass(frozen=True, eq=False)
class SolidParse:
    """What the grammar makes of one photograph.

    Attributes:
        image: (H, W, 3) uint8.
        label: the category. log_evidence: log p(figure, edges, colour | category), nats of independent observations.
        viewpoint: azimuth, elevation, roll in degrees, of the refined best hypothesis.
        proposal: the same of the likeliest proposal, before any refinement.
        viewpoint_spread: root mean square angle in degrees between this and the viewpoints of the library by
            their posterior probability.
        tree: object and parts, with their values; leaves carry rotation, centre and size in the world frame.
        scores: (address, name, nats): log prior of every site, and the log likelihoods of the figure and of the edges
            inside it, tempered and weighted as in the evidence; what the recognition network adds.
        rendering: what the tree draws, (H, W, 3) uint8 on black.
        parts: (H, W) number of the part that owns each pixel, -1 for none; the same number is the same part of
            the category in every picture.
        hidden: (H, W) True where the object must be but something in front is seen.
        alternatives: the parses as other categories, best first.
    """

    image: UInt8[ndarray, "H W 3"]
    label: Any
    log_evidence: float
    viewpoint: tuple[float, float, float]
    proposal: tuple[float, float, float]
    viewpoint_spread: float
    tree: ParseTree
    scores: tuple[tuple[str, str, float], ...]
    rendering: UInt8[ndarray, "H W 3"]
    parts: Int64[ndarray, "H W"]
    hidden: Bool[ndarray, "H W"]
    alternatives: tuple["SolidParse", ...] = ()

    def to_html(self) -> str:
        """A self-contained page: photograph, parts, rendering, scores, alternatives."""
        return solid_page(self)
