"""From the continuations chosen at every junction to strokes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from compvis.parsing.decompose_junctions import End, Piece


@dataclass(frozen=True)
class Stroke:
    """One stroke of a decomposition.

    Attributes:
        points: (m, 2) polyline, image frame, pixels.
        width: (m,) ink width along it, pixels.
        closed: it ends where it started (and repeats its first point).
        self_touches: how many of its two ends lie on a junction that it passes itself.
        length: arc length, pixels.
    """

    points: np.ndarray
    width: np.ndarray
    closed: bool
    self_touches: int
    length: float


def assemble(
    pieces: Sequence[Piece],
    pairs: Sequence[tuple[End, End]],
    shared: frozenset[int],
    known: dict[tuple, Stroke] | None = None,
) -> list[Stroke]:
    """Follow the continuations through the pieces.

    Args:
        pieces: all pieces of a skeleton.
        pairs: the ends that continue into each other; lane 1 marks the way back along a dead end.
        shared: pieces bridged by the pairs of a merged junction, not drawn on their own.
        known: strokes of these pieces by the way they take, kept from call to call: combinations share most.

    Returns:
        The strokes; each begins at its end that is further up and to the left of the way it takes, and they
        are ordered by where they begin, top left first.
    """
    joined: dict[End, End] = {}
    for a, b in pairs:
        joined[a], joined[b] = b, a
    for e, side, _ in [end for end in joined if end[2] == 1]:
        joined[e, 1 - side, 0], joined[e, 1 - side, 1] = (e, 1 - side, 1), (e, 1 - side, 0)
    lanes = [(e, 0) for e in range(len(pieces)) if e not in shared]
    lanes += sorted({(e, 1) for e, _, lane in joined if lane == 1})
    done: set[tuple[int, int]] = set()
    strokes = []
    known = {} if known is None else known

    def follow(start: End, closed: bool) -> Stroke:
        route = _route(joined, start, done)
        way = (*route, shared, closed)
        if way not in known:
            known[way] = _stroke(pieces, shared, joined, route, closed)
        return known[way]

    for e, lane in lanes:
        for side in (0, 1):
            if (e, lane) not in done and (e, side, lane) not in joined:
                strokes.append(follow((e, side, lane), False))
    for e, lane in lanes:
        if (e, lane) not in done:
            strokes.append(follow((e, 0, lane), True))
    return sorted(strokes, key=lambda stroke: _reading_order(stroke.points[0]))


def _reading_order(point: np.ndarray) -> float:
    return float(point[0] + 1.5 * point[1])


def _route(joined: dict[End, End], start: End, done: set[tuple[int, int]]) -> list[End]:
    """The ends through which a stroke enters its pieces, from ``start`` to where it stops or closes."""
    route, end = [], start
    while True:
        route.append(end)
        done.add((end[0], end[2]))
        following = joined.get((end[0], 1 - end[1], end[2]))
        if following is None or following == start:
            return route
        end = following


def _stroke(pieces, shared: frozenset[int], joined: dict[End, End], route: list[End], closed: bool) -> Stroke:
    parts: list[np.ndarray] = []
    node = -1
    for e, side, lane in route:
        parts.extend(_bridge(pieces, shared, node, (pieces[e].start, pieces[e].end)[side]))
        node = (pieces[e].end, pieces[e].start)[side]
        leave = (e, 1 - side, lane)
        enters_tip = joined.get((e, side, lane)) == (e, side, 1 - lane)
        leaves_tip = joined.get(leave) == (e, 1 - side, 1 - lane)
        trims = ((e, side, lane) in joined and not enters_tip, leave in joined and not leaves_tip)
        parts.append(pieces[e].values(*trims, backwards=side == 1))
    if closed:
        first, side, _ = route[0]
        parts.extend(_bridge(pieces, shared, node, (pieces[first].start, pieces[first].end)[side]))
        parts.append(parts[0][:1])
    values = np.concatenate(parts)
    steps = np.diff(values[:, :2], axis=0)
    if not closed and _goes_up_and_left(steps):
        values = values[::-1]
    touches = 0 if closed else _self_touches(pieces, shared, route)
    return Stroke(values[:, :2], values[:, 2], closed, touches, float(np.sqrt((steps**2).sum(1)).sum()))


def _bridge(pieces, shared: frozenset[int], leave: int, enter: int) -> list[np.ndarray]:
    """The shared piece that leads from one node to another, when a stroke passes along one."""
    for e in shared:
        if (pieces[e].start, pieces[e].end) == (leave, enter):
            return [pieces[e].values(True, True, backwards=False)]
        if (pieces[e].end, pieces[e].start) == (leave, enter):
            return [pieces[e].values(True, True, backwards=True)]
    return []


def _goes_up_and_left(steps: np.ndarray) -> bool:
    """Strokes are mostly drawn downwards and to the right (Goodnow and Levine 1973, The grammar of
    action).
    """
    across, down = steps.sum(0)
    return bool(2 * down + across < 0)


def _self_touches(pieces: Sequence[Piece], shared: frozenset[int], route: list[End]) -> int:
    same = {pieces[e].end: pieces[e].start for e in shared}
    nodes = [(pieces[e].start, pieces[e].end)[side] for e, side, _ in route]
    last, side, _ = route[-1]
    nodes.append((pieces[last].end, pieces[last].start)[side])
    nodes = [same.get(n, n) for n in nodes]
    return (nodes[0] in nodes[1:-1]) + (nodes[-1] in nodes[1:-1])
