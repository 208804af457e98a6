"""A tiny version of the experiment on parts, of its going on, and of its figures."""

import json
import sys

import numpy as np
import pytest
from fakes import ROOT
from PIL import Image

from compvis.running import RunRecord

sys.path.append(str(ROOT / "tests" / "evaluation"))  # made_up_parts

PARTS = (
    "~data.set",
    "+data.set={_target_:made_up_parts.views}",
    "data.name=made-up",
    "data.counts={chair:{learn:2,validation:2,test:2},table:{learn:2,validation:2,test:2}}",
    "~model",
    "+model={_target_:made_up_parts.Knowing}",
    "model_name=knowing",
    "views=3",
    "test_views=2",
    "pictures=4",
)


@pytest.mark.parametrize("split", ["validation", "test"])
def test_parts_records_every_picture_and_figures_redraw(split, experiment, tmp_path):
    out = experiment("parts", *PARTS, f"split={split}")
    (path,) = (out / "records").glob("*.json")
    assert path.stem == f"knowing-made-up-{split}-v3-s0"
    record = RunRecord.read(path)
    pictures = 8 if split == "validation" else 16
    assert len(record.rows) == 2 * pictures + 3 * 8
    assert record.metrics["parts"]["grammar"]["all"]["iou"] == [1.0, 1.0, 1.0]
    assert record.metrics["parts"]["majority part"]["chair"]["consistency"][0] < 1
    assert record.timings["fit"] > 0
    folder = out / "runs" / path.stem
    panels = sorted(folder.glob("parts-*.png"))
    assert len(panels) == 8
    panel = np.asarray(Image.open(panels[0]))
    assert panel.shape == (16, 4 * 16 + 3 * 2, 3)
    np.testing.assert_array_equal(panel[:, 18:34], panel[:, 36:52])  # the named parts are the true ones
    assert (folder / "sheet.png").is_file()
    experiment("figures", f"records={tmp_path}", f"into={tmp_path / 'figures'}")
    assert {one.name for one in (tmp_path / "figures").iterdir()} == {"parts.md", f"parts-{path.stem}.png"}
    table = (tmp_path / "figures" / "parts.md").read_text()
    assert (
        f"| made-up | {split} | grammar | all | 100.0 [100.0, 100.0] | 100.0 [100.0, 100.0] | 100 | 100 | 4 | 8 | 0 |"
        in table
    )


def test_parts_goes_on_where_it_stopped(experiment):
    out = experiment("parts", *PARTS)
    (path,) = (out / "records").glob("*.json")
    content = json.loads(path.read_text())
    path.write_text(json.dumps(content | {"rows": content["rows"][:6], "status": "running", "metrics": {}}))
    experiment("parts", *PARTS)
    again = RunRecord.read(path)
    assert [(row["method"], row["row"]) for row in again.rows] == [
        (row["method"], row["row"]) for row in content["rows"]
    ]
    assert again.metrics == content["metrics"]


def test_parts_wants_a_known_split(experiment):
    with pytest.raises(ValueError, match="Unknown split"):
        experiment("parts", *PARTS, "split=learn")
