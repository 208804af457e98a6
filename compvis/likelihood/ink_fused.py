"""The grey-ink likelihood in one compiled loop on the CPU, with the gradient written out.

Most pixels are blank paper under blank rendering; those reuse one normaliser, and nothing the size of the
image is stored but the gradient.
"""

from math import erf, exp, log, pi, sqrt
from typing import no_type_check

import numba
import torch
from jaxtyping import Float
from torch import Tensor

_compile = numba.njit(nogil=True, cache=True, error_model="numpy")


@_compile
@no_type_check
def _normaliser(ink, noise):
    """Mass of Normal(ink, noise) in [0, 1], and its logarithm's derivative with respect to ink."""
    scale = 1.0 / (noise * sqrt(2.0))
    low, high = ink * scale, (1.0 - ink) * scale
    mass = 0.5 * (erf(high) + erf(low))
    slope = (exp(-low * low) - exp(-high * high)) / (noise * sqrt(2.0 * pi))
    return mass, slope / mass


@_compile
@no_type_check
def _score(image, ink, noise, outlier, total, gradient):
    """Sum the pixels' log-densities into ``total`` and write their derivatives into ``gradient``."""
    blank_mass, blank_slope = _normaliser(0.0, noise)
    peak = (1.0 - outlier) / (noise * sqrt(2.0 * pi))
    blank = log(peak / blank_mass + outlier)
    blank_gradient = -blank_slope * (1.0 - outlier / (peak / blank_mass + outlier))
    for h in range(ink.shape[0]):
        own = h if image.shape[0] > 1 else 0
        log_density = 0.0
        for i in range(ink.shape[1]):
            for j in range(ink.shape[2]):
                drawn, seen = ink[h, i, j], image[own, i, j]
                if drawn == 0.0 and seen == 0.0:
                    log_density += blank
                    gradient[h, i, j] = blank_gradient
                    continue
                mass, slope = (blank_mass, blank_slope) if drawn == 0.0 else _normaliser(drawn, noise)
                off = (seen - drawn) / noise
                explained = peak * exp(-0.5 * off * off) / mass
                log_density += log(explained + outlier)
                gradient[h, i, j] = explained / (explained + outlier) * (off / noise - slope)
        total[h] = log_density


class _FusedGrey(torch.autograd.Function):
    @staticmethod
    def forward(ctx, image, ink, noise, outlier):
        total = ink.new_empty(ink.shape[0])
        gradient = torch.empty_like(ink, memory_format=torch.contiguous_format)
        images = image.reshape(-1, *ink.shape[1:]).contiguous().numpy()
        _score(images, ink.detach().contiguous().numpy(), noise, outlier, total.numpy(), gradient.numpy())
        ctx.save_for_backward(gradient)
        return total

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, incoming):
        (gradient,) = ctx.saved_tensors
        return None, incoming[:, None, None] * gradient, None, None


def grey_log_likelihood(
    image: Float[Tensor, "*one_or_h H W"], ink: Float[Tensor, "h H W"], noise: float, outlier: float
) -> Float[Tensor, " h"]:
    """Summed log-density of :class:`compvis.likelihood.ink.InkLikelihood`, once differentiable."""
    return _FusedGrey.apply(image, ink, float(noise), float(outlier))
