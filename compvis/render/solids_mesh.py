"""Solid leaves as triangle meshes, for renderers that draw nothing else. Differentiable in every value."""

from dataclasses import dataclass
from functools import cache
from math import pi, sin, tan

import torch
from jaxtyping import Float, Int
from torch import Tensor

from compvis.render.solids import Kind, Solids
from compvis.render.solids_shapes import nested_norm

# Vertices of a superquadric keep this far from its planes of symmetry, where a normal can be missing.
_OFF_PLANE = 1e-4
Grid = tuple[Tensor, Tensor, Tensor]


@dataclass(frozen=True)
class SolidMesh:
    """The triangles of ``n`` leaves, leaf after leaf. World frame.

    Attributes:
        vertices: position.
        colour: colour and shade of each vertex.
        hypothesis: which one each vertex belongs to.
        faces: three vertices each, anticlockwise seen from outside.
        vertices_of, faces_of: how many each leaf has.
    """

    vertices: Float[Tensor, "v 3"]
    colour: Float[Tensor, "v 3"]
    hypothesis: Int[Tensor, " v"]
    faces: Int[Tensor, "f 3"]
    vertices_of: Int[Tensor, " n"]
    faces_of: Int[Tensor, " n"]


def mesh_of(
    solids: Solids, drawn: Int[Tensor, " n"], light: Float[Tensor, "3"], ambient: float, segments: int
) -> SolidMesh:
    """Meshes of some leaves.

    Args:
        solids: all leaves.
        drawn: numbers ``hypothesis * q + leaf`` of those to draw, rising.
        light: unit vector of the world frame towards the light.
        ambient: share of the light that comes from everywhere; the rest follows Lambert's law.
        segments: faces around a curved leaf.
    """
    q = solids.mask.shape[1]
    kinds = solids.kind.flatten()[drawn]
    vertices, colours, faces, owners, numbers = [], [], [], [], []
    start = 0
    for kind in (Kind(int(k)) for k in kinds.unique()):
        chosen = drawn[kinds == kind]
        rotation, centre, size, shape, colour = (
            value.flatten(0, 1)[chosen]
            for value in (solids.rotation, solids.centre, solids.size, solids.shape, solids.colour)
        )
        points, normals, triangles = surface(kind, shape, segments)
        n, v = points.shape[:2]
        turned = torch.nn.functional.normalize(normals / size[:, None], dim=-1) @ rotation.mT
        shade = ambient + (1 - ambient) * (turned @ light).clamp_min(0)
        vertices.append(((points * size[:, None]) @ rotation.mT + centre[:, None]).flatten(0, 1))
        colours.append((shade[..., None] * colour[:, None]).flatten(0, 1))
        offset = start + v * torch.arange(n, device=drawn.device)
        faces.append((triangles + offset[:, None, None]).flatten(0, 1))
        numbers.append(chosen.repeat_interleave(v))
        owners.append(chosen.repeat_interleave(len(triangles)))
        start += n * v
    number, owner = torch.cat(numbers), torch.cat(owners)
    by_vertex, by_face = number.argsort(stable=True), owner.argsort(stable=True)
    return SolidMesh(
        vertices=torch.cat(vertices)[by_vertex],
        colour=torch.cat(colours)[by_vertex],
        hypothesis=torch.div(number[by_vertex], q, rounding_mode="floor"),
        faces=by_vertex.argsort()[torch.cat(faces)[by_face]],
        vertices_of=number.bincount(minlength=solids.mask.numel())[drawn],
        faces_of=owner.bincount(minlength=solids.mask.numel())[drawn],
    )


def surface(
    kind: Kind, shape: Float[Tensor, "n 2"], segments: int
) -> tuple[Float[Tensor, "n v 3"], Float[Tensor, "n v 3"], Int[Tensor, "f 3"]]:
    """Vertices, outward normals (of any length) and faces of primitives of one kind in their unit frames.

    A mesh with its vertices on a curved surface is too small; ellipsoids and cones are grown until, in the mean over
    all views, their shadows have the right size.
    """
    grid = {Kind.CUBOID: _box, Kind.CONE: _tube}.get(kind, _ball)(segments)
    points, normals, faces = (part.to(shape.device) for part in grid)
    points, normals = (v.to(shape.dtype).expand(len(shape), -1, -1) for v in (points, normals))
    if kind is Kind.SUPERQUADRIC:
        outer, inner = (2 / shape[:, None]).unbind(-1)
        directions = torch.where(normals.abs() < _OFF_PLANE, _OFF_PLANE, normals)
        points = directions / nested_norm(directions, outer, inner)[0][..., None]
        return points, nested_norm(points, outer, inner)[1], faces
    if kind is Kind.CONE:
        taper = shape[:, :1]
        radius = 1 - taper * (points[..., 1] + 1) / 2
        ones = torch.ones_like(radius)
        lift = torch.where(normals[..., 1] == 0, taper / 2, normals[..., 1])
        normals = torch.stack([normals[..., 0], lift, normals[..., 2]], dim=-1)
        points = points * torch.stack([radius, ones, radius], dim=-1)
    return points, normals, faces


@cache
def _box(_segments: int) -> Grid:
    """Four vertices a side, so that every side has its own normal."""
    points, normals, faces = [], [], []
    square = torch.tensor([[-1.0, -1], [1, -1], [1, 1], [-1, 1]], dtype=torch.float64)
    for axis in range(3):
        for sign in (-1.0, 1.0):
            side = torch.full((4, 3), sign, dtype=torch.float64)
            side[:, [(axis + 1) % 3, (axis + 2) % 3]] = square if sign > 0 else square.flip(0)
            faces.append(torch.tensor([[0, 1, 2], [0, 2, 3]]) + 4 * len(points))
            points.append(side)
            normals.append(sign * torch.eye(3, dtype=torch.float64)[axis].expand(4, 3))
    return torch.cat(points), torch.cat(normals), torch.cat(faces)


@cache
def _ball(segments: int) -> Grid:
    """A cube's grid on the unit ball: points (grown, see :func:`surface`), points on the ball, faces."""
    steps = max(2, -(-segments // 4))
    line = torch.tensor([tan(pi / 4 * (2 * k / steps - 1)) for k in range(steps + 1)], dtype=torch.float64)
    square = torch.stack(torch.meshgrid(line, line, indexing="ij"), dim=-1).flatten(0, 1)
    corner = (torch.arange(steps)[:, None] * (steps + 1) + torch.arange(steps)).flatten()
    cells = torch.stack([corner, corner + steps + 1, corner + steps + 2, corner + 1], dim=1)
    triangles = torch.cat([cells[:, [0, 1, 2]], cells[:, [0, 2, 3]]])
    sides, faces = [], []
    for axis in range(3):
        for sign in (-1.0, 1.0):
            side = torch.full((len(square), 3), sign, dtype=torch.float64)
            side[:, [(axis + 1) % 3, (axis + 2) % 3]] = square
            faces.append((triangles if sign > 0 else triangles.flip(1)) + len(square) * len(sides))
            sides.append(side)
    on_ball = torch.nn.functional.normalize(torch.cat(sides), dim=-1)
    faces = torch.cat(faces)
    a, b, c = on_ball[faces].unbind(1)
    area = torch.linalg.cross(b - a, c - a).norm(dim=-1).sum() / 2
    # Cauchy: the mean shadow of a convex body is a quarter of its surface.
    return on_ball * (4 * pi / area).sqrt(), on_ball, faces


@cache
def _tube(segments: int) -> Grid:
    """A cylinder: the side, then the two lids with vertices of their own."""
    angle = torch.arange(segments, dtype=torch.float64) * (2 * pi / segments)
    ring = torch.stack([angle.cos(), torch.zeros_like(angle), angle.sin()], -1)
    up = torch.tensor([0.0, 1.0, 0.0], dtype=torch.float64)
    here, there = torch.arange(segments), (torch.arange(segments) + 1) % segments
    wide = ring * (pi / segments / sin(pi / segments))
    points, normals = [wide - up, wide + up], [ring, ring]
    faces = [
        torch.stack([here, here + segments, there], -1),
        torch.stack([there, here + segments, there + segments], -1),
    ]
    for sign in (-1.0, 1.0):
        start = sum(len(part) for part in points)
        points.append(torch.cat([wide + sign * up, sign * up[None]]))
        normals.append((sign * up).expand(segments + 1, 3))
        fan = torch.stack([here + start, there + start, torch.full_like(here, start + segments)], -1)
        faces.append(fan if sign < 0 else fan.flip(1))
    return torch.cat(points), torch.cat(normals), torch.cat(faces)
