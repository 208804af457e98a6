"""Sections on error against images and against compute: laws, what an error needs, who needs less."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from compvis.evaluation.curves import learning_curves
from compvis.evaluation.records import Result
from compvis.evaluation.scaling import LearningCurve, data_efficiency, fit_law, images_needed
from compvis.inspection.study.contract import Section, Table, grammar_among, shown_interval, table
from compvis.inspection.styles import model_style

ERRORS = (0.1, 0.05, 0.01)


def efficiency_section(results: Sequence[Result], reference: str) -> Section | None:
    """Error against labelled images of every data set, or None where no two sizes were run.

    Args:
        reference: the grammar whose data-efficiency against the others is asked for; where it did not run, another
            whose name begins like it.
    """
    runs = [run for run in results if run.experiment in ("sample_efficiency", "viewpoint")]
    curves = {
        setting: [curve for curve in own if len(curve.x) > 1]
        for setting, own in learning_curves(runs).items()
        if any(len(curve.x) > 1 for curve in own)
    }
    if not curves:
        return None
    tables = []
    for setting, own in curves.items():
        tables += [law_table(setting, own, "images a class"), *_ratio_tables(setting, own, reference)]
    figures = tuple(
        (
            f"{setting}: error against labelled images a class, with the fitted power laws (dotted).",
            law_figure(own, "labelled images a class", setting),
        )
        for setting, own in curves.items()
    )
    return Section(
        "efficiency",
        "Sample efficiency: how much error is left after how many images?",
        "A law error = scale · images^-exponent is fitted to the mean errors; intervals (95%) are bootstraps over "
        "training subsets and initial weights, too narrow where these are few; [–]: a size has one run. Between "
        "measured sizes the curve is followed, beyond them the law: such figures are marked with *. Theory of deep "
        "learning: k times better needs k² images.",
        tuple(tables),
        figures,
    )


def law_table(setting: str, curves: Sequence[LearningCurve], unit: str) -> Table:
    """Exponents, and what 10, 5 and 1% error need."""
    rows = []
    for curve in curves:
        fit = fit_law(curve)
        needs = []
        for error in ERRORS:
            interval, beyond = images_needed(curve, error)
            needs.append(shown_interval(interval) + ("*" if beyond else ""))
        rows.append(
            (curve.name, str(len(curve.x)), shown_interval(fit.exponent), f"{fit.residual:.2f}", *needs)
        )
    columns = (
        "model",
        "sizes",
        "exponent",
        "rms log residual",
        *(f"{unit} for {100 * e:g}%" for e in ERRORS),
    )
    return table(f"{setting}: power laws", columns, rows)


def law_figure(curves: Sequence[LearningCurve], unit: str, title: str) -> Figure:
    """Mean errors with the range of resamples, and each law."""
    figure = Figure(figsize=(6.4, 4.4), layout="constrained")
    axes = figure.subplots()
    for curve in curves:
        draw_law(axes, curve)
    axes.set(xscale="log", yscale="log", xlabel=unit, ylabel="error, %", title=title)
    axes.grid(True, which="both", color="0.92", linewidth=0.6)
    axes.legend(frameon=False, fontsize="small")
    return figure


def draw_law(axes: Axes, curve: LearningCurve) -> None:
    """One model's points with 95% intervals and its law."""
    style, means = model_style(curve.name), 100 * curve.means()
    low, high = 100 * np.quantile(curve.resample(1000), [0.025, 0.975], axis=0)
    bars = np.maximum([means - low, high - means], 0)
    axes.errorbar(curve.x, means, yerr=bars, markersize=5, capsize=2.5, label=curve.name, **style)
    if len(curve.x) > 1:
        law = fit_law(curve, resamples=2).law
        x = np.geomspace(curve.x[0], 3 * curve.x[-1], 40)
        axes.plot(x, [100 * law.error(value) for value in x], ":", color=style["color"], lw=1)


def _ratio_tables(setting: str, curves: Sequence[LearningCurve], reference: str) -> list[Table]:
    by_name: Mapping[str, LearningCurve] = {curve.name: curve for curve in curves}
    own = grammar_among(by_name, reference)
    if own is None or len(by_name) < 2:
        return []
    first = by_name[own]
    rows = []
    for x in first.x:
        cells = []
        for name, other in by_name.items():
            if name == own:
                continue
            found = data_efficiency(first, other, x)
            cells.append(shown_interval(found.ratio) + ("*" if found.beyond else ""))
        rows.append((f"{x:g}", f"{100 * first.means()[first.x.index(x)]:.1f}", *cells))
    columns = (f"images of {own}", "its error %", *(name for name in by_name if name != own))
    return [table(f"{setting}: how many times the images others need for the same error", columns, rows)]
