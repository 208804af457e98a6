"""Which of an image's ink may belong to something else: hypotheses that leave pieces of it out.

A match says of every point of the ink how surely the template explains it (:func:`compvis.parsing.match.unexplained`).
Where an image shows more than one thing, whole edges of its skeleton stay unexplained by the right template, while the
other ink spoils the frame and the deformation of everything else. So pieces that a likely template does not explain,
and pieces that touch nothing, are erased, and what is left is read again: bottom-up proposals from a top-down
explanation (Yuille and Kersten, "Vision as Bayesian inference: analysis by synthesis?", Trends in Cognitive Sciences
10, 2006).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree

from compvis.parsing.ink_shape import point_counts
from compvis.parsing.skeleton import SkeletonGraph

LEAST_PIECE = 0.03
"""Share of the ink of a loose piece that is worth a hypothesis of its own; smaller ones go with all loose ones."""

FAINT = 0.02
"""Fainter ink is left as it is."""


@dataclass(frozen=True)
class OtherInk:
    """How ink of other things is left out.

    rounds: times that a hypothesis may be changed further; 0: all ink is the character's. price: nats of evidence (of
    independent observations, see ``InkOptions.temperature``) that leaving out all ink would cost; a share costs its
    share. piece_price: what leaving out anything costs on top. classes: likeliest classes whose best templates
    propose. doubts: mean probabilities of being unexplained from which an edge of the skeleton is left out, a
    hypothesis each. most: largest share left out at once. proposals: most of them that are made of one hypothesis;
    of pieces that touch nothing the larger come first. beam: hypotheses that a further round changes. shortlist:
    templates matched in full with each.
    """

    rounds: int = 0
    price: float = 20.0
    piece_price: float = 1.0
    classes: int = 3
    doubts: Sequence[float] = (0.3, 0.6)
    most: float = 0.6
    proposals: int = 5
    beam: int = 1
    shortlist: int = 20

    def __post_init__(self) -> None:
        object.__setattr__(self, "doubts", tuple(float(one) for one in self.doubts))
        for name in ("price", "piece_price"):
            if not 0 <= getattr(self, name) < np.inf:
                raise ValueError(
                    f"OtherInk.{name} must be finite and not below 0, not {getattr(self, name)}."
                )
        for name, least in (("rounds", 0), ("classes", 1), ("proposals", 1), ("beam", 1), ("shortlist", 1)):
            value = getattr(self, name)
            if value != int(value) or value < least:
                raise ValueError(f"OtherInk.{name} must be a whole number from {least} on, not {value}.")
            object.__setattr__(self, name, int(value))
        if not self.doubts or not all(0 < one < 1 for one in (*self.doubts, self.most)):
            raise ValueError("OtherInk.doubts and OtherInk.most are shares between 0 and 1.")

    def log_prior(self, share: float) -> float:
        """Nats of leaving out a share of the ink."""
        return 0.0 - self.price * share - self.piece_price * (share > 0)


def pieces_left_out(
    graph: SkeletonGraph, unexplained: np.ndarray, settings: OtherInk
) -> Iterator[tuple[np.ndarray, float]]:
    """Sets of edges that may be other ink, each once.

    Args:
        graph: of the image's ink.
        unexplained: (templates, n) probability that the template does not explain a point, the n points being those
            of :func:`compvis.parsing.ink_shape.spread_points`.
        settings: see :class:`OtherInk`.

    Yields:
        Whether each edge is left out (edges,), and their share of the ink.
    """
    share, counts = point_counts(graph, unexplained.shape[1])
    own = np.repeat(np.arange(len(counts)), counts)
    seen = counts > 0
    candidates = []
    for one in unexplained:
        doubt = np.bincount(own, one, len(counts)) / np.maximum(counts, 1)
        candidates += [seen & (doubt > level) for level in settings.doubts]
    piece = _pieces(graph)
    sizes = np.bincount(piece, share)
    if len(sizes) > 1:
        by_size, own_levels = np.argsort(-sizes, kind="stable"), len(settings.doubts)
        candidates[own_levels:own_levels] = [
            piece != by_size[0],
            *(piece == number for number in by_size if sizes[number] > LEAST_PIECE),
        ]
    done = set()
    for left_out in candidates:
        lost = float(share[left_out].sum())
        if 0 < lost < settings.most and left_out.tobytes() not in done and len(done) < settings.proposals:
            done.add(left_out.tobytes())
            yield left_out, lost


def erase(ink: np.ndarray, graph: SkeletonGraph, left_out: np.ndarray) -> np.ndarray:
    """The ink image (H, W) without the pixels that are nearest to edges (edges,) that are left out."""
    edge = np.repeat(np.arange(len(graph.edges)), [len(one.points) for one in graph.edges])
    y, x = np.nonzero(ink > FAINT)
    _, nearest = KDTree(graph.points()).query(np.stack([x + 0.5, y + 0.5], 1))
    away = left_out[edge[nearest]]
    erased = ink.copy()
    erased[y[away], x[away]] = 0
    return erased


def _pieces(graph: SkeletonGraph) -> np.ndarray:
    """Number of the connected piece that each edge belongs to, (edges,)."""
    ends = np.array([(edge.start, edge.end) for edge in graph.edges]).T
    size = len(graph.nodes)
    links = coo_array((np.ones(ends.shape[1]), (ends[0], ends[1])), shape=(size, size))
    return connected_components(links, directed=False)[1][ends[0]]
