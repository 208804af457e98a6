"""The section on confidence: calibration, risk against coverage, unknown classes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from compvis.evaluation.confidence import (
    area_under_risk,
    excess_risk,
    ranked_answers,
    reliability,
    risk_coverage,
    summarise_confidence,
)
from compvis.evaluation.records import Result, asked_of, group_results
from compvis.inspection.study.contract import Section, shown_number, table
from compvis.inspection.styles import model_style

_COLUMNS = (
    "data", "images a class", "left out", "model", "runs", "accuracy %", "ECE", "AURC", "AURC above ideal",
    "unknown: AUROC of confidence", "of evidence", "failures",
)  # fmt: skip


def confidence_section(results: Sequence[Result]) -> Section | None:
    """What the records of `experiments/confidence.py` say; None where there are none."""
    runs = [run for run in results if run.experiment == "confidence"]
    if not runs:
        return None
    rows, figures = [], []
    keys = ["data.name", "max_test", "masks", "size.per_class", "held_out"]
    for (*_, masks, size, held_out), own in group_results(runs, keys).items():
        where = f"{asked_of(own[0])}, masks {masks}"
        models = sorted(group_results(own, ["model_name"]).items())
        for (model,), there in models:
            m = [summarise_confidence(run.rows) for run in there]
            mean = {key: _mean([one[key] for one in m]) for key in m[0]}
            rows.append((
                where, str(size), str(held_out), str(model), str(len(there)),
                shown_number(100 * (mean["accuracy"] or 0)), shown_number(mean["ece"]), shown_number(mean["aurc"]),
                shown_number(mean["excess_aurc"]), shown_number(mean["auroc_confidence"]),
                shown_number(mean["auroc_evidence"]), str(sum(one["failures"] for one in m)),
            ))  # fmt: skip
        if held_out == 0:
            title = f"{where}, {size} images a class"
            figures.append((f"{title}: reliability, and risk against coverage.", _figure(models, title)))
    return Section(
        "confidence",
        "Confidence against correctness: does a model know when it is wrong?",
        "ECE: expected calibration error over 15 bins. AURC: mean risk over coverages, small is good; beside it what "
        "is above the ideal order of the same errors. Unknown: probability that an image of a learned class "
        "scores above one of a class that was left out, by the largest probability and by the largest evidence.",
        (table("Means over runs", _COLUMNS, rows),),
        tuple(figures),
    )


def _figure(models: Sequence[tuple[tuple[str, ...], list[Result]]], title: str) -> Figure:
    figure = Figure(figsize=(9.6, 4.2), layout="constrained")
    figure.suptitle(title)
    left, right = figure.subplots(1, 2)
    left.plot([0, 1], [0, 1], color="0.7", lw=1)
    for (model,), runs in models:
        rows = [row for run in runs for row in run.rows if row["known"] and row["failure"] is None]
        confidence = np.array([row["confidence"] for row in rows])
        correct = np.array([row["correct"] for row in rows])
        style, found = model_style(model), reliability(confidence, correct)
        label = f"{model} ({found.error:.3f})"
        left.plot(found.confidence, found.accuracy, markersize=3, label=label, **style)
        confidence, correct = ranked_answers([row for run in runs for row in run.rows])
        coverage, risk = risk_coverage(confidence, correct)
        area, excess = area_under_risk(confidence, correct), excess_risk(confidence, correct)
        summary = f"{model} ({area:.4f}, {excess:.4f} above ideal)"
        right.plot(
            coverage,
            100 * risk,
            color=style["color"],
            lw=style["linewidth"],
            ls=style["linestyle"],
            label=summary,
        )
    left.set(xlabel="confidence", ylabel="accuracy", title="reliability (ECE)")
    right.set(xlabel="coverage", ylabel="risk, %", title="risk against coverage (AURC)")
    for axes in (left, right):
        axes.grid(True, color="0.92", linewidth=0.6)
        axes.legend(frameon=False, fontsize="small")
    return figure


def _mean(values: Sequence[Any]) -> float | None:
    found = [value for value in values if value is not None]
    return float(np.mean(found)) if found else None
