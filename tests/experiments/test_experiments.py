"""A tiny version of every experiment."""

import json
import subprocess
import sys

import pytest
import yaml
from fakes import ROOT, load

from compvis.running import RunRecord

GRAMMAR = yaml.safe_load((ROOT / "configs" / "model" / "grammar.yaml").read_text())
GRAMMAR_ONLY = GRAMMAR.keys() - {"_target_", "seed"}
FAKE = ("++model._target_=fakes.Nearest", *(f"~model.{key}" for key in GRAMMAR_ONLY))
DIGITS = ("data=digits",)
RUNS = (
    "data=omniglot_official",
    "data.episodes={_target_:fakes.tiny_runs}",
)


def records(folder):
    return {path.stem: RunRecord.read(path) for path in sorted((folder / "records").glob("*.json"))}


def test_one_shot_records_every_trial(experiment):
    out = experiment("one_shot", *FAKE, *RUNS, "data.name=tiny", "batch=3")
    (record,) = records(out).values()
    assert record.status == "finished"
    assert len(record.rows) == 12
    assert record.metrics["trials"] == 12
    assert record.metrics["error"] == 0
    assert record.metrics["error_high"] > 0.1
    assert record.config["model"]["_target_"] == "fakes.Nearest"
    (folder,) = (out / "runs").iterdir()
    wanted = {f"run2-{i}.{kind}" for i in range(3) for kind in ("html", "json")}
    assert {path.name for path in folder.iterdir()} == wanted | {"parses.png"}


def test_one_shot_shows_the_background_first(experiment, monkeypatch):
    import fakes

    seen = []
    monkeypatch.setattr(
        fakes.Nearest, "pretrain", lambda self, *arrays: seen.append([len(a) for a in arrays])
    )
    experiment(
        "one_shot", *FAKE, *RUNS, "background=omniglot", "background.set._target_=fakes.tiny_background"
    )
    assert seen == [[5, 5, 5]]


def test_one_shot_wants_episodes(experiment):
    with pytest.raises(ValueError, match="has no episodes"):
        experiment("one_shot", *FAKE, *DIGITS)


def test_sample_efficiency_pairs_models_by_seed_and_figures_redraw(experiment, tmp_path):
    for size in (1, 4):
        for seed in (0, 1):
            for tag in ("near", "far"):
                out = experiment(
                    "sample_efficiency", *FAKE, *DIGITS, f"size=n{size}", f"seed={seed}", "max_test=40",
                    f"model_name={tag}", "+model.blur=1.0" if tag == "far" else "model_name=near",
                )  # fmt: skip
    made = records(out)
    assert len(made) == 8
    assert made["near-digits-n1-s0"].rows != made["near-digits-n1-s1"].rows
    answers = [[row["predicted"] for row in made[f"{tag}-digits-n4-s1"].rows] for tag in ("near", "far")]
    assert answers[0] == answers[1]
    assert made["near-digits-n4-s0"].metrics["accuracy"] > 0.6
    experiment("figures", f"records={tmp_path}", f"into={tmp_path / 'figures'}", "reference=near")
    assert {path.name for path in (tmp_path / "figures").iterdir()} == {
        "efficiency-digits.png", "comparison.md", "differences.md",
    }  # fmt: skip
    assert (
        "| digits, at most 40 asked | 1 | near - far | +0.00 | +0.00 to +0.00 | 2 |"
        in (tmp_path / "figures" / "differences.md").read_text()
    )


def test_sample_efficiency_goes_on_where_it_stopped(experiment):
    arguments = ("sample_efficiency", *FAKE, *DIGITS, "max_test=20", "size=n1", "batch=5")
    out = experiment(*arguments)
    (path,) = (out / "records").glob("*.json")
    content = json.loads(path.read_text())
    whole = content["rows"]
    path.write_text(json.dumps(content | {"rows": whole[:7], "status": "running", "metrics": {}}))
    experiment(*arguments)
    again = RunRecord.read(path)
    assert [row["row"] for row in again.rows] == [row["row"] for row in whole]
    assert again.rows[:7] == whole[:7]
    assert again.metrics["trials"] == 20
    (folder,) = (out / "runs").iterdir()
    assert sorted(path.name for path in folder.glob("*.json")) == [
        f"row-{row}.json" for row in (1000, 1004, 1008)
    ]
    with pytest.raises(ValueError, match=r"batch: 5 -> 6"):
        experiment(*arguments[:-1], "batch=6")


def test_generate_leaves_a_sheet_and_trees(experiment):
    out = experiment("generate", *FAKE, *DIGITS, "classes=3", "real=2", "generated=2")
    (folder,) = (out / "runs").iterdir()
    assert (folder / "sheet.png").stat().st_size > 1000
    assert len(list(folder.glob("*.json"))) == 6
    (record,) = records(out).values()
    assert len({row["label"] for row in record.rows}) == 3


def test_parse_scenes_leaves_a_sheet_pages_and_trees(experiment):
    out = experiment("parse_scenes", *FAKE, *DIGITS, "model=grammar", "shown=3")
    (folder,) = (out / "runs").iterdir()
    assert (folder / "sheet.png").stat().st_size > 1000
    assert len(list(folder.glob("row-*.json"))) == len(list(folder.glob("row-*.html"))) == 3
    (record,) = records(out).values()
    assert record.metrics["trials"] == 3
    assert all(0 < row["left_out"] < 1 for row in record.rows)
    experiment("parse_scenes", *FAKE, *DIGITS, "model=grammar", "shown=3")
    record.status = "interrupted"
    record.save()
    experiment("parse_scenes", *FAKE, *DIGITS, "model=grammar", "shown=3")
    (again,) = records(out).values()
    assert [row["row"] for row in again.rows] == [row["row"] for row in record.rows]
    assert again.metrics["trials"] == 3


def test_strokes_that_cannot_be_scored_are_counted_and_small_groups_left_out():
    def row(character, strokes, index):
        return {"character": character, "strokes": strokes, "parse": index, "rule": index}

    rows = [row(0, 1, 0.5), row(1, 1, 0.75), row(1, 2, 0.9), row(2, 1, None)]
    found = load("parse_strokes").summarise(rows, ["parse", "rule"], 0)
    assert (found["unscored"], found["all/drawings"], found["several/drawings"]) == (1, 3, 1)
    assert found["single/parse/ari"][0] == 0.625
    assert "several/parse/ari" not in found
    assert load("parse_strokes").summarise(rows[:1], ["parse"], 0) == {
        "unscored": 0, "all/drawings": 1, "several/drawings": 0, "single/drawings": 1,
    }  # fmt: skip


def test_parse_scenes_wants_a_model_that_parses(experiment):
    with pytest.raises(ValueError, match="does not parse"):
        experiment("parse_scenes", *DIGITS, "model=pixel_nearest", "shown=3")


@pytest.mark.parametrize("data", [DIGITS, RUNS], ids=["rows", "episodes"])
def test_tune_judges_the_default_first_and_resumes(experiment, data):
    space = "+space.domains.blur={_target_:compvis.baselines.tuning.Uniform,low:0.0,high:1.0}"
    few = ("sizes=[1]", "subsets=[100]", "max_test=10", "budget=3", "space.registered=false", "tag=x")
    arguments = ("tune", *FAKE, *data, space, *few)
    out = experiment(*arguments)
    (path,) = (out / "records").glob("*.json")
    record = RunRecord.read(path)
    assert record.rows[0]["params"] == {}
    assert all(0 <= row["params"]["blur"] <= 1 for row in record.rows[1:])
    assert record.metrics["default_score"] == record.rows[0]["score"]
    content = json.loads(path.read_text())
    path.write_text(json.dumps(content | {"rows": content["rows"][:2], "status": "interrupted"}))
    experiment(*arguments)
    assert RunRecord.read(path).rows[2]["params"] == record.rows[2]["params"]


def test_tune_wants_a_space(experiment):
    with pytest.raises(ValueError, match="no registered space"):
        experiment("tune", *FAKE, *DIGITS)


def test_quickstart_leaves_figures_records_and_parses(experiment, capsys):
    names = ("grammar", "cnn", "hog_svm", "pixel_nearest", "tangent_nearest")
    absent = [f"~model@models.{name}" for name in names]
    models = "+models={grammar:{_target_:fakes.Nearest},nearest:{_target_:fakes.Nearest,blur:1.0}}"
    out = experiment("quickstart", *absent, "~models.cnn", models, "parses=2", "sizes=[1,2]")
    assert {path.name for path in (out / "figures").iterdir()} == {
        "comparison.md", "efficiency-digits.png", "generated.png", "parses.png",
    }  # fmt: skip
    assert len(records(out)) == 5
    assert len(list(out.rglob("digit-*.html"))) == 2
    shown = capsys.readouterr().out
    assert "nearest" in shown
    assert "parses, to open in a browser" in shown


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["basic", "joblib"])
def test_sweeps_work_from_the_command_line(tmp_path, launcher):
    parallel = ["hydra.launcher.n_jobs=2"] if launcher == "joblib" else []
    choices = ["model=hog_svm", "data=digits", "size=n1", "seed=0,1", "max_test=5", "tracking.mode=disabled"]
    arguments = ["-m", *choices, f"out={tmp_path}", f"hydra/launcher={launcher}", *parallel]
    script = ROOT / "experiments" / "sample_efficiency.py"
    subprocess.run([sys.executable, str(script), *arguments], check=True, timeout=250, cwd=tmp_path)
    assert {record.seed for record in records(tmp_path).values()} == {0, 1}


@pytest.mark.slow
def test_optuna_searches_from_the_command_line(tmp_path):
    pytest.importorskip("hydra_plugins.hydra_optuna_sweeper")
    few = ("sizes=[1]", "subsets=[100]", "max_test=5", "model.steps=2", "hydra.sweeper.n_trials=3")
    script = ROOT / "experiments" / "tune.py"
    arguments = ["experiment=tune_optuna", "data=digits", *few, f"out={tmp_path}", "tracking.mode=disabled"]
    subprocess.run([sys.executable, str(script), *arguments], check=True, timeout=250, cwd=tmp_path)
    made = records(tmp_path).values()
    assert len(made) == 3
    assert len({record.config["model"]["learning_rate"] for record in made}) == 3


@pytest.mark.slow
def test_a_wrong_key_on_the_command_line_is_named(tmp_path):
    script = ROOT / "experiments" / "one_shot.py"
    done = subprocess.run(
        [sys.executable, str(script), "bacth=3"], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode != 0
    assert "bacth" in done.stderr
