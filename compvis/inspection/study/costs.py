"""The section on the price of error: compute, energy, carbon dioxide, and what less error would cost."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from compvis.evaluation.curves import learning_curves
from compvis.evaluation.records import Result, group_results
from compvis.evaluation.scaling import LearningCurve, fit_law
from compvis.inspection.study.contract import Section, Table, shown_interval, shown_number, table
from compvis.inspection.study.scaling import law_figure

_TARGETS = (0.05, 0.01)
_REFERENCE = 0.084  # Thompson et al. 2020, arXiv:2007.05558: exponent of ImageNet error against compute


@dataclass(frozen=True)
class Published:
    """A network of the literature, as context: another task, so that only the slope between them compares.

    Attributes:
        error: top-1 of ImageNet's validation images, %. operations: of its training. source: of both.
    """

    name: str
    error: float
    operations: float
    source: str


LITERATURE = (
    Published(
        "AlexNet", 40.7, 4.9e17,
        "Krizhevsky et al. 2012, table 2; operations: 0.75e9 multiply-adds x 6 x 1.2e6 images x 90 passes",
    ),
    Published(
        "ResNet-50", 22.85, 3.5e18,
        "He et al. 2016, tables 1 and 3 (10 crops); operations: 3.8e9 multiply-adds x 6 x 1.28e6 images x 120 passes",
    ),
    Published("ResNet-152", 21.43, 1.04e19, "the same, 11.3e9 multiply-adds"),
)  # fmt: skip


def costs_section(results: Sequence[Result]) -> Section | None:
    """What the records of `experiments/costs.py` say; None where there are none."""
    runs = [run for run in results if run.experiment == "costs"]
    if not runs:
        return None
    tables, figures = [_measured(runs)], []
    curves = learning_curves(runs, lambda run: float(run.metrics["fit_equivalent"]))
    for setting, own in curves.items():
        several = [curve for curve in own if len(curve.x) > 1 and _ascending(curve)]
        if several:
            tables.append(_extrapolated(setting, several, runs))
            figure = law_figure(several, "equivalent operations of learning", setting)
            figures.append((f"{setting}: error against the operations of learning.", figure))
    tables.append(_literature())
    figures.append(("The slope of deep learning on ImageNet, for context.", _literature_figure()))
    assumed = {(run.choice("energy.watts"), run.choice("energy.grams_a_kwh")) for run in runs}
    metered = sum(bool(run.metrics["fit_metered"]) for run in runs)
    return Section(
        "costs",
        "The price of error: operations, energy, carbon dioxide",
        "Counted operations are torch's matrix products and convolutions; equivalent ones are processor seconds of all "
        "code, compiled loops too, times the measured rate of a compiled loop of multiply-adds on the same machine "
        "(an upper bound, the same for all models). Energy was metered in "
        f"{metered} of {len(runs)} runs, else reckoned with (watts a core, g CO2 a kWh) = "
        f"{', '.join(map(str, sorted(assumed, key=str)))}. Extrapolations follow the fitted law and mean nothing far "
        "beyond what was measured; intervals (95%) are bootstraps over runs, [–]: a size "
        f"has one run. Deep learning on ImageNet: error ~ compute^-{_REFERENCE}; in theory k times better "
        "needs k² data and k⁴ compute.",
        tuple(tables),
        tuple(figures),
    )


def _measured(runs: Sequence[Result]) -> Table:
    rows = []
    groups = group_results(runs, ["data.name", "size.per_class", "model_name"])
    for (data, size, model), own in sorted(groups.items(), key=lambda item: tuple(map(str, item[0]))):
        trials = float(np.mean([run.metrics["trials"] for run in own]))
        cells = [
            _mean(own, f"fit_{name}") for name in ("cpu_seconds", "counted", "equivalent", "kwh", "grams")
        ]
        each = [_mean(own, f"answer_{name}") for name in ("cpu_seconds", "counted", "equivalent")]
        shown = [shown_number(value) for value in cells]
        shown += [shown_number(None if value is None else value / trials) for value in each]
        error = 100 * (1 - float(np.mean([run.metrics["accuracy"] for run in own])))
        rows.append((str(data), str(size), str(model), str(len(own)), f"{error:.2f}", *shown))
    columns = (
        "data", "images a class", "model", "runs", "error %", "learning: CPU s", "counted operations",
        "equivalent operations", "kWh", "g CO2", "an answer: CPU s", "counted operations", "equivalent operations",
    )  # fmt: skip
    return table("Measured, means over runs", columns, rows)


def _extrapolated(setting: str, curves: Sequence[LearningCurve], runs: Sequence[Result]) -> Table:
    """Operations for each target by the law, and energy at the model's own mean energy an operation."""
    rows = []
    for curve in curves:
        own = [run for run in runs if run.choice("model_name") == curve.name]
        kwh = sum(run.metrics["fit_kwh"] for run in own) / sum(run.metrics["fit_equivalent"] for run in own)
        grams = sum(run.metrics["fit_grams"] for run in own) / sum(
            run.metrics["fit_equivalent"] for run in own
        )
        fit = fit_law(curve)
        cells = []
        for target in _TARGETS:
            needed = fit.needed(target)
            cells.append(shown_interval(needed))
            cells += [shown_number(needed.estimate * unit) for unit in (kwh, grams)]
        rows.append((curve.name, shown_interval(fit.exponent), *cells))
    columns = ["model", "exponent"]
    for target in _TARGETS:
        columns += [f"operations for {100 * target:g}%", "kWh", "g CO2"]
    return table(f"{setting}: error against the operations of learning, and beyond", columns, rows)


def _literature() -> Table:
    rows = [(one.name, f"{one.error:g}", shown_number(one.operations), one.source) for one in LITERATURE]
    columns = ("network", "ImageNet top-1 error %", "operations of training", "source")
    return table("The literature's points, for context: another task", columns, rows)


def _literature_figure() -> Figure:
    figure = Figure(figsize=(5.2, 3.6), layout="constrained")
    axes = figure.subplots()
    x = np.array([one.operations for one in LITERATURE])
    axes.loglog(x, [one.error for one in LITERATURE], "o", color="0.2")
    for one in LITERATURE:
        axes.annotate(
            one.name, (one.operations, one.error), xytext=(4, 4), textcoords="offset points", fontsize=8
        )
    line = np.geomspace(x.min(), 1e4 * x.max(), 50)
    axes.loglog(
        line, LITERATURE[0].error * (line / x[0]) ** -_REFERENCE, ":", color="0.4", label="compute^-0.084"
    )
    axes.set(xlabel="operations of training", ylabel="top-1 error, %")
    axes.legend(frameon=False, fontsize="small")
    return figure


def _ascending(curve: LearningCurve) -> bool:
    """Laws of compute need costs that grow with the images; networks of a fixed number of steps do not have them."""
    return curve.x[-1] > 1.5 * curve.x[0]


def _mean(runs: Sequence[Result], metric: str) -> float | None:
    values = [run.metrics[metric] for run in runs if run.metrics[metric] is not None]
    return float(np.mean(values)) if values else None
