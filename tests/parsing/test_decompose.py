import itertools

import numpy as np
import pytest
from scipy.spatial import KDTree

from compvis.parsing.decompose import StrokePrior, decompose
from compvis.parsing.decompose_junctions import junction_options
from compvis.parsing.skeleton import skeleton_graph


def extremes(stroke: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return stroke[0], stroke[-1]


def joins(stroke: np.ndarray, a: tuple[float, float], b: tuple[float, float], reach: float = 6) -> bool:
    first, last = extremes(stroke)
    forwards = max(np.hypot(*(first - a)), np.hypot(*(last - b)))
    backwards = max(np.hypot(*(first - b)), np.hypot(*(last - a)))
    return bool(min(forwards, backwards) < reach)


@pytest.mark.parametrize("slope", [10, 20, 30])
def test_crossing_is_two_strokes_that_go_straight_on(draw, slope):
    graph = skeleton_graph(draw([(20, 50 - slope), (85, 50 + slope)], [(20, 50 + slope), (85, 50 - slope)]))
    best = decompose(graph)[0]
    assert len(best.strokes) == 2
    found = [any(joins(s, (20, 50 + d), (85, 50 - d)) for s in best.strokes) for d in (slope, -slope)]
    assert all(found)
    for stroke in best.strokes:
        steps = np.diff(stroke[:: max(len(stroke) // 6, 1)], axis=0)
        directions = steps / np.hypot(*steps.T)[:, None]
        assert (directions @ directions.mean(0)).min() > 0.85


def test_bar_on_a_stem_is_two_strokes_and_a_bend_is_one(draw):
    tee = decompose(skeleton_graph(draw([(20, 30), (85, 30)], [(52, 30), (52, 85)])))[0]
    assert len(tee.strokes) == 2
    assert any(joins(s, (20, 30), (85, 30)) for s in tee.strokes)
    bend = decompose(skeleton_graph(draw([(30, 20), (30, 80), (80, 80)])))
    assert len(bend[0].strokes) == 1
    assert sorted(len(d.strokes) for d in bend) == [1, 2]


def test_short_dead_end_at_a_sharp_turn_is_retraced(draw):
    ink = draw([(25, 80), (50, 22)], [(50, 22), (75, 80)], [(50, 22), (50, 14)])
    best = decompose(skeleton_graph(ink))[0]
    assert len(best.strokes) == 1
    assert joins(best.strokes[0], (25, 80), (75, 80))
    assert best.strokes[0][:, 1].min() < 20


def test_circle_is_one_closed_stroke(draw):
    circle = [(50 + 25 * np.cos(a), 50 + 25 * np.sin(a)) for a in np.linspace(0, 2 * np.pi, 60)]
    best = decompose(skeleton_graph(draw(circle)))[0]
    assert len(best.strokes) == 1
    assert np.hypot(*(best.strokes[0][0] - best.strokes[0][-1])) < 3


def test_alternatives_are_distinct_and_ordered(draw):
    graph = skeleton_graph(draw([(20, 30), (85, 30)], [(52, 30), (52, 85)], [(30, 60), (75, 60)]))
    found = decompose(graph, k=6)
    scores = [d.log_score for d in found]
    assert len(found) == 6
    assert scores == sorted(scores, reverse=True)
    shapes = {tuple(sorted(round(float(s.sum())) for s in d.strokes)) for d in found}
    assert len(shapes) == 6
    assert [d.log_score for d in decompose(graph, k=2)] == scores[:2]


def test_every_decomposition_covers_the_ink_and_follows_the_skeleton(draw):
    ink = draw([(20, 25), (85, 35)], [(50, 30), (45, 85)], [(25, 60), (80, 52), (70, 85)])
    graph = skeleton_graph(ink)
    for decomposition in decompose(graph, k=5):
        drawn = np.concatenate(decomposition.strokes)
        assert KDTree(drawn).query(graph.points())[0].max() < graph.pen_width
        assert KDTree(graph.points()).query(drawn)[0].max() < graph.pen_width
        for points, width in zip(decomposition.strokes, decomposition.widths, strict=True):
            assert len(points) == len(width)


def test_a_cheap_stroke_lifts_at_a_corner(draw):
    graph = skeleton_graph(draw([(30, 20), (30, 80), (80, 80)]))
    assert len(decompose(graph, prior=StrokePrior(stroke=0.05, short=0.0))[0].strokes) == 2


def test_two_strokes_share_an_edge_where_they_cross_at_a_small_angle(draw):
    ink = draw([(15, 36), (90, 64)], [(15, 64), (90, 36)])
    graph = skeleton_graph(ink)
    assert sorted(graph.degree()) == [1, 1, 1, 1, 3, 3]
    best = decompose(graph)[0]
    assert len(best.strokes) == 2
    assert all(abs(s[0][1] - s[-1][1]) > 8 for s in best.strokes)
    assert len(decompose(graph, prior=StrokePrior(overlap_most=0.0))[0].strokes) == 3


def test_options_of_a_junction_are_all_matchings():
    ends = [(0, 0, 0), (1, 0, 0), (2, 0, 0), (3, 0, 0)]
    cost = {frozenset(pair): 0.1 * i for i, pair in enumerate(itertools.combinations(ends, 2))}
    options = junction_options(ends, lambda a, b: cost[frozenset((a, b))], 0.5, {})
    assert len(options) == 10  # matchings of four ends: 1 empty, 6 single, 3 double
    for option in options:
        used = [end for pair in option.pairs for end in pair]
        assert len(used) == len(set(used))
        expected = sum(cost[frozenset(p)] for p in option.pairs) + 0.5 * (4 - len(used))
        assert option.cost == pytest.approx(expected)
    assert [o.cost for o in options] == sorted(o.cost for o in options)


def test_k_must_be_positive(draw):
    with pytest.raises(ValueError, match="at least one decomposition"):
        decompose(skeleton_graph(draw([(20, 30), (85, 30)])), k=0)
