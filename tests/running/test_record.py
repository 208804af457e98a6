import json

import numpy as np
import pytest
import torch

from compvis.running.record import RecordError, RunRecord, read_json


@pytest.fixture
def record(tmp_path):
    made = RunRecord(tmp_path / "records" / "a.json", "one_shot", "a", {"x": 1}, seed=3)
    made.begin_session()
    return made


def test_the_config_is_on_disk_before_any_work(record):
    content = read_json(record.path)
    assert content["config"] == {"x": 1}
    assert content["status"] == "running"
    assert content["rows"] == []
    assert content["versions"]["torch"] == torch.__version__
    assert set(content["sessions"][0]) == {"started", "command", "commit", "dirty"}


def test_what_is_written_is_read_back(record):
    record.add_row({"trial": 0, "correct": np.bool_(True), "scores": torch.tensor([1.0, 2.0])})
    with record.time("fit"):
        pass
    record.set_metrics({"error": np.float32(0.5)})
    record.end_session("finished")
    back = RunRecord.read(record.path)
    assert back.rows == [{"trial": 0, "correct": True, "scores": [1.0, 2.0]}]
    assert back.metrics == {"error": 0.5}
    assert back.status == "finished"
    assert back.timings["fit"] >= 0
    assert back.sessions[0]["seconds"] > 0


def test_rows_of_one_record_have_the_same_keys(record):
    record.add_row({"trial": 0})
    with pytest.raises(RecordError, match="same"):
        record.add_row({"trial": 1, "extra": 2})


def test_a_failed_save_leaves_the_old_file_whole(record):
    before = record.path.read_text()
    record.metrics["loss"] = float("nan")
    with pytest.raises(RecordError, match="not finite"):
        record.save()
    assert record.path.read_text() == before
    record.metrics["loss"] = object()
    with pytest.raises(RecordError, match="plain values"):
        record.save()
    assert record.path.read_text() == before
    assert [file.name for file in record.path.parent.iterdir()] == ["a.json"]


def test_rows_are_saved_now_and_then_and_at_the_end(record):
    record.save_every = 1e9
    record.add_row({"trial": 0})
    assert read_json(record.path)["rows"] == []
    record.save_every = 0.0
    record.add_row({"trial": 1})
    assert len(read_json(record.path)["rows"]) == 2


@pytest.mark.parametrize("text", ["", '{"format": 1, "rows": [', "[]", '{"format": 99}'])
def test_a_damaged_file_is_named(tmp_path, text):
    path = tmp_path / "damaged.json"
    path.write_text(text)
    with pytest.raises(RecordError, match=r"damaged\.json"):
        read_json(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(RecordError, match="no run record"):
        read_json(tmp_path / "absent.json")


def test_an_unknown_status_is_refused(record):
    with pytest.raises(RecordError, match="status"):
        record.end_session("well")
    assert json.loads(record.path.read_text())["status"] == "running"
