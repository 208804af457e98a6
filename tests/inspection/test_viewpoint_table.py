"""The table of viewpoints: folds are pooled, conditions and settings are not."""

from pathlib import Path

import pytest

from compvis.evaluation.records import Result
from compvis.inspection.report import draw_report
from compvis.inspection.viewpoints import VIEWPOINT_COLUMNS, viewpoint_cells


def row(condition: str, shown: int, error: float) -> dict:
    """A parse of an object with this direction error, free and given alike."""
    found = {
        "direction": error,
        "geodesic": error,
        "proposal_direction": error,
        "spread": 10.0,
        "kind": "right",
    }
    given = {f"given_{name}": value for name, value in found.items()}
    return {"condition": condition, "object": shown, "failure": None, "correct": error < 20, **found, **given}


def result(fold: int, rows: list[dict], views: int = 12) -> Result:
    config = {"data": {"name": "eth80"}, "objects": 3, "views": views, "band": "all", "model_name": "solids"}
    return Result(
        "parse_photographs", f"f{fold}", "finished", 0, config, {"conditions": {}}, rows, {}, Path("none")
    )


def test_folds_are_pooled_and_conditions_kept_apart(tmp_path):
    first = result(0, [row("masks", 0, 10.0), row("masks", 1, 12.0), row("background", 0, 50.0)])
    second = result(1, [row("masks", 2, 14.0), row("background", 2, 70.0)])
    other = result(0, [row("masks", 0, 90.0)], views=4)
    cells = [
        dict(zip(VIEWPOINT_COLUMNS, line, strict=True)) for line in viewpoint_cells([first, second, other])
    ]
    assert [(one["condition"], one["learned"], one["parses"]) for one in cells] == [
        ("masks", "3 x 12, all", "3"),
        ("background", "3 x 12, all", "2"),
        ("masks", "3 x 4, all", "1"),
    ]
    assert cells[0]["median degrees [95% over objects]"].startswith("12 [")
    assert [one["within 30 degrees %, told"] for one in cells] == ["100", "0", "0"]
    assert cells[2]["median degrees [95% over objects]"] == "90"
    report = draw_report([first, second], tmp_path, "grammar")
    assert [path.name for path in report.files] == ["viewpoints.md"]
    # Experiments of the comparison have figures of their own.
    others = [
        Result(name, name, "finished", 0, first.config, {"conditions": {}, "accuracy": 1.0, "trials": 9, "errors": 0,
               "seconds_per_image": 1.0}, [{"unit": 0}], {}, Path("none"))
        for name in ("shift_matrix", "confidence", "explosion", "costs")
    ]  # fmt: skip
    assert draw_report([first, second, *others], tmp_path, "grammar").files == report.files
    with pytest.raises(ValueError, match=r"report\.py"):
        draw_report(others, tmp_path, "grammar")


def test_experiments_and_test_sets_are_told_apart(tmp_path):
    metrics = {"trials": 9, "errors": 3, "failures": 0, "seconds_per_image": 1.0, "fit_seconds": 1.0}
    config = {"data": {"name": "digits"}, "size": {"per_class": 1}}
    results = [
        Result(experiment, f"{model}-{seed}", "finished", seed,
               {**config, "name": experiment, "model_name": model, "max_test": most},
               {**metrics, "accuracy": accuracy}, [], {}, Path(f"{experiment}{most}"))
        for experiment, most, accuracy in (("quickstart", None, 0.5), ("sample_efficiency", None, 0.6),
                                           ("sample_efficiency", 40, 0.7))
        for model in ("grammar", "cnn")
        for seed in range(2)
    ]  # fmt: skip
    report = draw_report(results, tmp_path, "grammar")
    names = {path.name for path in report.files}
    assert {
        "efficiency-digits.png",
        "efficiency-digits-sample_efficiency.png",
        "efficiency-digits-40.png",
    } < names
    assert [row.runs for row in report.rows] == [2] * 6
    assert (tmp_path / "differences.md").read_text().count("grammar - cnn") == 3
    assert "digits, at most 40 asked" in (tmp_path / "comparison.md").read_text()
