"""The primitives in their own frames, in torch: where a ray enters them, and their support points.

A *level* is a function that is zero on the surface and grows outwards; its gradient is the outward normal, of
any length.
"""

from math import inf

import torch
from jaxtyping import Float
from torch import Tensor

_TINY = 1e-12
_NEWTON_STEPS = 12
# A normal's components are powers of ratios of coordinates; below this ratio they count as constant, which
# bounds the curvature where a pinched superquadric (exponents above 1) has a crease.
SMALLEST_RATIO = 1e-3
SMALLEST_OF_NORMAL = 1e-6  # the same where the components are those of a normal


def nested_norm(
    point: Float[Tensor, "*b 3"],
    outer: Float[Tensor, "*#b"],
    inner: Float[Tensor, "*#b"],
    smallest: float = SMALLEST_RATIO,
) -> tuple[Float[Tensor, "*b"], Float[Tensor, "*b 3"]]:
    """The norm ``|(|(x, z)|_inner, y)|_outer`` of p-norms and its gradient.

    A superquadric of exponents (e1, e2) is the unit ball of the norm with outer = 2 / e1, inner = 2 / e2.
    """
    x, y, z = point.unbind(-1)
    ring, ring_x, ring_z = _norm(x.abs(), z.abs(), inner, smallest)
    value, by_ring, by_y = _norm(ring, y.abs(), outer, smallest)
    gradient = torch.stack(
        [by_ring * ring_x * x.sign(), by_y * y.sign(), by_ring * ring_z * z.sign()], dim=-1
    )
    return value, gradient


def _norm(a: Tensor, b: Tensor, power: Tensor, smallest: float) -> tuple[Tensor, Tensor, Tensor]:
    """The p-norm of (a, b), both not negative, and its derivatives by a and b."""
    largest = torch.maximum(a, b).clamp_min(1e-30)
    value = largest * ((a / largest).pow(power) + (b / largest).pow(power)).pow(1 / power)
    ratio_a, ratio_b = ((side / value).clamp_min(smallest) for side in (a, b))
    return value, ratio_a.pow(power - 1), ratio_b.pow(power - 1)


def ellipsoid_level(point: Tensor, shape: Tensor) -> tuple[Tensor, Tensor]:
    """Level and normal of the unit ball at points (n, 3)."""
    return (point.square().sum(-1) - 1) / 2, point


@torch.no_grad()
def enter_ellipsoid(origin: Tensor, direction: Tensor, shape: Tensor) -> Tensor:
    """Ray parameter where ``origin + t direction`` enters the unit ball, or comes nearest to it."""
    a, b = direction.square().sum(-1), (origin * direction).sum(-1)
    c = origin.square().sum(-1) - 1
    return (-b - (b * b - a * c).clamp_min(0).sqrt()) / a


def cuboid_level(point: Tensor, shape: Tensor) -> tuple[Tensor, Tensor]:
    """Level and normal of the face that the point is nearest to being on."""
    face = point.detach().abs().argmax(-1, keepdim=True)
    normal = torch.zeros_like(point).scatter(-1, face, point.detach().gather(-1, face).sign())
    return (point * normal).sum(-1) - 1, normal


@torch.no_grad()
def enter_cuboid(origin: Tensor, direction: Tensor, shape: Tensor) -> Tensor:
    """Ray parameter where a ray that hits the cube enters it."""
    safe = torch.where(direction.abs() < _TINY, _TINY, direction)
    return ((-safe.sign() - origin) / safe).amax(-1)


def cone_level(point: Tensor, shape: Tensor) -> tuple[Tensor, Tensor]:
    """Level and normal of the side or the cap, whichever the point is nearer to."""
    x, y, z = point.unbind(-1)
    half = shape[:, 0] / 2
    ring = (x * x + z * z + _TINY).sqrt()
    side = ring - (1 - half - half * y)
    cap = y.abs() - 1
    on_cap = (cap > side).detach()
    zero = torch.zeros_like(x)
    normal_side = torch.stack([x / ring, half, z / ring], dim=-1)
    normal_cap = torch.stack([zero, y.detach().sign(), zero], dim=-1)
    return torch.where(on_cap, cap, side), torch.where(on_cap[:, None], normal_cap, normal_side)


@torch.no_grad()
def enter_cone(origin: Tensor, direction: Tensor, shape: Tensor) -> Tensor:
    """Ray parameter where a ray that hits the truncated cone enters it.

    The body is the part between the caps of one nappe of a cone, so the entry is the later of both entries.
    """
    half = shape[:, 0] / 2
    ox, oy, oz = origin.unbind(-1)
    dx, dy, dz = direction.unbind(-1)
    radius, growth = 1 - half - half * oy, -half * dy
    a = dx * dx + dz * dz - growth * growth
    scale = direction.square().sum(-1)
    a = torch.where(a.abs() < _TINY * scale, _TINY * scale, a)
    b = ox * dx + oz * dz - radius * growth
    c = ox * ox + oz * oz - radius * radius
    root = (b * b - a * c).clamp_min(0).sqrt()
    q = -(b + torch.where(b < 0, -root, root))
    q = torch.where(q == 0, _TINY, q)
    first, second = torch.minimum(q / a, c / q), torch.maximum(q / a, c / q)
    # A ray steeper than the cone (a < 0) enters the widening nappe at the later root, or has always been in it.
    side = torch.where(a > 0, first, torch.where(growth > 0, second, -inf))
    safe = torch.where(dy.abs() < _TINY, _TINY, dy)
    return torch.maximum(side, (-safe.sign() - oy) / safe)


def superquadric_level(point: Tensor, shape: Tensor) -> tuple[Tensor, Tensor]:
    """Level and normal of the norm's unit ball."""
    value, gradient = nested_norm(point, 2 / shape[:, 0], 2 / shape[:, 1])
    return value - 1, gradient


@torch.no_grad()
def enter_superquadric(origin: Tensor, direction: Tensor, shape: Tensor) -> Tensor:
    """Ray parameter where a ray that hits the superquadric enters it.

    The level along the ray is convex, so Newton's steps from the entry into the enclosing cube never pass the
    root.
    """
    t = enter_cuboid(origin, direction, shape)
    for _ in range(_NEWTON_STEPS):
        level, normal = superquadric_level(origin + t[:, None] * direction, shape)
        slope = (normal * direction).sum(-1)
        t = torch.where((level > 0) & (slope < -_TINY), t - level / slope.clamp_max(-_TINY), t)
    return t


def cone_support(normal: Float[Tensor, "*b 3"], shape: Float[Tensor, "*#b 2"]) -> Float[Tensor, "*b 3"]:
    """The cone's point furthest along ``normal``: on one of the two rims."""
    x, y, z = normal.unbind(-1)
    ring = (x * x + z * z).clamp_min(1e-24).sqrt()
    taper = shape[..., 0]
    top = (y > taper / 2 * ring).detach()
    radius = torch.where(top, 1 - taper, 1.0) / ring
    return torch.stack([radius * x, torch.where(top, 1.0, -1.0).to(y), radius * z], dim=-1)


def superquadric_support(
    normal: Float[Tensor, "*b 3"], shape: Float[Tensor, "*#b 2"]
) -> Float[Tensor, "*b 3"]:
    """The superquadric's point furthest along ``normal``: the gradient of the dual norm."""
    dual = 2 / (2 - shape)
    return nested_norm(normal, dual[..., 0], dual[..., 1], smallest=SMALLEST_OF_NORMAL)[1]


LEVELS = (ellipsoid_level, cuboid_level, cone_level, superquadric_level)
ENTRIES = (enter_ellipsoid, enter_cuboid, enter_cone, enter_superquadric)
