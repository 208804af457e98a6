"""Affine poses of the plane: a (..., 2, 3) tensor ``[A | t]`` with ``p_parent = A p + t``."""

import math

import torch
from jaxtyping import Float
from torch import Tensor


def compose(outer: Float[Tensor, "*#b 2 3"], inner: Float[Tensor, "*#b 2 3"]) -> Float[Tensor, "*b 2 3"]:
    """The pose that applies ``inner`` first and ``outer`` second; leading dimensions broadcast."""
    linear = outer[..., :2] @ inner[..., :2]
    translation = outer[..., :2] @ inner[..., 2:] + outer[..., 2:]
    return torch.cat(torch.broadcast_tensors(linear[..., :1], linear[..., 1:], translation), dim=-1)


def invert(pose: Float[Tensor, "*b 2 3"]) -> Float[Tensor, "*b 2 3"]:
    """The pose that undoes ``pose``; raises ValueError where the linear part is singular."""
    determinant = torch.linalg.det(pose[..., :2])
    if not (torch.isfinite(determinant) & (determinant != 0)).all():
        raise ValueError("This affine pose has no inverse; give one with a non-zero determinant.")
    linear = torch.linalg.inv(pose[..., :2])
    return torch.cat([linear, -linear @ pose[..., 2:]], dim=-1)


def apply(pose: Float[Tensor, "*#b 2 3"], points: Float[Tensor, "*#b n 2"]) -> Float[Tensor, "*b n 2"]:
    """Points (..., n, 2) of the child frame in the parent frame; leading dimensions broadcast."""
    return points @ pose[..., :2].mT + pose[..., None, :, 2]


def scaling(unit: Float[Tensor, "*b"], centre: Float[Tensor, "*b 2"]) -> Float[Tensor, "*b 2 3"]:
    """The pose that scales by ``unit`` and moves the origin to ``centre``: canonical frame to image frame."""
    eye = torch.eye(2, dtype=centre.dtype, device=centre.device)
    return torch.cat([unit[..., None, None] * eye, centre[..., None]], dim=-1)


def rotation(degrees: float) -> Float[Tensor, "2 2"]:
    """The matrix that turns points of the plane from x (right) towards y (down), float32."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return torch.tensor([[cos, -sin], [sin, cos]], dtype=torch.float32)
