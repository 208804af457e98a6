"""Sections on scenes with many free factors, and on failures fed back."""

from collections.abc import Sequence

import numpy as np

from compvis.evaluation.records import Result, by_draw, group_results
from compvis.evaluation.scaling import LearningCurve, images_needed
from compvis.inspection.study.contract import Section, shown_interval, shown_number, table

_SETTING = ("data.name", "scene_source.name", "masks", "max_test")
_TARGETS = (0.2, 0.1)  # errors that images needed are asked for


def explosion_section(results: Sequence[Result]) -> Section | None:
    """What the records of `experiments/explosion.py` say; None where there are none."""
    runs = [run for run in results if run.experiment == "explosion"]
    if not runs:
        return None
    tables = []
    for (data, source, masks, asked), own in group_results(runs, list(_SETTING)).items():
        rows = []
        groups = group_results(own, ["factors", "model_name"])
        for (factors, model), there in sorted(groups.items(), key=lambda item: (item[0][0], str(item[0][1]))):
            sizes = sorted(group_results(there, ["size.per_class"]).items())
            means = [100 * float(np.mean([run.metrics["accuracy"] for run in at])) for _, at in sizes]
            shown = ", ".join(f"{size}: {mean:.1f}" for ((size,), _), mean in zip(sizes, means, strict=True))
            rows.append((str(factors), str(model), shown, *_needed(str(model), there)))
        columns = ("free factors", "model", "accuracy % by images a class",
                   *(f"images for {100 * (1 - error):g}%" for error in _TARGETS))  # fmt: skip
        tables.append(table(f"{data}, scenes {source}, masks {masks}, {asked} asked", columns, rows))
    return Section(
        "explosion",
        "The combinatorial explosion: how many images when more of a scene is free?",
        "The same factors vary in learning and in testing; 0 is the constrained control. Images needed are read "
        "off the curve, or off its power law where marked with *; intervals (95%) are bootstraps over runs, [–]: "
        "a size has one run.",
        tuple(tables),
    )


def feedback_section(results: Sequence[Result]) -> Section | None:
    """What the records of `experiments/feedback.py` say; None where there are none."""
    runs = [run for run in results if run.experiment == "feedback"]
    if not runs:
        return None
    rows = []
    groups = group_results(runs, [*_SETTING, "budget", "pool", "size.per_class", "model_name", "feed"])
    for (data, source, masks, asked, budget, pool, size, model, feed), own in sorted(
        groups.items(), key=lambda item: tuple(map(str, item[0]))
    ):
        cells = []
        for test in own[0].metrics["first"]:
            first, last = (
                100 * float(np.mean([run.metrics[k][test] for run in own])) for k in ("first", "last")
            )
            gains = [run.metrics["gain_per_image"][test] for run in own]
            gain = [100 * value for value in gains if value is not None]
            cells.append(
                f"{first:.1f} to {last:.1f} ({shown_number(float(np.mean(gain)) if gain else None)})"
            )
        ways = sorted({row["how"] for run in own for row in run.rows if row["round"]})
        repair = float(np.mean([run.metrics["repair_seconds"] for run in own]))
        added = float(np.mean([run.metrics["added"] for run in own]))
        where = f"{data}, {source}, masks {masks}, {asked} asked, {pool} subjects of {budget} renders"
        rows.append((
            where, str(size), str(model), str(feed), str(len(own)), shown_number(added), *cells, ", ".join(ways),
            shown_number(repair),
        ))  # fmt: skip
    tests = list(runs[0].metrics["first"])
    gained = (f"{test}: accuracy % (points an image)" for test in tests)
    columns = (
        "scenes",
        "images a class",
        "model",
        "fed",
        "runs",
        "images added",
        *gained,
        "how",
        "relearning s",
    )
    return Section(
        "feedback",
        "Failures fed back: what does each model gain from them?",
        "An examiner's failures, found on subjects to learn from, join the lesson; the control adds random scenes of "
        "the same subjects. partial_fit adds alternatives to a grammar's Or-rule, fit learns everything anew.",
        (table("Means over runs", columns, rows),),
    )


def _needed(model: str, runs: Sequence[Result]) -> list[str]:
    sizes = sorted(group_results(runs, ["size.per_class"]).items())
    curve = LearningCurve(
        model,
        tuple(float(size) for (size,), _ in sizes),
        tuple(
            {draw: 1 - float(run.metrics["accuracy"]) for draw, run in by_draw(own).items()}
            for _, own in sizes
        ),
        0.5 / max(run.metrics["trials"] for run in runs),
    )
    cells = []
    for error in _TARGETS:
        interval, beyond = images_needed(curve, error, resamples=500)
        cells.append(shown_interval(interval) + ("*" if beyond else ""))
    return cells
