import copy
import random

import numpy as np
import pyro.distributions as dist
import pytest
import torch

from compvis.running import ConfigMismatchError, RunRecord, start_run
from compvis.running.resume import differences


@pytest.fixture
def config(tmp_path):
    return {
        "name": "trial", "run_id": "r", "out": str(tmp_path), "seed": 7, "threads": 1, "resume": True,
        "progress": "quiet", "tracking": {"mode": "disabled", "project": "compvis"}, "model": {"size": 3},
    }  # fmt: skip


def work(config, stop_after=None):
    with start_run(config) as run:
        if run.finished:
            return run.record
        for trial in range(5):
            if (trial,) in run.done("trial"):
                continue
            if stop_after is not None and trial == stop_after:
                raise KeyboardInterrupt
            run.record.add_row({"trial": trial, "draw": random.random()})
        run.record.set_metrics({"trials": len(run.record.rows)})
    return run.record


def test_a_run_ends_finished(config, tmp_path):
    work(config)
    record = RunRecord.read(tmp_path / "records" / "r.json")
    assert (record.status, record.metrics, record.seed) == ("finished", {"trials": 5}, 7)


def test_interrupted_work_keeps_its_trials_and_goes_on(config, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        work(config, stop_after=3)
    halfway = RunRecord.read(tmp_path / "records" / "r.json")
    assert halfway.status == "interrupted"
    assert len(halfway.rows) == 3
    record = work(config)
    assert [row["trial"] for row in record.rows] == [0, 1, 2, 3, 4]
    assert record.rows[:3] == halfway.rows
    assert len(record.sessions) == 2


def test_collected_rows_are_recorded_as_they_come_and_summarised(config, tmp_path):
    def rows(stop):
        for trial in range(stop):
            yield {"trial": trial, "correct": trial > 0}
        if stop < 4:
            raise KeyboardInterrupt

    def summarise(all_rows):
        return {"right": sum(row["correct"] for row in all_rows), "trials": len(all_rows)}

    with pytest.raises(KeyboardInterrupt), start_run(config) as run:
        run.collect(rows(2), 4, summarise, "trials")
    halfway = RunRecord.read(tmp_path / "records" / "r.json")
    assert (len(halfway.rows), halfway.metrics) == (2, {})
    with start_run(config) as run:
        run.collect(
            (row for row in rows(4) if (row["trial"],) not in run.done("trial")), 2, summarise, "trials"
        )
    assert [row["trial"] for row in run.record.rows] == [0, 1, 2, 3]
    assert run.record.metrics == {"right": 3, "trials": 4}


def test_a_finished_run_is_not_done_again(config):
    first = work(config)
    again = work(config)
    assert again.rows == first.rows
    assert len(again.sessions) == 1


def test_another_config_is_refused_with_what_differs(config, tmp_path):
    work(config)
    other = copy.deepcopy(config)
    other["model"]["size"] = 4
    with pytest.raises(ConfigMismatchError, match=r"model\.size: 3 -> 4.*tag=NAME"):
        work(other)
    assert RunRecord.read(tmp_path / "records" / "r.json").config["model"] == {"size": 3}
    other["resume"] = False
    assert work(other).config["model"] == {"size": 4}


def test_how_a_run_is_watched_does_not_matter(config):
    work(config)
    assert work({**config, "progress": "plain", "threads": 2}).status == "finished"


@pytest.mark.parametrize(
    ("earlier", "later"), [({}, {"device": "cuda"}), ({"device": "cuda"}, {"device": "cpu"})]
)
def test_another_device_is_another_run(config, earlier, later):
    with pytest.raises(KeyboardInterrupt):
        work({**config, **earlier}, stop_after=2)
    with pytest.raises(ConfigMismatchError, match="device"):
        work({**config, **later})
    assert work({**config, **(earlier or {"device": "cpu"})}).status == "finished"


def test_a_failure_is_recorded_and_raised(config, tmp_path):
    with pytest.raises(ZeroDivisionError), start_run(config):
        _ = 1 // 0
    record = RunRecord.read(tmp_path / "records" / "r.json")
    assert record.status == "failed"
    assert record.error is not None
    assert record.error.startswith("ZeroDivisionError")


def test_a_run_seeds_everything(config):
    def draws(config):
        with start_run(config):
            return (
                random.random(),
                np.random.rand(),  # noqa: NPY002  the global generator is meant
                torch.rand(()).item(),
                dist.Normal(0.0, 1.0).sample().item(),
            )

    first = draws({**config, "run_id": "a"})
    assert draws({**config, "run_id": "b"}) == first
    other = draws({**config, "run_id": "c", "seed": 8})
    assert all(x != y for x, y in zip(first, other, strict=True))


def test_differences_name_changed_added_and_removed_keys():
    old = {"a": {"x": 1, "y": 2}, "b": 3, "tracking": {"mode": "offline"}}
    new = {"a": {"x": 1, "y": 5}, "c": 3, "tracking": {"mode": "online"}}
    assert differences(old, new) == ["a.y: 2 -> 5", "b: 3 -> absent", "c: absent -> 3"]
