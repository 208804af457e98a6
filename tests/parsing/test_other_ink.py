"""Other ink: pieces that nothing explains, or that touch nothing, are proposed and erased; the rest stays."""

import numpy as np
import pytest

from compvis.parsing.ink_shape import point_counts, spread_points
from compvis.parsing.other_ink import OtherInk, erase, pieces_left_out
from compvis.parsing.skeleton import skeleton_graph

POINTS = 40
LONG = [(10, 10), (10, 40)]
SHORT = [(35, 12), (35, 24)]


@pytest.fixture
def two_bars(draw):
    ink = draw(LONG, SHORT, size=48, pen=4.0)
    return ink, skeleton_graph(ink)


def is_right(graph) -> np.ndarray:
    return np.array([edge.points[:, 0].mean() > 24 for edge in graph.edges])


def test_points_are_counted_as_they_are_spread(two_bars):
    _, graph = two_bars
    share, counts = point_counts(graph, POINTS)
    points, _, _ = spread_points(graph, POINTS)
    assert share.sum() == pytest.approx(1)
    assert counts.sum() == len(points) == POINTS
    own = np.repeat(is_right(graph), counts)
    np.testing.assert_array_equal(own, points[:, 0] > 24)


def test_a_piece_that_touches_nothing_is_proposed_whatever_explains_it(two_bars):
    _, graph = two_bars
    found = list(pieces_left_out(graph, np.zeros((1, POINTS)), OtherInk(most=0.6)))
    assert len(found) == 1  # the long bar is more than 60% of the ink
    dropped, share = found[0]
    np.testing.assert_array_equal(dropped, is_right(graph))
    assert share == pytest.approx(12 / 42, abs=0.06)


def test_edges_are_proposed_by_how_little_is_explained(draw):
    ink = draw([(8, 40), (24, 8)], [(24, 8), (40, 40)], [(24, 8), (24, 2)], size=48, pen=3.0)
    graph = skeleton_graph(ink)
    share, counts = point_counts(graph, POINTS)
    first = np.arange(len(counts)) == share.argmin()
    doubt = np.where(np.repeat(first, counts), 0.5, 0.1)
    found = list(pieces_left_out(graph, doubt[None], OtherInk(doubts=(0.3, 0.6))))
    assert [dropped.tolist() for dropped, _ in found] == [first.tolist()]
    assert not list(pieces_left_out(graph, doubt[None], OtherInk(doubts=(0.6,))))
    twice = np.stack([doubt, doubt])
    assert len(list(pieces_left_out(graph, twice, OtherInk(doubts=(0.3, 0.4))))) == 1


def test_nothing_is_proposed_that_leaves_too_little(two_bars):
    _, graph = two_bars
    assert not list(pieces_left_out(graph, np.ones((1, POINTS)), OtherInk(most=0.2)))


def test_erasing_takes_the_piece_and_nothing_else(two_bars):
    ink, graph = two_bars
    right = np.arange(48)[None] * np.ones((48, 1)) > 24
    erased = erase(ink, graph, is_right(graph))
    assert not erased[right].any()
    np.testing.assert_array_equal(erased[~right], ink[~right])
    assert ink[right].any()  # the image that was given stays


def test_the_prior_charges_the_share_and_the_piece():
    settings = OtherInk(price=20.0, piece_price=1.0)
    np.testing.assert_allclose([settings.log_prior(share) for share in (0.0, 0.1, 0.5)], [0.0, -3.0, -11.0])


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"rounds": -1}, "OtherInk.rounds"), ({"price": float("nan")}, "OtherInk.price"), ({"beam": 0}, "OtherInk.beam"),
     ({"doubts": ()}, "OtherInk.doubts"), ({"most": 1.0}, "shares between 0 and 1")],
)  # fmt: skip
def test_settings_that_make_no_sense_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        OtherInk(**changes)
