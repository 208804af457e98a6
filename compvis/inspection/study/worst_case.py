"""The section on the worst case: what an examiner finds, beside the average; hazard maps."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from compvis.evaluation.records import Result, group_results
from compvis.inspection.study.contract import Section, Table, shown_number, table

SETTING = ("data.name", "scene_source.name", "size.per_class", "masks", "budget", "subjects", "free")


def worst_case_section(results: Sequence[Result]) -> Section | None:
    """What the records of `experiments/examiner.py` say; None where there are none."""
    runs = [run for run in results if run.experiment == "examiner"]
    if not runs:
        return None
    tables: list[Table] = []
    figures: list[tuple[str, Figure]] = []
    for setting, own in group_results(runs, list(SETTING)).items():
        where = shown_setting(setting)
        tables += [_survival(where, own), _hard(where, own)]
        maps = [
            (str(run.choice("model_name")), run.metrics["hazards"]) for run in own if run.metrics["hazards"]
        ]
        if maps:
            figures.append((f"{where}: accuracy over two factors, the others at rest.", _hazards(maps)))
    return Section(
        "worst-case",
        "Worst case instead of average: what can an examiner find that a model gets wrong?",
        "Survived: subjects that were right at rest and in every render of the search. The share of wrong random "
        "renders is the average case. Hard subjects: random search fails in at most 1% of its renders; they are "
        "chosen by the very draws that CMA-ES is then compared with, which favours CMA-ES. Over all subjects the "
        "medians to a failure compare without a choice.",
        tuple(tables),
        tuple(figures),
    )


def shown_setting(setting: Sequence[Any]) -> str:
    """The values of `SETTING` in words."""
    data, source, size, masks, budget, subjects, free = setting
    where = f"{data}, scenes {source}, {size} images a class, masks {masks}, {subjects} subjects, {budget} renders"
    return where if free is None else f"{where}, free {', '.join(free)}"


def survival(runs: Sequence[Result], strategy: str) -> dict[str, dict[int, float]]:
    """By model, of each subject the share of the model's runs in which it survived a strategy."""
    found: dict[str, dict[int, list[bool]]] = {}
    for run in runs:
        own = found.setdefault(str(run.choice("model_name")), {})
        for row in run.rows:
            if row["strategy"] == strategy:
                alive = bool(row["clean_correct"] and row["first_failure"] is None)
                own.setdefault(row["subject"], []).append(alive)
    return {
        model: {subject: float(np.mean(runs)) for subject, runs in own.items()}
        for model, own in found.items()
    }


def _survival(where: str, runs: Sequence[Result]) -> Table:
    strategies = list(dict.fromkeys(name for run in runs for name in run.metrics["strategies"]))
    rows = []
    for (model,), own in sorted(group_results(runs, ["model_name"]).items()):
        cells = []
        for strategy in strategies:
            there = [run.metrics["strategies"].get(strategy) for run in own]
            cells.append(_percent([one["survived"] for one in there if one]))
            cells.append(shown_number(_mean([one["median_renders"] for one in there if one])))
        wrong = [
            run.metrics["strategies"]["random"]["wrong_share"]
            for run in own
            if "random" in run.metrics["strategies"]
        ]
        rows.append((
            str(model), str(sum(run.metrics["subjects"] for run in own)),
            _percent([run.metrics["clean_accuracy"] for run in own]), _percent(wrong), *cells,
        ))  # fmt: skip
    columns = ["model", "subjects", "clean %", "random renders wrong %"]
    for strategy in strategies:
        columns += [f"{strategy}: survived %", f"{strategy}: median renders to a failure"]
    return table(where, columns, rows)


def _hard(where: str, runs: Sequence[Result]) -> Table:
    rows = []
    for run in runs:
        hard = run.metrics["hard"]
        medians = ", ".join(f"{name} {value:g}" for name, value in hard["median_renders"].items())
        rows.append((run.run_id, str(hard["subjects"]), medians or "–"))
    columns = ("run", "hard subjects", "median renders to a failure (survivors count with the budget)")
    return table(f"{where}: hard subjects", columns, rows)


def _hazards(maps: Sequence[tuple[str, Sequence[dict[str, Any]]]]) -> Figure:
    across = max(len(own) for _, own in maps)
    figure = Figure(figsize=(3.1 * across, 2.7 * len(maps)), layout="constrained")
    all_axes = figure.subplots(len(maps), across, squeeze=False)
    for line, (model, own) in zip(all_axes, maps, strict=True):
        for axes, one in zip(line, own, strict=False):
            x, y = one["x"], one["y"]
            extent = (x[0], x[-1], y[0], y[-1])
            values = 100 * np.array(one["accuracy"]).T
            axes.imshow(values, origin="lower", extent=extent, aspect="auto", vmin=0, vmax=100, cmap="RdYlGn")
            axes.set_xlabel(one["factors"][0], fontsize=8)
            axes.set_ylabel(one["factors"][1], fontsize=8)
            axes.set_title(model, fontsize=9)
            axes.tick_params(labelsize=7)
        for axes in line[len(own) :]:
            axes.axis("off")
    return figure


def _percent(values: Sequence[float]) -> str:
    return f"{100 * float(np.mean(values)):.1f}" if len(values) else "–"


def _mean(values: Sequence[Any]) -> float | None:
    found = [value for value in values if value is not None]
    return float(np.mean(found)) if found else None
