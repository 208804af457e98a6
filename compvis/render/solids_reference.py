"""A slow, obvious renderer of solids: the oracle that the fast ones are tested against.

It knows the primitives by their inequalities alone and marches along every ray.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from numpy import ndarray
from torch import Tensor

from compvis.geometry.cameras import Camera
from compvis.render.contract import SolidRendering
from compvis.render.solids import Kind, Solids


def is_inside(kind: int, point: Float[ndarray, "*b 3"], shape: Float[ndarray, "2"]) -> Bool[ndarray, "*b"]:
    """Whether points of the unit frame lie in the primitive: the inequalities of :class:`Kind`."""
    x, y, z = np.moveaxis(point, -1, 0)
    if kind == Kind.ELLIPSOID:
        return x**2 + y**2 + z**2 <= 1
    box = np.abs(point).max(-1) <= 1
    if kind == Kind.CUBOID:
        return box
    if kind == Kind.CONE:
        return (np.abs(y) <= 1) & (x**2 + z**2 <= (1 - shape[0] * (1 + y) / 2) ** 2)
    # Points outside the box are outside the superquadric; zero keeps their powers from overflowing.
    x, y, z = (np.where(box, np.abs(v), 0) for v in (x, y, z))
    e1, e2 = shape
    level = (x ** (2 / e2) + z ** (2 / e2)) ** (e2 / e1) + y ** (2 / e1)
    return box & (level <= 1)


@dataclass(frozen=True)
class ReferenceSolidRenderer:
    """Hard edges, flat colours, no gradients: the mean of ``supersampling`` squared rays a pixel.

    Colour and coverage are means over a pixel's rays; depth and owner are those of the ray through its centre.
    Seconds per image where the fast renderer takes a fraction of a millisecond.

    Args:
        supersampling: odd number of rays along each side of a pixel.
        steps: points tried along each ray through a leaf; a leaf's thinnest part must be longer than one step.
    """

    supersampling: int = 3
    steps: int = 64

    def __call__(self, solids: Solids, camera: Camera, size: tuple[int, int]) -> SolidRendering:
        """Draw every hypothesis on its own ``size`` = (rows, columns) image."""
        if self.supersampling % 2 == 0:
            raise ValueError(
                f"supersampling must be odd, so that a ray meets the centre; got {self.supersampling}"
            )
        pictures = [self._draw(solids, camera, h, size) for h in range(solids.hypotheses)]
        return SolidRendering(*(torch.stack(values) for values in zip(*pictures, strict=True)))

    def _draw(
        self, solids: Solids, camera: Camera, h: int, size: tuple[int, int]
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        rows, columns = size
        fine = self.supersampling
        v, u = np.mgrid[: rows * fine, : columns * fine]
        pixel = np.stack([(u + 0.5) / fine, (v + 0.5) / fine, np.ones(u.shape)], axis=-1)
        one = camera.select([h if camera.hypotheses > 1 else 0])
        origin, direction = (pixel @ matrix[0].double().numpy().T for matrix in one.rays())
        nearest = np.full(u.shape, np.inf)
        owner = np.full(u.shape, -1)
        for leaf in solids.mask[h].nonzero().flatten().tolist():
            depth = self._depth_of_leaf(solids, one, h, leaf, origin, direction)
            closer = depth < nearest
            nearest[closer], owner[closer] = depth[closer], leaf
        palette = np.concatenate([solids.colour[h].double().numpy(), np.zeros((1, 3))])
        colour = palette[owner].reshape(rows, fine, columns, fine, 3).mean((1, 3))
        coverage = (owner >= 0).reshape(rows, fine, columns, fine).mean((1, 3))
        middle = slice(fine // 2, None, fine)
        return (
            torch.from_numpy(colour),
            torch.from_numpy(coverage),
            torch.from_numpy(nearest[middle, middle].copy()),
            torch.from_numpy(owner[middle, middle].copy()),
        )

    def _depth_of_leaf(
        self, solids: Solids, camera: Camera, h: int, leaf: int, origin: ndarray, direction: ndarray
    ) -> Float[ndarray, "H W"]:
        """Depth of each ray's first point in the leaf, infinite where it has none."""
        values = (solids.rotation, solids.centre, solids.size, solids.shape)
        rotation, centre, size, shape = (value[h, leaf].detach().double().numpy() for value in values)
        turn, shift = camera.rotation[0].detach().double().numpy(), camera.translation[0].detach().numpy()
        middle = turn @ centre + shift
        kind = int(solids.kind[h, leaf])

        def inside(depth: ndarray) -> ndarray:
            point = origin + depth[..., None] * direction - middle
            return is_inside(kind, point @ (turn @ rotation) / size, shape)

        radius = np.linalg.norm(size)
        first = np.full(origin.shape[:2], np.inf)
        trials = np.linspace(middle[2] - radius, middle[2] + radius, self.steps)
        for depth in trials[trials > 0] if (direction[..., :2] != 0).any() else trials:
            hit = inside(np.full(first.shape, depth)) & np.isinf(first)
            first[hit] = depth
        outside = first - (trials[1] - trials[0])
        for _ in range(20):
            half = np.where(np.isinf(first), 0.0, (outside + first) / 2)
            hit = inside(half)
            first, outside = np.where(hit & np.isfinite(first), half, first), np.where(hit, outside, half)
        return first
