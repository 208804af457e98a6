"""Outlines of solids in the image: an ellipse for an ellipsoid, a convex polygon for every other kind.

A cuboid's outline is exactly a polygon: the edges with one visible and one hidden face. Cones and superquadrics
get a polygon of points on their true outline, found with the support function: the leaf's furthest point in one
direction of the image after the other.

A polygon's corner is six numbers: pixel (u, v), what is linear in the image of the depth (1 / z in perspective,
else z), and the leaf's normal in its own frame, for pixels of the soft edge that lie beside the leaf.
"""

from dataclasses import dataclass
from math import pi

import torch
from jaxtyping import Float
from torch import Tensor

from compvis.render.solids_shapes import cone_support, superquadric_support

# Every edge of the cube: its ends, and the outward normals of its two faces. A silhouette has at most six.
_SIGNS = [(a, b) for a in (-1.0, 1.0) for b in (-1.0, 1.0)]
_EDGES = [
    [
        [*((-1.0, a, b)[-axis:] + (-1.0, a, b)[:-axis])],
        [*((1.0, a, b)[-axis:] + (1.0, a, b)[:-axis])],
        [*((0.0, a, 0.0)[-axis:] + (0.0, a, 0.0)[:-axis])],
        [*((0.0, 0.0, b)[-axis:] + (0.0, 0.0, b)[:-axis])],
    ]
    for axis in range(3)
    for a, b in _SIGNS
]
CUBOID_EDGES = 6
# Edges of an outline shorter than this, in pixels, are skipped: rounding would turn them.
SHORTEST_EDGE = 1e-2
SUPPORT_STEPS = 6
OFF_AXES = 0.37  # of a step between the directions of a curved outline
TINY = 1e-9


@dataclass(frozen=True)
class Placed:
    """``n`` leaves before their cameras.

    Attributes:
        rotation, centre: the leaf's pose in the camera frame.
        size: half extents.
        shape: the kind's own numbers.
        pixels: the camera's focal length, or its scale.
        principal: the camera's principal point, pixels.
        perspective: whether the cameras are pinholes.
    """

    rotation: Float[Tensor, "n 3 3"]
    centre: Float[Tensor, "n 3"]
    size: Float[Tensor, "n 3"]
    shape: Float[Tensor, "n 2"]
    pixels: Float[Tensor, " n"]
    principal: Float[Tensor, "n 2"]
    perspective: bool

    def take(self, index: Tensor) -> "Placed":
        """The leaves of the given numbers."""
        return Placed(
            *(
                getattr(self, name)[index]
                for name in ("rotation", "centre", "size", "shape", "pixels", "principal")
            ),
            perspective=self.perspective,
        )

    def to_leaf(self, vector: Float[Tensor, "n 3 *m"]) -> Float[Tensor, "n 3 *m"]:
        """Camera-frame vectors, as columns, in the leaf's unit frame."""
        matrix = self.rotation.mT / self.size[:, :, None]
        return (matrix @ vector) if vector.ndim == 3 else (matrix @ vector[..., None]).squeeze(-1)

    def to_image(self, points: Float[Tensor, "n m 3"]) -> Float[Tensor, "n m 3"]:
        """Points of the unit frame as (u, v, what is linear in the image of the depth)."""
        seen = (points * self.size[:, None]) @ self.rotation.mT + self.centre[:, None]
        if not self.perspective:
            pixels = self.pixels[:, None, None] * seen[..., :2] + self.principal[:, None]
            return torch.cat([pixels, seen[..., 2:]], dim=-1)
        inverse = 1 / seen[..., 2:]
        pixels = self.pixels[:, None, None] * seen[..., :2] * inverse + self.principal[:, None]
        return torch.cat([pixels, inverse], dim=-1)

    def centre_in_image(self) -> Float[Tensor, "n 2"]:
        """Pixels (u, v) of the leaves' centres."""
        across = self.centre[:, :2]
        if self.perspective:
            across = across / self.centre[:, 2:]
        return self.pixels[:, None] * across + self.principal

    def eye(self) -> Float[Tensor, "n 3"]:
        """The camera in the unit frame: its centre in perspective, else the direction towards it."""
        if self.perspective:
            return self.to_leaf(-self.centre)
        towards = torch.zeros_like(self.centre)
        towards[:, 2] = -1
        return self.to_leaf(towards)


def outline_ellipse(placed: Placed) -> Float[Tensor, "n 5"]:
    """The ellipsoids' outlines ``(p - c)' A (p - c) = 1`` as (c_u, c_v, A_uu, A_uv, A_vv), pixels.

    A ray o + t d touches the unit ball where ``(d.d) (o.o - 1) = (o.d)^2``, which is quadratic in the pixel.
    Pixels count from the projected centre, where the terms stay of moderate size.
    """
    start = placed.centre_in_image()
    across = placed.to_leaf(torch.eye(3, 2).to(placed.centre).expand(len(start), 3, 2))
    across = across / placed.pixels[:, None, None]
    eye = placed.eye()
    tangent = (across * eye[:, :, None]).sum(1)
    squared = eye.square().sum(-1)
    gram = across.mT @ across
    outer = tangent[:, :, None] * tangent[:, None]
    if not placed.perspective:
        matrix = gram - outer / squared[:, None, None]
        offset = torch.zeros_like(start)
    else:
        depth = placed.centre[:, 2]
        quadratic = (squared - 1)[:, None, None] * gram - outer
        linear = tangent / depth[:, None]
        a, b, d = quadratic[:, 0, 0], quadratic[:, 0, 1], quadratic[:, 1, 1]
        adjugate = torch.stack([d, -b, -b, a], dim=-1).unflatten(-1, (2, 2))
        inverse = adjugate / (a * d - b * b)[:, None, None]
        offset = -(inverse @ linear[..., None]).squeeze(-1)
        height = squared / depth.square() - (offset * linear).sum(-1)
        matrix = quadratic / height[:, None, None]
    return torch.cat([start + offset, matrix[:, 0], matrix[:, 1, 1:]], dim=-1)


def outline_cuboid(placed: Placed) -> Float[Tensor, "n 6 2 6"]:
    """The cuboids' outlines, in no order; where there are fewer than six edges, the others have no length."""
    table = placed.centre.new_tensor(_EDGES)
    starts, ends, first, second = table.unbind(1)
    eye = placed.eye()
    # A face is visible where the eye (at infinity for weak perspective) is in front of its plane.
    plane = 1.0 if placed.perspective else 0.0
    with torch.no_grad():
        sees_first, sees_second = eye @ first.T > plane, eye @ second.T > plane
        silhouette = sees_first ^ sees_second
        order = (~silhouette).to(torch.int8).argsort(dim=1, stable=True)[:, :CUBOID_EDGES]
        real = silhouette.gather(1, order)
        normal = torch.where(sees_first.gather(1, order)[..., None], first[order], second[order])
        near, far = starts[order], ends[order]
        far = torch.where(real[..., None], far, near)
    corners = placed.to_image(torch.cat([near, far], dim=1)).unflatten(1, (2, CUBOID_EDGES))
    edges = torch.cat([corners, normal[:, None].expand(-1, 2, -1, -1)], dim=-1)
    return _turn_inwards(edges.transpose(1, 2), placed)


def outline_curved(placed: Placed, cone: bool, segments: int) -> Float[Tensor, "n segments 2 6"]:
    """Polygons of ``segments`` points on the outlines of cones (or superquadrics)."""
    support = cone_support if cone else superquadric_support
    shape = placed.shape[:, None]
    scaled = placed.rotation * placed.size[:, None]
    flat = scaled[:, :2]
    if placed.perspective:
        slope = placed.centre[:, :2] / placed.centre[:, 2:]
        flat = flat - slope[:, :, None] * scaled[:, 2:]
    directions = _even_directions(flat, segments)

    def furthest(depth_part: Tensor) -> tuple[Tensor, Tensor]:
        """Normals of planes in the unit frame, and the leaf's furthest points along them."""
        normal = torch.cat([directions, depth_part], dim=-1) @ scaled
        return normal, support(normal, shape)

    depth_part = torch.zeros_like(directions[..., :1])
    if placed.perspective:
        # Dinkelbach's method for the largest direction . (x, y) / z: the plane through the eye and the last
        # point's line of sight gives the next point. It converges faster than linearly, from any start. Only
        # the last step needs a derivative: at the solution the earlier ones do not matter to first order.
        for step in range(SUPPORT_STEPS):
            with torch.set_grad_enabled(step == SUPPORT_STEPS - 1 and torch.is_grad_enabled()):
                _, point = furthest(depth_part)
                seen = point @ scaled.mT + placed.centre[:, None]
                ratio = seen[..., :2] / seen[..., 2:]
                depth_part = -(directions * ratio).sum(-1, keepdim=True)
    normal, point = furthest(depth_part)
    normal = normal / (normal * point).sum(-1, keepdim=True).abs().clamp_min(TINY)
    if cone:
        normal = _see_the_cap(normal, point, placed)
    corner = torch.cat([placed.to_image(point), normal], dim=-1)
    edges = torch.stack([corner, corner.roll(-1, dims=1)], dim=2)
    return _turn_inwards(edges, placed)


def _even_directions(flat: Float[Tensor, "n 2 3"], segments: int) -> Float[Tensor, "n segments 2"]:
    """Directions of the image in which an ellipse of the leaf's shape has evenly spaced furthest points.

    With the ellipse's matrix ``flat flat' = L L'`` the furthest point along ``L^-T a`` is ``L a``.
    """
    square = flat @ flat.mT
    upper = square[:, 0, 0].clamp_min(TINY**2).sqrt()
    corner = square[:, 0, 1] / upper
    lower = (square[:, 1, 1] - corner.square()).clamp_min(TINY**2).sqrt()
    # Off the axes by a fraction of a step, so that no direction meets a symmetry exactly.
    angle = 2 * pi * (torch.arange(segments, device=flat.device, dtype=flat.dtype) + OFF_AXES) / segments
    down = angle.sin() / lower[:, None]
    along = (angle.cos() - corner[:, None] * down) / upper[:, None]
    directions = torch.stack([along, down], dim=-1)
    return directions / directions.norm(dim=-1, keepdim=True)


def _see_the_cap(normal: Tensor, point: Tensor, placed: Placed) -> Tensor:
    """Where an outline point is on the rim of a visible cap, the cap's normal instead."""
    height, plane = placed.eye()[:, 1, None], 1.0 if placed.perspective else 0.0
    side = point[..., 1].detach().sign()
    cap = torch.stack([torch.zeros_like(side), side, torch.zeros_like(side)], dim=-1)
    return torch.where((side * height > plane)[..., None], cap, normal)


def _turn_inwards(edges: Float[Tensor, "n k 2 6"], placed: Placed) -> Float[Tensor, "n k 2 6"]:
    """The same edges with the leaf on the side of positive ``step x (point - start)``."""
    with torch.no_grad():
        centre = placed.centre_in_image()[:, None]
        step, off = edges[:, :, 1, :2] - edges[:, :, 0, :2], centre - edges[:, :, 0, :2]
        flip = step[..., 0] * off[..., 1] - step[..., 1] * off[..., 0] < 0
    return torch.where(flip[..., None, None], edges.flip(2), edges)
