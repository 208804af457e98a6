"""Turning scores into honest probabilities with one temperature (Guo et al. 2017, section 4.2)."""

import torch
from jaxtyping import Float, Int64
from torch import Tensor

_STEPS = torch.logspace(-2, 2, 81)


def fit_temperature(
    scores: Float[Tensor, "n C"], targets: Int64[Tensor, "n"], prior: float, weight: float = 4.0
) -> float:
    """Return the T whose softmax(scores / T) has the largest mean log-probability at the targets.

    The search is over `prior` times 81 logarithmic steps between 1/100 and 100. A log-normal pull towards
    `prior`, worth `weight` observations, keeps perfectly separated scores from giving T = 0.

    Args:
        scores: held-out scores, larger for more probable classes; rows with an infinite score are left out.
        targets: the true classes.
        prior: the temperature without any evidence, positive, in units of the scores.
        weight: strength of the pull.
    """
    usable = scores.isfinite().all(1)
    if not bool(usable.any()):
        return prior
    kept = scores[usable].double()
    steps = _STEPS.double().to(kept.device)
    logits = kept[None] / (prior * steps)[:, None, None]
    chosen = targets[usable].expand(len(steps), -1)[..., None]
    fit = logits.log_softmax(2).gather(2, chosen).sum((1, 2))
    return float(prior * steps[(fit - 0.5 * weight * steps.log() ** 2).argmax()])
