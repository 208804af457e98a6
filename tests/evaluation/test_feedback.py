"""Feeding back failures, with a model that remembers exactly what it was shown."""

import sys
from pathlib import Path

import numpy as np
import pytest
from fakes_of_study import Shy

from compvis.data.check import InputError
from compvis.data.scene_source import InkScenes
from compvis.evaluation.examiner import examine
from compvis.evaluation.explosion import check_apart, choose_subjects, run_scenes, summarise_scenes
from compvis.evaluation.feedback import draw_lesson, run_feedback, summarise_feedback

sys.path.append(str(Path(__file__).parent.parent / "data"))
from made_up_views import make_ink


class Growing(Shy):
    """Adds to what it knows."""

    def partial_fit(self, images, labels):
        self.known = np.concatenate([self.known, images.reshape(len(images), -1).astype(float)])
        self.labels = np.concatenate([self.labels, labels])
        return self


@pytest.fixture
def source():
    return InkScenes(make_ink())


def test_subjects_are_nested_and_come_again_where_there_are_few(source):
    few = choose_subjects(source, np.arange(20), 2, seed=1)
    more = choose_subjects(source, np.arange(20), 12, seed=1)
    assert few.tolist() == more[:4].tolist()
    assert [source.label(s) for s in more[:4].tolist()] == [0, 1, 0, 1]
    assert len(set(more.tolist())) == 20
    with pytest.raises(InputError, match="at least 1"):
        choose_subjects(source, np.arange(20), 0, seed=1)


def test_without_free_factors_the_control_is_the_plain_task(source):
    rows = run_scenes(Shy, source, list(range(20)), source, list(range(20)), [], 0, masks=False)
    m = summarise_scenes(rows)
    assert (m["accuracy"], m["failures"], m["trials"]) == (1.0, 0, 20)
    varied = run_scenes(Shy, source, [0, 1], source, list(range(20)), ["rotation", "scale"], 0, masks=False)
    again = run_scenes(Shy, source, [0, 1], source, list(range(20)), ["rotation", "scale"], 0, masks=False)
    assert [r["predicted"] for r in varied] == [r["predicted"] for r in again]
    assert summarise_scenes(varied)["accuracy"] < 1
    with pytest.raises(ValueError, match="no scenes"):
        summarise_scenes([])


@pytest.mark.parametrize(("model", "how"), [(Shy, "fit"), (Growing, "partial_fit")])
def test_failures_join_the_lesson_by_the_models_own_way(source, model, how):
    lesson = draw_lesson(source, [0, 1], [], 0, "learn")
    tests = {"plain": draw_lesson(source, list(range(2, 20)), [], 0, "test")}
    rounds = list(run_feedback(model, lesson, list(range(2, 14)), source, tests, 3, 10, "failures", 0, False))
    assert [row["round"] for row in rounds] == [0, 1, 2, 3]
    assert rounds[-1]["images"] == 2 + sum(row["added"] for row in rounds)
    assert {row["how"] for row in rounds[1:] if row["added"]} == {how}
    m = summarise_feedback(rounds)
    assert m["added"] > 0
    assert m["gain_per_image"]["plain"] == pytest.approx(
        (m["last"]["plain"] - m["first"]["plain"]) / m["added"]
    )
    control = list(run_feedback(model, lesson, list(range(2, 14)), source, tests, 3, 10, "random", 0, False))
    assert control[1]["added"] == rounds[1]["added"]
    with pytest.raises(InputError, match="Feed"):
        next(run_feedback(model, lesson, [2], source, tests, 3, 10, "failures", 0, False))


def test_a_scene_that_the_model_cannot_read_joins_no_lesson(source):
    class Blind(Growing):
        """Reads what it learned from and no other picture; what it cannot read it cannot learn."""

        def predict_proba(self, images, masks=None):
            flat = images.reshape(len(images), -1)
            if not all((one == self.known).all(1).any() for one in flat):
                raise ValueError("cannot read this")
            return super().predict_proba(images, masks)

        def partial_fit(self, images, labels):
            raise AssertionError("an unreadable picture was to be learned")

    lesson = draw_lesson(source, [0, 1], [], 0, "learn")
    tests = {"plain": draw_lesson(source, [2, 3], [], 0, "test")}
    rounds = list(run_feedback(Blind, lesson, [4, 5], source, tests, 1, 6, "failures", 0, False))
    assert [row["added"] for row in rounds] == [0, 0]
    assert rounds[1]["renders"] > 0


def test_what_was_misread_is_taught_though_another_scene_could_not_be_read(source):
    def judge(images, labels, masks):
        """Refuses every second picture, gets the others wrong."""
        rows = [
            {"correct": False, "margin": None, "predicted": None, "failure": "no"},
            {"correct": False, "margin": -0.5, "predicted": 1, "failure": None},
        ]
        return [rows[place % 2] for place in range(len(images))]

    found = examine(judge, source, 0, "cmaes", 8)
    assert found.worst_predicted is None
    assert set(found.misread) == set(source.space.names)
    assert examine(judge, source, 0, "cmaes", 1).misread is None


def test_what_is_asked_about_must_not_have_been_learned(source):
    check_apart(source, [0, 1], source, [2, 3])
    with pytest.raises(InputError, match=r"1 of the tested scenes' subjects are learned, e\.g\. 1"):
        check_apart(source, [0, 1], source, [1, 2])
