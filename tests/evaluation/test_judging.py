import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from fakes_of_study import Shy

from compvis.data.check import InputError
from compvis.data.contract import LabelledImages
from compvis.evaluation.judging import judge_images
from compvis.evaluation.tasks import draw_task

sys.path.append(str(Path(__file__).parent.parent / "data"))
from made_up_views import make_views


def digits(n=12):
    labels = np.arange(n) % 3
    images = np.zeros((n, 6, 6), np.uint8)
    images[np.arange(n), labels, :] = 255
    return LabelledImages(images, labels.astype(np.int64), ("a", "b", "c"), "rows", "made up")


def test_answers_carry_confidence_margin_and_evidence():
    data = digits()
    model = Shy().fit(data.images[:3], data.labels[:3])
    rows = list(judge_images(model, data.images, data.labels, batch=5, evidence=True))
    assert [row["predicted"] for row in rows] == data.labels.tolist()
    assert all(row["correct"] and 0.5 < row["confidence"] < 1 for row in rows)
    assert all(row["margin"] == pytest.approx(2 * row["confidence"] - 1, abs=0.2) for row in rows)
    assert all(row["evidence"] is not None for row in rows)
    plain = SimpleNamespace(classes_=model.classes_, predict_proba=model.predict_proba)
    assert next(judge_images(plain, data.images, data.labels, evidence=True))["evidence"] is None


def test_a_refused_image_spoils_no_other_and_an_unlearned_label_has_no_margin():
    data = digits()
    model = Shy().fit(data.images[:2], data.labels[:2])
    images = data.images.copy()
    images[4] = 0
    rows = list(judge_images(model, images, data.labels, batch=6, evidence=True))
    assert [row["failure"] is not None for row in rows] == [place == 4 for place in range(12)]
    assert rows[4]["confidence"] is None
    assert rows[4]["evidence"] is None
    assert rows[2]["margin"] is None
    assert not rows[2]["correct"]
    with pytest.raises(ValueError, match="batch"):
        next(judge_images(model, images, data.labels, batch=0))


def test_tasks_draw_nested_images_and_leave_classes_out():
    data = digits(30)
    few = draw_task(data, np.arange(20), np.arange(20, 30), 1, seed=3, max_test=4)
    more = draw_task(data, np.arange(20), np.arange(20, 30), 4, seed=3)
    assert few.learn_rows.tolist() == more.learn_rows[:3].tolist()
    assert len(few.test_rows) == 4
    assert set(few.lesson()) == {"images", "labels"}
    assert few.shown_masks(data) is None
    assert few.chance == pytest.approx(1 / 3)
    left = more.without_classes(1, seed=0)
    assert len(np.unique(data.labels[left.learn_rows])) == 2
    assert left.learn_rows.tolist() == more.without_classes(1, seed=0).learn_rows.tolist()
    with pytest.raises(InputError, match="left out"):
        more.without_classes(2, seed=0)


@pytest.mark.parametrize(("per_class", "objects"), [(1, 1), (4, 2), (6, 3)])
def test_views_are_spread_over_objects_and_come_with_masks(per_class, objects):
    data = make_views()
    task = draw_task(data, np.arange(len(data)), np.arange(len(data)), per_class, seed=0, max_test=10)
    seen = data.subset(task.learn_rows)
    for label in np.unique(seen.labels):
        assert (seen.labels == label).sum() == per_class
        assert len(np.unique(seen.objects[seen.labels == label])) == objects
    assert set(task.lesson()) == {"images", "labels", "masks", "viewpoints"}
    assert task.shown_masks(seen) is not None
    hidden = draw_task(data, np.arange(len(data)), np.arange(4), per_class, seed=0, masks="never")
    assert "masks" not in hidden.lesson()
    assert hidden.shown_masks(seen) is None
    with pytest.raises(InputError, match="Unknown masks"):
        draw_task(data, np.arange(len(data)), np.arange(4), per_class, seed=0, masks="often")


def test_probabilities_that_are_not_finite_are_a_failure_of_their_image():
    data = digits()

    class Broken(Shy):
        def predict_proba(self, images, masks=None):
            found = super().predict_proba(images, masks)
            found[images[:, 1].max(1) > 0] = np.nan
            return found

    model = Broken().fit(data.images[:3], data.labels[:3])
    rows = list(judge_images(model, data.images, data.labels, batch=5))
    assert [row["failure"] is None for row in rows] == (data.labels != 1).tolist()
    assert "not finite" in rows[1]["failure"]
    assert not rows[1]["correct"]
