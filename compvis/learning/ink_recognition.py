"""What a grammar of ink draws for its recognition network, how that sees it: :mod:`compvis.learning.recognition`."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from compvis.grammar.placing import Placement, place_leaves
from compvis.grammar.values import sample_values
from compvis.learning.recognition import Recognition, Sight
from compvis.networks.training import normalise
from compvis.networks.warps import HEAVY
from compvis.parsing.ink_look import FRAMES, look_at_leaves
from compvis.parsing.ink_shape import InkShape
from compvis.parsing.parser import smaller_prior


@dataclass(frozen=True)
class InkRecognition(Recognition):
    """:class:`compvis.learning.recognition.Recognition` of ink.

    frame: of looks, one of :data:`compvis.parsing.ink_look.FRAMES`. other_ink: share of the pictures of a step, in the
    frame "image", with ink of something else in them; pieces: most of them in one.
    """

    frame: str = "ink"
    other_ink: float = 0.0
    pieces: int = 3

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.frame not in FRAMES:
            raise ValueError(f"recognition.frame must be one of {', '.join(FRAMES)}, not {self.frame!r}.")
        if not 0 <= self.other_ink <= 1:
            raise ValueError(f"recognition.other_ink must lie in [0, 1], not {self.other_ink}.")
        if self.other_ink and self.frame != "image":
            raise ValueError("recognition.other_ink is for looks in the frame image: set recognition.frame.")
        if self.pieces != int(self.pieces) or self.pieces < 1:
            raise ValueError(f"recognition.pieces must be a whole number from 1 on, not {self.pieces}.")


# Turned up to halfway to the next turn of the paper that is asked about; of any usual size.
_ON_PAPER = replace(HEAVY, rotation=22.0, scale=0.4)


def ink_sight(settings: InkRecognition) -> Sight:
    """How ink is shown to a network; some of the lesson with ink of other things, where the settings say so."""
    shown = HEAVY if settings.frame == "ink" else _ON_PAPER
    shown = replace(shown, other_ink=settings.other_ink, pieces=settings.pieces)
    return Sight(
        channels=1,
        inputs=normalise,
        vary=shown,
        shift=HEAVY.scaled(0.3),
        rate=6.5e-3,
        decay=1e-3,
        dropout=0.2,
    )


def draw_ink_lesson(
    shapes: Sequence[InkShape], targets: Int64[np.ndarray, " k"], settings: InkRecognition
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
