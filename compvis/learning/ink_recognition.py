"""What a grammar of ink draws for its recognition network, how that sees it: :mod:`compvis.learning.recognition`."""

from collections.abc import Sequence

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

INK_SIGHT = Sight(
    channels=1, inputs=normalise, vary=HEAVY, shift=HEAVY.scaled(0.3), rate=6.5e-3, decay=1e-3, dropout=0.2
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
    looks, classes = [], []
    for shape, target in zip(shapes, targets.tolist(), strict=True):
        own = int((targets == target).sum())
        each = max(1, round(settings.drawings / own / len(settings.spreads)))
        placement = Placement(shape.centre, torch.tensor(shape.unit))
        for spread in settings.spreads:
            template = shape.template.with_prior(smaller_prior(shape.template.prior, spread))
            values = sample_values(template, each, generator)
            looks.append(look_at_leaves(place_leaves(template, values, placement)))
            classes += [target] * each
    return torch.cat(looks), torch.tensor(classes)
