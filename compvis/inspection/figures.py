"""Figures of records, redrawn from the files alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from compvis.evaluation.records import Result, accuracy_interval, group_results
from compvis.evaluation.statistics import Interval, wilson_interval
from compvis.inspection.strokes import PALETTE
from compvis.inspection.styles import model_style


@dataclass(frozen=True)
class Anchor:
    """A published error rate to stand beside ours.

    Attributes:
        name: the system. error: in percent. source: where it was read.
    """

    name: str
    error: float
    source: str


def efficiency_figure(results: Sequence[Result], title: str) -> Figure:
    """Error against training images a class, both on log axes, a line a model with 95% intervals.

    Intervals are over runs (subsets, seeds) where there are several, over test images where there is one run. The axis
    shows all means; an interval of few runs may leave it.

    Args:
        results: runs of one data set; each config has ``size.per_class`` and ``model_name``.

    Raises:
        ValueError: runs of more than one data set.
    """
    if len({result.choice("data.name") for result in results}) != 1:
        raise ValueError("A sample-efficiency figure shows one data set: group the results first.")
    figure = Figure(figsize=(7.6, 4.4), layout="constrained")
    axes = figure.subplots()
    groups = group_results(results, ["model_name", "size.per_class"])
    models = sorted({model for model, _ in groups}, key=_grammar_first)
    sizes = sorted({size for _, size in groups})
    floor = min(50 / result.metrics["trials"] for result in results)  # half an image: zero has no logarithm
    means: list[float] = []
    for place, model in enumerate(models):
        own = [size for size in sizes if (model, size) in groups]
        intervals = [accuracy_interval(groups[model, size]) for size in own]
        nudge = 1.025 ** (place - (len(models) - 1) / 2)
        _line(axes, [size * nudge for size in own], intervals, floor, model)
        means += [max(100 * (1 - one.estimate), floor) for one in intervals]
    axes.set(ylim=(min(means) / 1.6, min(100, 1.6 * max(means))))
    axes.set(xscale="log", yscale="log", xlabel="training images a class", ylabel="error, %", title=title)
    axes.set_xticks(sizes, [str(size) for size in sizes])
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(FuncFormatter(_label_2_and_5))
    axes.grid(True, which="both", color="0.9", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.legend(frameon=False, fontsize="small", loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def one_shot_figure(results: Sequence[Result], anchors: Sequence[Anchor], title: str) -> Figure:
    """Error bars of our runs (95% Wilson interval over trials) among published figures in grey."""
    bars: list[tuple[str, float, Interval | None]] = [
        (f"{anchor.name} ({anchor.source})", anchor.error, None) for anchor in anchors
    ]
    for (model,), runs in group_results(results, ["model_name"]).items():
        errors = sum(run.metrics["errors"] for run in runs)
        trials = sum(run.metrics["trials"] for run in runs)
        interval = wilson_interval(errors, trials)
        bars.append((f"{model} ({trials} trials)", 100 * interval.estimate, interval))
    bars.sort(key=lambda bar: -bar[1])
    figure = Figure(figsize=(7.2, 0.9 + 0.36 * len(bars)), layout="constrained")
    axes = figure.subplots()
    reach = max([error for _, error, _ in bars] + [100 * i.high for _, _, i in bars if i is not None])
    for place, (_, error, interval) in enumerate(bars):
        axes.barh(place, error, color="0.78" if interval is None else PALETTE[0], height=0.68)
        end = error
        if interval is not None:
            low, high = 100 * interval.low, 100 * interval.high
            end = max(high, error)
            axes.errorbar(
                error,
                place,
                xerr=[[max(error - low, 0)], [max(high - error, 0)]],
                color="0.15",
                capsize=3,
                lw=1.2,
            )
        axes.text(
            end + 0.012 * reach,
            place,
            f"{error:.2g}" if error < 10 else f"{error:.1f}",
            va="center",
            fontsize=9,
        )
    axes.set_yticks(range(len(bars)), [name for name, _, _ in bars], fontsize=9)
    axes.set(xlabel="error, %", title=title, xlim=(0, 1.1 * reach))
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def save_figure(figure: Figure, path: Path) -> Path:
    """Write a figure as PNG without a date in it, so that the same records give the same file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150, metadata={"Software": None})
    return path


def read_anchors(entries: Sequence[Mapping[str, str | float | int]]) -> list[Anchor]:
    """Anchors from plain mappings with ``name``, ``error`` and ``source``."""
    return [Anchor(str(one["name"]), float(one["error"]), str(one["source"])) for one in entries]


def _line(axes: Axes, x: Sequence[float], intervals: Sequence[Interval], floor: float, name: str) -> None:
    error = np.maximum([100 * (1 - interval.estimate) for interval in intervals], floor)
    low = np.maximum([100 * (1 - interval.high) for interval in intervals], floor)
    high = np.maximum([100 * (1 - interval.low) for interval in intervals], floor)
    axes.errorbar(
        x,
        error,
        yerr=[np.maximum(error - low, 0), np.maximum(high - error, 0)],
        label=name,
        markersize=5,
        capsize=2.5,
        **model_style(name),
    )


def _grammar_first(model: str) -> tuple[bool, str]:
    return (not model.startswith("grammar"), model)


def _label_2_and_5(value: float, _position: int | None) -> str:
    leading = round(value / 10 ** np.floor(np.log10(value))) if value > 0 else 0
    return f"{value:g}" if leading in (2, 5) else ""
