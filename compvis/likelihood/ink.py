"""How probable the pixels are, given the ink that was drawn.

Both likelihoods are mixtures per pixel: with probability ``1 - outlier`` the pixel follows the rendering,
else it is anything at all, evenly. So a pixel that no hypothesis explains costs a bounded number of nats.

Pixels are not independent: a stroke drawn one pixel too far left is wrong along its whole length. With
``effective_pixels_per_pixel = 1`` (the default) the result is a log-density, as if they were. Below 1 the sum
is multiplied by that fraction: the result is then a tempered score and no log-density, to be calibrated
before it is compared with a prior.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from math import erf, log, pi, sqrt
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from compvis.likelihood.ink_fused import grey_log_likelihood
from compvis.render.contract import Rendering


@dataclass(frozen=True, kw_only=True)
class _PixelwiseLikelihood(ABC):
    """Sums a log-density over independent pixels."""

    effective_pixels_per_pixel: float = 1.0

    @abstractmethod
    def _pixels(self, image: Tensor, ink: Tensor) -> Tensor: ...

    def _total(self, image: Tensor, ink: Tensor) -> Tensor:
        return self._pixels(image, ink).sum((-1, -2))

    def _check(self, image: Tensor) -> None:
        if not ((image >= 0) & (image <= 1)).all():
            raise ValueError(
                "image must lie in [0, 1] with 1 = ink; divide bytes by 255 and invert paper-white scans"
            )

    def pixel_log_likelihood(
        self, image: Float[Tensor, "*one_or_h H W"], ink: Float[Tensor, "h H W"]
    ) -> Float[Tensor, "h H W"]:
        """Each pixel's share of :meth:`log_likelihood`, for itemising and diagnosis."""
        self._check(image)
        return self.effective_pixels_per_pixel * self._pixels(image, ink)

    def log_likelihood(
        self, image: Float[Tensor, "*one_or_h H W"], rendering: Rendering
    ) -> Float[Tensor, " h"]:
        """log p(image | rendering.ink) in nats; a tempered score if ``effective_pixels_per_pixel`` is not 1.

        Args:
            image: grey values in [0, 1], 1 = ink: (H, W), shared by all hypotheses, or (h, H, W), one for
                each.
            rendering: ``h`` drawn hypotheses.

        Raises:
            ValueError: where image and rendering differ in size, or the image leaves [0, 1].
        """
        self._check(image)
        return self._tempered_total(image, rendering.ink)

    def guide(self, image: Float[Tensor, "*one_or_h H W"], rendering: Rendering) -> Float[Tensor, " h"]:
        """The formula of :meth:`log_likelihood` for a blurred image and an equally blurred rendering.

        A blurred image is no data, so this is a heuristic that leads refinement from afar, and never nats.
        """
        return self._tempered_total(image, rendering.ink)

    def _tempered_total(self, image: Tensor, ink: Tensor) -> Tensor:
        if image.ndim not in (2, 3) or image.shape not in (ink.shape, ink.shape[1:]):
            raise ValueError(
                f"image must be {tuple(ink.shape[1:])} or {tuple(ink.shape)} like the rendering; "
                f"got {tuple(image.shape)}"
            )
        return self.effective_pixels_per_pixel * self._total(image, ink)

    def null_log_likelihood(self, image: Float[Tensor, "*batch H W"]) -> Float[Tensor, "*batch"]:
        """log p(image | blank paper) in nats (tempered like :meth:`log_likelihood`)."""
        self._check(image)
        return self.effective_pixels_per_pixel * self._pixels(image, torch.zeros_like(image)).sum((-1, -2))


@dataclass(frozen=True, kw_only=True)
class InkLikelihood(_PixelwiseLikelihood):
    """Grey images: pixel ~ (1 - outlier) TruncatedNormal(ink, noise; [0, 1]) + outlier Uniform[0, 1].

    The normaliser of the truncated normal is exact, so a pixel's density integrates to one over [0, 1]
    (measure: grey level as a fraction of full ink). An outlier costs at most ``largest_pixel_cost`` nats.

    Args:
        effective_pixels_per_pixel: independent pixels that one pixel counts for; 1 gives a log-density.
        noise: standard deviation of the grey value around the rendered ink, before truncation.
        outlier: probability that a pixel has nothing to do with the rendering.
        backend: ``auto`` sums in a compiled loop on the CPU (once differentiable) and in torch elsewhere;
            ``eager`` uses torch everywhere (twice differentiable).
    """

    noise: float = 0.2
    outlier: float = 0.01
    backend: Literal["auto", "eager"] = "auto"

    def __post_init__(self) -> None:
        _check_settings(self.effective_pixels_per_pixel, self.outlier)
        if not self.noise > 0:
            raise ValueError(f"noise must be positive; got {self.noise}")
        if self.backend not in ("auto", "eager"):
            raise ValueError(f"backend must be auto or eager; got {self.backend!r}")

    @property
    def largest_pixel_cost(self) -> float:
        """Nats between the best and the worst grey value a pixel can have, whatever the ink."""
        peak = 1 / (self.noise * sqrt(2 * pi)) / (0.5 * erf(1 / (self.noise * sqrt(2))))
        return self.effective_pixels_per_pixel * (
            log((1 - self.outlier) * peak + self.outlier) - log(self.outlier)
        )

    def _pixels(self, image: Tensor, ink: Tensor) -> Tensor:
        scale = 1 / (self.noise * sqrt(2))
        inside = 0.5 * (torch.erf((1 - ink) * scale) + torch.erf(ink * scale))
        bell = torch.exp(-((image - ink) * scale).square()) / (self.noise * sqrt(2 * pi))
        return torch.log((1 - self.outlier) * bell / inside + self.outlier)

    def _total(self, image: Tensor, ink: Tensor) -> Tensor:
        if self.backend == "auto" and ink.device.type == "cpu" and not image.requires_grad:
            return grey_log_likelihood(image.to(ink.dtype), ink, self.noise, self.outlier)
        return super()._total(image, ink)


@dataclass(frozen=True, kw_only=True)
class BinaryInkLikelihood(_PixelwiseLikelihood):
    """Binary images: pixel ~ Bernoulli((1 - outlier) ink + outlier / 2). A log-probability.

    Args:
        effective_pixels_per_pixel: independent pixels that one pixel counts for; 1 gives a log-probability.
        outlier: probability that a pixel is a fair coin, whatever the rendering.
    """

    outlier: float = 0.01

    def __post_init__(self) -> None:
        _check_settings(self.effective_pixels_per_pixel, self.outlier)

    @property
    def largest_pixel_cost(self) -> float:
        """Nats between the better and the worse value of a pixel, whatever the ink."""
        return self.effective_pixels_per_pixel * (log(1 - self.outlier / 2) - log(self.outlier / 2))

    def _check(self, image: Tensor) -> None:
        if not ((image == 0) | (image == 1)).all():
            raise ValueError(
                "image must hold only 0 and 1 for a Bernoulli likelihood; threshold it or use InkLikelihood"
            )

    def _pixels(self, image: Tensor, ink: Tensor) -> Tensor:
        on = (1 - self.outlier) * ink + self.outlier / 2
        return image * torch.log(on) + (1 - image) * torch.log1p(-on)


def _check_settings(effective_pixels_per_pixel: float, outlier: float) -> None:
    if not 0 < effective_pixels_per_pixel <= 1:
        raise ValueError(f"effective_pixels_per_pixel must lie in (0, 1]; got {effective_pixels_per_pixel}")
    if not 0 < outlier < 1:
        raise ValueError(f"outlier must lie in (0, 1); got {outlier}")
