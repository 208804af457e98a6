"""Sheets of pictures: parses over their images, new exemplars beside real ones."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy import ndarray

from compvis.inspection.contract import InkParseLike, ParseLike
from compvis.inspection.pictures import paper_picture
from compvis.inspection.strokes import curve_points, drawn_strokes


def parse_sheet(parses: Sequence[ParseLike], truths: Sequence[str], columns: int = 4) -> Figure:
    """Each image with the strokes of its parse over it, headed by the answer; a wrong one says what it was.

    Args:
        truths: the label of each image, as text.
    """
    if len(parses) != len(truths):
        raise ValueError(f"There are {len(parses)} parses but {len(truths)} labels: give one label a parse.")
    rows = -(-len(parses) // columns)
    figure = Figure(figsize=(1.7 * columns, 1.95 * rows), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for axes, parse, truth in zip(grid.flat, parses, truths, strict=False):
        right = str(parse.label) == truth
        axes.set_title(str(parse.label) if right else f"{parse.label}, not {truth}", fontsize=9,
                       color="black" if right else "#b2182b")  # fmt: skip
        _draw_strokes(axes, parse)
    return figure


def scene_sheet(parses: Sequence[InkParseLike], truths: Sequence[str], columns: int = 8) -> Figure:
    """For each scene one above the other: the picture with the ink that is left out in red, the strokes of its parse,
    what the parse draws; headed by the answer and the turn.

    Args:
        parses: with a ``turn`` in degrees and ``left_out`` (H, W).
        truths: the label of each image, as text.
    """
    if len(parses) != len(truths):
        raise ValueError(f"There are {len(parses)} parses but {len(truths)} labels: give one label a parse.")
    rows = -(-len(parses) // columns)
    figure = Figure(figsize=(1.1 * columns, 3.6 * rows), layout="constrained")
    grid = figure.subplots(3 * rows, columns, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for place, (parse, truth) in enumerate(zip(parses, truths, strict=True)):
        picture, strokes, drawn = grid[3 * (place // columns) :, place % columns][:3]
        right = str(parse.label) == truth
        answer = str(parse.label) if right else f"{parse.label}, not {truth}"
        turned = f", turned {parse.turn:g}°" if parse.turn else ""
        picture.set_title(answer + turned, fontsize=8, color="black" if right else "#b2182b")
        paper = paper_picture(parse.image)
        red = np.where(parse.left_out[..., None], np.maximum(paper, (200, 30, 40)), paper).astype(np.uint8)
        picture.imshow(red, interpolation="nearest")
        _draw_strokes(strokes, parse)
        drawn.imshow(paper_picture(parse.rendering), interpolation="nearest")
    return figure


def generation_sheet(
    learned: Sequence[Float[ndarray, "H W"]],
    real: Sequence[Sequence[Float[ndarray, "H W"]]],
    generated: Sequence[Sequence[Float[ndarray, "H W"]]],
    headings: tuple[str, str, str] = ("learned", "real, other hands", "generated"),
) -> Figure:
    """A line a class: the one image learned from, then real images by other hands, then new ones by the
    grammar.

    Args:
        learned: one ink image a class, 1 = ink.
        real, generated: ink images of each class, equally many in every line.
    """
    if not len(learned) == len(real) == len(generated):
        raise ValueError("A generation sheet needs real and generated images of each learned class.")
    left, right = len(real[0]), len(generated[0])
    widths = [1, 0.25, *[1] * left, 0.25, *[1] * right]
    figure = Figure(figsize=(0.62 * sum(widths), 0.62 * len(learned) + 0.4))
    grid = figure.subplots(
        len(learned),
        len(widths),
        squeeze=False,
        gridspec_kw={
            "width_ratios": widths,
            "wspace": 0.06,
            "hspace": 0.06,
            "left": 0.01,
            "right": 0.99,
            "bottom": 0.01,
            "top": 1 - 0.38 / (0.62 * len(learned) + 0.4),
        },
    )
    for line, axes_row in enumerate(grid):
        pictures = [learned[line], None, *real[line], None, *generated[line]]
        for axes, picture in zip(axes_row, pictures, strict=True):
            _show(axes, picture)
        for spine in axes_row[0].spines.values():
            spine.set(color="black", linewidth=1.4)
    for column, heading in zip((0, 2, 3 + left), headings, strict=True):
        grid[0, column].set_title(heading, fontsize=9, loc="left")
    return figure


def _draw_strokes(axes: Axes, parse: ParseLike) -> None:
    height, width = parse.image.shape
    faded = paper_picture(0.25 * parse.image)
    axes.imshow(faded, extent=(0, width, height, 0), interpolation="nearest")
    for stroke in drawn_strokes(parse.tree):
        points = curve_points(stroke.control_points)
        axes.plot(*points.T, color=stroke.colour, linewidth=2, solid_capstyle="round")
        axes.plot(*points[0], ".", color=stroke.colour, markersize=7)
    axes.set(xlim=(0, width), ylim=(height, 0))


def _show(axes: Axes, picture: Float[ndarray, "H W"] | None) -> None:
    if picture is None:
        axes.set_axis_off()
        return
    axes.imshow(paper_picture(np.asarray(picture)), interpolation="antialiased")
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set(color="0.85", linewidth=0.6)
