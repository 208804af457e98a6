"""Copied part maps, on figures where a copy is right or wrong for a known reason."""

import numpy as np
import pytest

from compvis.baselines.part_maps import PART_MAPPERS, MajorityPart, NearestMap, PlaceInBox
from compvis.data.check import InputError


def stool(top: int, left: int, height: int, width: int) -> np.ndarray:
    """Part 1 is the upper third of a box, part 2 the rest."""
    parts = np.zeros((40, 40), np.int16)
    parts[top : top + height, left : left + width] = 2
    parts[top : top + height // 3, left : left + width] = 1
    return parts


LEARNED = np.stack([stool(3, 4, 30, 12), stool(10, 10, 15, 12), stool(0, 20, 36, 12)])


@pytest.mark.parametrize("kind", [PlaceInBox, NearestMap])
def test_places_follow_the_box(kind):
    new = stool(8, 15, 24, 20)
    found = kind().fit(LEARNED > 0, LEARNED, 2).predict(new > 0)
    assert (found == new - 1).mean() > 0.98


def test_the_majority_is_everywhere():
    found = MajorityPart().fit(LEARNED > 0, LEARNED, 2).predict(LEARNED[0] > 0)
    assert set(found[LEARNED[0] > 0]) == {1}
    assert set(found[LEARNED[0] == 0]) == {-1}


def test_the_nearest_map_is_that_of_the_most_similar_figure():
    bar = np.zeros((40, 40), np.int16)
    bar[5:35, 18:22] = 1
    bar[30:35, 5:35] = 1  # an upside-down T, of part 1 alone
    learned = np.stack([LEARNED[0], bar])
    found = NearestMap().fit(learned > 0, learned, 2).predict(np.roll(bar > 0, 2, 1))
    assert set(found[np.roll(bar > 0, 2, 1)]) == {0}


@pytest.mark.parametrize("kind", PART_MAPPERS.values())
def test_nothing_to_copy_is_refused(kind):
    with pytest.raises(InputError, match="show a part"):
        kind().fit(LEARNED > 0, 0 * LEARNED, 2)
