"""Solid leaves: ellipsoids, cuboids, truncated cones and superquadrics with pose, size and colour."""

from dataclasses import dataclass, fields
from enum import IntEnum

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

# Beyond these a superquadric's edges are sharper than float32 arithmetic can follow.
EXPONENTS = (0.1, 1.9)
SKEW = 1e-3  # how far a rotation may be from orthonormal


class Kind(IntEnum):
    """The primitives. Each fills the box [-1, 1]^3 of its own frame before ``size`` stretches it.

    ELLIPSOID: ``x^2 + y^2 + z^2 <= 1``.
    CUBOID: the box itself.
    CONE: ``x^2 + z^2 <= r(y)^2`` and ``|y| <= 1``; the radius r falls evenly from 1 at y = -1 to ``1 - taper`` at
        y = 1. ``shape[0]`` is the taper in [0, 1]: 0 for a cylinder, 1 for a pointed cone.
    SUPERQUADRIC: ``(|x|^(2/e2) + |z|^(2/e2))^(e2/e1) + |y|^(2/e1) <= 1`` (Barr 1981, with y as its axis).
        ``shape`` is (e1, e2), each in [0.1, 1.9]: 1 is round, towards 0 boxy, towards 2 an octahedron.
    """

    ELLIPSOID = 0
    CUBOID = 1
    CONE = 2
    SUPERQUADRIC = 3


@dataclass(frozen=True)
class Solids:
    """Leaves of ``h`` hypotheses, padded to ``q`` each. World frame; the caller's unit of length.

    Attributes:
        kind: a :class:`Kind` each.
        rotation: the leaf's axes in the world frame, as columns. Orthonormal; gradients are meant to be
            followed along rotations only.
        centre: position.
        size: half extents along the leaf's own axes, above zero.
        shape: the kind's own numbers (see :class:`Kind`); ignored by ellipsoids and cuboids.
        colour: red, green and blue in [0, 1].
        mask: False for padding, which is never drawn and gets no gradient, whatever its values.

    Raises:
        ValueError: where shapes, devices or types do not fit each other.
    """

    kind: Int[Tensor, "h q"]
    rotation: Float[Tensor, "h q 3 3"]
    centre: Float[Tensor, "h q 3"]
    size: Float[Tensor, "h q 3"]
    shape: Float[Tensor, "h q 2"]
    colour: Float[Tensor, "h q 3"]
    mask: Bool[Tensor, "h q"]

    def __post_init__(self) -> None:
        leaves = tuple(self.kind.shape)
        if len(leaves) != 2:
            raise ValueError(f"kind must have shape (h, q); got {leaves}")
        ends = {"rotation": (3, 3), "centre": (3,), "size": (3,), "shape": (2,), "colour": (3,), "mask": ()}
        for name, end in ends.items():
            value = getattr(self, name)
            if tuple(value.shape) != leaves + end:
                raise ValueError(f"{name} must have shape {leaves + end}; got {tuple(value.shape)}")
            if value.device != self.kind.device:
                raise ValueError(f"move {name} to {self.kind.device}, where kind is")
        if self.mask.dtype != torch.bool:
            raise ValueError(f"mask must be of type bool; got {self.mask.dtype}")
        if self.kind.is_floating_point():
            raise ValueError(f"kind must be of an integer type; got {self.kind.dtype}")
        if len({getattr(self, name).dtype for name in ends if name != "mask"}) > 1:
            raise ValueError("give rotation, centre, size, shape and colour the same floating type")

    @property
    def hypotheses(self) -> int:
        """Number of hypotheses ``h``."""
        return self.kind.shape[0]

    def select(self, hypotheses: Tensor | slice | list[int]) -> "Solids":
        """The chosen hypotheses, in the given order (anything that indexes a tensor's first axis)."""
        return Solids(**{field.name: getattr(self, field.name)[hypotheses] for field in fields(self)})

    def check_values(self) -> None:
        """Refuse drawn leaves that have no picture; one joint check first, for one device round trip.

        Raises:
            ValueError: where a drawn leaf's kind is unknown, a value is not finite, a rotation is not
                orthonormal, or size, shape or colour are out of range.
        """
        mask = self.mask
        eye = torch.eye(3, dtype=self.rotation.dtype, device=self.rotation.device)
        low, high = EXPONENTS
        shape = self.shape.detach()
        rotation = torch.where(mask[..., None, None], self.rotation.detach(), eye)
        good = {
            "kind must be one of compvis.render.solids.Kind": (self.kind >= 0) & (self.kind < len(Kind)),
            f"rotation must be orthonormal (within {SKEW}) and of determinant 1": (
                ((rotation @ rotation.mT - eye).abs().amax((-1, -2)) < SKEW) & (torch.det(rotation) > 0)
            ),
            "centre must be finite": (self.centre.abs() < torch.inf).all(-1),
            "size must be finite and above zero": ((self.size > 0) & (self.size < torch.inf)).all(-1),
            "a cone's taper, shape[0], must lie in [0, 1]": (
                (self.kind != Kind.CONE) | ((shape[..., 0] >= 0) & (shape[..., 0] <= 1))
            ),
            f"a superquadric's exponents, shape, must lie in [{low}, {high}]": (
                (self.kind != Kind.SUPERQUADRIC) | ((shape >= low) & (shape <= high)).all(-1)
            ),
            "colour must lie in [0, 1]": ((self.colour >= 0) & (self.colour <= 1)).all(-1),
        }
        passed = torch.stack(list(good.values())) | ~mask
        if not passed.all():
            raise ValueError(list(good)[int(passed.flatten(1).all(1).int().argmin())])
