import numpy as np
import pytest
import torch

from compvis.parsing.skeleton import skeleton_graph


def test_straight_bar_is_one_edge_on_its_middle(draw):
    graph = skeleton_graph(draw([(20.0, 50.5), (80.0, 50.5)]))
    assert len(graph.edges) == 1
    points = graph.edges[0].points
    assert np.abs(points[:, 1] - 50.5).max() < 0.75
    assert points[:, 0].min() < 23
    assert points[:, 0].max() > 77
    assert graph.pen_width == pytest.approx(5, abs=1)


def test_crossing_is_one_junction_of_four(draw):
    graph = skeleton_graph(draw([(20, 30), (85, 70)], [(30, 80), (70, 20)]))
    assert sorted(graph.degree()) == [1, 1, 1, 1, 4]
    assert len(graph.edges) == 4


def test_loop_has_one_anchor_and_ends_where_it_starts(draw):
    circle = [(50 + 25 * np.cos(a), 50 + 25 * np.sin(a)) for a in np.linspace(0, 2 * np.pi, 60)]
    (edge,) = skeleton_graph(draw(circle)).edges
    assert edge.start == edge.end
    assert edge.length == pytest.approx(2 * np.pi * 25, rel=0.06)
    assert np.abs(np.hypot(*(edge.points - 50).T) - 25).max() < 1.5


def test_dots_stay_and_specks_go(draw):
    ink = draw([(20, 60), (80, 60)], [(50, 30), (50, 30)])
    ink[90, 90] = 1
    graph = skeleton_graph(ink)
    assert len(graph.edges) == 2
    dot = min(graph.edges, key=lambda edge: edge.length)
    assert np.abs(dot.points.mean(0) - (50, 30)).max() < 1.5
    assert dot.start == dot.end


def test_bump_on_a_bar_makes_no_spur(draw):
    ink = draw([(20, 50), (80, 50)])
    ink[44:48, 50:52] = 1
    assert len(skeleton_graph(ink).edges) == 1


def test_small_images_give_the_same_graph_at_their_scale(draw):
    ink = draw([(14, 20), (84, 84)], [(84, 20), (14, 84)], size=104, pen=10)
    small = ink.reshape(26, 4, 26, 4).mean((1, 3))
    graph = skeleton_graph(torch.tensor(small))
    assert sorted(graph.degree()) == [1, 1, 1, 1, 4]
    junction = graph.nodes[np.argmax(graph.degree())]
    assert np.abs(junction * 4 - (49, 52)).max() < 4
    assert graph.pen_width == pytest.approx(2.5, abs=0.6)
    assert graph.size == (26, 26)


def test_ink_at_the_border_is_traced(draw):
    graph = skeleton_graph(draw([(0, 50), (105, 50)]))
    assert len(graph.edges) == 1
    assert graph.edges[0].length > 90


@pytest.mark.parametrize(
    ("ink", "message"), [(np.zeros((10, 10)), "No pixel"), (np.ones((1, 9, 9)), r"one image \(H, W\)")]
)
def test_bad_ink_is_refused(ink, message):
    with pytest.raises(ValueError, match=message):
        skeleton_graph(ink)


def test_hairlines_that_fade_when_enlarged_are_refused_clearly():
    ink = np.zeros((20, 20), np.float32)
    ink[range(3, 11), range(3, 11)] = 0.85
    with pytest.raises(ValueError, match="too thin for a skeleton"):
        skeleton_graph(ink, 0.8)
    ink = np.zeros((160, 160), np.float32)
    ink[80, 20:140] = 0.61
    with pytest.raises(ValueError, match="too thin for a skeleton"):
        skeleton_graph(ink, 0.6)
