"""How well a decomposition of ink agrees with the strokes of the pen that drew it.

Protocol. Every ink pixel is given to the nearest true stroke (distance of the pixel's centre to the pen's
path), and to the nearest predicted stroke in the same way. A crossing is a point of a true stroke that lies
at most half a pen width from another true stroke, so inside its ink; there the owner of a pixel is not
defined, and pixels nearer than one pen width to a crossing are left out. The adjusted Rand index (Hubert and
Arabie 1985) compares the two
partitions of the pixels that remain: 1 = the same partition, 0 = as much agreement as chance gives. Where
both partitions are one cluster it is 1. Drawings of one stroke can only score 1 or about 0, so drawings of
several strokes are reported apart.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial import KDTree

PEN_WIDTH = 5.0
"""Full width of the pen of Omniglot's images, pixels."""


@dataclass(frozen=True)
class StrokeAgreement:
    """Agreement of one drawing's decomposition with the pen.

    Attributes:
        ari: adjusted Rand index of the pixels that count; NaN when no pixel is left.
        pixels: number of pixels that count.
        excluded: share of the ink pixels that were left out.
        true_strokes, predicted_strokes: numbers of strokes.
    """

    ari: float
    pixels: int
    excluded: float
    true_strokes: int
    predicted_strokes: int

    @property
    def count_error(self) -> int:
        """Predicted minus true number of strokes."""
        return self.predicted_strokes - self.true_strokes


def stroke_agreement(
    ink: np.ndarray,
    true_strokes: Sequence[np.ndarray],
    predicted_strokes: Sequence[np.ndarray],
    pen_width: float = PEN_WIDTH,
) -> StrokeAgreement:
    """Compare a decomposition with the strokes of the pen (protocol: see the module).

    Args:
        ink: (H, W) mask or grey ink, ink where >= 0.5.
        true_strokes: pen paths (m_i, 2), image frame, pixels.
        predicted_strokes: polylines (m_i, 2), the same frame.
        pen_width: full width of the pen, pixels.

    Raises:
        ValueError: no ink, no true stroke or no predicted stroke.
    """
    rows, columns = np.nonzero(np.asarray(ink) >= 0.5)
    if len(rows) == 0 or len(true_strokes) == 0 or len(predicted_strokes) == 0:
        raise ValueError("Comparing strokes needs ink, at least one true stroke and one predicted stroke.")
    pixels = np.column_stack([columns, rows]) + 0.5
    keep = ~near_crossings(pixels, true_strokes, pen_width)
    truth = nearest_stroke(pixels[keep], true_strokes)
    guess = nearest_stroke(pixels[keep], predicted_strokes)
    return StrokeAgreement(
        ari=adjusted_rand_index(truth, guess),
        pixels=int(keep.sum()),
        excluded=float(1 - keep.mean()),
        true_strokes=len(true_strokes),
        predicted_strokes=len(predicted_strokes),
    )


def nearest_stroke(pixels: np.ndarray, strokes: Sequence[np.ndarray]) -> np.ndarray:
    """Index of the stroke nearest to each pixel centre, (n,); ties go to the earlier stroke."""
    if len(pixels) == 0:
        return np.zeros(0, dtype=np.int64)
    distances = [KDTree(dense_polyline(stroke)).query(pixels)[0] for stroke in strokes]
    return np.argmin(np.round(np.stack(distances), 6), axis=0)


def near_crossings(pixels: np.ndarray, strokes: Sequence[np.ndarray], pen_width: float) -> np.ndarray:
    """Which pixels lie nearer than a pen width to a point where two different strokes share ink, (n,)
    bool.
    """
    dense = [dense_polyline(stroke) for stroke in strokes]
    trees = [KDTree(points) for points in dense]
    crossings = []
    for i, points in enumerate(dense):
        for j, tree in enumerate(trees):
            if i != j:
                near = tree.query(points, distance_upper_bound=pen_width / 2)[0] <= pen_width / 2
                crossings.append(points[near])
    found = np.concatenate(crossings) if crossings else np.zeros((0, 2))
    if len(found) == 0:
        return np.zeros(len(pixels), dtype=bool)
    return KDTree(found).query(pixels)[0] < pen_width


def dense_polyline(points: np.ndarray, spacing: float = 0.5) -> np.ndarray:
    """Points at most ``spacing`` pixels apart along a polyline, its vertices included."""
    points = np.asarray(points, dtype=np.float64)
    steps = np.linalg.norm(np.diff(points, axis=0), axis=1)
    arc = np.concatenate([[0.0], np.cumsum(steps)])
    at = np.union1d(arc, np.linspace(0, arc[-1], int(np.ceil(arc[-1] / spacing)) + 1))
    return np.column_stack([np.interp(at, arc, points[:, i]) for i in range(2)])


def adjusted_rand_index(a: np.ndarray, b: np.ndarray) -> float:
    """Adjusted Rand index of two labellings (n,) of non-negative integers; NaN for n = 0, 1 if both are
    trivial.
    """
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape or a.ndim != 1:
        raise ValueError(f"Two labellings of the same items are needed, not shapes {a.shape} and {b.shape}.")
    if len(a) == 0:
        return float("nan")
    a, b = np.unique(a, return_inverse=True)[1], np.unique(b, return_inverse=True)[1]
    table = np.bincount(a * (b.max() + 1) + b).astype(np.float64)
    together, in_a, in_b = (_pairs(counts) for counts in (table, np.bincount(a), np.bincount(b)))
    total = len(a) * (len(a) - 1) / 2
    if total == 0:
        return 1.0
    expected = in_a * in_b / total
    largest = (in_a + in_b) / 2
    return 1.0 if largest == expected else float((together - expected) / (largest - expected))


def _pairs(counts: np.ndarray) -> float:
    """Number of pairs within clusters of these sizes."""
    return float((counts * (counts - 1.0)).sum() / 2)
