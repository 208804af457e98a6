"""Solids in plain torch, on any device; the model that :class:`SolidRenderer` describes.

A *fragment* is one leaf at one pixel. Only pixels in the leaves' boxes get one. Which edge of an outline decides
is found without gradients; then distance, depth, light and blend of that edge alone are computed with them.
"""

from math import sqrt

import torch
from jaxtyping import Float, Int
from torch import Tensor

from compvis.render.solids import Kind
from compvis.render.solids_footprint import Footprint
from compvis.render.solids_outline import SHORTEST_EDGE
from compvis.render.solids_shapes import ENTRIES, LEVELS

# Two edges are equally near to what is beside their common corner. There the first is chosen, not rounding's pick.
NEARER = 0.9999
# Where a ray grazes a leaf, depth changes without bound; its gradient is that of a ray this steep at least.
STEEPEST = 1e-2
# Rounds off the centre of an ellipse, where its distance function has a tip.
ROUND_TIP = 1e-9
_TINY = 1e-30


def _normal_cdf(value: Tensor) -> Tensor:
    return 0.5 * (1 + torch.erf(value * sqrt(0.5)))


def _cross(a: Tensor, b: Tensor) -> Tensor:
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]


def _pixels_of_boxes(box: Int[Tensor, "n 4"]) -> tuple[Tensor, Tensor, Tensor]:
    """Leaf, column and row of every pixel of every box, flat."""
    width, height = box[:, 1] - box[:, 0], box[:, 3] - box[:, 2]
    count = width * height
    leaf = torch.arange(len(box), device=box.device).repeat_interleave(count)
    within = torch.arange(len(leaf), device=box.device) - (count.cumsum(0) - count)[leaf]
    row = torch.div(within, width[leaf], rounding_mode="floor")
    return leaf, box[leaf, 0] + within - row * width[leaf], box[leaf, 2] + row


def _ellipse_distance(ellipse: Float[Tensor, "f 5"], pixel: Float[Tensor, "f 2"]) -> Float[Tensor, " f"]:
    """Signed distance to ellipses, positive inside, right to first order at the outline."""
    x, y = (pixel - ellipse[:, :2]).unbind(-1)
    a, b, d = ellipse[:, 2:].unbind(-1)
    across, down = a * x + b * y, b * x + d * y
    squared = x * across + y * down + ROUND_TIP
    radius = squared.sqrt()
    slope = (across.square() + down.square() + ROUND_TIP * (a + d)).sqrt()
    return (1 - radius) * radius / slope


@torch.no_grad()
def _deciding_edge(footprint: Footprint, leaf: Tensor, pixel: Tensor) -> tuple[Tensor, Tensor]:
    """The edge of the leaf's polygon that is nearest to the pixel, and whether the pixel is inside."""
    nearest = torch.full_like(pixel[:, 0], torch.inf)
    inmost = torch.full_like(nearest, torch.inf)
    edge, inner = torch.zeros_like(leaf), torch.zeros_like(leaf)
    for k in range(footprint.edges.shape[1]):
        start, end = footprint.edges[:, k, 0, :2], footprint.edges[:, k, 1, :2]
        step = end - start
        length = step.norm(dim=-1)
        real = (length > SHORTEST_EDGE)[leaf]
        length = length.clamp_min(SHORTEST_EDGE)[leaf]
        step, off = step[leaf], pixel - start[leaf]
        inside = torch.where(real, _cross(step, off) / length, torch.inf)
        along = ((off * step).sum(-1) / length.square()).clamp(0, 1)
        # The nearest point of a convex outline lies on an edge that faces the pixel.
        squared = torch.where(inside < 0, (off - along[:, None] * step).square().sum(-1), torch.inf)
        nearer = squared < NEARER * nearest
        edge = torch.where(nearer, k, edge)
        nearest = torch.where(nearer, squared, nearest)
        inner = torch.where(inside < inmost, k, inner)
        inmost = torch.minimum(inmost, inside)
    inside = (inmost >= 0) & (inmost < torch.inf)
    return torch.where(inside, inner, edge), inside


def _beside_the_outline(
    edge: Float[Tensor, "f 2 6"], pixel: Float[Tensor, "f 2"], inside: Tensor
) -> tuple[Tensor, Tensor]:
    """Signed distance to edges, positive inside, and the six numbers at the edge's nearest point."""
    start, step = edge[:, 0], edge[:, 1] - edge[:, 0]
    off = pixel - start[:, :2]
    length = step[:, :2].square().sum(-1).clamp_min(SHORTEST_EDGE**2).sqrt()
    along = (off * step[:, :2]).sum(-1) / length.square()
    at = start + along.clamp(0, 1)[:, None] * step
    line = _cross(step, off) / length
    corner = -(pixel - at[:, :2]).square().sum(-1).clamp_min(_TINY).sqrt()
    return torch.where(inside | ((along > 0) & (along < 1)), line, corner), at


def _enter(
    kind: int, origin: Tensor, direction: Tensor, shape: Tensor
) -> tuple[Float[Tensor, " f"], Float[Tensor, "f 3"]]:
    """Depth at which rays enter leaves of one kind, and the normals there.

    The depth comes from a search without gradients. One Newton step from there adds nothing to it but the
    gradient that the implicit function theorem gives.
    """
    t = ENTRIES[kind](origin, direction, shape)
    level, normal = LEVELS[kind](origin + t[:, None] * direction, shape)
    slope = (normal * direction).sum(-1).detach()
    steep = STEEPEST * (normal.norm(dim=-1) * direction.norm(dim=-1)).detach()
    t = t - (level - level.detach()) / torch.minimum(slope, -steep)
    return t, LEVELS[kind](origin + t[:, None] * direction, shape)[1]


def _depth_and_normal(
    footprint: Footprint, leaf: Tensor, pixel: Tensor, inside: Tensor, at: Tensor
) -> tuple[Float[Tensor, " f"], Float[Tensor, "f 3"]]:
    """What each fragment shows: where its ray enters the leaf, or beside the leaf the nearest of the outline."""
    homogeneous = torch.cat([pixel, torch.ones_like(pixel[:, :1])], dim=-1)[..., None]
    depth = torch.zeros_like(pixel[:, 0])
    normal = torch.zeros_like(homogeneous[..., 0]).expand(-1, 3)
    kinds = footprint.kind[leaf]

    def put(index: Tensor, t: Tensor, n: Tensor) -> tuple[Tensor, Tensor]:
        return depth.index_copy(0, index, t), normal.index_copy(0, index, n)

    for kind in footprint.kind.unique().tolist():
        mine = kinds == kind
        index = (mine & inside).nonzero().squeeze(1)
        which = leaf[index]
        origin = (footprint.origin[which] @ homogeneous[index]).squeeze(-1)
        direction = (footprint.direction[which] @ homogeneous[index]).squeeze(-1)
        depth, normal = put(index, *_enter(kind, origin, direction, footprint.shape[which]))
        index = (mine & ~inside).nonzero().squeeze(1)
        if kind != Kind.ELLIPSOID:
            linear = at[index, 2]
            depth, normal = put(index, 1 / linear if footprint.perspective else linear, at[index, 3:])
            continue
        which = leaf[index]
        origin = (footprint.origin[which] @ homogeneous[index]).squeeze(-1)
        direction = (footprint.direction[which] @ homogeneous[index]).squeeze(-1)
        t = -(origin * direction).sum(-1) / direction.square().sum(-1)
        depth, normal = put(index, t, origin + t[:, None] * direction)
    return depth, normal


def _shade(footprint: Footprint, leaf: Tensor, normal: Tensor, ambient: float) -> Float[Tensor, "f 3"]:
    """The leaf's colour under ambient light and one lamp (Lambert)."""
    colour = footprint.colour[leaf]
    if ambient == 1:
        return colour
    length = (normal * footprint.inverse_size[leaf]).square().sum(-1).clamp_min(_TINY).sqrt()
    facing = ((normal * footprint.light[leaf]).sum(-1) / length).clamp_min(0)
    return colour * (ambient + (1 - ambient) * facing)[:, None]


def draw_eager(
    footprint: Footprint,
    hypotheses: int,
    size: tuple[int, int],
    softness: float,
    reach: float,
    ambient: float,
    owner_threshold: float,
) -> tuple[Float[Tensor, "h H W 3"], Float[Tensor, "h H W"], Float[Tensor, "h H W"], Int[Tensor, "h H W"]]:
    """Colour over black, coverage, depth and owner; see :class:`SolidRenderer`."""
    rows, columns = size
    leaf, column, row = _pixels_of_boxes(footprint.box)
    pixel = torch.stack([column, row], dim=-1).to(footprint.origin) + 0.5
    edge, inside = _deciding_edge(footprint, leaf, pixel)
    is_round = footprint.kind[leaf] == Kind.ELLIPSOID
    with torch.no_grad():
        inside = torch.where(is_round, _ellipse_distance(footprint.ellipse[leaf], pixel) >= 0, inside)
        distance, _ = _distance(footprint, leaf, pixel, edge, inside, is_round)
        touched = (distance > -reach).nonzero().squeeze(1)
        place = (footprint.hypothesis[leaf] * rows + row) * columns + column
        # Fragments of one pixel go next to each other, those of lower leaves first.
        touched = touched[place[touched].argsort(stable=True)]
    leaf, pixel, edge, inside, is_round, place = (
        v[touched] for v in (leaf, pixel, edge, inside, is_round, place)
    )
    distance, at = _distance(footprint, leaf, pixel, edge, inside, is_round)
    depth, normal = _depth_and_normal(footprint, leaf, pixel, inside, at)
    alpha = _normal_cdf(distance / softness)
    colour = _shade(footprint, leaf, normal, ambient)
    pixels = footprint.pixels[leaf]
    relief = pixels * depth.log() if footprint.perspective else pixels * depth

    places, count = place.unique_consecutive(return_counts=True)
    layer = torch.arange(len(place), device=place.device) - (count.cumsum(0) - count).repeat_interleave(count)
    shape = (len(places), int(count.max()) if len(places) else 1)
    slot = torch.arange(len(places), device=place.device).repeat_interleave(count) * shape[1] + layer

    def by_pixel(value: Tensor) -> Tensor:
        flat = value.new_zeros(shape[0] * shape[1], *value.shape[1:]).index_copy(0, slot, value)
        return flat.view(*shape, *value.shape[1:])

    alpha, depth, colour, relief, leaf = (by_pixel(v) for v in (alpha, depth, colour, relief, leaf))
    weight, covered = blend(alpha, relief, softness)
    total = weight.sum(1).clamp_min(_TINY)
    share = weight / total[:, None]
    whole = hypotheses * rows * columns
    coverage = depth.new_zeros(whole).index_copy(0, places, covered)
    picture = depth.new_zeros(whole, 3).index_copy(
        0, places, covered[:, None] * (share[..., None] * colour).sum(1)
    )
    owned = covered >= owner_threshold
    distances = depth.new_full((whole,), torch.inf).index_copy(
        0, places[owned], (share * depth).sum(1)[owned]
    )
    winner = leaf.gather(1, weight.argmax(1, keepdim=True)).squeeze(1)[owned]
    owner = torch.full_like(distances, -1, dtype=torch.long).index_copy(
        0, places[owned], footprint.leaf[winner]
    )
    picture_shape = (hypotheses, rows, columns)
    return (
        picture.view(*picture_shape, 3),
        coverage.view(picture_shape),
        distances.view(picture_shape),
        owner.view(picture_shape),
    )


def _distance(
    footprint: Footprint, leaf: Tensor, pixel: Tensor, edge: Tensor, inside: Tensor, is_round: Tensor
) -> tuple[Float[Tensor, " f"], Float[Tensor, "f 6"]]:
    """Signed distance to the outlines, and for polygons the six numbers of the nearest outline point."""
    if not footprint.edges.shape[1]:
        return _ellipse_distance(footprint.ellipse[leaf], pixel), pixel.new_zeros(len(leaf), 6)
    polygon, at = _beside_the_outline(footprint.edges[leaf, edge], pixel, inside)
    if not is_round.any():
        return polygon, at
    # Some harmless ellipse for the polygons, whose own is zero: a not-a-number would survive the choice.
    safe = torch.where(is_round[:, None], footprint.ellipse[leaf], 1.0)
    return torch.where(is_round, _ellipse_distance(safe, pixel), polygon), at


def blend(
    alpha: Float[Tensor, "p m"], relief: Float[Tensor, "p m"], softness: float
) -> tuple[Float[Tensor, "p m"], Float[Tensor, " p"]]:
    """Weights of a pixel's ``m`` fragments, and its coverage; no division, so nothing can underflow."""
    layers = range(alpha.shape[1])
    covered = torch.zeros_like(alpha[:, 0])
    for layer in layers:
        covered = covered + alpha[:, layer] * (1 - covered)
    weights = []
    for layer in layers:
        weight = alpha[:, layer]
        for other in layers:
            if other != layer:
                before = _normal_cdf((relief[:, layer] - relief[:, other]) / softness)
                weight = weight * (1 - alpha[:, other] * before)
        weights.append(weight)
    return torch.stack(weights, dim=1), covered
