"""Simple rules for cutting a skeleton into strokes, to compare the decomposition with.

Each rule reads only a skeleton's ``nodes`` (n, 2), ``pen_width`` and ``edges`` with ``start``, ``end``,
``points`` (m, 2), and returns polylines (m_i, 2) in the same frame.
"""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np


@runtime_checkable
class Edge(Protocol):
    """A skeleton edge: node indices and a polyline (m, 2) between them."""

    @property
    def start(self) -> int: ...
    @property
    def end(self) -> int: ...
    @property
    def points(self) -> np.ndarray: ...


@runtime_checkable
class Skeleton(Protocol):
    """What the rules read of a skeleton graph."""

    @property
    def nodes(self) -> np.ndarray: ...
    @property
    def edges(self) -> Sequence[Edge]: ...
    @property
    def pen_width(self) -> float: ...


def one_stroke(graph: Skeleton) -> tuple[np.ndarray, ...]:
    """All ink is one stroke."""
    return (np.concatenate([edge.points for edge in graph.edges]),)


def split_everywhere(graph: Skeleton) -> tuple[np.ndarray, ...]:
    """Every edge between two nodes is a stroke."""
    return tuple(edge.points for edge in graph.edges)


def good_continuation(graph: Skeleton, limit_degrees: float = 45.0) -> tuple[np.ndarray, ...]:
    """At each node the straightest pair of edge ends continues, then the next, up to a limit of the turn.

    Directions are chords of two pen widths from the node.

    Args:
        graph: the skeleton.
        limit_degrees: largest turn that still continues; 180 pairs whatever is left.
    """
    ends: dict[int, list[tuple[int, int]]] = {}
    for e, edge in enumerate(graph.edges):
        ends.setdefault(edge.start, []).append((e, 0))
        ends.setdefault(edge.end, []).append((e, 1))
    joined: dict[tuple[int, int], tuple[int, int]] = {}
    for here in ends.values():
        away = {end: _direction(graph.edges[end[0]].points, end[1], 2 * graph.pen_width) for end in here}
        turns = sorted(
            (float(np.arccos(np.clip(-(away[a] @ away[b]), -1, 1))), a, b)
            for i, a in enumerate(here)
            for b in here[i + 1 :]
        )
        for turn, a, b in turns:
            if turn <= np.radians(limit_degrees) and a not in joined and b not in joined:
                joined[a], joined[b] = b, a
    return _follow(graph, joined)


def _direction(points: np.ndarray, side: int, reach: float) -> np.ndarray:
    points = points if side == 0 else points[::-1]
    arc = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    far = points[min(int(np.searchsorted(arc, reach)), len(points) - 1)]
    chord = far - points[0]
    return chord / max(float(np.linalg.norm(chord)), 1e-9)


def _follow(graph: Skeleton, joined: dict) -> tuple[np.ndarray, ...]:
    every = [(e, side) for e in range(len(graph.edges)) for side in (0, 1)]
    done: set[int] = set()
    strokes = []
    for start in sorted(every, key=lambda end: end in joined):  # free ends first, closed loops last
        if start[0] in done:
            continue
        parts, end = [], start
        while end is not None and end[0] not in done:
            done.add(end[0])
            points = graph.edges[end[0]].points
            parts.append(points if end[1] == 0 else points[::-1])
            end = joined.get((end[0], 1 - end[1]))
        strokes.append(np.concatenate(parts))
    return tuple(strokes)
