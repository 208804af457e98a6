"""The record of views, and directions on the sphere."""

from dataclasses import replace

import numpy as np
import pytest
from made_up_views import make_views

from compvis.data.views import view_directions


def test_directions_follow_the_stated_frame():
    elevation, azimuth = np.array([0.0, 0, 0, 90, 30]), np.array([0.0, 90, 180, 0, 90])
    found = view_directions(elevation, azimuth)
    expected = [[0, 0, 1], [1, 0, 0], [0, 0, -1], [0, 1, 0], [np.sqrt(0.75), 0.5, 0]]
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_subset_takes_every_row_wise_array():
    data = make_views(parts=True)
    few = data.subset([5, 0])
    assert len(few) == 2
    assert few.elevation.tolist() == data.elevation[[5, 0]].tolist()
    np.testing.assert_array_equal(few.parts, data.parts[[5, 0]])
    assert few.part_names == data.part_names
    assert make_views().subset([1]).parts is None


def test_instances_tell_objects_of_all_classes_apart():
    data = make_views(classes=3)
    assert len(np.unique(data.instances())) == 21
    assert np.unique(np.stack([data.labels, data.objects, data.instances()], 1), axis=0).shape == (21, 3)


@pytest.mark.parametrize(
    "changes",
    [
        {"masks": np.zeros((112, 24, 24), np.uint8)},
        {"masks": np.zeros((112, 24, 23), bool)},
        {"objects": np.zeros(5, np.int64)},
        {"elevation": np.full(112, 91.0)},
        {"azimuth": np.full(112, 360.0)},
        {"azimuth": np.full(112, -1.0)},
        {"elevation": np.zeros(112, np.float32)},
        {"images": np.zeros((112, 24, 24), np.uint8)},
        {"parts": np.full((112, 24, 24), 4, np.int16)},
    ],
)
def test_arrays_that_do_not_belong_together_are_refused(changes: dict):
    with pytest.raises(ValueError, match="data set made-up"):
        replace(make_views(), **changes)
