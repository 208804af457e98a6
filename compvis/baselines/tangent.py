"""Nearest neighbour under the tangent distance (Simard, LeCun & Denker 1993)."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from compvis.baselines.nearest import NearestNeighbour
from compvis.data.check import InputError

SIDES = ("one", "two")


@dataclass(kw_only=True, eq=False)
class TangentNearestClassifier(NearestNeighbour):
    """Distance between the planes of small deformations of two pictures.

    The seven tangent vectors of Simard, LeCun, Denker & Victorri (1998, section 3): two shifts, scaling,
    rotation, the two hyperbolic deformations and thickness. Other arguments are those of `NearestNeighbour`.

    Args:
        sides: "two" lets both pictures deform, "one" the learned one alone, which is much cheaper.
        spring: elasticity of the deformations along the orthonormalised tangents: 0 is the plain tangent
            distance, more holds large deformations back.
    """

    sides: str = "two"
    spring: float = 0.01
    blur: float = 1.0

    chunk: ClassVar[int] = 32

    def _prepare(self, images: Float[Tensor, "m S S"]) -> None:
        if self.sides not in SIDES:
            raise InputError(f"Unknown sides {self.sides!r}: choose one of {', '.join(SIDES)}.")
        self._vectors, self._tangents = images.flatten(1), tangent_basis(images)

    def _measure(self, images: Float[Tensor, "n S S"]) -> Float[Tensor, "n m"]:
        own = tangent_basis(images) if self.sides == "two" else None
        vectors, tangents = self._vectors.to(images.device), self._tangents.to(images.device)
        return tangent_distances(images.flatten(1), vectors, own, tangents, self.spring).sqrt()


def tangent_basis(images: Float[Tensor, "n S S"]) -> Float[Tensor, "n k d"]:
    """Orthonormal bases of the seven tangent vectors, pictures flattened to d = S * S."""
    side = images.shape[-1]
    dy, dx = torch.gradient(images, dim=(1, 2))
    place = (torch.arange(side, dtype=images.dtype, device=images.device) + 0.5 - side / 2) / (side / 2)
    x, y = place[None, None, :], place[None, :, None]
    tangents = [dx, dy, x * dx + y * dy, y * dx - x * dy, x * dx - y * dy, y * dx + x * dy, dx**2 + dy**2]
    stacked = torch.stack(tangents, 1).flatten(2)
    # Unit length first: thickness is quadratic in the grey values and would be lost to rounding.
    stacked = stacked / stacked.norm(dim=2, keepdim=True).clamp(min=1e-8)
    return torch.linalg.qr(stacked.transpose(1, 2)).Q.transpose(1, 2).contiguous()


def tangent_distances(
    vectors: Float[Tensor, "n d"],
    others: Float[Tensor, "m d"],
    basis: Float[Tensor, "n k d"] | None,
    other_basis: Float[Tensor, "m k d"],
    spring: float,
) -> Float[Tensor, "n m"]:
    """Squared distances min over a, b of |x + A a - y - B b|^2 + spring (|a|^2 + |b|^2), for all pairs.

    Eliminating a, then b, leaves one k x k system per pair. Without `basis` only the others deform.

    Args:
        vectors: flattened pictures x.
        others: flattened pictures y.
        basis: orthonormal rows A of x, or None.
        other_basis: orthonormal rows B of y.
        spring: at least 0.
    """
    (n, _), (m, k) = vectors.shape, other_basis.shape[:2]
    squares = vectors.square().sum(1)[:, None] + others.square().sum(1) - 2 * vectors @ others.T
    flat = other_basis.flatten(0, 1)
    along_other = (vectors @ flat.T).reshape(n, m, k) - (other_basis @ others[..., None])[..., 0]
    stiff = 1.0 + spring
    if basis is None:
        return (squares - along_other.square().sum(2) / stiff).clamp(min=0)
    along_own = (basis @ vectors[..., None])[:, None, :, 0] - (others @ basis.flatten(0, 1).T).reshape(
        m, n, k
    ).transpose(0, 1)
    cross = (basis.flatten(0, 1) @ flat.T).reshape(n, k, m, k).permute(0, 2, 1, 3)  # A B^T of each pair
    rest = along_other - (cross.transpose(2, 3) @ along_own[..., None])[..., 0] / stiff
    system = stiff * torch.eye(k, dtype=cross.dtype, device=cross.device) - cross.mT @ cross / stiff
    # The same deformation may lie in both planes: then the system is singular and any solution will do.
    system = system + 1e-5 * torch.eye(k, dtype=cross.dtype, device=cross.device)
    solved = torch.linalg.solve(system, rest[..., None])[..., 0]
    gain = along_own.square().sum(2) / stiff + (rest * solved).sum(2)
    return (squares - gain).clamp(min=0)
