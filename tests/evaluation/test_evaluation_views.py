"""The protocol of object views: what is learned, what is asked under which condition, and intervals over objects."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

from compvis.data.check import InputError
from compvis.data.shifts.contract import Picture, Shift
from compvis.data.views import ObjectViews
from compvis.evaluation.views import (
    ViewClassifier,
    choose_views,
    object_difference,
    object_interval,
    run_views,
    score_views,
    summarise_views,
    thin_rows,
)

SIDE, OBJECTS, VIEWS = 8, 4, 6


@pytest.fixture
def data():
    """Two classes of four objects, six views each: grey squares, brighter in the second class."""
    label, number, view = (a.reshape(-1) for a in np.indices((2, OBJECTS, VIEWS)))
    n = len(label)
    masks = np.zeros((n, SIDE, SIDE), bool)
    masks[:, 2:6, 2:6] = True
    images = np.where(masks[..., None], (80 + 100 * label)[:, None, None, None], 10).repeat(3, 3)
    return ObjectViews(
        images=images.astype(np.uint8),
        labels=label.astype(np.int64),
        class_names=("dark", "bright"),
        name="squares",
        provenance="made up",
        masks=masks,
        objects=number.astype(np.int64),
        elevation=np.array([0.0, 0.0, 20.0, 45.0, 60.0, 90.0])[view],
        azimuth=np.array([0.0, 180.0, 90.0, 0.0, 90.0, 0.0])[view],
    )


class Brightness:
    """The label of the nearest mean brightness, over the mask where there is one; refuses black pictures."""

    lessons: ClassVar[list] = []

    def fit(self, images, labels, masks=None, viewpoints=None):
        type(self).lessons.append((len(images), masks is not None, viewpoints))
        self.values, self.labels = self.measure(images, masks), labels
        return self

    def predict(self, images, masks=None):
        if not images.any():
            raise ValueError("There is nothing to see.")
        return self.labels[np.abs(self.measure(images, masks)[:, None] - self.values).argmin(1)]

    def measure(self, images, masks):
        grey = images.mean(3)
        seen = np.ones_like(grey) if masks is None else masks
        return (grey * seen).sum((1, 2)) / np.maximum(seen.sum((1, 2)), 1)


@dataclass(frozen=True)
class Dimmed(Shift):
    """Every pixel times a factor; the last row cannot be changed."""

    name: ClassVar[str] = "dimmed"
    unit: ClassVar[str] = "factor"
    factor: float

    @property
    def severity(self):
        return self.factor

    def change(self, data, row, generator):
        if row == len(data) - 1:
            return None
        image = (data.images[row] * self.factor).astype(np.uint8)
        return Picture(image, data.masks[row], self.factor)


@pytest.fixture
def rows(data):
    Brightness.lessons = []
    return np.flatnonzero(data.objects < 2), np.flatnonzero(data.objects >= 2)


def test_chosen_views_are_nested_and_stay_in_their_band(data, rows):
    learn, _ = rows
    few, more = choose_views(data, learn, 1, 2, seed=3), choose_views(data, learn, 2, 3, seed=3)
    assert len(few) == 2 * 1 * 2
    assert len(more) == 2 * 2 * 3
    assert set(few) < set(more) <= set(learn)
    assert len(np.unique(data.instances()[more])) == 4
    assert data.elevation[choose_views(data, learn, 2, 3, "above")].min() > 30
    draws = {tuple(choose_views(data, learn, 1, 2, seed=seed)) for seed in range(6)}
    assert len(draws) > 1
    for wrong in ({"objects": 3, "views": 1}, {"objects": 1, "views": 7}, {"objects": 0, "views": 1}):
        with pytest.raises(InputError):
            choose_views(data, learn, **wrong)
    with pytest.raises(InputError, match="band"):
        choose_views(data, learn, 1, 1, "below")


def test_thinned_rows_keep_every_object(data, rows):
    thinned = thin_rows(rows[1], 8)
    assert len(thinned) == 8
    assert len(np.unique(data.instances()[thinned])) == 4
    assert thin_rows(rows[1], None) is rows[1]


def test_rows_say_what_was_asked_and_intervals_are_over_objects(data, rows):
    learn, test = rows
    assert isinstance(Brightness(), ViewClassifier)
    chosen = choose_views(data, learn, 2, 1, "side")
    answers = list(run_views(Brightness, data, chosen, test, [Dimmed(0.5), Dimmed(0.0)], batch=5))
    assert len(answers) == 24 + 23 + 23
    plain = answers[:24]
    assert [row["row"] for row in plain] == test.tolist()
    assert all(row["correct"] and row["achieved"] is None and row["condition"] == "plain" for row in plain)
    assert {row["object"] for row in plain} == {2, 3, 6, 7}
    above = next(row for row in plain if row["elevation"] == 90)
    assert above["novelty"] == pytest.approx(
        90 - data.elevation[chosen[data.labels[chosen] == above["label"]]].max()
    )
    summary = summarise_views(answers)
    assert list(summary["conditions"]) == ["plain", "dimmed-0.5", "dimmed-0"]
    assert summary["accuracy"] == 1
    assert summary["failures"] == 23
    half, nothing = summary["conditions"]["dimmed-0.5"], summary["conditions"]["dimmed-0"]
    assert half["images"] == 23
    assert half["objects"] == 4
    assert half["achieved"] == 0.5
    assert half["accuracy"] == pytest.approx(12 / 23)  # bright squares become dark ones
    assert half["accuracy_low"] == 0
    assert half["accuracy_high"] == 1
    assert nothing["errors"] == nothing["failures"] == 23
    assert Brightness.lessons[0][:2] == (4, True)
    viewpoints = np.stack([data.azimuth[chosen], data.elevation[chosen]], 1)
    np.testing.assert_array_equal(Brightness.lessons[0][2], viewpoints)


def test_recorded_answers_are_not_asked_again(data, rows):
    learn, test = rows
    whole = list(run_views(Brightness, data, learn, test, [Dimmed(0.5)]))
    done = {(row["condition"], row["row"]) for row in whole[:30]}
    rest = list(run_views(Brightness, data, learn, test, [Dimmed(0.5)], done=done))
    assert [row["row"] for row in rest] == [row["row"] for row in whole[30:]]
    fits = len(Brightness.lessons)
    done = {(row["condition"], row["row"]) for row in whole}
    assert list(run_views(Brightness, data, learn, test, [Dimmed(0.5)], done=done)) == []
    assert len(Brightness.lessons) == fits


@pytest.mark.parametrize(
    ("masks", "learned", "asked"), [("always", 1, 1), ("learning", 1, 0), ("never", 0, 0)]
)
def test_masks_are_given_as_told(data, rows, masks, learned, asked):
    seen = []

    class Watched(Brightness):
        def predict(self, images, masks=None):
            seen.append(masks is not None)
            return super().predict(images, masks)

    Watched.lessons = []
    list(run_views(Watched, data, *rows, masks=masks))
    assert [given for _, given, _ in Watched.lessons] == [bool(learned)]
    assert set(seen) == {bool(asked)}


@pytest.mark.parametrize(("viewpoints", "known"), [("always", 1.0), ("some", 0.25), ("never", None)])
def test_viewpoints_are_given_as_told(data, rows, viewpoints, known):
    class Learner(Brightness):
        lessons: ClassVar[list] = []

    list(run_views(Learner, data, *rows, viewpoints=viewpoints))
    ((count, _, given),) = Learner.lessons
    if known is None:
        assert given is None
    else:
        finite = np.isfinite(given).all(1)
        for own in (data.labels[rows[0]] == 0, data.labels[rows[0]] == 1):
            assert finite[own].sum() == np.ceil(known * own.sum())
        assert len(given) == count
        np.testing.assert_array_equal(given[finite][:, 1], data.elevation[rows[0]][finite])


@pytest.mark.parametrize(
    ("viewpoints", "errors"), [("always", {}), ("some", {"0": 7, "1": 7}), ("never", {"0": 0})]
)
def test_errors_of_inferred_viewpoints_are_told(data, rows, viewpoints, errors):
    class Turned(Brightness):
        """Finds every latent viewpoint, in a frame that is turned by seven degrees about the vertical."""

        def fit(self, images, labels, masks=None, viewpoints=None):
            lesson = data.subset(rows[0])
            self.viewpoints_ = np.stack([lesson.azimuth + 7, 0 * lesson.elevation], 1)
            return super().fit(images, labels, masks, viewpoints)

    side = data.subset(np.arange(len(data)))
    object.__setattr__(side, "elevation", 0 * data.elevation)
    found = summarise_views(list(run_views(Turned, side, *rows, viewpoints=viewpoints)))["view_errors"]
    assert set(found) == (set() if viewpoints == "always" else {"0", "1"})
    for label, error in errors.items():
        assert found[label] == pytest.approx(error, abs=0.01)


def test_one_score_for_a_search(data, rows):
    learn, test = rows
    draws = [choose_views(data, learn, 1, 1, seed=seed) for seed in (0, 1)]
    assert score_views(Brightness, data, draws, test) == 1.0


def test_an_object_tested_twice_is_one_object():
    once = [{"object": o, "correct": o < 3} for o in range(6)]
    assert (object_interval(once).low, object_interval(once).high) == (
        object_interval(once * 5).low,
        object_interval(once * 5).high,
    )


def test_what_cannot_be_run_is_refused(data, rows):
    with pytest.raises(InputError, match="masks"):
        list(run_views(Brightness, data, *rows, masks="sometimes"))
    with pytest.raises(InputError, match="viewpoints"):
        list(run_views(Brightness, data, *rows, viewpoints="sometimes"))
    with pytest.raises(InputError, match="two shifts"):
        list(run_views(Brightness, data, *rows, [Dimmed(0.5), Dimmed(0.5)]))
    with pytest.raises(ValueError, match="no answers"):
        summarise_views([])


def test_differences_are_over_objects_and_common_plain_images_alone():
    def rows(correct, condition="plain"):
        return [
            {"condition": condition, "row": row, "object": row // 2, "correct": right}
            for row, right in enumerate(correct)
        ]

    better, worse = rows([True] * 6), rows([True, False] * 3)
    found = object_difference([(better, worse), (better, worse)])
    assert (found.estimate, found.low, found.high) == (0.5, 0.5, 0.5)
    uneven = object_difference([(better, rows([True, True, False, False, True]))])
    assert uneven.estimate == pytest.approx(2 / 5)
    assert uneven.low < 0.2 < 0.6 < uneven.high
    shifted = rows([False] * 6, "noise-0.1")
    assert object_difference([(better + shifted, worse)]) == object_difference([(better, worse)])
