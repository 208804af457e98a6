"""Slow, obvious renderers of ink: the oracles that the fast ones are tested against."""

from dataclasses import dataclass, replace
from math import ceil

import numpy as np
import torch
from jaxtyping import Float
from scipy.ndimage import gaussian_filter
from torch import Tensor

from compvis.render.contract import Rendering
from compvis.render.ink import InkStrokes, sample_curves


@dataclass(frozen=True)
class ReferenceInkRenderer:
    """The formula of :class:`compvis.render.ink.InkRenderer`, one pixel and one sub-stroke at a time.

    The distance is that to the nearest of ``points_per_curve`` dense points on the curve, and autograd alone
    differentiates. Seconds per image where the fast renderer takes a fraction of a millisecond.
    """

    points_per_curve: int = 400
    softness: float = 0.5
    owner_threshold: float = 0.5

    def with_softness(self, softness: float) -> "ReferenceInkRenderer":
        """The same renderer with another blur, in pixels."""
        return replace(self, softness=softness)

    def __call__(self, primitives: InkStrokes, size: tuple[int, int]) -> Rendering:
        """Draw every hypothesis on its own ``size`` = (rows, columns) sheet."""
        pictures = [
            self._draw_pixel(primitives, h, x=j + 0.5, y=i + 0.5)
            for h in range(primitives.hypotheses)
            for i in range(size[0])
            for j in range(size[1])
        ]
        coverage, ink, owner = (
            torch.stack(values).reshape(primitives.hypotheses, *size)
            for values in zip(*pictures, strict=True)
        )
        return Rendering(coverage=coverage, ink=ink, owner=owner)

    def _draw_pixel(self, strokes: InkStrokes, h: int, x: float, y: float) -> tuple[Tensor, Tensor, Tensor]:
        nothing = strokes.width.new_zeros(())
        coverage, ink, owner = nothing, nothing, -1
        for leaf in range(strokes.mask.shape[1]):
            if not strokes.mask[h, leaf]:
                continue
            curve = sample_curves(strokes.control_points[h, leaf], self.points_per_curve)
            offset = curve - torch.tensor([x, y], dtype=curve.dtype)
            distance = offset[offset.square().sum(-1).argmin()].square().sum().clamp_min(1e-20).sqrt()
            pen = torch.distributions.Normal(nothing, self.softness)
            half = strokes.width[h, leaf] / 2
            covered = pen.cdf(half - distance) - pen.cdf(-half - distance)
            coverage = torch.maximum(coverage, covered)
            if covered * strokes.darkness[h, leaf] > ink:
                ink, owner = covered * strokes.darkness[h, leaf], leaf
        if coverage < self.owner_threshold:
            owner = -1
        return coverage, ink, torch.tensor(owner)


def supersampled_silhouette(
    control_points: Float[Tensor, "q 4 2"],
    width: Float[Tensor, " q"],
    size: tuple[int, int],
    softness: float,
    factor: int = 10,
) -> Float[Tensor, "H W"]:
    """The truth that coverage approximates: the hard outline of all sub-strokes, blurred, at the pixel
    centres.

    Args:
        control_points: cubic Bezier sub-strokes in the image frame, pixels.
        width: their full widths in pixels.
        size: rows and columns.
        softness: standard deviation of the Gaussian blur in pixels.
        factor: even number of sub-pixels along each side of a pixel.
    """
    if factor % 2:
        raise ValueError(
            f"factor must be even, so that a pixel's centre is a corner of sub-pixels; got {factor}"
        )
    margin = ceil(5 * softness)
    rows, columns = ((n + 2 * margin) * factor for n in size)
    y, x = np.mgrid[:rows, :columns]
    centres = np.stack([x, y], axis=-1) / factor + 0.5 / factor - margin
    inside = np.zeros((rows, columns), dtype=bool)
    for points, full_width in zip(
        sample_curves(control_points.double(), 300).numpy(), width.tolist(), strict=True
    ):
        for point in points:
            inside |= np.square(centres - point).sum(-1) <= (full_width / 2) ** 2
    blurred = gaussian_filter(inside.astype(np.float64), softness * factor, truncate=5.0)
    # A pixel's centre is the common corner of four sub-pixels.
    first = margin * factor + factor // 2
    corners = [
        blurred[
            first - a : first - a + size[0] * factor : factor,
            first - b : first - b + size[1] * factor : factor,
        ]
        for a in (0, 1)
        for b in (0, 1)
    ]
    return torch.from_numpy(np.mean(corners, axis=0))
