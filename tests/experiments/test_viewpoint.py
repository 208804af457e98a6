"""A tiny version of the experiment on views of objects, of its tuning, and of its figures."""

import json
import sys

import pytest
from fakes import ROOT

from compvis.running import RunRecord

sys.path.append(str(ROOT / "tests" / "data"))  # made_up_views

VIEWS = ("data.set={_target_:made_up_views.make_views}", "data.name=made-up", "model=nearest_photo")


def record_of(out, name):
    return RunRecord.read(out / "records" / f"{name}.json")


def test_viewpoint_records_every_condition_and_figures_redraw(experiment, tmp_path):
    for views in (1, 4):
        for fold in (0, 1):
            out = experiment("viewpoint", *VIEWS, f"views={views}", f"fold={fold}", "objects=2")
    noisy = "shift.levels=[{_target_:compvis.data.shifts.corruption.Noise,sigma:0.4}]"
    experiment("viewpoint", *VIEWS, "views=4", "band=side", "test_band=above", noisy, "shift.name=noise")
    plain = record_of(out, "nearest_photo-made-up-f0-o2-v4-all-all-always-none-s0")
    assert len(plain.rows) == 2 * 2 * 8
    assert plain.metrics["conditions"]["plain"]["objects"] == 4
    assert plain.config["data"]["fold"] == 0
    shifted = record_of(out, "nearest_photo-made-up-f0-o3-v4-side-above-always-noise-s0")
    assert [row["condition"] for row in shifted.rows] == ["plain"] * 12 + ["noise-0.4"] * 12
    assert min(row["elevation"] for row in shifted.rows) > 30
    assert min(row["novelty"] for row in shifted.rows) > 0
    experiment("figures", f"records={tmp_path}", f"into={tmp_path / 'figures'}")
    assert {path.name for path in (tmp_path / "figures").iterdir()} == {
        "views.md",
        "views-made-up-all-all-always-none.png",
        "shift-made-up-side-above-always-noise-3x4.png",
    }
    table = (tmp_path / "figures" / "views.md").read_text().splitlines()
    assert len(table) == 2 + 2 + 2
    assert table[3].startswith("| made-up | 2 x 4, all | all | always | plain | nearest_photo | ")
    assert table[3].endswith("| 4 | 64 | 0 | 2 |")  # the same four validation objects in both folds


def test_viewpoint_goes_on_where_it_stopped(experiment):
    arguments = ("viewpoint", *VIEWS, "max_test=8", "views=2")
    out = experiment(*arguments)
    (path,) = (out / "records").glob("*.json")
    content = json.loads(path.read_text())
    path.write_text(json.dumps(content | {"rows": content["rows"][:3], "status": "running", "metrics": {}}))
    experiment(*arguments)
    again = RunRecord.read(path)
    assert [row["row"] for row in again.rows] == [row["row"] for row in content["rows"]]
    assert again.metrics["accuracy"] == content["metrics"]["accuracy"]


def test_viewpoint_wants_views_of_objects(experiment):
    with pytest.raises(ValueError, match="no views of objects"):
        experiment("viewpoint", "data=digits")


def test_claims_have_the_last_word(composed):
    assert composed("viewpoint", "experiment=eth80_side_to_above").band == "side"
    assert composed("viewpoint", "experiment=eth80_unmasked").masks == "learning"
    cfg = composed("tune", "experiment=tune_photographs")
    assert cfg.budget == 10
    assert cfg.data.views is None
    pasted = composed("viewpoint", "model=cnn_photo_pasted").model
    assert (pasted.masking, pasted.paste) == ("ignore", 0.5)


def test_tune_judges_photographs_on_views(experiment):
    out = experiment(
        "tune", "experiment=tune_photographs", *VIEWS, "budget=2", "views=[2]", "subsets=[100]", "max_test=16"
    )
    (path,) = (out / "records").glob("*.json")
    record = RunRecord.read(path)
    assert record.rows[0]["params"] == {}
    assert "outline" in record.rows[1]["params"]
    assert all(0 <= row["score"] <= 1 for row in record.rows)
