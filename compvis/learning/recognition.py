"""A recognition network that the grammar teaches by what it draws: bottom-up beside top-down.

A grammar learned from a few images can draw as many new ones, each with its class, and teach a network that answers at
a glance (the sleep phase of the wake-sleep algorithm: Hinton, Dayan, Frey and Neal, Science 268, 1995; a generative
model's own samples as the lesson of its recognition). The network sees pixels, the evidence sees strokes: they err on
different images, and their product errs on fewer (a logarithmic opinion pool: Genest and Zidek, Statistical Science 1,
1986).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from scipy.special import log_softmax, logsumexp
from torch import Tensor, nn

from compvis.grammar.placing import Placement, place_leaves
from compvis.grammar.values import sample_values
from compvis.networks.residual import residual_network
from compvis.networks.training import (
    ask_views,
    build_optimizer,
    draw_batches,
    normalise,
    place_network,
    seed_layers,
    train,
)
from compvis.networks.warps import HEAVY, Deformation
from compvis.parsing.ink_look import look_at_leaves
from compvis.parsing.ink_shape import InkShape
from compvis.parsing.parser import smaller_prior

_AT_ONCE = 128  # looks answered together


@dataclass(frozen=True)
class Recognition:
    """How a recognition network is taught, and what its answer counts.

    steps: of its training; 0: there is none. drawings: new exemplars of each class that the grammar draws for it.
    spreads: shares of the prior's standard deviations that they are drawn with, equally many with each. seen: share of
    the pictures of a step that are the training images themselves. Both are warped anew each time they are shown.
    weight: observations that its answer counts as beside the evidence (see ``InkOptions.temperature``). views:
    slightly warped looks at an image whose answers are averaged. width: channels of the first stage. batch: pictures
    a step. seed: of drawings, warps and initial weights.
    """

    steps: int = 0
    drawings: int = 800
    spreads: Sequence[float] = (0.35, 0.6, 0.8, 1.0)
    seen: float = 0.5
    weight: float = 0.5
    views: int = 8
    width: int = 24
    batch: int = 64
    seed: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "spreads", tuple(float(one) for one in self.spreads))
        for name, least in (("steps", 0), ("drawings", 1), ("views", 1), ("width", 1), ("batch", 2)):
            value = getattr(self, name)
            if value != int(value) or value < least:
                raise ValueError(f"recognition.{name} must be a whole number from {least} on, not {value}.")
            object.__setattr__(self, name, int(value))
        if not self.spreads or not all(0 < one < np.inf for one in self.spreads):
            raise ValueError(f"recognition.spreads must hold shares above 0, not {self.spreads}.")
        if not 0 <= self.seen <= 1:
            raise ValueError(f"recognition.seen must lie in [0, 1], not {self.seen}.")
        if not 0 <= self.weight < np.inf:
            raise ValueError(f"recognition.weight must be finite and not below 0, not {self.weight}.")


# The network and its training are those of the ResNet among the baselines; only its lesson differs.
_RATE, _DECAY, _SMOOTHING, _DROPOUT, _AVERAGE = 6.5e-3, 1e-3, 0.2, 0.2, 0.98
_WARP: Deformation = HEAVY
_VIEW_WARP: Deformation = HEAVY.scaled(0.3)


class Recognizer:
    """A taught network: class probabilities of looks (:mod:`compvis.parsing.ink_look`)."""

    def __init__(self, network: nn.Module, settings: Recognition) -> None:
        self.network, self.settings = network.eval(), settings

    @torch.no_grad()
    def log_posterior(self, looks: Float[Tensor, "n S S"]) -> Float[np.ndarray, "n c"]:
        """Mean log-probability of the classes over the views; each look by itself."""
        device = next(self.network.parameters()).device
        parts = [
            ask_views(self.network, part.to(device), normalise, _VIEW_WARP, self.settings.views)
            for part in looks.split(_AT_ONCE)
        ]
        return torch.cat(parts).double().log_softmax(1).cpu().numpy()

    def to_state(self) -> dict[str, Tensor]:
        """The weights by name."""
        return {
            name: tensor.detach().cpu().contiguous() for name, tensor in self.network.state_dict().items()
        }

    @classmethod
    def from_state(
        cls, state: Mapping[str, Tensor], classes: int, settings: Recognition, device: str
    ) -> "Recognizer":
        """Inverse of :meth:`to_state`.

        Raises:
            ValueError: weights of another network.
        """
        network = _build(classes, settings, device)
        try:
            network.load_state_dict(dict(state))
        except RuntimeError as error:
            raise ValueError("The weights are of another recognition network.") from error
        return cls(network, settings)


def pool(
    evidence: Float[np.ndarray, "n c"], log_weights: Float[np.ndarray, "n c"]
) -> Float[np.ndarray, "n c"]:
    """The evidence with its classes weighed by another opinion, too; what all classes say together stays."""
    pooled = log_softmax(evidence + log_weights, axis=1)
    return pooled + logsumexp(evidence, axis=1, keepdims=True)


def teach(
    shapes: Sequence[InkShape],
    looks: Float[Tensor, "k S S"],
    targets: Int64[np.ndarray, " k"],
    settings: Recognition,
    device: str = "cpu",
    progress: Callable[[int], None] | None = None,
) -> Recognizer:
    """A network taught by new drawings of the templates and by the images that they were learned from.

    Args:
        shapes: the templates, with the deformation prior that was learned.
        looks: the images that they were learned from.
        targets: the templates' classes, 0, 1, ...
        progress: called with the number of steps done.
    """
    generator = torch.Generator(device).manual_seed(settings.seed)
    drawn, of_drawn = draw_lesson(shapes, targets, settings)
    lessons = [(drawn, of_drawn, settings.batch - round(settings.seen * settings.batch))]
    lessons.append((looks, torch.from_numpy(targets), round(settings.seen * settings.batch)))
    lessons = [(x.to(device), y.to(device), share) for x, y, share in lessons if share]
    batches = [draw_batches(len(x), share, generator) for x, _, share in lessons]
    network = _build(int(targets.max()) + 1, settings, device)

    def loss_of_batch() -> Tensor:
        chosen = [next(one) for one in batches]
        pictures = torch.cat([x[rows] for (x, _, _), rows in zip(lessons, chosen, strict=True)])
        labels = torch.cat([y[rows] for (_, y, _), rows in zip(lessons, chosen, strict=True)])
        logits = network(normalise(_WARP(pictures, generator)))
        return F.cross_entropy(logits, labels, label_smoothing=_SMOOTHING)

    def report(step: int, steps: int, loss: float) -> None:
        if progress is not None:
            progress(step)

    with seed_layers(settings.seed, torch.device(device)):
        train(
            network,
            loss_of_batch,
            build_optimizer(network, "adamw", _RATE, _DECAY),
            settings.steps,
            _AVERAGE,
            report,
        )
    return Recognizer(network, settings)


def draw_lesson(
    shapes: Sequence[InkShape], targets: Int64[np.ndarray, " k"], settings: Recognition
) -> tuple[Float[Tensor, "m S S"], Int64[Tensor, " m"]]:
    """New exemplars as looks, and their classes; each template draws its part of those of its class."""
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


def _build(classes: int, settings: Recognition, device: str) -> nn.Module:
    with seed_layers(settings.seed, torch.device(device)):
        network = residual_network(1, classes, settings.width, blocks=1, dropout=_DROPOUT)
        return place_network(network, torch.device(device))
