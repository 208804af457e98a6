"""Improve continuous values through the renderer's gradient, from coarse to fine, many hypotheses at once.

The objective is the log joint, log p(image | picture of the values) + log p(values), in nats. Far from the
answer its gradient vanishes, because ink that misses the ink in the image does not feel it; so the first
steps climb the same objective with renderer and image both blurred. Blurred images are no data, so those
scores only guide: every iterate that is kept was scored on the image itself with the renderer as given.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import sqrt
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import conv2d

from compvis.likelihood.contract import Likelihood
from compvis.render.contract import SoftRenderer


class NonFiniteScoreError(ValueError):
    """The log joint of a starting point is NaN or infinite, so there is nothing to improve."""


@dataclass(frozen=True)
class CoarseToFine:
    """Blur during refinement: ``levels`` equal shares of the first ``coarse_fraction`` of the steps, from
    ``coarsest`` pixels (standard deviation) down in geometric steps to the renderer's own softness, which the
    remaining steps keep."""

    coarsest: float = 2.0
    levels: int = 3
    coarse_fraction: float = 0.5

    def __post_init__(self) -> None:
        if self.levels < 0 or not 0 <= self.coarse_fraction < 1:
            raise ValueError("levels must not be negative and coarse_fraction must lie in [0, 1)")

    def softness(self, steps: int, finest: float) -> list[float]:
        """Softness in pixels of each step; ``finest`` is the renderer's own."""
        if self.levels == 0 or self.coarsest <= finest:
            return [finest] * steps
        coarse_steps = int(steps * self.coarse_fraction)
        level = [step * self.levels // coarse_steps for step in range(coarse_steps)]
        ratio = finest / self.coarsest
        return [self.coarsest * ratio ** (k / self.levels) for k in level] + [finest] * (steps - coarse_steps)


@dataclass(frozen=True)
class RefinementResult:
    """The best iterate of each of ``h`` hypotheses.

    Attributes:
        parameters: values by name, each (h, ...), detached.
        log_joint: their log p(image | values) + log p(values) in nats (tempered where the likelihood is).
        start_log_joint: the same at the start; never above ``log_joint``.
        trajectory: objective of every step's iterate *at that step's softness*: the log joint at the
            renderer's own, a heuristic at coarser ones; not comparable across a change of softness.
        softness: that softness in pixels, one per step.
        diverged: True where a score or gradient stopped being finite; that hypothesis was put back to its
            best.
    """

    parameters: dict[str, Tensor]
    log_joint: Float[Tensor, " h"]
    start_log_joint: Float[Tensor, " h"]
    trajectory: Float[Tensor, "steps h"]
    softness: tuple[float, ...]
    diverged: Bool[Tensor, " h"]


def refine(
    parameters: Mapping[str, Tensor],
    place: Callable[[dict[str, Tensor]], Any],
    image: Float[Tensor, "*one_or_h H W"],
    *,
    renderer: SoftRenderer,
    likelihood: Likelihood,
    log_prior: Callable[[dict[str, Tensor]], Tensor],
    steps: int = 60,
    learning_rate: float | Mapping[str, float] = 0.03,
    schedule: CoarseToFine | None = None,
) -> RefinementResult:
    """Climb the log joint of every hypothesis with Adam and keep its best iterate.

    Args:
        parameters: starting values by name, each (h, ...); hypotheses never mix.
        place: values to primitives of the renderer.
        image: (H, W), shared by all hypotheses, or (h, H, W), one for each; 1 = ink.
        renderer: draws the primitives; its softness is the finest of the schedule.
        likelihood: scores the rendering.
        log_prior: values to log p(values), (h,), in nats.
        steps: gradient steps; 40 to 80 suffice from a fair proposal.
        learning_rate: first step length in each parameter's own unit, one for all or one per name; it falls
            to zero along a half cosine.
        schedule: blur from coarse to fine; None for the default :class:`CoarseToFine`.

    Returns:
        The best iterate of each hypothesis, scored at the renderer's own softness; never worse than the
        start.

    Raises:
        NonFiniteScoreError: where a hypothesis starts with a log joint that is not finite.
        ValueError: where names or leading axes do not agree.
    """
    hypotheses = _check_parameters(parameters, learning_rate, steps)
    values = {name: value.detach().clone().requires_grad_() for name, value in parameters.items()}
    softness = (schedule or CoarseToFine()).softness(steps, renderer.softness)
    scenes = {renderer.softness: (renderer, image)}
    for level in set(softness) - {renderer.softness}:
        blurred = _blur(image, sqrt(level**2 - renderer.softness**2))
        scenes[level] = (renderer.with_softness(level), blurred)

    def score(level: float) -> Tensor:
        draw, target = scenes[level]
        rendering = draw(place(values), (image.shape[-2], image.shape[-1]))
        fit = likelihood.log_likelihood if level == renderer.softness else likelihood.guide
        return fit(target, rendering) + log_prior(values)

    with torch.no_grad():
        start = score(renderer.softness)
    if start.shape != (hypotheses,):
        raise ValueError(
            f"log_prior must return shape ({hypotheses},); the log joint came out {tuple(start.shape)}"
        )
    if not torch.isfinite(start).all():
        bad = (~torch.isfinite(start)).nonzero().flatten().tolist()
        raise NonFiniteScoreError(
            f"hypotheses {bad} start with a log joint that is not finite; drop or mend them"
        )

    keeper = _Keeper(values, start)
    rates = {n: learning_rate if isinstance(learning_rate, int | float) else learning_rate[n] for n in values}
    optimiser = torch.optim.Adam([{"params": [value], "lr": rates[name]} for name, value in values.items()])
    decay = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, max(steps, 1))
    trajectory = start.new_empty(steps, hypotheses)
    for step, level in enumerate(softness):
        optimiser.zero_grad()
        objective = score(level)
        objective.sum().neg().backward()
        trajectory[step] = objective.detach()
        if level == renderer.softness:
            keeper.offer(trajectory[step])
        keeper.mend_gradients(trajectory[step])
        optimiser.step()
        decay.step()
        keeper.mend_values()
    if steps:
        with torch.no_grad():
            keeper.offer(score(renderer.softness))
    return RefinementResult(
        parameters=keeper.best,
        log_joint=keeper.log_joint,
        start_log_joint=start,
        trajectory=trajectory,
        softness=tuple(softness),
        diverged=keeper.diverged,
    )


class _Keeper:
    """Remembers each hypothesis's best values and puts diverged ones back to them."""

    def __init__(self, values: dict[str, Tensor], log_joint: Tensor) -> None:
        self.values = values
        self.best = {name: value.detach().clone() for name, value in values.items()}
        self.log_joint = log_joint.clone()
        self.diverged = torch.zeros_like(log_joint, dtype=torch.bool)

    def offer(self, log_joint: Tensor) -> None:
        """Keep the current values where their score at the finest softness is the best so far."""
        better = torch.isfinite(log_joint) & (log_joint > self.log_joint)
        self.log_joint = torch.where(better, log_joint, self.log_joint)
        for name, value in self.values.items():
            self.best[name] = torch.where(_like(better, value), value.detach(), self.best[name])

    def mend_gradients(self, log_joint: Tensor) -> None:
        """Stop hypotheses whose score or gradient is not finite: no further step, back to the best values."""
        bad = ~torch.isfinite(log_joint)
        for value in self.values.values():
            if value.grad is not None:
                bad |= ~torch.isfinite(value.grad).flatten(1).all(1)
        self.diverged |= bad
        for value in self.values.values():
            if value.grad is not None:
                value.grad.masked_fill_(_like(self.diverged, value), 0.0)

    def mend_values(self) -> None:
        """Hold diverged hypotheses at their best values."""
        with torch.no_grad():
            for name, value in self.values.items():
                value.copy_(torch.where(_like(self.diverged, value), self.best[name], value))


def _like(flags: Tensor, value: Tensor) -> Tensor:
    """Flags (h,) shaped to broadcast over ``value`` (h, ...)."""
    return flags.view(-1, *[1] * (value.ndim - 1))


def _check_parameters(
    parameters: Mapping[str, Tensor], learning_rate: float | Mapping[str, float], steps: int
) -> int:
    """Number of hypotheses, after checking that everything agrees on it."""
    if not parameters:
        raise ValueError("give at least one parameter to refine")
    if steps < 0:
        raise ValueError(f"steps must not be negative; got {steps}")
    counts = {name: value.shape[0] if value.ndim else None for name, value in parameters.items()}
    if None in counts.values() or len(set(counts.values())) > 1:
        raise ValueError(f"every parameter must have the hypotheses as its first axis; got {counts}")
    if isinstance(learning_rate, Mapping) and set(learning_rate) != set(parameters):
        raise ValueError(f"learning_rate must name exactly the parameters {sorted(parameters)}")
    return next(iter(parameters.values())).shape[0]


def _blur(image: Tensor, softness: float) -> Tensor:
    """Gaussian blur of (..., H, W) with standard deviation ``softness`` pixels; paper beyond the border."""
    radius = int(4 * softness + 0.5)
    taps = torch.arange(-radius, radius + 1, dtype=image.dtype, device=image.device)
    kernel = torch.exp(-0.5 * (taps / softness).square())
    kernel = kernel / kernel.sum()
    pictures = image.reshape(-1, 1, *image.shape[-2:])
    pictures = conv2d(pictures, kernel.view(1, 1, 1, -1), padding=(0, radius))
    pictures = conv2d(pictures, kernel.view(1, 1, -1, 1), padding=(radius, 0))
    return pictures.reshape(image.shape).clamp(0, 1)
