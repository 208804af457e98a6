"""What a grammar of ink draws for its recognition network, how that sees it: :mod:`compvis.learning.recognition`."""

import math
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Generator, Tensor

from compvis.grammar.placing import Placement, place_leaves
from compvis.grammar.values import sample_values
from compvis.learning.recognition import Recognition, Sight
from compvis.networks.training import normalise
from compvis.networks.warps import HEAVY
from compvis.parsing.ink_look import look_at_leaves
from compvis.parsing.ink_shape import InkShape, least_unit
from compvis.parsing.parser import smaller_prior

_WINDOW = (0.12, 0.37)  # half sides of what is cut out of another look, in half sides of a look
_REACH = (0.45, 0.75)  # how far from the middle it is cut, and laid
_SIZE = (0.8, 1.3)  # of what is laid, in its own


def ink_sight(settings: Recognition) -> Sight:
    """How ink is shown to a network; some of the lesson with ink of other things, where the settings say so."""

    def vary(looks: Float[Tensor, "n S S"], generator: Generator) -> Float[Tensor, "n S S"]:
        warped = HEAVY(looks, generator)
        if not settings.other_ink:
            return warped
        return lay_other_ink(warped, settings.other_ink, settings.pieces, generator)

    return Sight(
        channels=1, inputs=normalise, vary=vary, shift=HEAVY.scaled(0.3), rate=6.5e-3, decay=1e-3, dropout=0.2
    )


def lay_other_ink(
    looks: Float[Tensor, "n S S"], share: float, pieces: int, generator: Generator
) -> Float[Tensor, "n S S"]:
    """Looks with pieces of each other in them, each again in the frame of all its ink.

    Args:
        share: of the looks that get one or more.
        pieces: most in one.
    """
    n, side, device = len(looks), looks.shape[-1], looks.device

    def draw(*columns: int) -> Tensor:
        return torch.rand(n, *columns, generator=generator, device=device)

    line = (torch.arange(side, device=device) + 0.5) / side * 2 - 1
    count = torch.where(draw() < share, (draw() * pieces).floor() + 1, 0.0)
    laid = looks
    for k in range(pieces):
        other = looks[torch.randperm(n, generator=generator, device=device)]
        cut, half = (2 * draw(2) - 1) * _REACH[0], _WINDOW[0] + (_WINDOW[1] - _WINDOW[0]) * draw(2)
        across, down = ((line - cut[:, i, None]).abs() < half[:, i, None] for i in (0, 1))
        window = down[:, :, None] & across[:, None, :]
        angle, size = 2 * math.pi * draw(), _SIZE[0] + (_SIZE[1] - _SIZE[0]) * draw()
        to = (2 * draw(2) - 1) * _REACH[1]
        cos, sin = angle.cos() / size, angle.sin() / size
        turn = torch.stack([cos, -sin, sin, cos], 1).view(n, 2, 2)
        start = cut - torch.einsum("nij,nj->ni", turn, to)
        piece = _resample(other * window, torch.cat([turn, start[:, :, None]], 2))
        laid = torch.where((count > k)[:, None, None], torch.maximum(laid, piece), laid)
    (centre, spread), (new_centre, new_spread) = _frame(looks), _frame(laid)
    grown = (new_spread / spread)[:, None, None] * torch.eye(2, device=device)
    return _resample(laid, torch.cat([grown, (new_centre - centre)[:, :, None]], 2))


def _frame(looks: Float[Tensor, "n S S"]) -> tuple[Float[Tensor, "n 2"], Float[Tensor, " n"]]:
    """Middle (x, y) and root mean square radius of the ink, half sides of a look."""
    side = looks.shape[-1]
    line = (torch.arange(side, device=looks.device) + 0.5) / side * 2 - 1
    share = looks / looks.sum((1, 2), keepdim=True).clamp_min(1e-6)
    columns, rows = share.sum(1), share.sum(2)
    middle = torch.stack([columns @ line, rows @ line], 1)
    squared = columns @ line**2 + rows @ line**2 - middle.square().sum(1)
    return middle, squared.clamp_min(1 / side**2).sqrt()  # half a pixel at least


def _resample(looks: Float[Tensor, "n S S"], pose: Float[Tensor, "n 2 3"]) -> Float[Tensor, "n S S"]:
    grid = F.affine_grid(pose, [len(looks), 1, *looks.shape[1:]], align_corners=False)
    return F.grid_sample(looks[:, None], grid, align_corners=False)[:, 0]


def draw_ink_lesson(
    shapes: Sequence[InkShape], targets: Int64[np.ndarray, " k"], settings: Recognition
) -> tuple[Float[Tensor, "m S S"], Int64[Tensor, " m"]]:
    """New exemplars as looks, and their classes; each template draws its part of those of its class.

    Args:
        shapes: the templates, with the deformation prior that was learned.
        targets: their classes, 0, 1, ...
    """
    generator = torch.Generator().manual_seed(settings.seed)
    looks, classes, asked = [], [], _share_out(targets, settings)
    for shape, target, counts in zip(shapes, targets.tolist(), asked.tolist(), strict=True):
        placement = Placement(shape.centre, torch.tensor(shape.unit))
        for spread, each in zip(settings.spreads, counts, strict=True):
            if not each:
                continue
            template = shape.template.with_prior(smaller_prior(shape.template.prior, spread))
            values = sample_values(template, each, generator)
            leaves = place_leaves(template, values, placement)
            looks.append(look_at_leaves(leaves, template, least_unit(shape.size)))
            classes += [target] * each
    return torch.cat(looks), torch.tensor(classes)


def _share_out(targets: Int64[np.ndarray, " k"], settings: Recognition) -> Int64[np.ndarray, "k s"]:
    """How many drawings of each template with each spread: those of a class are shared evenly."""
    counts = np.zeros((len(targets), len(settings.spreads)), np.int64)
    for target in np.unique(targets):
        own = np.flatnonzero(targets == target)
        pairs = len(own) * len(settings.spreads)
        ends = np.arange(pairs + 1) * settings.drawings // pairs
        counts[own] = np.diff(ends).reshape(len(own), -1)
    return counts
