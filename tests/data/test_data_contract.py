"""The records data sets hand out refuse arrays that do not belong together."""

import numpy as np
import pytest

from compvis.data.contract import Episode, LabelledImages

IMAGES = np.arange(3 * 4 * 5, dtype=np.uint8).reshape(3, 4, 5)
LABELS = np.array([1, 0, 1])


def labelled(**changes) -> LabelledImages:
    fields = {
        "images": IMAGES,
        "labels": LABELS,
        "class_names": ("a", "b"),
        "name": "x",
        "provenance": "here",
    }
    return LabelledImages(**(fields | changes))


def test_subset_keeps_class_names_and_order():
    few = labelled().subset([2, 1])
    assert len(few) == 2
    np.testing.assert_array_equal(few.images, IMAGES[[2, 1]])
    assert few.labels.tolist() == [1, 0]
    assert few.class_names == ("a", "b")
    assert labelled().subset(range(2)).labels.tolist() == [1, 0]
    assert labelled().subset(LABELS == 1).labels.tolist() == [1, 1]
    assert len(labelled().subset([])) == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"images": IMAGES.astype(np.float32)},
        {"images": IMAGES[0]},
        {"labels": LABELS[:2]},
        {"labels": LABELS.astype(np.int32)},
        {"labels": LABELS + 1},
        {"labels": LABELS - 1},
    ],
)
def test_arrays_that_do_not_belong_together_are_refused(changes: dict):
    with pytest.raises(ValueError, match=r"of data set x|Data set x"):
        labelled(**changes)


def test_episode_asks_only_for_classes_it_taught():
    episode = Episode("e", IMAGES, np.arange(3), IMAGES[:2], np.array([2, 0]))
    assert episode.test_labels.tolist() == [2, 0]
    with pytest.raises(ValueError, match=r"classes \[3\]"):
        Episode("e", IMAGES, np.arange(3), IMAGES[:2], np.array([3, 0]))
    with pytest.raises(ValueError, match="test part"):
        Episode("e", IMAGES, np.arange(3), IMAGES, np.array([0]))
