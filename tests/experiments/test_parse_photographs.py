"""A tiny version of the experiment on parses of photographs, with the real grammar, and how it goes on."""

import json
import sys

import pytest
from fakes import ROOT

from compvis.running import RunRecord
from compvis.tree import from_json

sys.path.append(str(ROOT / "tests" / "data"))  # made_up_views

TINY = (
    "data.set={_target_:made_up_views.make_views}",
    "data.name=made-up",
    "objects=1",
    "views=4",
    "max_test=4",
    "pages=1",
    "+model.fit={parts:2,steps:[4,4],grid:8}",
    "+model.step=60.0",
    "shifts.background.levels=[]",
    "shifts.occlusion.levels=[{_target_:compvis.data.shifts.corruption.Noise,sigma:0.1}]",
    "~conditions.background",
    "~conditions.occluded_50",
)


@pytest.mark.slow
def test_parses_are_recorded_left_as_files_and_gone_on_with(experiment):
    out = experiment("parse_photographs", *TINY)
    (path,) = (out / "records").glob("*.json")
    assert path.stem == "grammar_solids-made-up-f0-o1-v4-all-s0"
    record = RunRecord.read(path)
    assert record.config["renderer"]["_target_"].endswith("SolidRenderer")
    assert record.timings["fit"] > 0
    assert [row["condition"] for row in record.rows] == ["masks"] * 4 + ["no_masks"] * 4 + ["occluded_30"] * 4
    assert all(row["failure"] is None and 0 <= row["given_direction"] <= 180 for row in record.rows)
    assert {len(row["viewpoint"]) for row in record.rows} == {3}
    assert record.rows[-1]["achieved"] is not None
    assert record.metrics["conditions"]["masks"]["images"] == 4
    for condition in ("masks", "no_masks", "occluded_30"):
        assert (out / "runs" / path.stem / f"{condition}.png").stat().st_size > 1000
        (page,) = (out / "runs" / path.stem / condition).glob("*.html")
        assert "<html" in page.read_text()
        assert "object/part[0]" in from_json(page.with_suffix(".json").read_text())

    content = json.loads(path.read_text())
    path.write_text(json.dumps(content | {"rows": content["rows"][:9], "status": "running", "metrics": {}}))
    experiment("parse_photographs", *TINY)
    again = RunRecord.read(path)
    assert [row["row"] for row in again.rows] == [row["row"] for row in content["rows"]]
    assert again.rows[10]["viewpoint"] == pytest.approx(content["rows"][10]["viewpoint"], abs=1e-3)


def test_parse_photographs_wants_views_of_objects(experiment):
    with pytest.raises(ValueError, match="no views of objects"):
        experiment("parse_photographs", "data=digits")


def test_the_renderer_is_chosen_by_name_and_recorded(composed):
    for name in ("viewpoint", "parse_photographs"):
        cfg = composed(name, "model=grammar_solids", "renderer=pytorch3d")
        assert cfg.model.renderer._target_ == cfg.renderer._target_
        assert cfg.renderer._target_ == "compvis.render.pytorch3d.PyTorch3DRenderer"
        assert "renderer" not in composed(name, "model=cnn_photo", "renderer=pytorch3d").model
    assert composed("confidence", "data=eth80", "model=grammar_solids").model.renderer is None
