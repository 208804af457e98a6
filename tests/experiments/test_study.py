"""A tiny version of every experiment of the comparison, on real digits and on made-up views."""

import os
import re
import subprocess
import sys

import pytest
import yaml
from fakes import ROOT, load

from compvis.running import RunRecord

sys.path.append(str(ROOT / "tests" / "data"))  # made_up_views

INK = ("data=digits", "model=pixel_nearest", "size=n1")
VIEWS = ("data=eth80_validation", "data.set={_target_:made_up_views.make_views}", "data.name=made-up",
         "data.views=null", "model=nearest_photo", "size=n2")  # fmt: skip


def the_record(out):
    (path,) = (out / "records").glob("*.json")
    return RunRecord.read(path)


@pytest.mark.parametrize("choices", [INK, VIEWS], ids=["ink", "views"])
def test_confidence_asks_about_all_classes(experiment, choices):
    few = "max_test=30"
    record = the_record(experiment("confidence", *choices, few, "held_out=0"))
    assert record.metrics["trials"] == len(record.rows) >= 16
    assert 0 <= record.metrics["ece"] <= 1
    assert record.metrics["auroc_confidence"] is None


def test_confidence_detects_classes_that_were_left_out(experiment):
    record = the_record(experiment("confidence", *INK, "max_test=40", "held_out=3"))
    known = {row["label"] for row in record.rows if row["known"]}
    unknown = {row["label"] for row in record.rows if not row["known"]}
    assert len(unknown) == 3
    assert not known & unknown
    assert 0 < record.metrics["auroc_confidence"] < 1


@pytest.mark.parametrize(("choices", "shifts"), [(INK, "ink"), (VIEWS, "few")], ids=["ink", "views"])
def test_the_shift_matrix_asks_under_every_shift(experiment, choices, shifts, tmp_path):
    cross = "cross.digits={set:${data.set},test_rows:${data.test_rows}}"
    beside = [cross] if choices is INK else ["cross=none"]
    out = experiment("shift_matrix", *choices, f"shifts={shifts}", "max_test=12", *beside)
    m = the_record(out).metrics
    groups = {condition["group"] for condition in m["conditions"].values()}
    assert {"plain", "noise", "blur", "rotation", "scale", "contrast"} <= groups
    assert ("to digits" in groups) == (choices is INK)
    assert m["conditions"]["noise-0.05"]["images"] == m["conditions"]["plain"]["images"]
    if choices is INK:
        assert m["groups"]["to digits"] == 0  # here the other set is the same one
    experiment("report", f"records={tmp_path}", f"into={tmp_path / 'report'}", "reference=pixel_nearest")
    page = (tmp_path / "report" / "report.html").read_text()
    assert 'id="shifts"' in page
    assert "rotation-90" in page


def test_the_shift_matrix_goes_on_where_it_stopped(experiment):
    arguments = ("shift_matrix", *INK, "shifts=few", "cross=none", "max_test=6")
    out = experiment(*arguments)
    record = the_record(out)
    whole, kept = record.rows, record.rows[:20]
    record.rows, record.status = kept, "running"
    record.save()
    experiment(*arguments)
    assert [(row["condition"], row["row"]) for row in the_record(out).rows] == [
        (row["condition"], row["row"]) for row in whole
    ]


def test_the_report_shows_what_there_is(experiment, tmp_path):
    for size in (1, 4):
        for seed in (0, 1):
            for model in ("pixel_nearest", "tangent_nearest"):
                experiment(
                    "sample_efficiency", "data=digits", f"model={model}", f"size=n{size}", f"seed={seed}",
                    "max_test=30",
                )  # fmt: skip
    experiment("confidence", *INK, "max_test=30")
    experiment("report", f"records={tmp_path}", f"into={tmp_path / 'report'}", "reference=pixel_nearest")
    page = (tmp_path / "report" / "report.html").read_text()
    for name in ("claims", "efficiency", "confidence", "runs"):
        assert f'id="{name}"' in page
    assert 'id="failures"' not in page
    assert "beats the strongest baseline at 4 images a class" in page
    assert page.count("data:image/png;base64,") == 2
    assert (tmp_path / "report" / "report.pdf").read_bytes().startswith(b"%PDF")


def test_a_partial_study_reports_what_failed(experiment, tmp_path):
    with pytest.raises(Exception, match="left out"):
        experiment("confidence", *INK, "max_test=5", "held_out=9")
    experiment("report", f"records={tmp_path}", f"into={tmp_path / 'report'}")
    page = (tmp_path / "report" / "report.html").read_text()
    assert "left out" in page
    assert 'id="failures"' in page


def test_the_examiner_searches_maps_and_leaves_failures(experiment, tmp_path):
    few = (
        "subjects=3",
        "budget=12",
        "hazards=[[rotation,scale]]",
        "hazard_steps=2",
        "free=[rotation,scale,slant]",
    )
    out = experiment("examiner", *INK, *few)
    record = the_record(out)
    assert [row["strategy"] for row in record.rows] == ["random", "grid", "cmaes"] * 3
    assert set(record.rows[0]["worst_values"]) == {"rotation", "scale", "slant"}
    assert len(record.metrics["hazards"][0]["accuracy"]) == 2
    wrong = [row for row in record.rows if row["wrong"]]
    assert len(list((out / "runs" / record.run_id / "failures").glob("*.png"))) == min(len(wrong), 12) > 0
    experiment("report", f"records={tmp_path}", f"into={tmp_path / 'report'}", "reference=pixel_nearest")
    assert 'id="worst-case"' in (tmp_path / "report" / "report.html").read_text()


def test_the_examiner_asks_about_photographed_objects(experiment):
    source = "scene_source.scenes.photographs={_target_:made_up_photographs.make_photographs}"
    record = the_record(
        experiment("examiner", *VIEWS, "scene_source=views", source, "subjects=2", "budget=5")
    )
    assert len(record.rows) == 6
    assert "azimuth" in record.rows[0]["worst_values"]


def test_costs_are_measured_and_extrapolated(experiment, tmp_path):
    for size in (1, 4):
        experiment("costs", "data=digits", "model=hog_svm", f"size=n{size}", "max_test=20", "model.copies=4")
    paths = (tmp_path / "costs" / "records").glob("*.json")
    for record in map(RunRecord.read, paths):
        assert record.metrics["fit_equivalent"] > record.metrics["fit_counted"] >= 0
        assert record.metrics["answer_cpu_seconds"] > 0
        assert len(record.rows) == 20
    experiment("report", f"records={tmp_path}", f"into={tmp_path / 'report'}")
    page = (tmp_path / "report" / "report.html").read_text()
    assert 'id="costs"' in page
    assert "ResNet-50" in page


def test_attacks_are_put_to_networks_and_to_models_without_gradients(experiment, tmp_path):
    surrogate = ("surrogate.steps=30", "surrogate.width=4", "surrogate.views=1")
    few = ("max_test=12", "queries=4", "levels=[40]", *surrogate)
    small = ("model.steps=60", "model.width=8", "model.views=1")
    experiment("attacks", *INK, *few)
    experiment("attacks", "data=digits", "size=n10", "model=cnn", *small, *few)
    records = {
        r.config["model_name"]: r for r in map(RunRecord.read, (tmp_path / "attacks" / "records").glob("*"))
    }
    blind, network = (records[name].metrics["bounds"]["40"] for name in ("pixel_nearest", "cnn"))
    assert set(blind) == {"transfer", "squares", "worst"}
    assert set(network) == {"fgsm", "pgd", "margin", "transfer", "squares", "worst"}
    assert network["worst"] <= network["margin"] <= records["cnn"].metrics["clean"]
    experiment("report", f"records={tmp_path}", f"into={tmp_path / 'report'}")
    assert 'id="attacks"' in (tmp_path / "report" / "report.html").read_text()


def test_explosion_and_feedback_are_recorded_and_reported(experiment, tmp_path):
    for factors in (0, 2):
        for size in (1, 4):
            experiment("explosion", "data=digits", "model=pixel_nearest", f"size=n{size}", f"factors={factors}",
                       "max_test=20")  # fmt: skip
    records = {r.run_id: r for r in map(RunRecord.read, (tmp_path / "explosion" / "records").glob("*.json"))}
    assert len(records) == 4
    assert {len(r.rows) for r in records.values()} == {20}
    for feed in ("failures", "random"):
        few = ("rounds=2", "pool=6", "budget=8", "max_test=15", f"feed={feed}")
        experiment("feedback", *INK, *few)
    experiment("report", f"records={tmp_path}", f"into={tmp_path / 'report'}")
    page = (tmp_path / "report" / "report.html").read_text()
    assert 'id="explosion"' in page
    assert 'id="feedback"' in page


def test_explosion_runs_on_photographed_objects(experiment):
    source = "scenes.photographs={_target_:made_up_photographs.make_photographs}"
    views = [choice for choice in VIEWS if "size" not in choice]
    sources = (
        "scene_source=views",
        "scene_source@learn_source=views",
        f"scene_source.{source}",
        f"learn_source.{source}",
    )
    order = "order=[background,scale]"
    record = the_record(experiment("explosion", *views, *sources, order, "size=n3", "max_test=8"))
    assert record.metrics["trials"] == 8


STUDIES = sorted((ROOT / "configs" / "study").glob("*.yaml"))


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_every_piece_of_a_study_composes(path, composed):
    study = yaml.safe_load(path.read_text())
    assert study["name"] == path.stem
    names = [piece["name"] for piece in study["pieces"]]
    assert len(set(names)) == len(names)
    for piece in study["pieces"]:
        # A sweep's first choice stands for all.
        first = [re.sub(r"=range\(.*\)|=(?!\[)([^,]*),.*", first_choice, one) for one in piece["overrides"]]
        assert composed(piece["experiment"], *study["common"], *first).name == piece["experiment"]


def first_choice(found):
    return "=0" if found.group(1) is None else f"={found.group(1)}"


def test_a_study_goes_on_reports_and_says_what_failed(experiment, tmp_path):
    ink = "'data=digits','model=pixel_nearest','size=n1'"
    good = "{name:good,experiment:sample_efficiency,overrides:[" + ink + ",'max_test=5']}"
    bad = "{name:bad,experiment:confidence,overrides:[" + ink + ",'held_out=9']}"
    arguments = ("study", f"study.pieces=[{good},{bad}]", "study.common=['progress=quiet']")
    with pytest.raises(ValueError, match="failed, see above, and are run again next time: bad"):
        experiment(*arguments)
    out = tmp_path / "study"
    assert RunRecord.read(out / "records" / "study-smoke.json").status == "failed"
    assert "left out" in (out / "report" / "report.html").read_text()
    module = load("study")
    assert module.chosen_pieces({"study": {"pieces": [{"name": "a"}, {"name": "b"}]}, "only": ["b"]}) == [
        {"name": "b"}
    ]
    with pytest.raises(ValueError, match="Unknown pieces"):
        module.chosen_pieces({"study": {"pieces": [{"name": "a"}]}, "only": ["c"]})


def test_a_study_of_which_a_part_was_asked_goes_on_with_the_rest(experiment, tmp_path):
    ink = "'data=digits','model=pixel_nearest','size=n1','max_test=5'"
    one, other = (
        "{name:" + name + ",experiment:sample_efficiency,overrides:[" + ink + f",'seed={seed}']}}"
        for seed, name in enumerate(("one", "other"))
    )
    arguments = ("study", f"study.pieces=[{one},{other}]", "study.common=['progress=quiet']")
    path = experiment(*arguments, "only=[one]") / "records" / "study-smoke.json"
    assert RunRecord.read(path).status == "finished"
    experiment(*arguments)
    record = RunRecord.read(path)
    assert [row["piece"] for row in record.rows] == ["one", "other"]
    assert len(record.sessions) == 2
    assert 'id="failures"' not in (tmp_path / "study" / "report" / "report.html").read_text()


def test_the_readme_adds_a_model_and_a_shift(tmp_path):
    text = (ROOT / "README.md").read_text()
    blocks = re.findall(r"```\w*\n# (mine/\S+)\n(.*?)```", text, re.S)
    assert len(blocks) == 4
    for name, content in blocks:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    (line,) = re.findall(r"^PYTHONPATH=mine python (experiments/\S+) (.*)$", text, re.M)
    arguments = line[1].replace("mine/configs", str(tmp_path / "mine" / "configs")).split()
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path / "mine"), str(ROOT)])}
    few = ("shifts=few", "max_test=20", "tracking.mode=disabled", "progress=quiet", f"out={tmp_path / 'out'}")
    command = [sys.executable, str(ROOT / line[0]), *arguments, *few]
    subprocess.run(command, check=True, cwd=tmp_path, env=environment, timeout=250)
    record = the_record(tmp_path / "out")
    assert record.config["model"]["_target_"] == "class_mean.ClassMean"
    assert record.metrics["conditions"]["mirror-1"]["images"] == 20
    assert record.metrics["accuracy"] > 0.5


def test_pieces_run_on_the_device_of_the_study_but_for_costs():
    module = load("study")
    config = {
        "out": "o",
        "tracking": {"mode": "disabled"},
        "study": {"common": []},
        "device": "cuda",
        "resume": True,
    }
    pieces = [{"name": one, "experiment": one, "overrides": []} for one in ("attacks", "costs")]
    attacks, costs = (module.command(piece, config) for piece in pieces)
    assert "device=cuda" in attacks
    assert not any(argument.startswith("device") for argument in costs)
    assert "device=cpu" not in module.command(pieces[0], {**config, "device": "cpu"})


def test_a_study_that_starts_over_starts_its_pieces_over_and_has_no_seed(experiment):
    module = load("study")
    config = {"out": "o", "tracking": {"mode": "disabled"}, "study": {"common": []}, "device": "cpu"}
    piece = {"name": "a", "experiment": "attacks", "overrides": []}
    again, on = (module.command(piece, {**config, "resume": resume}) for resume in (False, True))
    assert set(again) - set(on) == {"resume=false"}
    with pytest.raises(ValueError, match="seeds of their own"):
        experiment("study", "seed=3")
