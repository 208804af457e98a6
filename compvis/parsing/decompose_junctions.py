"""What can happen to the edges that meet at a junction, and what it costs."""

from dataclasses import dataclass

import numpy as np

from compvis.parsing.skeleton import SkeletonGraph

End = tuple[int, int]
"""(piece, side): side 0 is the piece's first point, side 1 its last."""


@dataclass(frozen=True)
class Piece:
    """A stretch of skeleton between junctions or corners.

    Attributes:
        start, end: node indices.
        points: (m, 2) polyline, pixels.
        width: (m,) ink width, pixels.
        trim: number of points at (start, end) that thinning has bent: replaced when a stroke passes.
    """

    start: int
    end: int
    points: np.ndarray
    width: np.ndarray
    trim: tuple[int, int]

    def at(self, side: int) -> np.ndarray:
        """End point of one side."""
        return self.points[0 if side == 0 else -1]

    def values(self, trim_start: bool, trim_end: bool, backwards: bool) -> np.ndarray:
        """(m, 3) x, y, width from one side to the other, without the bent points where a stroke passes."""
        out = np.column_stack([self.points, self.width])
        if backwards:
            out = out[::-1]
        first, last = self.trim[::-1] if backwards else self.trim
        return out[first if trim_start else 0 : len(out) - (last if trim_end else 0)]


@dataclass(frozen=True)
class Junction:
    """Piece ends that meet at one node; ``corner`` when it is only a corner inside an edge."""

    node: int
    ends: tuple[End, ...]
    corner: bool


@dataclass(frozen=True)
class Option:
    """One way to pass a junction: which ends continue into each other, and its cost."""

    cost: float
    pairs: tuple[tuple[End, End], ...]


def pieces_of(graph: SkeletonGraph, corner_angle: float) -> tuple[list[Piece], list[Junction]]:
    """Cut the edges at corners; list the pieces and the junctions (of degree two and more) between them."""
    pieces: list[Piece] = []
    corners: set[int] = set()
    nodes = len(graph.nodes)
    degree = graph.degree()
    for edge in graph.edges:
        cuts = _corners(edge.points, graph.pen_width, corner_angle)
        bounds = [0, *cuts, len(edge.points) - 1]
        ids = [edge.start, *range(nodes, nodes + len(cuts)), edge.end]
        corners.update(ids[1:-1])
        nodes += len(cuts)
        for i in range(len(bounds) - 1):
            part = slice(bounds[i], bounds[i + 1] + 1)
            points, width = edge.points[part], edge.width[part]
            spacing = max(float(np.linalg.norm(np.diff(points, axis=0), axis=1).mean()), 1e-6)
            trims = []
            for node in (ids[i], ids[i + 1]):
                bent = node not in corners and degree[node] >= 3
                trims.append(
                    min(round(0.8 * graph.pen_width / spacing), (len(points) - 1) // 2) if bent else 0
                )
            pieces.append(Piece(ids[i], ids[i + 1], points, width, (trims[0], trims[1])))
    ends: dict[int, list[End]] = {}
    for e, piece in enumerate(pieces):
        ends.setdefault(piece.start, []).append((e, 0))
        ends.setdefault(piece.end, []).append((e, 1))
    return pieces, [Junction(n, tuple(e), n in corners) for n, e in sorted(ends.items())]


def junction_options(pieces: list[Piece], junction: Junction, prior, pen_width: float) -> list[Option]:
    """All ways to pass a junction, cheapest first (at most 40)."""
    ends = junction.ends
    lone = prior.stroke / 2
    if len(ends) == 1:
        return [Option(lone, ())]
    fits = {end: _tangent(pieces[end[0]], end[1], pen_width) for end in ends}
    costs: dict[tuple[End, End], float] = {}
    for i, a in enumerate(ends):
        for b in ends[i + 1 :]:
            if pieces[a[0]].points.shape[0] == 2 and a[0] == b[0]:
                costs[a, b] = prior.stroke  # a dot does not close on itself
            else:
                costs[a, b] = _pair_cost(fits[a], fits[b], junction.corner, prior)
    options: list[Option] = []
    _match(list(ends), (), 0.0, costs, lone, prior.stroke, options)
    options.sort(key=lambda o: (o.cost, o.pairs))
    return options[:40]


def _match(rest, pairs, cost, costs, lone, worst, options) -> None:
    """Extend a partial matching by every choice for the first end that is left."""
    if not rest:
        options.append(Option(cost, pairs))
        return
    first, others = rest[0], rest[1:]
    _match(others, pairs, cost + lone, costs, lone, worst, options)
    for other in others:
        c = costs[first, other]
        if len(rest) > 6 and c > worst:
            continue
        _match(
            [o for o in others if o != other], (*pairs, (first, other)), cost + c, costs, lone, worst, options
        )


def _tangent(piece: Piece, side: int, pen_width: float) -> tuple[np.ndarray, np.ndarray]:
    """Point and unit direction (towards the junction) of a piece outside the bent zone of its end."""
    points = piece.points if side == 0 else piece.points[::-1]
    trim = piece.trim[side]
    spacing = max(float(np.linalg.norm(np.diff(points, axis=0), axis=1).mean()), 1e-6)
    reach = max(round(1.5 * pen_width / spacing), 1)
    part = points[trim : trim + reach + 1]
    if len(part) < 2:
        part = points[:2]
    direction = part[0] - part[-1]
    centred = part - part.mean(0)
    if len(part) > 2:
        _, _, axes = np.linalg.svd(centred, full_matrices=False)
        direction = axes[0] * np.sign(axes[0] @ direction + 1e-12)
    return part[0], direction / max(float(np.linalg.norm(direction)), 1e-9)


def _pair_cost(a, b, corner: bool, prior) -> float:
    (p, u), (q, v) = a, b
    turn = 1 + float(u @ v)  # 1 - cos of the angle between u and the way out, -v
    if corner:
        return prior.corner * turn
    chord = q - p
    length = float(np.linalg.norm(chord))
    if length < 1e-6:
        return prior.turn * turn
    chord = chord / length
    return prior.turn * turn + prior.bend * (2 - float(u @ chord) + float(v @ chord))


def _corners(points: np.ndarray, pen_width: float, angle: float) -> list[int]:
    """Indices where a polyline turns sharply within a pen width."""
    if len(points) < 8:
        return []
    spacing = float(np.linalg.norm(np.diff(points, axis=0), axis=1).mean())
    reach = max(round(1.2 * pen_width / spacing), 2)
    m = len(points)
    if m < 2 * reach + 1:
        return []
    middle = np.arange(reach, m - reach)
    before = points[middle] - points[middle - reach]
    after = points[middle + reach] - points[middle]
    cross = before[:, 0] * after[:, 1] - before[:, 1] * after[:, 0]
    turn = np.abs(np.arctan2(cross, (before * after).sum(1)))
    out: list[int] = []
    for i in np.argsort(-turn):
        if turn[i] < angle:
            break
        at = int(middle[i])
        if all(abs(at - o) >= 2 * reach for o in out):
            out.append(at)
    return sorted(out)
