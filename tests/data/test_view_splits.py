"""Folds over objects, bands of elevation, views spread over the sphere."""

import numpy as np
import pytest
from made_up_views import make_views

from compvis.data.check import InputError
from compvis.data.view_splits import fold_rows, in_band, spread_views
from compvis.data.views import view_directions

DATA = make_views()


def objects_of(rows: np.ndarray) -> set[tuple[int, int]]:
    return set(zip(DATA.labels[rows].tolist(), DATA.objects[rows].tolist(), strict=True))


def test_no_object_is_in_two_parts_of_a_fold():
    for fold in range(3):
        parts = {part: objects_of(fold_rows(DATA, fold, part)) for part in ("learn", "validation", "test")}
        assert {part: len(o) for part, o in parts.items()} == {"learn": 6, "validation": 4, "test": 4}
        assert len(set.union(*parts.values())) == 14


def test_no_object_that_chooses_is_ever_tested_and_every_other_is():
    chosen = [objects_of(fold_rows(DATA, fold, "validation")) for fold in range(3)]
    tested = [objects_of(fold_rows(DATA, fold, "test")) for fold in range(3)]
    assert chosen[0] == chosen[1] == chosen[2]
    assert not chosen[0] & set.union(*tested)
    assert len(chosen[0] | set.union(*tested)) == 14


def test_views_and_bands_choose_among_the_rows_of_the_part():
    whole = fold_rows(DATA, 1, "learn")
    side, above = (fold_rows(DATA, 1, "learn", band=band) for band in ("side", "above"))
    assert sorted([*side, *above]) == whole.tolist()
    assert DATA.elevation[side].max() <= 30 < DATA.elevation[above].min()
    few, more = (fold_rows(DATA, 1, "learn", views=k, seed=4).reshape(6, k) for k in (2, 4))
    np.testing.assert_array_equal(few, more[:, :2])
    assert set(more.ravel()) <= set(whole)
    for line in more:
        assert len(objects_of(line)) == 1
    assert not np.array_equal(more.ravel(), fold_rows(DATA, 1, "learn", views=4, seed=5))
    np.testing.assert_array_equal(more.ravel(), fold_rows(DATA, 1, "learn", views=4, seed=4))


def test_spread_views_are_far_apart():
    elevation, azimuth = (a.ravel().astype(float) for a in np.meshgrid([0, 30, 60], np.arange(0, 360, 15)))
    directions = view_directions(elevation, azimuth)

    def closest(places: np.ndarray) -> float:
        cosines = directions[places] @ directions[places].T - 2 * np.eye(len(places))
        return float(np.degrees(np.arccos(cosines.max())))

    for seed in range(5):
        places = spread_views(elevation, azimuth, 6, seed)
        assert len(set(places)) == 6
        assert closest(places) > 55
        at_random = np.random.default_rng(seed).choice(len(elevation), 6, replace=False)
        assert closest(places) > closest(at_random)
        first, second = directions[places[:2]]  # the second is the farthest of all from the first
        assert first @ second == pytest.approx((directions @ first).min())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"fold": 3}, "folds 0 to 2"),
        ({"part": "train"}, "Unknown part 'train'"),
        ({"band": "below"}, "Unknown band 'below'"),
        ({"views": 9}, "8 views"),
        ({"views": 0}, "not 0"),
    ],
)
def test_unknown_choices_are_refused(arguments: dict, message: str):
    with pytest.raises(InputError, match=message):
        fold_rows(**({"data": DATA, "fold": 0, "part": "learn"} | arguments))
    if "band" in arguments:
        with pytest.raises(InputError, match=message):
            in_band(DATA.elevation, arguments["band"])


def test_folds_need_every_object():
    with pytest.raises(InputError, match="lacks some of the objects 0 to 6"):
        fold_rows(DATA.subset(DATA.objects != 3), 0, "learn")
