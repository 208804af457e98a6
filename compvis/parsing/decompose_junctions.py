"""What can happen to the skeleton's pieces that meet at a junction, and what it costs."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from compvis.parsing.skeleton import SkeletonGraph

End = tuple[int, int, int]
"""(piece, side, lane): side 0 is the piece's first point, side 1 its last; lane 1 is a second pass
(retracing)."""


@dataclass(frozen=True)
class Piece:
    """A stretch of skeleton between junctions or corners.

    Attributes:
        start, end: node indices.
        points: (m, 2) polyline, pixels.
        width: (m,) ink width, pixels.
        trim: number of points at (start, end) that thinning has bent: replaced when a stroke passes.
        tangents: at (start, end), a point outside the bent zone and the unit direction there, towards the
            node.
        length: arc length, pixels.
    """

    start: int
    end: int
    points: np.ndarray
    width: np.ndarray
    trim: tuple[int, int]
    tangents: tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
    length: float

    def values(self, trim_start: bool, trim_end: bool, backwards: bool) -> np.ndarray:
        """(m, 3) x, y, width from one side to the other, without the bent points where a stroke passes."""
        out = np.column_stack([self.points, self.width])
        if backwards:
            out = out[::-1]
        first, last = self.trim[::-1] if backwards else self.trim
        return out[first if trim_start else 0 : len(out) - (last if trim_end else 0)]


@dataclass(frozen=True)
class Option:
    """One way to pass a junction: which ends continue into each other, and its cost."""

    cost: float
    pairs: tuple[tuple[End, End], ...]


def pieces_of(graph: SkeletonGraph, prior) -> tuple[list[Piece], dict[int, list[End]], set[int]]:
    """Cut the edges at corners.

    Returns:
        The pieces, the piece ends at each node (corners have new numbers), and the corner nodes.
    """
    pieces: list[Piece] = []
    corners: set[int] = set()
    nodes = len(graph.nodes)
    degree = graph.degree()
    for edge in graph.edges:
        cuts = _corners(edge.points, graph.pen_width, prior.corner_angle)
        bounds = [0, *cuts, len(edge.points) - 1]
        ids = [edge.start, *range(nodes, nodes + len(cuts)), edge.end]
        corners.update(ids[1:-1])
        nodes += len(cuts)
        for i in range(len(bounds) - 1):
            part = slice(bounds[i], bounds[i + 1] + 1)
            bent = [node not in corners and degree[node] >= 3 for node in ids[i : i + 2]]
            pieces.append(_piece(ids[i], ids[i + 1], edge.points[part], edge.width[part], bent, graph, prior))
    ends: dict[int, list[End]] = {}
    for e, piece in enumerate(pieces):
        ends.setdefault(piece.start, []).append((e, 0, 0))
        ends.setdefault(piece.end, []).append((e, 1, 0))
    return pieces, ends, corners


def _piece(start, end, points, width, bent, graph, prior) -> Piece:
    steps = np.sqrt((np.diff(points, axis=0) ** 2).sum(1))
    length = float(steps.sum())
    spacing = max(length / len(steps), 1e-6)
    most = (len(points) - 1) // 2
    trim = [min(round(prior.bent * graph.pen_width / spacing), most) if b else 0 for b in bent]
    reach = max(round(prior.reach * graph.pen_width / spacing), 1)
    tangents = (_tangent(points, trim[0], reach), _tangent(points[::-1], trim[1], reach))
    return Piece(start, end, points, width, (trim[0], trim[1]), tangents, length)


def _tangent(points: np.ndarray, trim: int, reach: int) -> tuple[np.ndarray, np.ndarray]:
    """Point outside the bent zone at the start of a polyline, and the unit direction of a chord towards
    it.
    """
    part = points[trim : trim + reach + 1]
    if len(part) < 3:
        part = points[: max(reach + 1, 2)]
    chord = part[0] - part[-1]
    return part[0], chord / max(float(np.hypot(*chord)), 1e-9)


def pair_cost(pieces: Sequence[Piece], a: End, b: End, corner: bool, prior) -> float:
    """Cost of continuing from one end into another, in units of a stroke."""
    p, u = pieces[a[0]].tangents[a[1]]
    q, v = pieces[b[0]].tangents[b[1]]
    if corner:
        return prior.corner * (1 + float(u @ v))
    turn = _angle(u, -v)
    chord = q - p
    length = float(np.hypot(*chord))
    if length > 1e-6:
        chord = chord / length
        turn = (1 - prior.bend) * turn + prior.bend * (_angle(u, chord) + _angle(chord, -v))
    return prior.turn * (1 - math.exp(-((turn / prior.turn_scale) ** prior.turn_power)))


def _angle(u: np.ndarray, v: np.ndarray) -> float:
    return math.acos(min(max(float(u @ v), -1.0), 1.0))


def junction_options(
    ends: Sequence[End],
    cost: Callable[[End, End], float],
    lone: float,
    retrace: dict[End, float],
    accept: Callable[[tuple[tuple[End, End], ...]], bool] | None = None,
    keep: int = 30,
) -> list[Option]:
    """The cheapest ways to pass a junction, cheapest first.

    Args:
        ends: piece ends that meet, lane 0.
        cost: cost of a pair of ends.
        lone: cost of an end that does not continue.
        retrace: for ends of dead-end pieces, the cost of going in and out again (in place of stopping there).
        accept: filter of the pairs of a finished option.
        keep: number of options kept.
    """
    table: dict[tuple[End, End], float] = {}
    for a, b in combinations(ends, 2):
        table[a, b] = table[b, a] = cost(a, b)
    options: list[Option] = []
    choices = [d for r in range(3) for d in combinations(sorted(retrace), r)] if len(ends) < 7 else [()]
    for doubled in choices:
        if len(doubled) * 2 > len(ends):
            continue
        second = [(e, s, 1) for e, s, _ in doubled]
        must = {*doubled, *second}
        rest = [*must, *(e for e in ends if e not in must)] if must else list(ends)
        rest.sort(key=lambda end: (end not in must, end))
        _match(rest, (), sum(retrace[d] for d in doubled), table, lone, must, options)
    if accept is not None:
        options = [o for o in options if accept(o.pairs)]
    options.sort(key=lambda o: (o.cost, o.pairs))
    distinct: dict[tuple, Option] = {}
    for option in options:  # the two lanes of a piece are interchangeable
        bare = sorted(tuple(sorted((a[:2], b[:2]))) for a, b in option.pairs)
        distinct.setdefault(tuple(bare), option)
        if len(distinct) == keep:
            break
    return list(distinct.values())


def _match(rest, pairs, cost, table, lone, must, options) -> None:
    """Extend a partial matching by every choice for the first end that is left."""
    if not rest:
        options.append(Option(cost, pairs))
        return
    first, others = rest[0], rest[1:]
    if first not in must:
        _match(others, pairs, cost + lone, table, lone, must, options)
    for other in others:
        if other[0] == first[0] and other in must:
            continue  # the two lanes of one piece meet at its tip, not here
        c = table[(first[0], first[1], 0), (other[0], other[1], 0)]
        if len(rest) > 6 and c > 2 * lone:
            continue
        left = [o for o in others if o != other]
        _match(left, (*pairs, (first, other)), cost + c, table, lone, must, options)


def _corners(points: np.ndarray, pen_width: float, angle: float) -> list[int]:
    """Indices where a polyline turns sharply within a pen width."""
    m = len(points)
    spacing = float(np.sqrt((np.diff(points, axis=0) ** 2).sum(1)).mean())
    reach = max(round(1.2 * pen_width / spacing), 2) if spacing > 0 else m
    if m < 2 * reach + 1:
        return []
    middle = np.arange(reach, m - reach)
    before = points[middle] - points[middle - reach]
    after = points[middle + reach] - points[middle]
    cross = before[:, 0] * after[:, 1] - before[:, 1] * after[:, 0]
    turn = np.abs(np.arctan2(cross, (before * after).sum(1)))
    out: list[int] = []
    for i in np.argsort(-turn, kind="stable"):
        if turn[i] < angle:
            break
        at = int(middle[i])
        if all(abs(at - o) >= 2 * reach for o in out):
            out.append(at)
    return sorted(out)
