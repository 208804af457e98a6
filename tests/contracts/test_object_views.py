"""Every data set of objects seen from known directions keeps one contract; a new one is one line."""

import numpy as np
import pytest

from compvis.data.check import check_images
from compvis.data.folder import MissingDataError
from compvis.data.registry import OBJECT_VIEWS


@pytest.mark.parametrize("name", OBJECT_VIEWS)
def test_object_views_contract(name: str):
    try:
        data = OBJECT_VIEWS[name]()
    except MissingDataError as missing:
        pytest.skip(str(missing))
    assert data.name == name
    assert data.provenance
    assert data.images.flags.writeable  # torch.from_numpy warns otherwise
    assert np.unique(data.labels).tolist() == list(range(len(data.class_names)))
    share = data.masks.mean((1, 2))
    assert 0.005 < share.min() <= share.max() < 0.95
    inside = data.masks[:, 16:-16, 16:-16].sum() / data.masks.sum()
    assert inside > 0.6  # objects are centred
    for instance in np.unique(data.instances()):  # an object is never shown twice from one direction
        own = data.instances() == instance
        seen = np.stack([data.elevation[own], data.azimuth[own]], 1)
        assert len(np.unique(seen, axis=0)) == own.sum()
    few = data.subset([4, 1])
    assert few.azimuth.tolist() == data.azimuth[[4, 1]].tolist()
    np.testing.assert_array_equal(few.masks, data.masks[[4, 1]])
    assert check_images(few.images).shape == few.images.shape[:3]
    assert (few.parts is None) == (data.parts is None)
