"""What a grammar of ink draws for its recognition network, how that sees it: :mod:`compvis.learning.recognition`."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from compvis.grammar.placing import Placement, place_leaves
from compvis.grammar.values import sample_values
from compvis.learning.recognition import Recognition, Sight
from compvis.networks.training import normalise
from compvis.networks.warps import HEAVY
from compvis.parsing.ink_look import look_at_leaves
from compvis.parsing.ink_shape import InkShape
from compvis.parsing.parser import smaller_prior

_ON_PAPER = replace(
    HEAVY, rotation=22.0, scale=0.4
)  # up to halfway between turns of the paper; of any usual size


def ink_sight(settings: Recognition) -> Sight:
    """How ink is shown to a network; some of the lesson with ink of other things, where the settings say so."""
    shown = HEAVY if settings.frame == "ink" else _ON_PAPER
    shown = replace(shown, other_ink=settings.other_ink, pieces=settings.pieces)
    return Sight(
        channels=1,
        inputs=normalise,
        vary=shown,
        shift=HEAVY.slight(0.3),
        rate=6.5e-3,
        decay=1e-3,
        dropout=0.2,
    )


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
            looks.append(look_at_leaves(leaves, shape, settings.frame))
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
