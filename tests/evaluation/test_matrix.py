import numpy as np
import pytest
from fakes_of_study import Shy

from compvis.data.check import InputError
from compvis.data.contract import LabelledImages
from compvis.data.shifts.corruption import Noise
from compvis.data.shifts.ink import PenWidth
from compvis.evaluation.matrix import (
    list_conditions,
    matched_accuracy,
    relative_loss,
    run_matrix,
    summarise_matrix,
)
from compvis.evaluation.tasks import draw_task


def bars(n=24):
    labels = np.arange(n) % 3
    images = np.zeros((n, 12, 12), np.uint8)
    for row in range(n):
        images[row, 3 * labels[row] : 3 * labels[row] + 3, 2:10] = 255
    images[5] = 0  # no ink: a pen cannot be changed, and the model refuses
    return LabelledImages(images, labels.astype(np.int64), ("a", "b", "c"), "bars", "made up")


@pytest.fixture
def task():
    return draw_task(bars(), np.arange(6, 12), np.arange(24), 1, seed=0)


def test_losses_are_paired_with_the_same_clean_images(task):
    conditions = list_conditions(task, {"pen": [PenWidth(1.5)], "noise": [Noise(0.05), Noise(0.1)]})
    rows = list(run_matrix(Shy, task, conditions, batch=7))
    m = summarise_matrix(rows, task.chance)
    assert m["accuracy"] == pytest.approx(23 / 24)
    assert m["conditions"]["pen-1.5"]["clean"] == 1
    assert m["conditions"]["plain"]["failures"] == 1
    assert m["conditions"]["pen-1.5"]["images"] == 23
    assert m["groups"]["noise"] == pytest.approx(
        np.mean([m["conditions"][f"noise-{s:g}"]["lost"] for s in (0.05, 0.1)])
    )
    assert m["mean_lost"] == pytest.approx(np.mean(list(m["groups"].values())))
    again = list(run_matrix(Shy, task, conditions, done={(r["condition"], r["row"]) for r in rows}))
    assert again == []


def test_other_data_sets_are_conditions_too(task):
    other = bars(9)
    conditions = list_conditions(task, {}, {"bars": (other, np.arange(3))})
    rows = list(run_matrix(Shy, task, conditions))
    assert [row["group"] for row in rows[-3:]] == ["to bars"] * 3
    m = summarise_matrix(rows, task.chance)
    assert m["conditions"]["to bars"]["clean"] == m["accuracy"]
    with pytest.raises(InputError, match="other classes"):
        list_conditions(task, {}, {"x": (LabelledImages(other.images, other.labels, ("a", "b", "d"), "x", ""),
                                         np.arange(3))})  # fmt: skip
    with pytest.raises(InputError, match="two conditions"):
        list_conditions(task, {"noise": [Noise(0.1), Noise(0.1)]})


def test_loss_counts_above_chance_and_accuracy_is_matched_in_logits():
    assert relative_loss(0.9, 0.1, 0.1) == pytest.approx(1)
    assert relative_loss(0.9, 0.5, 0.1) == pytest.approx(0.5)
    assert relative_loss(0.1, 0.1, 0.1) is None
    assert matched_accuracy([(0.5, 0.3), (0.9, 0.8)], 0.9) == pytest.approx(0.8)
    between = matched_accuracy([(0.5, 0.3), (0.9, 0.8)], 0.7)
    assert between is not None
    assert 0.3 < between < 0.8
    assert matched_accuracy([(0.5, 0.3), (0.9, 0.8)], 0.95) is None
    with pytest.raises(ValueError, match="plain"):
        summarise_matrix([], 0.1)
