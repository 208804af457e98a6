"""From a skeleton graph to its most plausible decompositions into strokes.

Nothing here is learned from pen strokes. ``StrokePrior`` holds the few scalars, chosen on validation
drawings.
"""

import heapq
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from compvis.parsing.decompose_junctions import End, Option, Piece, junction_options, pair_cost, pieces_of
from compvis.parsing.decompose_strokes import assemble
from compvis.parsing.skeleton import SkeletonGraph

MOST_OVERLAPS = 6
"""Short edges offered as shared by two strokes; the shortest are taken when there are more."""

MOST_ASSEMBLED = 300
"""Combinations looked at before the search stops; small graphs are searched exactly with far fewer."""


@dataclass(frozen=True)
class StrokePrior:
    """Costs of a decomposition, in units of the cost of one stroke.

    Attributes:
        stroke: cost of one more stroke (half of it at each of its two ends).
        turn, turn_scale, turn_power: cost ``turn * (1 - exp(-(angle / turn_scale) ** turn_power))`` of
            turning by an angle in radians through a junction. It saturates: one sharp turn costs less than
            two middling ones.
        bend: share of the two angles with the chord across the junction in that angle (sideways offset).
        corner: cost of passing a corner inside an edge without lifting, times ``1 - cos(angle)``.
        corner_angle: turn, in radians, from which an edge is offered a split.
        retrace: cost of drawing a dead end there and back, per pen width of its length.
        retrace_most: longest dead end that may be retraced, in pen widths.
        overlap: cost of two strokes sharing an edge between two junctions, per pen width of its length beyond
            what crossing pens share: ``crossing / tan(angle / 2)`` pen widths.
        overlap_most: longest such edge, in pen widths.
        short, short_scale: cost ``short * exp(-length / short_scale)`` of a stroke, lengths in pen widths.
        self_touch: cost of a stroke's end on a junction that the stroke passes itself.
        bent: part of an edge, in pen widths from its junction, that thinning has bent.
        reach: length, in pen widths, of the chord beyond it that gives the direction.
    """

    stroke: float = 1.0
    turn: float = 1.36
    turn_scale: float = 1.2
    turn_power: float = 1.4
    bend: float = 0.5
    corner: float = 0.2
    corner_angle: float = 0.9
    retrace: float = 0.1
    retrace_most: float = 8.0
    overlap: float = 0.6
    overlap_most: float = 4.0
    crossing: float = 0.4
    short: float = 0.56
    short_scale: float = 2.1
    self_touch: float = 0.4
    bent: float = 0.65
    reach: float = 0.8


@dataclass(frozen=True)
class Decomposition:
    """One way to draw an ink image.

    Attributes:
        strokes: polylines (m_i, 2), image frame, pixels, top left first; their directions are plausible
            guesses.
        log_score: minus the energy of ``StrokePrior``; a heuristic for ranking, not a log-density.
        widths: (m_i,) ink width along each stroke, pixels.
        closed: whether each stroke ends where it started (its first point is then repeated).
    """

    strokes: tuple[np.ndarray, ...]
    log_score: float
    widths: tuple[np.ndarray, ...]
    closed: tuple[bool, ...]


def decompose(graph: SkeletonGraph, k: int = 5, prior: StrokePrior | None = None) -> list[Decomposition]:
    """The ``k`` best ways to cover the skeleton by strokes, best first.

    At every junction, and at every corner, an end of an edge continues into another one or a stroke ends
    there; a dead end may be drawn there and back; a short edge between two junctions may be shared by two
    strokes. These costs add over junctions, so that combinations come in order of cost from merged sorted
    lists; the costs of whole strokes (short, closed, touching themselves) only add to that, so that the
    search stops as soon as no later combination can be better: exact, unless ``MOST_ASSEMBLED`` cuts it off.

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
    pieces, ends, corners = pieces_of(graph, prior)
    searches = []
    cache: dict = {}
    known: dict = {}
    for shared, cost in _overlaps(pieces, ends, corners, graph.pen_width, prior):
        options = _options(pieces, ends, corners, shared, graph.pen_width, prior, cache)
        if all(options):
            searches.append(_in_order(options, shared, cost))
    found: list[tuple[float, int, list]] = []
    merged = heapq.merge(*searches, key=lambda item: item[0])
    for number, (energy, pairs, shared) in enumerate(merged):
        worst = found[k - 1][0] if len(found) >= k else np.inf
        if energy >= worst or number >= MOST_ASSEMBLED:
            break
        strokes = assemble(pieces, pairs, shared, known)
        for stroke in strokes:
            energy += prior.short * float(np.exp(-stroke.length / (prior.short_scale * graph.pen_width)))
            energy += prior.self_touch * stroke.self_touches
            energy += prior.stroke * stroke.closed  # it has no ends to pay for it
        found.append((energy, number, strokes))
        found.sort(key=lambda item: item[:2])
        del found[k:]
    tips = sum(len(here) == 1 for here in ends.values()) * prior.stroke / 2
    return [
        Decomposition(
            strokes=tuple(s.points for s in strokes),
            log_score=-(energy + tips),
            widths=tuple(s.width for s in strokes),
            closed=tuple(s.closed for s in strokes),
        )
        for energy, _, strokes in found[:k]
    ]


def _overlaps(pieces, ends, corners, pen_width, prior) -> Iterator[tuple[frozenset[int], float]]:
    """Sets of pieces drawn by two strokes, with their cost; the empty set first, at most two pieces
    together.
    """
    short = []
    for e, piece in enumerate(pieces):
        nodes = (piece.start, piece.end)
        inside = piece.start != piece.end and not corners.intersection(nodes)
        if inside and min(len(ends[n]) for n in nodes) >= 3 and piece.length < prior.overlap_most * pen_width:
            short.append((piece.length, e))
    short = [e for _, e in sorted(short)[:MOST_OVERLAPS]]
    for count in range(3):
        for shared in combinations(short, count):
            nodes = [n for e in shared for n in (pieces[e].start, pieces[e].end)]
            if len(set(nodes)) == len(nodes):
                cost = sum((prior.overlap * _excess(pieces, ends, e, pen_width, prior) for e in shared), 0.0)
                yield frozenset(shared), cost


def _excess(pieces, ends, e: int, pen_width: float, prior) -> float:
    """Length of a shared piece, in pen widths, beyond what two strokes share that cross at their angle."""
    spread = []
    for node in (pieces[e].start, pieces[e].end):
        away = [pieces[p].tangents[side][1] for p, side, _ in ends[node] if p != e]
        if len(away) == 2:
            spread.append(math.acos(min(max(float(away[0] @ away[1]), -1.0), 1.0)))
    if len(spread) < 2:
        return pieces[e].length / pen_width
    crossing = prior.crossing / math.tan(max(sum(spread) / 4, 0.15))
    return max(pieces[e].length / pen_width - crossing, 0.0)


def _options(pieces, ends, corners, shared, pen_width, prior, cache: dict) -> list[list[Option]]:
    """Options of every junction; the two junctions of a shared piece are one. ``cache`` keeps them by
    junction.
    """
    out = []
    begins = {pieces[e].start: e for e in shared}
    absorbed = {pieces[e].end for e in shared}
    for node, here in sorted(ends.items()):
        if len(here) < 2 or node in absorbed:
            continue
        bridge = begins.get(node)
        if (node, bridge) not in cache:
            cache[node, bridge] = _options_at(pieces, ends, node in corners, here, bridge, pen_width, prior)
        out.append(cache[node, bridge])
    return out


def _options_at(
    pieces: list[Piece], ends, is_corner: bool, here: list[End], bridge: int | None, pen_width: float, prior
) -> list[Option]:
    accept = None
    if bridge is not None:
        beyond = {end for end in ends[pieces[bridge].end] if end[0] != bridge}
        here = [*(end for end in here if end[0] != bridge), *sorted(beyond)]
        accept = _crosses_twice(beyond)
    retrace = {}
    if len(here) > 2:
        for end in here:
            piece = pieces[end[0]]
            tip = piece.end if end[1] == 0 else piece.start
            if len(ends[tip]) == 1 and piece.length < prior.retrace_most * pen_width:
                retrace[end] = prior.retrace * piece.length / pen_width - prior.stroke / 2
    return junction_options(
        here, lambda a, b: pair_cost(pieces, a, b, is_corner, prior), prior.stroke / 2, retrace, accept
    )


def _crosses_twice(beyond: set[End]):
    """A shared piece must be used by two strokes: two continuations between its two junctions."""

    def accept(pairs) -> bool:
        return sum(((*a[:2], 0) in beyond) != ((*b[:2], 0) in beyond) for a, b in pairs) >= 2

    return accept


def _in_order(
    options: Sequence[Sequence[Option]], shared: frozenset[int], base: float
) -> Iterator[tuple[float, list[tuple[End, End]], frozenset[int]]]:
    """All choices of one option for each junction, cheapest first: (cost, pairs, shared)."""
    first = tuple(0 for _ in options)
    heap = [(base + sum(option[0].cost for option in options), first)]
    seen = {first}
    while heap:
        energy, choice = heapq.heappop(heap)
        yield energy, [p for option, c in zip(options, choice, strict=True) for p in option[c].pairs], shared
        for i, option in enumerate(options):
            if choice[i] + 1 < len(option):
                following = (*choice[:i], choice[i] + 1, *choice[i + 1 :])
                if following not in seen:
                    seen.add(following)
                    step = option[choice[i] + 1].cost - option[choice[i]].cost
                    heapq.heappush(heap, (energy + step, following))
