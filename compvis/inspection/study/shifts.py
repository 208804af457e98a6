"""The section on distribution shifts: every model against every shift."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from compvis.evaluation.matrix import PLAIN, condition_interval, matched_accuracy
from compvis.evaluation.records import Result, group_results
from compvis.inspection.study.contract import Section, Table, grammar_among, shown_number, table

SETTING = ("data.name", "masks", "max_test")


def shifts_section(results: Sequence[Result], reference: str) -> Section | None:
    """What the records of `experiments/shift_matrix.py` say; None where there are none."""
    runs = [run for run in results if run.experiment == "shift_matrix"]
    if not runs:
        return None
    tables: list[Table] = []
    figures: list[tuple[str, Figure]] = []
    for (data, masks, asked), own in group_results(runs, list(SETTING)).items():
        for (size,), sized in sorted(group_results(own, ["size.per_class"]).items()):
            where = f"{data}, {size} images a class, masks {masks}, {asked} asked"
            losses = mean_losses(sized)
            tables.append(_loss_table(where, sized, losses))
            tables.append(_condition_table(where, sized))
            if losses:
                figures.append((f"{where}: accuracy lost above chance, %.", _heat(losses)))
        matched = _matched_table(f"{data}, masks {masks}, {asked} asked", own, reference)
        tables += [] if matched is None else [matched]
    return Section(
        "shifts",
        "Distribution shift: what is lost when test images differ from those learned?",
        "Lost: (clean - shifted) / (clean - chance) on the same images, mean over severities; 100% is guessing. "
        "The mean is over the shifts that every model of the table was asked about. "
        "Severities are fixed in configs/shift. Matched: accuracy under shift at the reference's clean accuracy, "
        "read off a model's own sizes in logits; a dash where its sizes do not reach that accuracy. Intervals "
        "(95%) are bootstraps over images, or over objects.",
        tuple(tables),
        tuple(figures),
    )


def mean_losses(runs: Sequence[Result]) -> dict[str, dict[str, float]]:
    """Loss of every shift by model, mean over the model's runs; under ``mean`` the mean over the shifts that all share.

    Models without a shift in common have no ``mean``.
    """
    losses: dict[str, dict[str, float]] = {}
    for (model,), own in sorted(group_results(runs, ["model_name"]).items()):
        groups = dict.fromkeys(name for run in own for name in run.metrics["groups"])
        found = {
            name: float(
                np.mean([run.metrics["groups"][name] for run in own if name in run.metrics["groups"]])
            )
            for name in groups
        }
        if found:
            losses[str(model)] = found
    common = set.intersection(*map(set, losses.values())) if losses else set()
    return {
        model: {**found, **({"mean": float(np.mean([found[name] for name in common]))} if common else {})}
        for model, found in losses.items()
    }


def _loss_table(where: str, runs: Sequence[Result], losses: dict[str, dict[str, float]]) -> Table:
    names = list(dict.fromkeys(name for found in losses.values() for name in found if name != "mean"))
    rows = []
    for model, found in losses.items():
        own = [run for run in runs if run.choice("model_name") == model]
        clean = float(np.mean([run.metrics["accuracy"] for run in own]))
        cells = [shown_number(100 * found[name]) if name in found else "–" for name in (*names, "mean")]
        rows.append((model, str(len(own)), f"{100 * clean:.1f}", *cells))
    return table(f"{where}: lost above chance, %", ("model", "runs", "clean %", *names, "mean"), rows)


def _condition_table(where: str, runs: Sequence[Result]) -> Table:
    models = [str(model) for (model,) in sorted(group_results(runs, ["model_name"]))]
    by_model = {
        model: [row for run in runs if run.choice("model_name") == model for row in run.rows]
        for model in models
    }
    conditions = dict.fromkeys(row["condition"] for rows in by_model.values() for row in rows)
    lines = []
    for condition in conditions:
        cells = []
        for model in models:
            own = [row for row in by_model[model] if row["condition"] == condition]
            several = len({row["unit"] for row in own}) > 1
            cells.append(condition_interval(own).percent() if several else "–")
        lines.append((condition, *cells))
    return table(f"{where}: accuracy, %", ("condition", *models), lines)


def _matched_table(where: str, runs: Sequence[Result], reference: str) -> Table | None:
    """Per shift: the reference's accuracy at its largest size, and what others have at its clean accuracy."""
    points = {
        (str(model), size): own
        for (model, size), own in group_results(runs, ["model_name", "size.per_class"]).items()
    }
    grammar = grammar_among({model for model, _ in points}, reference)
    sizes = sorted(size for model, size in points if model == grammar)
    others = sorted({model for model, _ in points if model != grammar})
    if grammar is None or not others:
        return None
    lines = []
    for size in sizes:
        mine = _accuracies(points[grammar, size])
        for group in (name for name in mine if name != PLAIN):
            cells = []
            for model in others:
                found = [_accuracies(own) for (name, _), own in points.items() if name == model]
                pairs = [(one[PLAIN], one[group]) for one in found if group in one]
                matched = matched_accuracy(pairs, mine[PLAIN])
                cells.append("–" if matched is None else f"{100 * matched:.1f}")
            lines.append((str(size), f"{100 * mine[PLAIN]:.1f}", group, f"{100 * mine[group]:.1f}", *cells))
    columns = (f"images of {grammar}", "clean %", "shift", grammar, *others)
    return table(f"{where}: accuracy under shift at equal clean accuracy, %", columns, lines)


def _accuracies(runs: Sequence[Result]) -> dict[str, float]:
    """Mean accuracy by shift over severities and runs."""
    found: dict[str, list[float]] = {}
    for run in runs:
        for condition in run.metrics["conditions"].values():
            found.setdefault(condition["group"], []).append(condition["accuracy"])
    return {group: float(np.mean(values)) for group, values in found.items()}


def _heat(losses: dict[str, dict[str, float]]) -> Figure:
    names = list(dict.fromkeys(name for found in losses.values() for name in found))
    values = np.array([[100 * found.get(name, np.nan) for name in names] for found in losses.values()])
    figure = Figure(figsize=(2.2 + 0.75 * len(names), 1.4 + 0.4 * len(losses)), layout="constrained")
    axes = figure.subplots()
    axes.imshow(values, vmin=0, vmax=100, cmap="OrRd", aspect="auto")
    axes.set_xticks(range(len(names)), names, rotation=30, ha="right", fontsize=8)
    axes.set_yticks(range(len(losses)), list(losses), fontsize=8)
    for place, value in np.ndenumerate(values):
        if np.isfinite(value):
            axes.text(place[1], place[0], f"{value:.0f}", ha="center", va="center", fontsize=8,
                      color="white" if value > 60 else "black")  # fmt: skip
    return figure
