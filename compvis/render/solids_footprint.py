"""What the pixel loops of solids need of each visible leaf: outline, rays in its own frame, light and colour."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from compvis.geometry.cameras import Camera, PerspectiveCamera
from compvis.render.solids import Kind, Solids
from compvis.render.solids_outline import (
    CUBOID_EDGES,
    SHORTEST_EDGE,
    Placed,
    outline_cuboid,
    outline_curved,
    outline_ellipse,
)


@dataclass(frozen=True)
class Footprint:
    """The ``n`` leaves that can be seen, those of one hypothesis next to each other.

    Attributes:
        hypothesis, leaf: where the leaf stands in :class:`Solids`.
        kind: its :class:`Kind`.
        box: first and one past the last column, first and one past the last row, that the leaf can touch.
        ellipse: outline of an ellipsoid, see :func:`outline_ellipse`; zero for others.
        edges: outline of the others, see :mod:`compvis.render.solids_outline`. Edges without length are padding.
        origin, direction: matrices O, D: in the leaf's unit frame, the point at depth t seen at pixel (u, v) is
            ``(O + t D) (u, v, 1)``.
        light: dot product with a normal of the unit frame gives that with the light's direction, times
            the normal's true length, which is ``|normal * inverse_size|``.
        shape, colour: as in :class:`Solids`.
        pixels: per leaf, the camera's focal length or scale in pixels.
        perspective: whether the cameras are pinholes.
    """

    hypothesis: Int[Tensor, " n"]
    leaf: Int[Tensor, " n"]
    kind: Int[Tensor, " n"]
    box: Int[Tensor, "n 4"]
    ellipse: Float[Tensor, "n 5"]
    edges: Float[Tensor, "n k 2 6"]
    origin: Float[Tensor, "n 3 3"]
    direction: Float[Tensor, "n 3 3"]
    light: Float[Tensor, "n 3"]
    inverse_size: Float[Tensor, "n 3"]
    shape: Float[Tensor, "n 2"]
    colour: Float[Tensor, "n 3"]
    pixels: Float[Tensor, " n"]
    perspective: bool


def lay_out(
    solids: Solids,
    camera: Camera,
    size: tuple[int, int],
    light: Float[Tensor, "3"],
    reach: float,
    nearest: float,
    segments: int,
) -> Footprint:
    """Footprints of all drawn leaves, differentiable in every value of ``solids`` and ``camera``.

    Args:
        solids, camera: what is seen and from where; one camera for all, or one a hypothesis.
        size: rows and columns of the image.
        light: unit vector of the world frame towards the light.
        reach: how many pixels outside its outline a leaf still touches.
        nearest: pinholes do not draw a leaf whose bounding box comes nearer than this depth.
        segments: corners of the polygon around a curved outline.
    """
    h, q = solids.mask.shape
    perspective = isinstance(camera, PerspectiveCamera)
    with torch.no_grad():
        drawn = solids.mask.flatten().nonzero().squeeze(1)
        if perspective:
            drawn = drawn[before_the_camera(solids, camera, drawn, nearest)]
    hypothesis = torch.div(drawn, q, rounding_mode="floor") if q else drawn
    seen_by = hypothesis if camera.hypotheses == h else torch.zeros_like(hypothesis)
    turn = camera.rotation[seen_by]
    rotation = solids.rotation.flatten(0, 1)[drawn]
    centre, solid_size, shape, colour = (
        value.flatten(0, 1)[drawn] for value in (solids.centre, solids.size, solids.shape, solids.colour)
    )
    placed = Placed(
        rotation=turn @ rotation,
        centre=(turn @ centre[..., None]).squeeze(-1) + camera.translation[seen_by],
        size=solid_size,
        shape=shape,
        pixels=(camera.focal if isinstance(camera, PerspectiveCamera) else camera.scale)[seen_by],
        principal=camera.principal[seen_by],
        perspective=perspective,
    )
    kind = solids.kind.flatten()[drawn]
    present = kind.unique().tolist()
    ellipse, edges = _outlines(placed, kind, present, segments)
    origin, direction = (matrix[seen_by] for matrix in camera.rays())
    # Only the last column, that of the constant 1, feels where the leaf is.
    offset = torch.cat([torch.zeros_like(placed.rotation[..., :2]), placed.centre[..., None]], dim=-1)
    return Footprint(
        hypothesis=hypothesis,
        leaf=drawn - hypothesis * q,
        kind=kind,
        box=_boxes(ellipse, edges, kind, present, size, reach),
        ellipse=ellipse,
        edges=edges,
        origin=placed.to_leaf(origin - offset),
        direction=placed.to_leaf(direction),
        light=(rotation.mT @ light) / solid_size,
        inverse_size=1 / solid_size,
        shape=shape,
        colour=colour,
        pixels=placed.pixels,
        perspective=perspective,
    )


def before_the_camera(solids: Solids, camera: Camera, drawn: Tensor, nearest: float) -> Tensor:
    """Which of the leaves ``drawn`` lie wholly beyond the depth ``nearest``."""
    rows = camera.rotation[:, 2].expand(solids.hypotheses, 3)
    axes = (rows[:, None, None] @ solids.rotation).squeeze(-2)
    depth = (rows[:, None] * solids.centre).sum(-1) + camera.translation[:, 2, None]
    return (depth - (axes.abs() * solids.size).sum(-1)).flatten()[drawn] > nearest


def _outlines(placed: Placed, kind: Tensor, present: list[int], segments: int) -> tuple[Tensor, Tensor]:
    count = max(
        [{Kind.ELLIPSOID: 0, Kind.CUBOID: CUBOID_EDGES}.get(Kind(k), segments) for k in present], default=0
    )
    ellipse = placed.centre.new_zeros(len(kind), 5)
    edges = placed.centre.new_zeros(len(kind), count, 2, 6)
    for k in present:
        index = (kind == k).nonzero().squeeze(1)
        some = placed if len(present) == 1 else placed.take(index)
        if k == Kind.ELLIPSOID:
            found = outline_ellipse(some)
            ellipse = found if len(present) == 1 else ellipse.index_copy(0, index, found)
            continue
        found = (
            outline_cuboid(some)
            if k == Kind.CUBOID
            else outline_curved(some, cone=k == Kind.CONE, segments=segments)
        )
        if found.shape[1] < count:
            found = torch.cat([found, found.new_zeros(len(index), count - found.shape[1], 2, 6)], dim=1)
        edges = found if len(present) == 1 else edges.index_copy(0, index, found)
    return ellipse, edges


@torch.no_grad()
def _boxes(
    ellipse: Tensor, edges: Tensor, kind: Tensor, present: list[int], size: tuple[int, int], reach: float
) -> Tensor:
    """Columns and rows (n, 4) within ``reach`` of the outlines; nothing where an outline is not finite."""
    low = high = ellipse[:, :2]
    if Kind.ELLIPSOID in present:
        a, b, d = ellipse[:, 2:].unbind(-1)
        half = (torch.stack([d, a], dim=-1) / (a * d - b * b)[:, None]).clamp_min(0).sqrt()
        low, high = low - half, high + half
    if edges.shape[1]:
        step = edges[:, :, 1, :2] - edges[:, :, 0, :2]
        real = (step.norm(dim=-1) > SHORTEST_EDGE)[..., None, None]
        corners = edges[..., :2]
        polygon = (kind != Kind.ELLIPSOID)[:, None]
        low = torch.where(polygon, torch.where(real, corners, torch.inf).amin((1, 2)), low)
        high = torch.where(polygon, torch.where(real, corners, -torch.inf).amax((1, 2)), high)
    limit = low.new_tensor([size[1], size[0]])
    first = torch.minimum((low - reach - 0.5).ceil().nan_to_num(nan=torch.inf).clamp_min(0), limit)
    last = torch.minimum(((high + reach - 0.5).floor() + 1).nan_to_num(nan=-torch.inf).clamp_min(0), limit)
    return torch.stack([first, torch.maximum(last, first)], dim=-1).flatten(1).long()
