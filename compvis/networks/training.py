"""One training loop for every network: a number of steps, a rate that rises and falls, averaged weights."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn

from compvis.data.check import InputError

Progress = Callable[[int, int, float], None]
"""Called as progress(step, steps, loss)."""

OPTIMIZERS = ("adamw", "sgd")


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


def ask_views(
    network: nn.Module,
    images: Float[Tensor, "n *c S S"],
    inputs: Callable[[Tensor], Tensor],
    warp: Callable[..., Tensor] | None,
    views: int,
) -> Float[Tensor, "n C"]:
    """Mean log-probability over views of the pictures, the first one as they are.

    Args:
        inputs: from pictures to what the network takes.
        warp: that makes the other views (:mod:`compvis.networks.warps`); None for none.
        views: how many.
    """
    total = network(inputs(images)).log_softmax(1)
    if warp is None or views <= 1:
        return total
    for view in range(1, views):
        # One draw for all pictures of a view, so that an answer does not depend on its batch.
        generator = torch.Generator(images.device).manual_seed(view)
        moved = warp(images, generator, together=True)
        total = total + network(inputs(moved)).log_softmax(1)
    return total / views
