import dataclasses
from functools import partial

import numpy as np
import pytest

from compvis.data.check import InputError
from compvis.evaluation.protocols import (
    build_factory,
    run_episodes,
    run_subset,
    score_episodes,
    score_subsets,
    summarise_episodes,
    summarise_trials,
)


class Darkness:
    """Answers the label whose training image is nearest in mean value; refuses empty images."""

    fits = 0

    def fit(self, images, labels):
        type(self).fits += 1
        self.means, self.labels = images.reshape(len(images), -1).mean(1), labels
        return self

    def predict(self, images):
        values = images.reshape(len(images), -1).mean(1)
        if (values == 0).any():
            raise ValueError("There is no ink in the image.")
        return self.labels[np.abs(values[:, None] - self.means).argmin(1)]


@dataclasses.dataclass
class Trial:
    name: str
    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray


@dataclasses.dataclass
class Labelled:
    images: np.ndarray
    labels: np.ndarray


def grey(*values):
    return np.stack([np.full((4, 4), value, dtype=np.uint8) for value in values])


@pytest.fixture
def trial():
    Darkness.fits = 0
    return Trial("run00", grey(50, 200), np.array([0, 1]), grey(60, 190, 0, 210), np.array([0, 1, 1, 0]))


@pytest.mark.parametrize("batch", [1, 3, 10])
def test_episodes_count_failures_as_wrong(trial, batch):
    rows = list(run_episodes(Darkness, [trial], batch=batch))
    assert [row["correct"] for row in rows] == [True, True, False, False]
    assert [row["predicted"] for row in rows] == [0, 1, None, 1]
    assert [row["failure"] for row in rows] == [None, None, "There is no ink in the image.", None]
    summary = summarise_trials(rows)
    assert (summary["trials"], summary["errors"], summary["failures"], summary["error"]) == (4, 2, 1, 0.5)


def test_finished_trials_are_left_out_and_finished_episodes_not_fitted(trial):
    rows = list(run_episodes(Darkness, [trial], done={("run00", 0), ("run00", 2)}))
    assert [row["trial"] for row in rows] == [1, 3]
    assert Darkness.fits == 1
    assert list(run_episodes(Darkness, [trial], done={("run00", t) for t in range(4)})) == []
    assert Darkness.fits == 1


def test_subset_rows_carry_the_data_set_row(trial):
    train, test = (
        Labelled(trial.train_images, trial.train_labels),
        Labelled(trial.test_images, trial.test_labels),
    )
    numbers = np.array([100, 205, 207, 300])
    rows = list(run_subset(Darkness, train, test, numbers, done={(205,)}, batch=2))
    assert [row["row"] for row in rows] == [100, 207, 300]
    assert [row["label"] for row in rows] == [0, 1, 0]
    assert all(row["fit_seconds"] > 0 and row["seconds"] > 0 for row in rows)


def test_a_fault_of_the_program_is_not_taken_for_a_failure(trial):
    class Broken(Darkness):
        def predict(self, images):
            raise TypeError("a fault")

    with pytest.raises(TypeError):
        list(run_episodes(Broken, [trial]))


def test_nothing_to_summarise_is_said():
    with pytest.raises(ValueError, match="no trials"):
        summarise_trials([])


def test_episodes_are_summed_up_with_interval_and_whole_seconds(trial):
    summary = summarise_episodes(list(run_episodes(Darkness, [trial])))
    assert 0 < summary["error_low"] < summary["error"] < summary["error_high"] < 1
    assert summary["seconds_per_trial"] == summary["seconds_per_image"] + summary["fit_seconds"]


def test_scores_are_mean_accuracies(trial):
    assert score_episodes(Darkness, [trial, trial]) == 0.5
    train, test = (
        Labelled(trial.train_images, trial.train_labels),
        Labelled(trial.test_images, trial.test_labels),
    )
    swapped = Labelled(trial.train_images[::-1], trial.train_labels)
    assert score_subsets(Darkness, [train], test) == 0.5
    assert score_subsets(Darkness, [train, swapped], test) == pytest.approx((2 / 4 + 1 / 4) / 2)


def test_seed_and_device_reach_models_that_take_them():
    @dataclasses.dataclass
    class Seeded(Darkness):
        seed: int = 0

    @dataclasses.dataclass
    class Placed(Seeded):
        device: str = "cpu"

    assert build_factory(Seeded, 5, "cpu")().seed == 5
    placed = build_factory(Placed, 5, "cpu:0")()
    assert (placed.seed, placed.device) == (5, "cpu:0")
    assert build_factory(Placed, 5)().device == "cpu"
    assert build_factory(partial(Placed, device="cpu:1"), 5, "cpu")().device == "cpu:1"
    assert isinstance(build_factory(Darkness, 5)(), Darkness)
    with pytest.raises(InputError, match="no device 'tpu'"):
        build_factory(Placed, 5, "tpu")
