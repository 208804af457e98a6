"""From a skeleton graph to its most plausible decompositions into strokes."""

import heapq
from dataclasses import dataclass

import numpy as np

from compvis.parsing.decompose_junctions import Junction, Piece, junction_options, pieces_of
from compvis.parsing.skeleton import SkeletonGraph


@dataclass(frozen=True)
class StrokePrior:
    """Costs of a decomposition, in units of the cost of one stroke. A handful of scalars, no learned parameters.

    Attributes:
        stroke: cost of one more stroke (half of it at each of its two ends).
        turn: cost of turning through a junction, times ``1 - cos(angle)``.
        bend: the same for the two angles with the chord that bridges the junction (sideways offset).
        corner: cost of passing a corner of degree two without lifting, times ``1 - cos(angle)``.
        corner_angle: turn, in radians, from which an edge is offered a split.
    """

    stroke: float = 1.0
    turn: float = 0.7
    bend: float = 0.3
    corner: float = 0.25
    corner_angle: float = 0.9


@dataclass(frozen=True)
class Decomposition:
    """One way to draw an ink image.

    Attributes:
        strokes: polylines (m_i, 2), image frame, pixels, in a plausible drawing order (top left first).
        log_score: minus the energy of ``StrokePrior``; a heuristic for ranking, not a log-density.
        widths: (m_i,) ink width along each stroke, pixels.
        closed: whether each stroke ends where it started.
    """

    strokes: tuple[np.ndarray, ...]
    log_score: float
    widths: tuple[np.ndarray, ...]
    closed: tuple[bool, ...]


def decompose(graph: SkeletonGraph, k: int = 5, prior: StrokePrior | None = None) -> list[Decomposition]:
    """The ``k`` best ways to cover the skeleton by strokes, best first.

    At every junction each incident edge end either continues into another one or a stroke ends there. Energies
    add over junctions, so that the best combinations are found exactly by merging sorted lists.

    Args:
        graph: the skeleton.
        k: number of alternatives wanted (fewer may exist).
        prior: the costs.

    Returns:
        At least one decomposition, distinct ones only.

    Raises:
        ValueError: k < 1.
    """
    if k < 1:
        raise ValueError(f"Ask for at least one decomposition, not k={k}.")
    prior = prior or StrokePrior()
    pieces, junctions = pieces_of(graph, prior.corner_angle)
    options = [junction_options(pieces, junction, prior, graph.pen_width) for junction in junctions]
    return [
        _assemble(pieces, [option[c].pairs for option, c in zip(options, choice, strict=True)], energy)
        for energy, choice in _best_combinations([[o.cost for o in option] for option in options], k)
    ]


def _best_combinations(costs: list[list[float]], k: int) -> list[tuple[float, tuple[int, ...]]]:
    """The k cheapest ways to take one entry of each sorted list, cheapest first."""
    first = (0,) * len(costs)
    heap = [(sum(c[0] for c in costs), first)]
    seen, out = {first}, []
    while heap and len(out) < k:
        energy, choice = heapq.heappop(heap)
        out.append((energy, choice))
        for i, c in enumerate(costs):
            if choice[i] + 1 < len(c):
                following = (*choice[:i], choice[i] + 1, *choice[i + 1 :])
                if following not in seen:
                    seen.add(following)
                    heapq.heappush(heap, (energy + c[choice[i] + 1] - c[choice[i]], following))
    return out


def _assemble(pieces: list[Piece], pairs_of: list[tuple], energy: float) -> Decomposition:
    joined: dict[tuple[int, int], tuple[int, int]] = {}
    for pairs in pairs_of:
        for a, b in pairs:
            joined[a], joined[b] = b, a
    free = [(e, s) for e in range(len(pieces)) for s in (0, 1) if (e, s) not in joined]
    free.sort(key=lambda end: _reading_order(pieces[end[0]].at(end[1])))
    done: set[int] = set()
    found = []
    for start in free:
        if start[0] not in done:
            found.append((_walk(pieces, joined, start, done), False))
    for e in range(len(pieces)):
        if e not in done:
            found.append((_walk(pieces, joined, (e, 0), done), True))
    found.sort(key=lambda item: _reading_order(item[0][0, :2]))
    return Decomposition(
        strokes=tuple(values[:, :2] for values, _ in found),
        log_score=-energy,
        widths=tuple(values[:, 2] for values, _ in found),
        closed=tuple(closed for _, closed in found),
    )


def _reading_order(point: np.ndarray) -> float:
    return float(point[0] + 1.5 * point[1])


def _walk(pieces, joined, start, done) -> np.ndarray:
    """Follow the continuations from one end; returns (m, 3): x, y, width."""
    parts, end = [], start
    while True:
        piece = pieces[end[0]]
        done.add(end[0])
        leave = (end[0], 1 - end[1])
        parts.append(piece.values(trim_start=end in joined, trim_end=leave in joined, backwards=end[1] == 1))
        following = joined.get(leave)
        if following is None:
            return np.concatenate(parts)
        if following == start:
            return np.concatenate([*parts, parts[0][:1]])
        end = following


__all__ = ["Decomposition", "Junction", "StrokePrior", "decompose"]
