"""Every data set of labelled images keeps one contract; a new one is one line in `DATASETS`."""

import numpy as np
import pytest

from compvis.data import folder
from compvis.data.check import check_images, check_labels
from compvis.data.registry import DATASETS


@pytest.mark.parametrize("name", DATASETS)
def test_dataset_contract(name: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(
        folder, "urlopen", lambda *_, **__: pytest.skip("the data set is not on this machine")
    )
    data = DATASETS[name]()
    assert data.name == name
    assert data.provenance
    assert data.images.dtype == np.uint8
    assert data.images.ndim == 3
    assert data.images.flags.writeable  # torch.from_numpy warns otherwise
    assert data.labels.dtype == np.int64
    assert data.labels.shape == (len(data),)
    assert len(set(data.class_names)) == len(data.class_names) >= 2
    assert np.unique(data.labels).tolist() == list(range(len(data.class_names)))
    assert data.images.max() == 255
    assert data.images.min() == 0
    assert np.median(data.images) < 128  # dark paper, bright ink

    again = DATASETS[name]()
    np.testing.assert_array_equal(data.labels, again.labels)
    np.testing.assert_array_equal(data.images[::97], again.images[::97])

    few = data.subset(range(5))
    assert check_images(few.images).shape == few.images.shape
    assert len(check_labels(few.labels, 5, minimum_classes=1)) == 5
