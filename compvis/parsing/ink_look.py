"""What a recognition network sees of ink.

In the frame "ink", the character as its description has it: place, size and a turn of the paper are gone before the
network looks, and ink away from the strokes, such as noise that no skeleton runs through, is covered up. In the frame
"image", the whole picture: where ink stands on the paper tells what of it is the character, and what no stroke follows
is left where it stands out from the paper.
"""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from compvis.geometry.affine import rotation
from compvis.grammar.ink import CharacterTemplate
from compvis.grammar.placing import InkLeaves
from compvis.parsing.ink_shape import DOT, InkShape, least_unit
from compvis.render.ink import InkRenderer, InkStrokes, sample_curves

SIDE = 28
"""Pixels of a look's side."""

REACH = 2.4
"""Half the side of a look in units of the character: that of MNIST's own framing for its median digit."""

MARGIN = 2.5
"""Pixels of a look that the covering pen is wider than the strokes."""

FRAMES = ("ink", "image")

FAR = 5.0
"""Pixels of a look from a stroke's edge, from where on there is paper for sure."""

_FINEST = 8  # samples across a pixel of a look, at most
_STANDS_OUT = 4.5  # times three quarters of the paper: 3 standard deviations of noise that is cut off at 0


def look_at(
    ink: Float[Tensor, "H W"], shape: InkShape, turn: float = 0.0, frame: str = "ink"
) -> Float[Tensor, "S S"]:
    """An image as a look.

    Args:
        ink: 1 = ink.
        shape: the description of all of it, turned by ``turn``.
        turn: degrees that the description was turned by (:meth:`InkShape.turned`).
        frame: one of ``FRAMES``.
    """
    height, width = ink.shape
    middle = torch.tensor([width / 2, height / 2])
    centre, half = _frame(shape, frame)
    finer = max(1, min(_FINEST, math.ceil(2 * half / SIDE)))
    steps = ((torch.arange(SIDE * finer) + 0.5) / (SIDE * finer) * 2 - 1) * half
    y, x = torch.meshgrid(steps, steps, indexing="ij")
    turned_back = (torch.stack([x, y], -1) + centre - middle) @ rotation(-turn).T + middle
    grid = turned_back * torch.tensor([2 / width, 2 / height]) - 1
    fine = F.grid_sample(ink[None, None], grid[None].to(ink.dtype), align_corners=False)
    seen = F.avg_pool2d(fine, finer)[0, 0]
    scale = SIDE / 2 / half * shape.unit
    control = shape.template.control_points[None] * scale + (shape.centre - centre) * (SIDE / 2 / half)
    cover = _draw(control + SIDE / 2, shape.template.widths[None] * scale + MARGIN)[0]
    if frame == "image":
        near = _draw(control + SIDE / 2, shape.template.widths[None] * scale + 2 * FAR)[0] > 0
        inside = F.avg_pool2d((grid.abs().amax(-1) < 1).float()[None], finer)[0] == 1
        cover = torch.where(seen > _darkest_paper(seen[~near & inside]), 1.0, cover)
    return seen * cover


def _frame(shape: InkShape, frame: str) -> tuple[Tensor, float]:
    """Middle (x, y) and half side of a look, pixels of the image."""
    if frame == "ink":
        return shape.centre, REACH * shape.unit
    height, width = shape.size
    return torch.tensor([width / 2, height / 2]), max(height, width) / 2


def _darkest_paper(paper: Float[Tensor, " n"]) -> float:
    """How dark paper without ink may be, by pixels of it."""
    return _STANDS_OUT * float(paper.detach().quantile(0.75)) if len(paper) else 0.0


def look_at_leaves(leaves: InkLeaves, shape: InkShape, frame: str = "ink") -> Float[Tensor, "h S S"]:
    """Characters drawn from a template, on its paper, as looks: as :func:`look_at` has ink.

    Args:
        shape: with the template that the leaves were drawn from.
        frame: one of ``FRAMES``; "ink": each has a frame of its own.
    """
    if frame == "image":
        middle, half = _frame(shape, frame)
        scale = SIDE / 2 / half
        return _draw((leaves.control_points - middle) * scale + SIDE / 2, leaves.width * scale)
    template, least = shape.template, least_unit(shape.size)
    curves = sample_curves(leaves.control_points, 16)
    pieces = (curves[:, :, 1:] - curves[:, :, :-1]).norm(dim=-1)
    as_dot = leaves.width[..., None].expand_as(pieces) / pieces.shape[2]
    pieces = torch.where(_dots(template)[:, None], as_dot, pieces)
    share, middles = pieces.flatten(1), ((curves[:, :, 1:] + curves[:, :, :-1]) / 2).flatten(1, 2)
    share = share / share.sum(1, keepdim=True)
    centre = (share[..., None] * middles).sum(1)
    unit = (share * (middles - centre[:, None]).square().sum(-1)).sum(1).sqrt().clamp(min=least)
    scale = SIDE / 2 / REACH / unit
    control = (leaves.control_points - centre[:, None, None]) * scale[:, None, None, None] + SIDE / 2
    return _draw(control, leaves.width * scale[:, None])


def _dots(template: CharacterTemplate) -> Bool[Tensor, " q"]:
    """Which sub-strokes are dots; they count as long as the pen is wide."""
    found = []
    for stroke in template.strokes:
        curves = sample_curves(stroke.control_points, 16)
        length = float((curves[:, 1:] - curves[:, :-1]).norm(dim=-1).sum())
        found += [length < DOT * float(stroke.widths.mean())] * len(stroke.widths)
    return torch.tensor(found)


def _draw(control_points: Tensor, width: Tensor) -> Float[Tensor, "h S S"]:
    full = torch.ones_like(width)
    return InkRenderer()(InkStrokes(control_points, width, full, full > 0), (SIDE, SIDE)).ink
