"""A recognition network that a grammar teaches by what it draws: bottom-up beside top-down.

A grammar learned from a few images can draw as many new ones, each with its class, and teach a network that answers at
a glance (the sleep phase of the wake-sleep algorithm: Hinton, Dayan, Frey and Neal, Science 268, 1995; a generative
model's own samples as the lesson of its recognition). The network sees pixels, the evidence sees strokes or solids:
they err on different images, and their product errs on fewer (a logarithmic opinion pool: Genest and Zidek,
Statistical Science 1, 1986).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from scipy.special import log_softmax, logsumexp
from torch import Generator, Tensor, nn

from compvis.networks.residual import residual_network
from compvis.networks.training import (
    ask_views,
    build_optimizer,
    draw_batches,
    place_network,
    seed_layers,
    train,
)

_AT_ONCE = 128  # looks answered together
_SMOOTHING, _AVERAGE = 0.2, 0.98


@dataclass(frozen=True)
class Recognition:
    """How a recognition network is taught, and what its answer counts.

    steps: of its training; 0: there is none. drawings: new exemplars of each class that the grammar draws for it.
    spreads: shares of the prior's standard deviations that they are drawn with, equally many with each. seen: share of
    the pictures of a step that are the training images themselves. Both are warped anew each time they are shown.
    weight: observations that its answer counts as beside the evidence (``temperature`` of ink and of figures). views:
    slightly warped looks at an image whose answers are averaged. width: channels of the first stage. batch: pictures
    a step. members: networks, each taught by itself, whose answers are averaged. seed: of drawings, warps and initial
    weights.
    """

    steps: int = 0
    drawings: int = 800
    spreads: Sequence[float] = (0.35, 0.6, 0.8, 1.0)
    seen: float = 0.5
    weight: float = 0.5
    views: int = 8
    width: int = 24
    batch: int = 64
    members: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "spreads", tuple(float(one) for one in self.spreads))
        counts = {"steps": 0, "drawings": 1, "views": 1, "width": 1, "batch": 2, "members": 1, "seed": 0}
        for name, least in counts.items():
            value = getattr(self, name)
            if not isinstance(value, int | float) or not least <= value < np.inf or value != int(value):
                raise ValueError(f"recognition.{name} must be a whole number from {least} on, not {value}.")
            object.__setattr__(self, name, int(value))
        if not self.spreads or not all(0 < one < np.inf for one in self.spreads):
            raise ValueError(f"recognition.spreads must hold shares above 0, not {self.spreads}.")
        if not 0 <= self.seen <= 1:
            raise ValueError(f"recognition.seen must lie in [0, 1], not {self.seen}.")
        if not 0 <= self.weight < np.inf:
            raise ValueError(f"recognition.weight must be finite and not below 0, not {self.weight}.")


@dataclass(frozen=True)
class Sight:
    """How the looks of a domain are shown to a network.

    channels, inputs: what the network takes, and from looks to that. vary: training pictures as they are shown, each
    by a draw of its own. shift: a slight change of looks, one draw for all (``together=True``). rate, decay, dropout:
    of the training; the network and the rest of it are those of the ResNet among the baselines: the lesson differs.
    """

    channels: int
    inputs: Callable[[Tensor], Tensor]
    vary: Callable[[Tensor, Generator], Tensor]
    shift: Callable[..., Tensor]
    rate: float
    decay: float
    dropout: float


class Committee(nn.ModuleList):
    """Networks whose log-probabilities are averaged."""

    def forward(self, inputs: Float[Tensor, "n d S S"]) -> Float[Tensor, "n c"]:
        return torch.stack([network(inputs).log_softmax(1) for network in self]).mean(0)


class Recognizer:
    """A taught network, or several: class probabilities of looks."""

    def __init__(self, network: nn.Module, settings: Recognition, sight: Sight) -> None:
        self.network = network.eval().requires_grad_(False)
        self.settings, self.sight = settings, sight

    @torch.no_grad()
    def log_posterior(self, looks: Float[Tensor, "n *c S S"]) -> Float[np.ndarray, "n c"]:
        """Mean log-probability of the classes over the views; each look by itself."""
        parts = [self.opinion(part) for part in looks.split(_AT_ONCE)]
        return torch.cat(parts).double().log_softmax(1).cpu().numpy()

    def opinion(self, looks: Float[Tensor, "n *c S S"]) -> Float[Tensor, "n c"]:
        """The same up to what is common to all classes, with gradients to the looks."""
        device, sight = next(self.network.parameters()).device, self.sight
        return ask_views(self.network, looks.to(device), sight.inputs, sight.shift, self.settings.views)

    def to_state(self) -> dict[str, Tensor]:
        """The weights by name."""
        weights = self.network.state_dict()
        return {f"recognition/{name}": tensor.detach().cpu().contiguous() for name, tensor in weights.items()}

    @classmethod
    def from_state(
        cls,
        tensors: Mapping[str, Tensor],
        classes: int,
        settings: Recognition,
        sight: Sight,
        device: str = "cpu",
    ) -> "Recognizer":
        """Inverse of :meth:`to_state`, among other tensors.

        Raises:
            ValueError: weights of another network, or none.
        """
        prefix = "recognition/"
        weights = {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}
        network = _build(classes, settings, sight, device)
        try:
            network.load_state_dict(weights)
        except RuntimeError as error:
            raise ValueError("The weights are of another recognition network.") from error
        return cls(network, settings, sight)


def pool(
    evidence: Float[np.ndarray, "n c"], log_weights: Float[np.ndarray, "n c"]
) -> Float[np.ndarray, "n c"]:
    """The evidence with its classes weighed by another opinion, too; what all classes say together stays."""
    pooled = log_softmax(evidence + log_weights, axis=1)
    return pooled + logsumexp(evidence, axis=1, keepdims=True)


Lesson = tuple[Tensor, Tensor]
"""Looks (m, *c, S, S) and their classes (m,), 0, 1, ..."""


def teach(
    drawn: Lesson,
    seen: Lesson,
    settings: Recognition,
    sight: Sight,
    device: str = "cpu",
) -> Recognizer:
    """Networks taught by what a grammar drew and by the images that the grammar was learned from.

    Every class has the same part of either, however many looks it has: the network's opinion stands beside a
    likelihood.

    Raises:
        ValueError: a lesson whose looks and classes differ in number.
    """
    of_seen = round(settings.seen * settings.batch)
    parts = [(drawn, settings.batch - of_seen), (seen, of_seen)]
    lessons = [(*_balance(*lesson, device), share) for lesson, share in parts if share]
    network = _build(1 + int(seen[1].max()), settings, sight, device)
    for k, member in enumerate(_members(network)):
        _teach(member, lessons, replace(settings, seed=_seed(settings, k)), sight, device)
    return Recognizer(network, settings, sight)


def _teach(network: nn.Module, lessons, settings: Recognition, sight: Sight, device: str) -> None:
    """Train one network on (looks, classes, how many of them a step)."""
    generator = torch.Generator(device).manual_seed(settings.seed)
    batches = [draw_batches(len(looks), share, generator) for looks, _, share in lessons]

    def loss_of_batch() -> Tensor:
        chosen = [next(one) for one in batches]
        looks = torch.cat([own[rows] for (own, _, _), rows in zip(lessons, chosen, strict=True)])
        classes = torch.cat([own[rows] for (_, own, _), rows in zip(lessons, chosen, strict=True)])
        logits = network(sight.inputs(sight.vary(looks, generator)))
        return F.cross_entropy(logits, classes, label_smoothing=_SMOOTHING)

    optimizer = build_optimizer(network, "adamw", sight.rate, sight.decay)
    with seed_layers(settings.seed, torch.device(device)):
        train(network, loss_of_batch, optimizer, settings.steps, _AVERAGE)


def _balance(looks: Tensor, classes: Tensor, device: str) -> Lesson:
    """The lesson with the rows of smaller classes repeated until all have as many."""
    if len(looks) != len(classes):
        raise ValueError(f"A lesson of {len(looks)} looks has {len(classes)} classes.")
    rows = [(classes == one).nonzero()[:, 0] for one in classes.unique()]
    most = max(len(own) for own in rows)
    if any(len(own) < most for own in rows):
        chosen = torch.cat([own[torch.arange(most) % len(own)] for own in rows])
        looks, classes = looks[chosen], classes[chosen]
    return looks.to(device), classes.to(device)


def _build(classes: int, settings: Recognition, sight: Sight, device: str) -> nn.Module:
    """One network, or a committee of them, with their first weights."""
    networks = []
    for k in range(settings.members):
        with seed_layers(_seed(settings, k), torch.device(device)):
            one = residual_network(sight.channels, classes, settings.width, blocks=1, dropout=sight.dropout)
        networks.append(place_network(one, torch.device(device)))
    return networks[0] if len(networks) == 1 else Committee(networks)


def _members(network: nn.Module) -> list[nn.Module]:
    return list(network) if isinstance(network, Committee) else [network]


def _seed(settings: Recognition, member: int) -> int:
    """Of a network, so that no two seeds of a committee share one."""
    return settings.seed * settings.members + member
