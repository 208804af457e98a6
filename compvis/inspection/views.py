"""Tables and figures of models of 3D objects, from the records of `compvis.evaluation.views`."""

from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure

from compvis.evaluation.records import Result, group_results
from compvis.evaluation.views import group_conditions, summarise_condition
from compvis.inspection.styles import model_style

SETTING = ("data.name", "objects", "views", "band", "test_band", "masks", "viewpoints", "shift.name")
COLUMNS = (
    "data",
    "learned",
    "tested",
    "masks",
    "condition",
    "model",
    "accuracy % [95% over objects]",
    "objects",
    "images",
    "failures",
    "runs",
)
_UNPOSED = {"some": ", one viewpoint in four known", "never": ", no viewpoint known"}


def pool_conditions(results: Sequence[Result]) -> dict[str, dict[str, Any]]:
    """What `summarise_condition` says of all runs' rows together, by condition."""
    rows = [row for result in results for row in result.rows]
    return {name: summarise_condition(own) for name, own in group_conditions(rows).items()}


def view_cells(results: Sequence[Result]) -> list[tuple[str, ...]]:
    """Text of each of `COLUMNS`: a line a setting, model and condition, folds and seeds pooled."""
    lines: list[tuple[tuple[str, ...], int, float, tuple[str, ...]]] = []
    for (*setting, model), runs in group_results(results, [*SETTING, "model_name"]).items():
        data, objects, views, band, test_band, masks, viewpoints, _ = setting
        for place, (condition, m) in enumerate(pool_conditions(runs).items()):
            low, high = 100 * m["accuracy_low"], 100 * m["accuracy_high"]
            line = (
                str(data),
                f"{objects} x {views}, {band}" + _UNPOSED.get(str(viewpoints), ""),
                str(test_band),
                str(masks),
                condition,
                str(model),
                f"{100 * m['accuracy']:.1f} [{low:.1f}, {high:.1f}]",
                str(m["objects"]),
                str(m["images"]),
                str(m["failures"]),
                str(len(runs)),
            )
            order = tuple(f"{value!s:>4}" for value in setting)  # numbers by size
            lines.append((order, place, -m["accuracy"], line))
    return [line for *_, line in sorted(lines)]


def views_figure(results: Sequence[Result], title: str) -> Figure:
    """Accuracy on plain images against views learned of each object; a panel a number of objects.

    Args:
        results: runs that differ in model, objects, views, fold and seed alone.
    """
    panels = group_results(results, ["objects"])
    figure = Figure(figsize=(1 + 3.6 * len(panels), 4.0), layout="constrained")
    figure.suptitle(title)
    models = sorted({str(result.choice("model_name")) for result in results})
    all_axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for axes, ((objects,), own) in zip(all_axes, sorted(panels.items()), strict=True):
        for model in models:
            mine = [result for result in own if result.choice("model_name") == model]
            groups = sorted(group_results(mine, ["views"]).items())
            points = [next(iter(pool_conditions(runs).values())) for _, runs in groups]
            _line(axes, [views for (views,), _ in groups], points, model)
        counts = sorted({result.choice("views") for result in own})
        axes.set(xscale="log", xlabel="views of each object", title=f"{objects} objects a class")
        axes.set_xticks(counts, [str(count) for count in counts])
        axes.minorticks_off()
        axes.grid(True, color="0.9", linewidth=0.6)
    all_axes[0].set_ylabel("accuracy, %")
    all_axes[0].legend(frameon=False, fontsize="small")
    return figure


def conditions_figure(results: Sequence[Result], title: str) -> Figure:
    """Accuracy of each model under each condition of one shift, the plain images first.

    Args:
        results: runs that differ in model, fold and seed alone.
    """
    figure = Figure(figsize=(5.6, 4.0), layout="constrained")
    axes = figure.subplots()
    for (model,), runs in sorted(group_results(results, ["model_name"]).items()):
        pooled = pool_conditions(runs)
        _line(axes, list(range(len(pooled))), list(pooled.values()), str(model))
        axes.set_xticks(range(len(pooled)), list(pooled))
    axes.set(ylabel="accuracy, %", title=title)
    axes.grid(True, color="0.9", linewidth=0.6)
    axes.legend(frameon=False, fontsize="small")
    return figure


def _line(axes: Any, x: Sequence[int], points: Sequence[dict[str, Any]], name: str) -> None:
    middle = [100 * point["accuracy"] for point in points]
    below = [m - 100 * point["accuracy_low"] for m, point in zip(middle, points, strict=True)]
    above = [100 * point["accuracy_high"] - m for m, point in zip(middle, points, strict=True)]
    axes.errorbar(
        x,
        middle,
        yerr=[[max(value, 0.0) for value in side] for side in (below, above)],
        label=name,
        markersize=5,
        capsize=2.5,
        **model_style(name),
    )
