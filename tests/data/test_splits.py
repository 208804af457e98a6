"""Few-shot draws: stratified, repeatable, nested."""

import numpy as np
import pytest

from compvis.data.splits import few_shot

LABELS = np.random.default_rng(0).integers(3, 8, 400)


def test_every_class_equally_often_and_only_from_the_rows():
    rows = range(100, 300)
    drawn = few_shot(LABELS, 4, seed=0, rows=rows)
    assert np.unique(LABELS[drawn], return_counts=True)[1].tolist() == [4] * 5
    assert set(drawn) <= set(rows)
    assert len(np.unique(drawn)) == len(drawn)


def test_fewer_shots_are_a_prefix_of_more():
    four = few_shot(LABELS, 4, seed=3)
    np.testing.assert_array_equal(few_shot(LABELS, 1, seed=3), four[:5])
    np.testing.assert_array_equal(few_shot(LABELS, 2, seed=3), four[:10])


def test_seed_decides_and_order_of_rows_does_not():
    np.testing.assert_array_equal(few_shot(LABELS, 4, 1), few_shot(LABELS, 4, 1))
    assert few_shot(LABELS, 4, 1).tolist() != few_shot(LABELS, 4, 2).tolist()
    rows = np.arange(400)
    np.testing.assert_array_equal(few_shot(LABELS, 4, 1, rows[::-1]), few_shot(LABELS, 4, 1, rows))


def test_impossible_draws_are_refused():
    with pytest.raises(ValueError, match="fewer than the 401"):
        few_shot(LABELS, 401, 0)
    with pytest.raises(ValueError, match="at least 1"):
        few_shot(LABELS, 0, 0)
    with pytest.raises(ValueError, match="no rows"):
        few_shot(LABELS, 1, 0, rows=[])
