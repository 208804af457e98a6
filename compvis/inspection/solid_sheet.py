"""Parses of photographs on one sheet: photograph, parts over it, what the tree draws, what is hidden."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import UInt8
from matplotlib.figure import Figure
from numpy import ndarray

from compvis.inspection.solid_page import HiddenLike, part_picture

_HEADINGS = ("photograph", "parts", "rendering", "hidden")
_RED = np.array([200.0, 30.0, 60.0])


def hidden_picture(parse: HiddenLike) -> UInt8[ndarray, "H W 3"]:
    """The photograph, greyed, with red where the parse says that some of the object is hidden."""
    grey = 0.5 * parse.image.mean(-1, keepdims=True).repeat(3, -1) + 100
    return np.rint(np.where(parse.hidden[..., None], _RED, grey)).astype(np.uint8)


def solid_sheet(parses: Sequence[HiddenLike], titles: Sequence[str]) -> Figure:
    """A line a parse, headed by its title.

    Raises:
        ValueError: not one title a parse, or no parse.
    """
    if len(parses) != len(titles) or not parses:
        raise ValueError(
            f"Give at least one parse and a title for each, not {len(parses)} and {len(titles)}."
        )
    figure = Figure(figsize=(1.7 * len(_HEADINGS), 1.9 * len(parses) + 0.2), layout="constrained")
    grid = figure.subplots(len(parses), len(_HEADINGS), squeeze=False)
    for line, (axes_row, parse, title) in enumerate(zip(grid, parses, titles, strict=True)):
        parts = part_picture(parse.image, parse.parts)
        pictures = (parse.image, parts, parse.rendering, hidden_picture(parse))
        for axes, picture, heading in zip(axes_row, pictures, _HEADINGS, strict=True):
            axes.imshow(picture, interpolation="nearest")
            axes.set_axis_off()
            if line == 0 and heading != _HEADINGS[0]:
                axes.set_title(heading, fontsize=8)
        axes_row[0].set_title(title, fontsize=8, loc="left")
    return figure
