"""One training loop for every network: a number of steps, deformed batches, averaged weights."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Generator, Tensor, nn

from compvis.baselines.augmentation import HEAVY, Deformation
from compvis.baselines.contract import Baseline
from compvis.baselines.preparation import frame_ink
from compvis.data.check import InputError, check_images

Progress = Callable[[int, int, float], None]
"""Called as progress(step, steps, loss)."""

OPTIMIZERS = ("adamw", "sgd")


@dataclass(kw_only=True, eq=False)
class NetworkClassifier(Baseline):
    """A network trained from scratch; subclasses say which one in `_build`.

    The budget is a number of steps, not of epochs, so that ten images and a thousand get the same training.

    Args:
        width: channels of the first stage.
        steps: optimiser steps.
        batch: deformed pictures per step, drawn evenly from the training pictures.
        learning_rate: the peak; it rises linearly over the first 5% of the steps and falls as a cosine to 0.
        weight_decay: decoupled for adamw, L2 for sgd; not on biases and normalisation.
        optimizer: "adamw" or "sgd" (Nesterov momentum 0.9).
        label_smoothing: share of the target spread evenly over the classes (Szegedy et al. 2016, section 7).
        dropout: before the last layer.
        average: decay of the exponential moving average of the weights that is kept in the end.
        augmentation: deformation of the training pictures; None for none.
        views: pictures averaged at prediction, the first one undeformed.
        view_strength: the deformation of the other views, as a share of `augmentation`.
        progress: called during training; not saved.
    """

    width: int = 24
    steps: int = 800
    batch: int = 64
    learning_rate: float = 6.5e-3
    weight_decay: float = 1e-3
    optimizer: str = "adamw"
    label_smoothing: float = 0.2
    dropout: float = 0.2
    average: float = 0.98
    augmentation: Deformation | None = HEAVY
    views: int = 8
    view_strength: float = 0.3
    progress: Progress | None = field(default=None, repr=False, metadata={"saved": False})

    chunk: ClassVar[int] = 128

    def _build(self, classes: int) -> nn.Module:
        raise NotImplementedError

    def _channels(self) -> int:
        """How many channels `_inputs` gives."""
        return 1

    def _inputs(self, images: Float[Tensor, "n *c S S"]) -> Float[Tensor, "n d S S"]:
        """What the network sees of framed pictures."""
        return normalise(images)

    def _vary(self, images: Float[Tensor, "n *c S S"], generator: Generator) -> Float[Tensor, "n *c S S"]:
        """Training pictures as they are shown: each by a draw of its own."""
        return images if self.augmentation is None else self.augmentation(images, generator)

    def logits(self, images: Any) -> Float[Tensor, "n C"]:
        """What `predict_proba` is the softmax of, with gradients to the images: (n, H, W) or (n, H, W, 3).

        Raises:
            InputError: images that cannot be used, or a model that was not fitted.
        """
        self._require_fit()
        return self._ask(frame_ink(check_images(images), self.size, self.frame))

    def _fit(self, images: Float[Tensor, "n *c S S"], targets: Int64[Tensor, "n"]) -> None:
        self._network = self._train(images, targets, self.seed)

    @torch.no_grad()
    def _scores(self, images: Float[Tensor, "n *c S S"]) -> Float[Tensor, "n C"]:
        return self._ask(images)

    def _ask(self, images: Float[Tensor, "n *c S S"]) -> Float[Tensor, "n C"]:
        """`_scores` with gradients."""
        return self._ask_network(self._network, images)

    def _train(self, images: Float[Tensor, "n *c S S"], targets: Int64[Tensor, "n"], seed: int) -> nn.Module:
        """One network, trained from the seed's initial weights on its stream of changed pictures."""
        generator = torch.Generator(images.device).manual_seed(seed)
        batches = draw_batches(len(images), self.batch, generator)
        with seed_layers(seed, images.device):
            network = place_network(self._build(len(self.classes_)), images.device)

            def loss_of_batch() -> Tensor:
                chosen = next(batches)
                logits = network(self._inputs(self._vary(images[chosen], generator)))
                return F.cross_entropy(logits, targets[chosen], label_smoothing=self.label_smoothing)

            optimizer = build_optimizer(network, self.optimizer, self.learning_rate, self.weight_decay)
            return train(network, loss_of_batch, optimizer, self.steps, self.average, self.progress)

    def _ask_network(self, network: nn.Module, images: Float[Tensor, "n *c S S"]) -> Float[Tensor, "n C"]:
        """Mean log-probability over the views."""
        network = network.to(images.device)
        total = network(self._inputs(images)).log_softmax(1)
        if self.augmentation is None or self.views <= 1:
            return total
        deformation = self.augmentation.scaled(self.view_strength)
        for view in range(1, self.views):
            # One draw for all pictures of a view, so that an answer does not depend on its batch.
            generator = torch.Generator(images.device).manual_seed(view)
            moved = deformation(images, generator, together=True)
            total = total + network(self._inputs(moved)).log_softmax(1)
        return total / self.views

    def _state(self) -> dict[str, Tensor]:
        return dict(self._network.state_dict())

    def _restore(self, state: dict[str, Tensor]) -> None:
        self._network = self._rebuild(state)

    def _rebuild(self, state: dict[str, Tensor]) -> nn.Module:
        """A network with the given weights, ready to be asked."""
        with seed_layers(self.seed, torch.device("cpu")):
            network = place_network(self._build(len(self.classes_)), torch.device("cpu")).eval()
        network.load_state_dict(state)
        return network


def normalise(images: Float[Tensor, "n S S"]) -> Float[Tensor, "n 1 S S"]:
    """Shift and scale ink to about zero mean and unit variance, the same for every picture."""
    return ((images - 0.13) / 0.3)[:, None].contiguous(memory_format=torch.channels_last)


def place_network(network: nn.Module, device: torch.device) -> nn.Module:
    """Move a network to a device with channels last, which is a third faster on CPUs."""
    return network.to(device).to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]


def draw_batches(n: int, batch: int, generator: Generator) -> Iterator[Tensor]:
    """Yield index batches (batch,) for ever: shuffled passes over 0..n-1, one after the other."""
    pool = torch.empty(0, dtype=torch.int64, device=generator.device)
    while True:
        while len(pool) < batch:
            pool = torch.cat([pool, torch.randperm(n, generator=generator, device=generator.device)])
        yield pool[:batch]
        pool = pool[batch:]


@contextmanager
def seed_layers(seed: int, device: torch.device) -> Iterator[None]:
    """Seed what layers draw by themselves, initial weights and dropout, and leave the global generator be.

    Layers take no generator of their own; everything else in training draws from an explicit one.
    """
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield


def build_optimizer(
    network: nn.Module, kind: str, learning_rate: float, weight_decay: float
) -> torch.optim.Optimizer:
    """AdamW or SGD, with weight decay on matrices and filters alone.

    Raises:
        InputError: an unknown kind.
    """
    if kind not in OPTIMIZERS:
        raise InputError(f"Unknown optimizer {kind!r}: choose one of {', '.join(OPTIMIZERS)}.")
    groups = [
        {"params": [p for p in network.parameters() if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in network.parameters() if p.ndim <= 1], "weight_decay": 0.0},
    ]
    if kind == "sgd":
        return torch.optim.SGD(groups, lr=learning_rate, momentum=0.9, nesterov=True)
    return torch.optim.AdamW(groups, lr=learning_rate)


def train(
    network: nn.Module,
    loss_of_batch: Callable[[], Tensor],
    optimizer: torch.optim.Optimizer,
    steps: int,
    average: float,
    progress: Progress | None = None,
) -> nn.Module:
    """Minimise `loss_of_batch()` and leave the network with averaged weights, in evaluation mode.

    The average's decay is capped by (1 + step) / (10 + step), so that the first weights are forgotten.
    """
    if steps < 1:
        raise InputError(f"Training needs at least one step, not {steps}.")
    averaged = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    peaks = [group["lr"] for group in optimizer.param_groups]
    network.train()
    for step in range(steps):
        for group, peak in zip(optimizer.param_groups, peaks, strict=True):
            group["lr"] = peak * schedule(step, steps)
        loss = loss_of_batch()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        _move_average(averaged, network.state_dict(), min(average, (1 + step) / (10 + step)))
        if progress is not None:
            progress(step + 1, steps, float(loss.detach()))
    network.load_state_dict(averaged)
    return network.eval()


def schedule(step: int, steps: int) -> float:
    """Share of the peak learning rate: linear rise over the first 5%, then a cosine to zero."""
    rise = max(1, round(0.05 * steps))
    if step < rise:
        return (step + 1) / rise
    return 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, steps - rise)))


@torch.no_grad()
def _move_average(averaged: dict[str, Tensor], current: dict[str, Tensor], decay: float) -> None:
    for name, tensor in averaged.items():
        if tensor.is_floating_point():
            tensor.lerp_(current[name], 1 - decay)
