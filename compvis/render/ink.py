"""Strokes of a pen to grey images, differentiable in every parameter.

The picture is a pen of round tip drawn along cubic Bezier curves and seen through a Gaussian blur: coverage
at a pixel centre is the blur of a straight strip as wide as the pen, at the pixel's distance from the curve

    coverage = Phi((width / 2 - distance) / softness) - Phi((-width / 2 - distance) / softness),

with Phi the normal distribution function. It integrates to ``width`` across the stroke whatever the softness,
so a pen thinner than a pixel fades instead of keeping a false width; it is smooth on the centre line. (It is
exact for straight strokes away from their ends. Where the pen is narrow against the softness, round ends and
dots are drawn darker than the blur of their true shape.) Distances are exact to the curve's polyline.
Sub-strokes unite by their maximum, so those that share an end point join without a seam.
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from math import comb
from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from compvis.render.contract import Rendering
from compvis.render.ink_eager import draw_eager
from compvis.render.ink_fused import draw_fused


@dataclass(frozen=True)
class InkStrokes:
    """Sub-strokes of ``h`` hypotheses, padded to ``q`` each. Image frame, pixels.

    Attributes:
        control_points: cubic Bezier control points (x, y); the first and last lie on the curve.
        width: full width of the pen, not negative.
        darkness: grey value of the ink in [0, 1].
        mask: False for padding, which is never drawn and gets no gradient, whatever its values.

    Raises:
        ValueError: where shapes, devices or types do not fit each other.
    """

    control_points: Float[Tensor, "h q 4 2"]
    width: Float[Tensor, "h q"]
    darkness: Float[Tensor, "h q"]
    mask: Bool[Tensor, "h q"]

    def __post_init__(self) -> None:
        shape = tuple(self.control_points.shape)
        if len(shape) != 4 or shape[2:] != (4, 2):
            raise ValueError(f"control_points must have shape (h, q, 4, 2); got {shape}")
        for name in ("width", "darkness", "mask"):
            value = getattr(self, name)
            if tuple(value.shape) != shape[:2]:
                raise ValueError(
                    f"{name} must have shape {shape[:2]} like control_points; got {tuple(value.shape)}"
                )
            if value.device != self.control_points.device:
                raise ValueError(f"move {name} to {self.control_points.device}, where control_points are")
        if self.mask.dtype != torch.bool:
            raise ValueError(f"mask must be of type bool; got {self.mask.dtype}")
        if len({self.control_points.dtype, self.width.dtype, self.darkness.dtype}) > 1:
            raise ValueError("give control_points, width and darkness the same floating type")

    @property
    def hypotheses(self) -> int:
        """Number of hypotheses ``h``."""
        return self.control_points.shape[0]

    def select(self, hypotheses: Tensor | slice | list[int]) -> "InkStrokes":
        """The chosen hypotheses, in the given order (anything that indexes a tensor's first axis)."""
        return InkStrokes(
            self.control_points[hypotheses],
            self.width[hypotheses],
            self.darkness[hypotheses],
            self.mask[hypotheses],
        )


@lru_cache
def _bernstein(samples: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Weights (samples + 1, 4) of the control points at evenly spaced curve parameters 0 ... 1."""
    # A tensor made in inference mode could not serve later gradients, and this one is cached.
    with torch.inference_mode(False):
        t = torch.linspace(0, 1, samples + 1, dtype=torch.float64)
        weights = torch.stack([comb(3, k) * t**k * (1 - t) ** (3 - k) for k in range(4)], dim=-1)
        return weights.to(device=device, dtype=dtype)


def sample_curves(
    control_points: Float[Tensor, "*batch 4 2"], samples: int
) -> Float[Tensor, "*batch points 2"]:
    """``samples + 1`` points at evenly spaced parameters of cubic Bezier curves, both ends included."""
    return _bernstein(samples, control_points.dtype, control_points.device) @ control_points


@dataclass(frozen=True)
class InkRenderer:
    """Draws :class:`InkStrokes`. Gradients reach control points, widths and darknesses.

    Args:
        samples_per_substroke: straight pieces each curve is cut into; the error of a piece of length l on a
            curve of radius r is about l^2 / (8 r) pixels.
        softness: standard deviation of the blur in pixels. Callers may anneal it from coarse to fine.
        owner_threshold: a pixel covered less than this has no owner.
        backend: ``fused`` runs compiled loops on the CPU (once differentiable), ``eager`` plain torch
            anywhere (twice differentiable), ``auto`` the first for CPU tensors and the second elsewhere.

    Example:
        >>> strokes = InkStrokes(torch.tensor([[[[4.0, 4], [8, 4], [20, 16], [24, 24]]]]),
        ...                      torch.full((1, 1), 3.0), torch.ones(1, 1), torch.ones(1, 1) > 0)
        >>> InkRenderer()(strokes, (28, 28)).ink.shape
        torch.Size([1, 28, 28])
    """

    samples_per_substroke: int = 8
    softness: float = 0.5
    owner_threshold: float = 0.5
    backend: Literal["auto", "eager", "fused"] = "auto"

    def __post_init__(self) -> None:
        if self.samples_per_substroke < 1:
            raise ValueError(f"samples_per_substroke must be at least 1; got {self.samples_per_substroke}")
        if not self.softness > 0:
            raise ValueError(f"softness must be a positive number of pixels; got {self.softness}")
        if self.backend not in ("auto", "eager", "fused"):
            raise ValueError(f"backend must be auto, eager or fused; got {self.backend!r}")

    def with_softness(self, softness: float) -> "InkRenderer":
        """The same renderer with another blur, in pixels."""
        return replace(self, softness=softness)

    def __call__(self, primitives: InkStrokes, size: tuple[int, int]) -> Rendering:
        """Draw every hypothesis on its own ``size`` = (rows, columns) sheet.

        Raises:
            ValueError: where a drawn sub-stroke has a value that is not finite, a negative width or a
                darkness outside [0, 1].
        """
        if len(size) != 2 or min(size) < 1:
            raise ValueError(f"size must be (rows, columns), both at least 1; got {size}")
        mask = primitives.mask
        # Padding is overwritten before any arithmetic, so that not even a NaN there can reach a gradient.
        control_points = torch.where(mask[..., None, None], primitives.control_points, 0.0)
        width = torch.where(mask, primitives.width, 0.0)
        darkness = torch.where(mask, primitives.darkness, 0.0)
        _check_values(control_points, width, darkness)
        points = sample_curves(control_points, self.samples_per_substroke)
        on_cpu = points.device.type == "cpu"
        if self.backend == "fused" and not on_cpu:
            raise ValueError("the fused backend draws CPU tensors only; use backend='auto' or 'eager'")
        draw = draw_fused if on_cpu and self.backend != "eager" else draw_eager
        coverage, ink, owner = draw(points, width, darkness, mask, size, self.softness, self.owner_threshold)
        return Rendering(coverage=coverage, ink=ink, owner=owner)


def _check_values(control_points: Tensor, width: Tensor, darkness: Tensor) -> None:
    """Refuse strokes that cannot be drawn; one joint check first, for one device round trip."""
    good_points = torch.isfinite(control_points).all()
    good_width = torch.isfinite(width).all() & (width >= 0).all()
    good_darkness = ((darkness >= 0) & (darkness <= 1)).all()
    if good_points & good_width & good_darkness:
        return
    if not good_points:
        raise ValueError("control_points must be finite; check the parameters that place the strokes")
    if not good_width:
        raise ValueError("width must be finite and not negative")
    raise ValueError("darkness must lie in [0, 1]")
