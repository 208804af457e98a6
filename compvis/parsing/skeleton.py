"""From an ink image to the graph of its skeleton: nodes, and edges as smooth polylines with a width."""

import itertools
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import distance_transform_edt, zoom
from skimage.measure import label
from skimage.morphology import skeletonize
from torch import Tensor

from compvis.parsing.skeleton_blobs import collapse_dots
from compvis.parsing.skeleton_trace import trace_chains

THICK_ENOUGH = 14.0
"""Pen width, in working pixels, from which thinning is trusted; thinner ink is enlarged first."""

INK_THRESHOLD = 0.6
"""Grey value from which a pixel is ink, where nothing else is said."""

MOST_SIDE = 320
"""Longer side, in pixels, that an image is enlarged to at most."""


@dataclass(frozen=True)
class SkeletonEdge:
    """A stretch of ink between two nodes.

    Attributes:
        start, end: indices of its nodes (equal for a loop and for a dot).
        points: (m, 2) polyline from start to end, m >= 2, image frame, pixels. A dot has two near points.
        width: (m,) full width of the ink at the points, pixels.
    """

    start: int
    end: int
    points: np.ndarray
    width: np.ndarray

    @property
    def length(self) -> float:
        """Arc length in pixels."""
        return float(np.sqrt((np.diff(self.points, axis=0) ** 2).sum(1)).sum())


@dataclass(frozen=True)
class SkeletonGraph:
    """Nodes and edges of thinned ink.

    Attributes:
        nodes: (n, 2) positions, image frame, pixels: junctions, free ends, loop anchors, dots.
        edges: the edges between them; every node has at least one.
        pen_width: median full width of the ink along the skeleton, pixels.
        size: (H, W) of the image.
    """

    nodes: np.ndarray
    edges: tuple[SkeletonEdge, ...]
    pen_width: float
    size: tuple[int, int]

    def degree(self) -> np.ndarray:
        """Number of edge ends at each node (a loop counts twice), (n,)."""
        ends = [n for edge in self.edges for n in (edge.start, edge.end)]
        return np.bincount(ends, minlength=len(self.nodes))

    def points(self) -> np.ndarray:
        """All edges' points, (m, 2), about evenly spaced."""
        return np.concatenate([edge.points for edge in self.edges])


def skeleton_graph(ink: Tensor | np.ndarray, threshold: float = INK_THRESHOLD) -> SkeletonGraph:
    """Thin an ink image and trace its skeleton.

    Thin ink (small images) is enlarged by cubic interpolation before it is cut at ``threshold``. Spurs shorter than
    the pen is wide are cut off, and junctions closer than that are merged: two strokes that cross are
    thinned into two junctions of three that belong together as one of four.

    Args:
        ink: (H, W) in [0, 1], 1 = ink.
        threshold: grey value from which a pixel is ink.

    Returns:
        The graph, in image coordinates.

    Raises:
        ValueError: the image is not (H, W), no pixel reaches the threshold, or what does is too thin.
    """
    array = ink.detach().cpu().numpy() if isinstance(ink, Tensor) else np.asarray(ink)
    if array.ndim != 2:
        raise ValueError(f"A skeleton needs one image (H, W), not an array of shape {tuple(array.shape)}.")
    if not (array >= threshold).any():
        raise ValueError(f"No pixel reaches the ink threshold {threshold}; normalise with to_ink first.")
    array = array.astype(np.float32)
    factor = _enlargement(array, threshold)
    pad = 2
    padded = np.pad(array, pad)
    if factor > 1:
        padded = np.asarray(zoom(padded, factor, order=3, grid_mode=True, mode="nearest"))
    mask, filled = collapse_dots(_drop_specks(padded >= threshold))
    distance = _distance_to_paper(filled)
    skeleton = skeletonize(mask)
    skeleton[[0, -1]] = skeleton[:, [0, -1]] = False
    pixels, offsets = trace_chains(skeleton)
    if not len(pixels):
        raise ValueError(
            f"Ink at the threshold {threshold} is too thin for a skeleton: it fades when enlarged."
        )
    width_at = np.maximum(2 * distance[pixels[:, 0], pixels[:, 1]] - 1, 1.0) / factor
    positions = (pixels[:, ::-1] + 0.5) / factor - pad
    pen_width = float(np.median(width_at))
    chains = [
        (positions[a:b], width_at[a:b], tuple(pixels[a]), tuple(pixels[b - 1]))
        for a, b in itertools.pairwise(offsets)
    ]
    draft = _Draft(chains, pen_width)
    draft.prune_spurs()
    draft.merge_junctions()
    draft.prune_spurs()
    return draft.finish(array.shape, smoothing=1.5 / factor + 0.1 * pen_width)


def _enlargement(array: np.ndarray, threshold: float) -> int:
    distance = _distance_to_paper(array >= threshold)
    # across a bar of width w the mean distance to its sides is about w / 4
    width = 4 * float(distance[distance > 0].mean()) - 1
    most = min(8, max(1, MOST_SIDE // max(array.shape)))
    return int(np.clip(np.ceil(THICK_ENOUGH / max(width, 0.6)), 1, most))


def _distance_to_paper(mask: np.ndarray) -> np.ndarray:
    """Distance of each ink pixel to the nearest paper, which surrounds the image too."""
    return np.asarray(distance_transform_edt(np.pad(mask, 1)))[1:-1, 1:-1]


def _drop_specks(mask: np.ndarray) -> np.ndarray:
    """Remove components far smaller than the largest: single noisy pixels, not the dots of an i."""
    labels = np.asarray(label(mask, connectivity=2))
    area = np.bincount(labels.ravel())[1:]
    if len(area) <= 1:
        return mask
    keep = area >= max(2, 0.01 * area.max())
    return np.concatenate([[False], keep])[labels]


class _Draft:
    """Graph under construction: chains with node ids."""

    def __init__(self, chains, pen_width: float):
        ids: dict = {}
        self.pen_width = pen_width
        self.ends: list[list[int]] = []
        self.points: list[np.ndarray] = []
        self.width: list[np.ndarray] = []
        self.positions: list[np.ndarray] = []
        for points, width, first, last in chains:
            for key, position in ((first, points[0]), (last, points[-1])):
                if key not in ids:
                    ids[key] = len(ids)
                    self.positions.append(position)
            self.ends.append([ids[first], ids[last]])
            self.points.append(points)
            self.width.append(width)

    def degree(self) -> np.ndarray:
        return np.bincount([n for pair in self.ends for n in pair], minlength=len(self.positions))

    def length(self, e: int) -> float:
        return float(np.sqrt((np.diff(self.points[e], axis=0) ** 2).sum(1)).sum())

    def remove(self, dead: set[int]) -> None:
        for name in ("ends", "points", "width"):
            setattr(self, name, [v for e, v in enumerate(getattr(self, name)) if e not in dead])

    def prune_spurs(self) -> None:
        """Cut off free ends that stick out of a junction by less than the ink is wide there."""
        while True:
            degree = self.degree()
            worst, worst_excess = -1, 0.0
            for e, (a, b) in enumerate(self.ends):
                if a == b or (degree[a] == 1) == (degree[b] == 1):
                    continue
                junction = 0 if degree[b] == 1 else -1
                limit = 0.5 * self.pen_width + 0.4 * self.width[e][junction]
                if degree[self.ends[e][junction]] >= 3 and limit - self.length(e) > worst_excess:
                    worst, worst_excess = e, limit - self.length(e)
            if worst < 0:
                return
            self.remove({worst})
            self._join_pairs()

    def _join_pairs(self) -> None:
        """Join the two edges at every node that is left with two ends of different edges."""
        degree = self.degree()
        for node in np.flatnonzero(degree == 2):
            found = [(e, s) for e, pair in enumerate(self.ends) for s in (0, 1) if pair[s] == node]
            (e, s), (f, t) = found
            if e == f:
                continue
            first = slice(None) if s == 1 else slice(None, None, -1)
            second = slice(None) if t == 0 else slice(None, None, -1)
            self.points[e] = np.concatenate([self.points[e][first], self.points[f][second][1:]])
            self.width[e] = np.concatenate([self.width[e][first], self.width[f][second][1:]])
            self.ends[e] = [self.ends[e][1 - s], self.ends[f][1 - t]]
            self.remove({f})

    def merge_junctions(self) -> None:
        """Contract short edges between junctions, shortest first."""
        while True:
            degree = self.degree()
            best, best_length = -1, 1.0 * self.pen_width
            for e, (a, b) in enumerate(self.ends):
                limit = best_length if a != b else 2.0 * self.pen_width
                if min(degree[a], degree[b]) >= 3 and self.length(e) < limit:
                    best, best_length = e, min(best_length, self.length(e))
            if best < 0:
                return
            a, b = self.ends[best]
            self.remove({best})
            if a != b:
                self.positions[a] = (self.positions[a] + self.positions[b]) / 2
                self.ends = [[a if n == b else n for n in pair] for pair in self.ends]
            self._join_pairs()

    def finish(self, size, smoothing: float) -> SkeletonGraph:
        degree = self.degree()
        used = sorted({n for pair in self.ends for n in pair})
        index = {n: i for i, n in enumerate(used)}
        nodes = np.array([self.positions[n] for n in used], dtype=np.float64)
        edges = []
        for e, ((a, b), points, width) in enumerate(zip(self.ends, self.points, self.width, strict=True)):
            free = (a != b and degree[a] == 1, a != b and degree[b] == 1)
            if (all(free) or a == b) and self.length(e) < 0.8 * self.pen_width:
                a = b
                points, width = points.mean(0, keepdims=True), width.max(keepdims=True)
                nodes[index[a]] = points[0]
            else:
                points = points.copy()
                points[0], points[-1] = self.positions[a], self.positions[b]
            smooth, wide = _smooth(points, width, smoothing, self.pen_width / 4)
            if free[0] and a != b:
                smooth = _straighten_tip(smooth)
                nodes[index[a]] = smooth[0]
            if free[1] and a != b:
                smooth = _straighten_tip(smooth[::-1])[::-1]
                nodes[index[b]] = smooth[-1]
            edges.append(SkeletonEdge(index[a], index[b], smooth, wide))
        return _without_lone_nodes(nodes, edges, self.pen_width, tuple(size))


def _without_lone_nodes(nodes, edges, pen_width: float, size) -> SkeletonGraph:
    used, index = np.unique([n for edge in edges for n in (edge.start, edge.end)], return_inverse=True)
    index = index.reshape(-1, 2)
    edges = [
        SkeletonEdge(int(a), int(b), edge.points, edge.width)
        for (a, b), edge in zip(index, edges, strict=True)
    ]
    return SkeletonGraph(nodes[used], tuple(edges), pen_width, size)


def _straighten_tip(points: np.ndarray) -> np.ndarray:
    """Thinning ends a stroke in a corner of its round tip: its first points go straight on instead.

    Points stand a quarter of a pen width apart; the first two and a half of these make the tip.
    """
    tip, reach = 3, 5
    if len(points) < tip + reach + 2:
        return points
    step = (points[tip] - points[tip + reach]) / reach
    out = points.copy()
    out[:tip] = points[tip] + step * np.arange(tip, 0, -1)[:, None]
    return out


def _smooth(points, width, sigma: float, spacing: float):
    """Gaussian smoothing along the arc with fixed ends (odd reflection), then even resampling."""
    steps = np.sqrt((np.diff(points, axis=0) ** 2).sum(1))
    arc = np.concatenate([[0.0], np.cumsum(steps)])
    if arc[-1] < 1e-6 or len(points) < 2:
        middle = points.mean(0)
        reach = np.array([[-0.05, 0.0], [0.05, 0.0]]) * width.mean()
        return middle + reach, np.full(2, width.mean())
    values = np.column_stack([points, width])
    fine = max(sigma / 3, 0.02 * spacing)
    count = max(int(np.ceil(arc[-1] / fine)), 4)
    at = np.linspace(0, arc[-1], count + 1)
    values = np.column_stack([np.interp(at, arc, values[:, i]) for i in range(3)])
    reach = min(int(np.ceil(3 * sigma / fine)), count)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) * fine / sigma) ** 2)
    kernel /= kernel.sum()
    extended = np.concatenate(
        [2 * values[0] - values[reach:0:-1], values, 2 * values[-1] - values[-2 : -reach - 2 : -1]]
    )
    values = np.column_stack([np.convolve(extended[:, i], kernel, "valid") for i in range(3)])
    keep = np.linspace(0, count, max(int(np.round(arc[-1] / spacing)), 2) + 1)
    out = np.column_stack([np.interp(keep, np.arange(count + 1), values[:, i]) for i in range(3)])
    return out[:, :2], np.maximum(out[:, 2], 0.5)
