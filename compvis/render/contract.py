"""What every renderer takes and returns."""

from dataclasses import dataclass
from math import hypot, isfinite
from typing import Any, Protocol, runtime_checkable

from jaxtyping import Float, Int
from torch import Tensor


@dataclass(frozen=True)
class Rendering:
    """Pictures of ink: ``h`` hypotheses, ``H`` rows by ``W`` columns.

    Attributes:
        coverage: soft silhouette in [0, 1]; 1 where a leaf surely covers the pixel.
        ink: grey value in [0, 1], the silhouette weighted by each leaf's darkness; 1 = full ink, 0 = paper.
        owner: index (into the primitives' leaf axis) of the leaf that owns the pixel, -1 where none does.
    """

    coverage: Float[Tensor, "h H W"]
    ink: Float[Tensor, "h H W"]
    owner: Int[Tensor, "h H W"]


@dataclass(frozen=True)
class SolidRendering:
    """Pictures of solids: ``h`` hypotheses, ``H`` rows by ``W`` columns.

    Attributes:
        colour: red, green and blue in [0, 1], over the background that was asked for (black).
        coverage: soft silhouette in [0, 1]; 1 where a leaf surely covers the pixel.
        depth: z in the camera frame, the world's unit of length; infinite (and without gradient) where no leaf
            owns the pixel.
        owner: index (into the primitives' leaf axis) of the leaf that owns the pixel, -1 where none does.
    """

    colour: Float[Tensor, "h H W 3"]
    coverage: Float[Tensor, "h H W"]
    depth: Float[Tensor, "h H W"]
    owner: Int[Tensor, "h H W"]


@runtime_checkable
class Renderer(Protocol):
    """Draws primitives: ``renderer(primitives, (H, W))``, every hypothesis by itself."""

    def __call__(self, primitives: Any, size: tuple[int, int]) -> Rendering: ...


@runtime_checkable
class SoftRenderer(Renderer, Protocol):
    """A renderer whose blur can be changed, so that refinement can go from coarse to fine."""

    @property
    def softness(self) -> float:
        """Standard deviation of the renderer's Gaussian blur, in pixels."""
        ...

    def with_softness(self, softness: float) -> "SoftRenderer":
        """The same renderer with another blur, in pixels."""
        ...


@runtime_checkable
class SceneRenderer(Protocol):
    """Draws solids seen by a camera: ``renderer(solids, camera, (H, W))``, every hypothesis by itself.

    ``solids`` is a :class:`compvis.render.solids.Solids`, ``camera`` a
    :data:`compvis.geometry.cameras.Camera`.
    """

    def __call__(self, solids: Any, camera: Any, size: tuple[int, int]) -> SolidRendering: ...


def check_look(look: Any) -> None:
    """Raise ValueError where a setting that renderers of solids share is out of range."""
    if not look.softness > 0:
        raise ValueError(f"softness must be a positive number of pixels; got {look.softness}")
    if not 0 <= look.ambient <= 1:
        raise ValueError(f"ambient must lie in [0, 1]; got {look.ambient}")
    length = hypot(*look.light)
    if len(look.light) != 3 or not (isfinite(length) and length > 0):
        raise ValueError(f"light must be three numbers, not all zero; got {look.light}")
    if look.segments < 8:
        raise ValueError(f"segments must be at least 8; got {look.segments}")
    if not look.nearest > 0:
        raise ValueError(f"nearest must be above zero; got {look.nearest}")
    if not 0 < look.owner_threshold <= 1:
        raise ValueError(f"owner_threshold must lie in (0, 1]; got {look.owner_threshold}")
