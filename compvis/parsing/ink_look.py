"""What a recognition network sees of ink: the character in its own frame, and no ink that its strokes do not cover.

The frame is that of the character's description, so that place, size and a turn of the paper are gone before the
network looks. What lies away from the strokes, such as noise that no skeleton runs through, is covered up.
"""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from compvis.geometry.affine import rotation
from compvis.grammar.ink import CharacterTemplate
from compvis.grammar.placing import InkLeaves
from compvis.parsing.ink_shape import DOT, InkShape
from compvis.render.ink import InkRenderer, InkStrokes, sample_curves

SIDE = 28
"""Pixels of a look's side."""

REACH = 2.4
"""Half the side of a look in units of the character: that of MNIST's own framing for its median digit."""

MARGIN = 2.5
"""Pixels of a look that the covering pen is wider than the strokes."""

_FINEST = 8  # samples across a pixel of a look, at most


def look_at(ink: Float[Tensor, "H W"], shape: InkShape, turn: float = 0.0) -> Float[Tensor, "S S"]:
    """An image as a look.

    Args:
        ink: 1 = ink.
        shape: its description, turned by ``turn``.
        turn: degrees that the description was turned by (:meth:`InkShape.turned`).
    """
    height, width = ink.shape
    finer = max(1, min(_FINEST, math.ceil(2 * REACH * shape.unit / SIDE)))
    steps = ((torch.arange(SIDE * finer) + 0.5) / (SIDE * finer) * 2 - 1) * REACH * shape.unit
    y, x = torch.meshgrid(steps, steps, indexing="ij")
    middle = torch.tensor([width / 2, height / 2])
    turned_back = (torch.stack([x, y], -1) + shape.centre - middle) @ rotation(-turn).T + middle
    grid = turned_back * torch.tensor([2 / width, 2 / height]) - 1
    fine = F.grid_sample(ink[None, None], grid[None].to(ink.dtype), align_corners=False)
    seen = F.avg_pool2d(fine, finer)[0, 0]
    scale = _pixels_a_unit()
    control = shape.template.control_points[None] * scale + SIDE / 2
    return seen * _draw(control, shape.template.widths[None] * scale + MARGIN)[0]


def look_at_leaves(leaves: InkLeaves, template: CharacterTemplate, least: float) -> Float[Tensor, "h S S"]:
    """Drawn characters as looks: as :func:`look_at` has ink, in frames of their own.

    Args:
        template: what the leaves were drawn from.
        least: unit of a frame (:func:`compvis.parsing.ink_shape.least_unit`), pixels.
    """
    curves = sample_curves(leaves.control_points, 16)
    pieces = (curves[:, :, 1:] - curves[:, :, :-1]).norm(dim=-1)
    as_dot = leaves.width[..., None].expand_as(pieces) / pieces.shape[2]
    pieces = torch.where(_dots(template)[:, None], as_dot, pieces)
    share, middles = pieces.flatten(1), ((curves[:, :, 1:] + curves[:, :, :-1]) / 2).flatten(1, 2)
    share = share / share.sum(1, keepdim=True)
    centre = (share[..., None] * middles).sum(1)
    unit = (share * (middles - centre[:, None]).square().sum(-1)).sum(1).sqrt().clamp(min=least)
    scale = _pixels_a_unit() / unit
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


def _pixels_a_unit() -> float:
    return SIDE / 2 / REACH


def _draw(control_points: Tensor, width: Tensor) -> Float[Tensor, "h S S"]:
    full = torch.ones_like(width)
    return InkRenderer()(InkStrokes(control_points, width, full, full > 0), (SIDE, SIDE)).ink
