import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from compvis.baselines.stroke_rules import good_continuation, one_stroke, split_everywhere
from compvis.evaluation.segmentation import adjusted_rand_index, near_crossings, stroke_agreement


def plus() -> tuple[np.ndarray, list[np.ndarray]]:
    ink = np.zeros((60, 60))
    ink[28:33, 5:55] = 1
    ink[5:55, 28:33] = 1
    return ink, [np.array([[5.0, 30.5], [55.0, 30.5]]), np.array([[30.5, 5.0], [30.5, 55.0]])]


def test_index_agrees_with_scikit_learn():
    rng = np.random.default_rng(0)
    for _ in range(20):
        a, b = rng.integers(0, 4, 50), rng.integers(0, 3, 50)
        assert adjusted_rand_index(a, b) == pytest.approx(adjusted_rand_score(a, b))
    assert adjusted_rand_index(np.zeros(5, int), np.zeros(5, int)) == 1
    assert np.isnan(adjusted_rand_index(np.zeros(0, int), np.zeros(0, int)))


def test_the_true_strokes_agree_in_any_order_and_direction():
    ink, strokes = plus()
    result = stroke_agreement(ink, strokes, [strokes[1][::-1], strokes[0]])
    assert result.ari == 1
    assert result.count_error == 0
    assert 0.05 < result.excluded < 0.4


def test_wrong_decompositions_score_low():
    ink, strokes = plus()
    assert stroke_agreement(ink, strokes, [np.concatenate(strokes)]).ari == 0
    elbows = [
        np.array([[5.0, 30.5], [30.5, 30.5], [30.5, 5.0]]),
        np.array([[55.0, 30.5], [30.5, 30.5], [30.5, 55.0]]),
    ]
    assert abs(stroke_agreement(ink, strokes, elbows).ari) < 0.05
    halves = [s for a, b in strokes for s in (np.array([a, (a + b) / 2]), np.array([(a + b) / 2, b]))]
    split = stroke_agreement(ink, strokes, halves)
    assert 0.3 < split.ari < 0.8
    assert split.count_error == 2


def test_only_pixels_near_a_crossing_are_left_out():
    _, strokes = plus()
    pixels = np.array([[30.5, 30.5], [36.0, 30.5], [45.0, 30.5]])
    assert near_crossings(pixels, strokes, 5.0).tolist() == [True, True, False]
    assert not near_crossings(pixels, strokes[:1], 5.0).any()


def test_nothing_to_compare_is_refused():
    ink, strokes = plus()
    with pytest.raises(ValueError, match="at least one true stroke"):
        stroke_agreement(ink, strokes, [])


class Edge:
    def __init__(self, start, end, points):
        self.start, self.end, self.points = start, end, np.array(points, dtype=float)


class PlusGraph:
    nodes = np.array([[5.0, 30.5], [55.0, 30.5], [30.5, 5.0], [30.5, 55.0], [30.5, 30.5]])
    pen_width = 5.0
    edges = tuple(
        Edge(i, 4, [end, (np.array(end) + 30.5) / 2, (30.5, 30.5)])
        for i, end in enumerate(nodes[:4].tolist())
    )


def test_rules_cut_a_plus_as_they_say():
    ink, strokes = plus()
    assert len(one_stroke(PlusGraph())) == 1
    assert len(split_everywhere(PlusGraph())) == 4
    straight = good_continuation(PlusGraph())
    assert len(straight) == 2
    assert stroke_agreement(ink, strokes, straight).ari == 1
    assert len(good_continuation(PlusGraph(), limit_degrees=0.0)) in (2, 4)
