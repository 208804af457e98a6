"""Rotations of space: parameters to (..., 3, 3) matrices and back, and the angle between two."""

import torch
from jaxtyping import Float
from torch import Tensor

_TINY = 1e-12


def skew(vector: Float[Tensor, "*b 3"]) -> Float[Tensor, "*b 3 3"]:
    """The matrix whose product with p is the cross product ``vector x p``."""
    x, y, z = vector.unbind(-1)
    zero = torch.zeros_like(x)
    rows = [zero, -z, y, z, zero, -x, -y, x, zero]
    return torch.stack(rows, dim=-1).unflatten(-1, (3, 3))


def from_axis_angle(vector: Float[Tensor, "*b 3"]) -> Float[Tensor, "*b 3 3"]:
    """Rotation by ``|vector|`` radians about ``vector`` (Rodrigues' formula), smooth at zero."""
    squared = vector.square().sum(-1)[..., None, None]
    small = squared < 1e-8
    angle = torch.where(small, 1.0, squared).sqrt()
    sine = torch.where(small, 1 - squared / 6, angle.sin() / angle)
    cosine = torch.where(small, 0.5 - squared / 24, (1 - angle.cos()) / angle.square())
    cross = skew(vector)
    eye = torch.eye(3, dtype=vector.dtype, device=vector.device)
    return eye + sine * cross + cosine * (cross @ cross)


def to_axis_angle(rotation: Float[Tensor, "*b 3 3"]) -> Float[Tensor, "*b 3"]:
    """Axis times angle in radians, the angle in [0, pi]. At exactly pi the axis's sign is arbitrary."""
    w, vector = to_quaternion(rotation).split([1, 3], dim=-1)
    length = vector.norm(dim=-1, keepdim=True)
    angle = 2 * torch.atan2(length, w)
    return torch.where(length > 1e-8, angle / length.clamp_min(_TINY), 2.0) * vector


def from_quaternion(quaternion: Float[Tensor, "*b 4"]) -> Float[Tensor, "*b 3 3"]:
    """Rotation of a quaternion (w, x, y, z) of any length above 1e-6."""
    squared = quaternion.square().sum(-1, keepdim=True)
    w, vector = (quaternion / squared.clamp_min(_TINY).sqrt()).split([1, 3], dim=-1)
    cross = skew(vector)
    eye = torch.eye(3, dtype=quaternion.dtype, device=quaternion.device)
    return eye + 2 * w[..., None] * cross + 2 * cross @ cross


def to_quaternion(rotation: Float[Tensor, "*b 3 3"]) -> Float[Tensor, "*b 4"]:
    """Unit quaternion (w, x, y, z) with w >= 0.

    The largest of the four squared components is taken from the diagonal and the others are divided by it, so
    that none is the square root of a difference near zero (Shepperd 1978).
    """
    xx, yy, zz = rotation.diagonal(dim1=-2, dim2=-1).unbind(-1)
    squares = torch.stack([1 + xx + yy + zz, 1 + xx - yy - zz, 1 - xx + yy - zz, 1 - xx - yy + zz], dim=-1)
    r = rotation
    wx, wy, wz = r[..., 2, 1] - r[..., 1, 2], r[..., 0, 2] - r[..., 2, 0], r[..., 1, 0] - r[..., 0, 1]
    xy, xz, yz = r[..., 0, 1] + r[..., 1, 0], r[..., 0, 2] + r[..., 2, 0], r[..., 1, 2] + r[..., 2, 1]
    w2, x2, y2, z2 = squares.unbind(-1)
    products = torch.stack([w2, wx, wy, wz, wx, x2, xy, xz, wy, xy, y2, yz, wz, xz, yz, z2], dim=-1)
    rows = products.unflatten(-1, (4, 4))
    best = squares.argmax(-1)[..., None]
    row = rows.gather(-2, best[..., None].expand(*best.shape, 4)).squeeze(-2)
    quaternion = row / row.norm(dim=-1, keepdim=True)
    return torch.where(quaternion[..., :1] < 0, -quaternion, quaternion)


def from_six(columns: Float[Tensor, "*b 6"]) -> Float[Tensor, "*b 3 3"]:
    """Rotation whose first two columns are the Gram-Schmidt of ``columns``' two halves.

    Continuous over all rotations, unlike three or four numbers (Zhou et al., CVPR 2019).

    Raises:
        ValueError: where a half is zero or both are parallel.
    """
    first, second = columns.unflatten(-1, (2, 3)).unbind(-2)
    normal = torch.linalg.cross(first, second)
    scale = first.square().sum(-1) * second.square().sum(-1)
    if not (normal.square().sum(-1) > 1e-10 * scale).all():
        raise ValueError("The six numbers must be two vectors that are not zero and not parallel.")
    x = first / first.norm(dim=-1, keepdim=True)
    z = normal / normal.norm(dim=-1, keepdim=True)
    return torch.stack([x, torch.linalg.cross(z, x), z], dim=-1)


def to_six(rotation: Float[Tensor, "*b 3 3"]) -> Float[Tensor, "*b 6"]:
    """The first two columns of a rotation, one after the other."""
    return rotation[..., :2].mT.flatten(-2)


def angle_between(first: Float[Tensor, "*#b 3 3"], second: Float[Tensor, "*#b 3 3"]) -> Float[Tensor, "*b"]:
    """Geodesic distance of rotations: the angle, in degrees, of the turn from one to the other."""
    turn = first.mT @ second
    cosine = turn.diagonal(dim1=-2, dim2=-1).sum(-1) - 1
    odd = torch.stack(
        [
            turn[..., 2, 1] - turn[..., 1, 2],
            turn[..., 0, 2] - turn[..., 2, 0],
            turn[..., 1, 0] - turn[..., 0, 1],
        ],
        dim=-1,
    )
    # atan2 keeps its digits at 0 and at 180 degrees, where an arc cosine of the trace loses half of them.
    sine = odd.square().sum(-1).clamp_min(1e-24).sqrt()
    return torch.rad2deg(torch.atan2(sine, cosine))


def random_rotations(
    count: int, generator: torch.Generator, dtype: torch.dtype = torch.float32
) -> Float[Tensor, "count 3 3"]:
    """Rotations drawn uniformly (Haar measure): quaternions of normal components (Shoemake 1992)."""
    return from_quaternion(torch.randn(count, 4, generator=generator, dtype=torch.float64)).to(dtype)
