"""Solids to colour, coverage and depth, differentiable in every parameter of leaves and camera."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import sqrt
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from compvis.geometry.cameras import Camera
from compvis.render.contract import SolidRendering, check_look
from compvis.render.solids import Solids
from compvis.render.solids_eager import draw_eager
from compvis.render.solids_footprint import lay_out
from compvis.render.solids_fused import draw_fused
from compvis.render.solids_warp import draw_warp
from compvis.render.solids_warp_launch import has_warp

# Standard deviations of blur drawn beyond an outline; what is left out is below 3e-7.
_REACH = 5.0
Draw = Callable[..., tuple[Tensor, Tensor, Tensor, Tensor]]


@dataclass(frozen=True)
class SolidRenderer:
    """Draws :class:`Solids`. Gradients reach every value of leaves and camera.

    The model, with Phi the normal distribution function and s the softness in pixels:

    - Leaf k covers a pixel by ``a_k = Phi(distance / s)``, the distance being that to the leaf's outline in the
      image, in pixels, positive inside. It is exact for cuboids; for ellipsoids right to first order at the
      outline; the outlines of cones and superquadrics are polygons of ``segments`` corners on the true outline.
    - Leaf j is before leaf k by ``b_jk = Phi((r_k - r_j) / s)``. The relief r is depth in units of a pixel's
      width at that depth (focal length times log depth; scale times depth for weak perspective), so surfaces
      that cross are blended over about as many pixels as outlines are.
    - Coverage is ``1 - prod_k (1 - a_k)``. Leaf k's weight is ``a_k prod_j (1 - a_j b_jk)``; colour (times
      coverage) and depth are the leaves' means by weight; the owner has the largest weight.
    - A leaf's depth is that of the point where the pixel's ray enters it; beside the leaf, in its soft edge,
      that of the outline's nearest point (an ellipsoid's: the ray's point nearest to it, in its own frame).
    - A leaf shows its colour times ``ambient + (1 - ambient) max(0, normal . light)``: Lambert's law under one
      distant lamp, without cast shadows.

    Scaling image, camera and softness together changes nothing but the sampling. A leaf much smaller than the
    softness keeps about half the coverage at its middle, however small it is. A leaf that reaches behind
    ``nearest`` is not drawn at all. Memory is that of the leaves' pixels.

    Args:
        softness: standard deviation of the soft edge in pixels. Callers may anneal it from coarse to fine.
        ambient: share of the light that comes from everywhere, in [0, 1]; 1 draws flat colours.
        light: direction towards the lamp, world frame, any length.
        segments: corners of a curved outline; with 48 a circle's area is 0.3 percent small.
        nearest: least depth of a leaf that a perspective camera draws, in the world's unit of length.
        owner_threshold: a pixel covered less than this has no owner and no depth.
        backend: ``eager`` is plain torch anywhere, in the tensors' own floating type. ``fused`` is compiled: loops
            on the CPU, Warp kernels on CUDA, which need Warp (``pip install "compvis[cuda]"``) and float32. ``auto``
            is ``fused`` where that can be, else ``eager``. ``warp`` runs the Warp kernels on the CPU too, to test
            and compare them. All are once differentiable.

    Example:
        >>> one = torch.ones(1, 1, 3)
        >>> solids = Solids(kind=torch.tensor([[Kind.CUBOID]]), rotation=torch.eye(3).expand(1, 1, 3, 3),
        ...                 centre=0 * one, size=0.5 * one, shape=torch.ones(1, 1, 2), colour=one,
        ...                 mask=torch.ones(1, 1) > 0)
        >>> zero = torch.zeros(1)
        >>> camera = PerspectiveCamera.of_view(*look_at(zero + 30, zero + 20, zero, zero + 4), 40.0, (64, 64))
        >>> SolidRenderer()(solids, camera, (64, 64)).colour.shape
        torch.Size([1, 64, 64, 3])
    """

    softness: float = 0.5
    ambient: float = 1.0
    light: tuple[float, float, float] = (0.4, 0.8, 0.6)
    segments: int = 48
    nearest: float = 1e-2
    owner_threshold: float = 0.5
    backend: Literal["auto", "eager", "fused", "warp"] = "auto"

    def __post_init__(self) -> None:
        check_look(self)
        if self.backend not in ("auto", "eager", "fused", "warp"):
            raise ValueError(f"backend must be auto, eager, fused or warp; got {self.backend!r}")

    def with_softness(self, softness: float) -> "SolidRenderer":
        """The same renderer with another blur, in pixels."""
        return replace(self, softness=softness)

    def __call__(
        self,
        solids: Solids,
        camera: Camera,
        size: tuple[int, int],
        background: Float[Tensor, "..."] | None = None,
    ) -> SolidRendering:
        """Draw every hypothesis on its own ``size`` = (rows, columns) image.

        Args:
            solids: the leaves.
            camera: one camera a hypothesis, or one for all.
            size: rows and columns.
            background: colour to lay the leaves over, of a shape that broadcasts to (h, H, W, 3); None is black.

        Raises:
            ValueError: where a drawn leaf has a value that is out of range (see :meth:`Solids.check_values`),
                or the arguments do not fit each other or the backend.
            ImportError: the backend needs Warp, which is not installed.
        """
        if len(size) != 2 or min(size) < 1:
            raise ValueError(f"size must be (rows, columns), both at least 1; got {size}")
        h = solids.hypotheses
        if camera.hypotheses not in (1, h):
            raise ValueError(f"give one camera, or one for each of {h} hypotheses; got {camera.hypotheses}")
        if camera.rotation.dtype != solids.centre.dtype or camera.rotation.device != solids.centre.device:
            raise ValueError("give camera and solids the same device and floating type")
        draw = self._path(solids.centre.device, solids.centre.dtype)
        reach = _REACH * self.softness
        length = sqrt(sum(v * v for v in self.light))
        light = tuple(v / length for v in self.light)
        look = (self.softness, reach, self.ambient, self.owner_threshold)
        if draw is draw_warp:
            pictures = draw_warp(solids, camera, size, light, self.nearest, self.segments, *look)
        else:
            solids.check_values()
            lamp = solids.centre.new_tensor(light)
            footprint = lay_out(solids, camera, size, lamp, reach, self.nearest, self.segments)
            pictures = draw(footprint, h, size, *look)
        colour, coverage, depth, owner = pictures
        if background is not None:
            colour = colour + (1 - coverage)[..., None] * background
        return SolidRendering(colour=colour, coverage=coverage, depth=depth, owner=owner)

    def _path(self, device: torch.device, dtype: torch.dtype) -> Draw:
        """What draws tensors of this device and type."""
        if self.backend == "eager":
            return draw_eager
        if device.type == "cpu" and self.backend != "warp":
            return draw_fused
        if self.backend == "auto":
            return (
                draw_warp if device.type == "cuda" and dtype == torch.float32 and has_warp() else draw_eager
            )
        if device.type not in ("cpu", "cuda"):
            raise ValueError(
                f"backend={self.backend!r} draws on cpu and cuda; use 'auto' or 'eager' on {device}"
            )
        if not has_warp():
            raise ImportError(
                f"backend={self.backend!r} needs Warp on {device}: pip install \"compvis[cuda]\", or use 'eager'"
            )
        if dtype != torch.float32:
            raise ValueError(
                f"backend={self.backend!r} draws float32 on {device}, not {dtype}; use 'auto' or 'eager'"
            )
        return draw_warp
