"""Drawings of part maps: pictures beside their true and predicted parts, and tables from records."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Integer, UInt8
from matplotlib.figure import Figure
from numpy import ndarray

from compvis.evaluation.records import Result
from compvis.inspection.solid_page import part_picture
from compvis.inspection.strokes import PALETTE

COLUMNS = (
    "data",
    "split",
    "method",
    "category",
    "mean IoU % [95% over objects]",
    "consistency % [95%]",
    "figure named %",
    "category found %",
    "objects",
    "pictures",
    "seed",
)
_GAP = 2  # pixels between panels


def part_panel(
    image: UInt8[ndarray, "H W 3"],
    true: Integer[ndarray, "H W"],
    named: Integer[ndarray, "H W"],
    parts: Integer[ndarray, "H W"],
) -> UInt8[ndarray, "H w 3"]:
    """From left to right: the photograph, its true parts, the predicted parts by name, and by number.

    Args:
        true, named: numbers of names, one colour each; parts: numbers of parts; -1 is none.
    """
    gap = np.full((len(image), _GAP, 3), 255, np.uint8)
    panels = [image, *(part_picture(image, numbers) for numbers in (true, named, parts))]
    return np.concatenate([piece for panel in panels for piece in (panel, gap)][:-1], axis=1)


def panel_sheet(panels: Sequence[UInt8[ndarray, "H w 3"]], columns: int = 3) -> UInt8[ndarray, "h W 3"]:
    """Panels of one size in rows, white between and where the last row ends early.

    Raises:
        ValueError: no panel.
    """
    if not panels:
        raise ValueError("A sheet needs at least one panel.")
    height, width = panels[0].shape[:2]
    rows = -(-len(panels) // columns)
    sheet = np.full((rows * (height + 3 * _GAP), columns * (width + 6 * _GAP), 3), 255, np.uint8)
    for place, panel in enumerate(panels):
        top, left = place // columns * (height + 3 * _GAP), place % columns * (width + 6 * _GAP)
        sheet[top : top + height, left : left + width] = panel
    return sheet


def parts_cells(results: Sequence[Result]) -> list[tuple[str, ...]]:
    """Text of each of `COLUMNS`: a line a run, method and category."""
    lines = []
    for result in results:
        for method, categories in result.metrics["parts"].items():
            for category, m in categories.items():
                found = "told" if m["recognised"] is None else f"{100 * m['recognised']:.0f}"
                lines.append(
                    (
                        str(result.choice("data.name")),
                        str(result.choice("split")),
                        method,
                        category,
                        _percent(m["iou"]),
                        _percent(m["consistency"]),
                        f"{100 * m['named'][0]:.0f}",
                        found,
                        str(m["objects"]),
                        str(m["pictures"]),
                        str(result.seed),
                    )
                )
    return lines


def parts_figure(result: Result, title: str) -> Figure:
    """Mean IoU and consistency of every method over all categories, with their intervals over objects."""
    methods = result.metrics["parts"]
    figure = Figure(figsize=(8.0, 0.8 + 0.38 * len(methods)), layout="constrained")
    figure.suptitle(title)
    panels = figure.subplots(1, 2, sharey=True)
    places = np.arange(len(methods))[::-1]
    for axes, key, label, goal in zip(
        panels, ("iou", "consistency"), ("mean IoU, %", "consistency, %"), (50, 80), strict=True
    ):
        values = 100 * np.array([m["all"][key] for m in methods.values()])
        errors = np.abs(values[:, 1:] - values[:, :1]).T
        colours = [PALETTE[0] if name.startswith("grammar") else "0.6" for name in methods]
        axes.barh(places, values[:, 0], xerr=errors, color=colours, height=0.7, capsize=2.5)
        axes.axvline(goal, color="0.3", linewidth=0.8, linestyle="--")
        axes.set(xlabel=label, xlim=(0, 100))
    panels[0].set_yticks(places, list(methods))
    return figure


def _percent(values: Sequence[float]) -> str:
    estimate, low, high = (100 * value for value in values)
    return f"{estimate:.1f} [{low:.1f}, {high:.1f}]"
