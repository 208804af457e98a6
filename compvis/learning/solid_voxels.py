"""Solids as voxels seen from all around at once: carved from pictures of uncertain viewpoint, painted, compared.

A voxel is kept where few pictures forbid it (the visual hull: Laurentini, PAMI 16, 1994), each picture voting by the
posterior of its viewpoint. Every ray of every viewpoint is a row of a table of voxels, so that drawing the solid from
all viewpoints is one look-up. Objects are centred by the centroid of their figure, in pictures and drawings alike;
one pixel is one unit of length.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from compvis.geometry.cameras import viewpoint_rotation
from compvis.parsing.solid_image import SolidViews
from compvis.parsing.solid_library import view_grid

_EDGE = 0.03  # of the share of votes over which a voxel goes from full to empty
_OWN_COLOUR = 0.3  # pictures' worth of mean colour in every voxel's colour


@dataclass(frozen=True, eq=False)
class Pictures:
    """n figures, small, their centroids in the middle.

    Attributes:
        figure: share of each pixel that is figure, in [0, 1].
        colour: Lab / 100 times that share. square: squared length of the colour times that share.
        group: number of the group of pictures that each belongs to, 0, 1, ...
    """

    figure: Float[Tensor, "n s s"]
    colour: Float[Tensor, "n 3 s s"]
    square: Float[Tensor, "n s s"]
    group: Int[Tensor, " n"]

    def select(self, rows: Tensor) -> "Pictures":
        """Some of the pictures, as one group."""
        return Pictures(self.figure[rows], self.colour[rows], self.square[rows], torch.zeros_like(rows))


def shrink_views(seen: SolidViews, group: Int[Tensor, " n"], side: int) -> Pictures:
    """The figures at ``side`` pixels along the frame."""
    figure, colour = seen.figure[:, None], seen.colour.permute(0, 3, 1, 2)
    both = torch.cat([figure, figure * colour, figure * colour.square().sum(1, keepdim=True)], 1)
    small = F.interpolate(both, size=(side, side), mode="area")
    # Where the figure is only probable, what is improbable is no guide to its place.
    likely = small[:, 0] * (small[:, 0] > 0.5)
    sure = likely.flatten(1).any(1)
    small = _shift(small, centroids(torch.where(sure[:, None, None], likely, small[:, 0])))
    return Pictures(small[:, 0], small[:, 1:4], small[:, 4], group)


@dataclass(frozen=True, eq=False)
class Rays:
    """The view sphere's upper half and the voxels along every ray.

    Attributes:
        views: (v, 3) degrees. log_area: log share of the sphere of each.
        voxel: number of the voxel at each of d depths, near to far, of each of p = side x side pixels;
            ``side ** 3`` where there is none.
        place: voxels' middles (x, y) relative to the picture's middle, in every view.
        middle: voxels' middles in the world frame.
        side: voxels, and pixels, along an edge.
    """

    views: Float[Tensor, "v 3"]
    log_area: Float[Tensor, " v"]
    voxel: Int[Tensor, "v p d"]
    place: Float[Tensor, "v g 2"]
    middle: Float[Tensor, "g 3"]
    side: int

    @classmethod
    def cast(cls, side: int, step: float) -> "Rays":
        """Rays of a grid of viewpoints, ``step`` degrees of azimuth apart at the horizon."""
        views, log_area = view_grid(step)
        rotation = viewpoint_rotation(*views.unbind(1))
        line = torch.arange(side) + 0.5 - side / 2
        depth = torch.arange(int(1.45 * side)) + 0.5 - int(1.45 * side) / 2
        y, x, z = torch.meshgrid(line, line, depth, indexing="ij")
        seen = torch.stack([x, y, z], -1).view(-1, 3)
        rows = []
        for turn in rotation:
            cell = (seen @ turn + side / 2).floor().long()
            inside = ((cell >= 0) & (cell < side)).all(1)
            number = (cell[:, 0] * side + cell[:, 1]) * side + cell[:, 2]
            rows.append(torch.where(inside, number, side**3).view(side * side, -1))
        middle = torch.stack(torch.meshgrid(line, line, line, indexing="ij"), -1).view(-1, 3)
        place = torch.einsum("vij,gj->vgi", rotation[:, :2], middle)
        return cls(views, log_area, torch.stack(rows), place, middle, side)

    def nearest(self, view: Float[Tensor, "n 2"]) -> Int[Tensor, " n"]:
        """Number of the viewpoint nearest to each (azimuth, elevation), degrees."""
        towards = [
            viewpoint_rotation(v[:, 0], v[:, 1], torch.zeros(len(v)))[:, 2] for v in (view, self.views)
        ]
        return (towards[0] @ towards[1].T).argmax(1)


@dataclass(frozen=True, eq=False)
class Hull:
    """A solid and how it looks from every viewpoint.

    Attributes:
        kept: True on the solid's voxels.
        coverage: of every view, centred by its centroid.
        centre: that centroid, relative to the middle of the picture of the whole grid.
    """

    kept: Bool[Tensor, " g"]
    coverage: Float[Tensor, "v s s"]
    centre: Float[Tensor, "v 2"]


def draw_hull(rays: Rays, veto: Float[Tensor, " g"], allowed: float) -> Hull:
    """The solid of the voxels that at most a share ``allowed`` of the pictures forbids (``veto``)."""
    return _hull(rays, veto, _least_veto(rays, veto), allowed)


def carve_hull(
    rays: Rays,
    pictures: Pictures,
    share: Float[Tensor, "n v"],
    centre: Float[Tensor, "v 2"],
    hypotheses: int,
    symmetric: bool,
    allowed: tuple[float, ...],
    temperature: float,
) -> Hull:
    """The solid that most pictures allow, seen from their likeliest viewpoints.

    Args:
        share: posterior of the viewpoints of each picture.
        centre: of the solid so far, in every view.
        hypotheses: viewpoints of each picture that vote.
        symmetric: whether the solid is its own mirror image across the plane z = 0.
        allowed: shares of votes against a voxel that are tried; the one of largest evidence is taken.
        temperature: pixels for each independent observation.
    """
    side = rays.side
    best = share.topk(hypotheses, 1)
    weight = best.values / best.values.sum(1, keepdim=True)
    veto = torch.ones(side**3) * len(share)
    for figure, views, own in zip(pictures.figure.flatten(1), best.indices, weight, strict=True):
        cell = (rays.place[views] - centre[views][:, None] + side / 2).floor().long()
        inside = ((cell >= 0) & (cell < side)).all(-1)
        seen = figure[(cell[..., 1] * side + cell[..., 0]).clamp(0, side * side - 1)] * inside
        veto = veto - own @ seen
    veto = veto / len(share)
    if symmetric:
        cube = veto.view(side, side, side)
        veto = ((cube + cube.flip(2)) / 2).flatten()
    least = _least_veto(rays, veto)
    trials = [_hull(rays, veto, least, limit) for limit in allowed]
    evidence = [
        float((compare(pictures.figure, one.coverage, temperature) + rays.log_area).logsumexp(1).sum())
        for one in trials
    ]
    return trials[max(range(len(trials)), key=evidence.__getitem__)]


def compare(
    figure: Float[Tensor, "n s s"],
    coverage: Float[Tensor, "v s s"],
    temperature: float,
    outlier: float = 0.02,
) -> Float[Tensor, "n v"]:
    """log p(figure | coverage) of all pairs, nats: Bernoulli pixels, ``temperature`` of them an observation."""
    chance = outlier + (1 - 2 * outlier) * coverage.flatten(1).clamp(0, 1)
    miss = (1 - chance).log()
    return (figure.flatten(1) @ (chance.log() - miss).T + miss.sum(1)) / temperature


def compare_colours(
    rays: Rays,
    pictures: Pictures,
    hull: Hull,
    share: Float[Tensor, "n v"],
    hypotheses: int,
    symmetric: bool,
    deviation: float,
    temperature: float,
) -> Float[Tensor, "n v"]:
    """log p(colours of the figure | what the other pictures of its group show of the solid), nats, up to a constant.

    The solid's surface is painted by the pictures of a group from their likeliest viewpoints, smoothed and drawn
    from all around. A picture never meets its own paint: it would confirm any viewpoint.
    """
    side, n = rays.side, len(share)
    front = _front(rays, hull)
    covered = (front < side**3).float()
    best = share.topk(hypotheses, 1)
    weight = best.values / best.values.sum(1, keepdim=True)
    shown = torch.cat([pictures.colour.flatten(2), pictures.figure.flatten(1)[:, None]], 1)
    paint = torch.zeros(n, 4, side**3 + 1)
    for own, views, part, colour in zip(paint, best.indices, weight, shown, strict=True):
        own.index_add_(1, front[views].flatten(), (colour[:, None] * part[:, None]).flatten(1))
    paint = paint[..., :-1].reshape(n, 4, side, side, side)
    if symmetric:
        paint = paint + paint.flip(4)
    scores = torch.zeros(n, len(rays.views))
    for group in pictures.group.unique():
        rows = (pictures.group == group).nonzero()[:, 0]
        if len(rows) < 2:  # there is no other picture's paint to compare with
            continue
        others = _smooth_paint(paint[rows].sum(0) - paint[rows])
        total = shown[rows].sum((0, 2)) - shown[rows].sum(2)
        mean = total[:, :3] / total[:, 3:].clamp_min(1e-6)
        for row, coat, plain in zip(rows.tolist(), others.flatten(2), mean, strict=True):
            colour = (coat[:3] + _OWN_COLOUR * plain[:, None]) / (coat[3] + _OWN_COLOUR)
            drawn = torch.cat([colour, colour.square().sum(0, keepdim=True)])
            drawn = torch.cat([drawn, torch.zeros(4, 1)], 1)[:, front]
            # Squared distance of colours, weighted by figure and coverage, over all pixels.
            apart = covered @ pictures.square[row].flatten() + drawn[3] @ pictures.figure[row].flatten()
            for channel in range(3):
                apart = apart - 2 * drawn[channel] @ pictures.colour[row, channel].flatten()
            scores[row] = -apart / (2 * deviation**2 * temperature)
    return scores


def blur(image: Float[Tensor, "n s s"], deviation: float) -> Float[Tensor, "n s s"]:
    """Gaussian blur, ``deviation`` in pixels; none where it is 0."""
    if deviation <= 0:
        return image
    reach = int(3 * deviation + 1)
    kernel = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / deviation) ** 2)
    kernel = (kernel / kernel.sum()).view(1, 1, 1, -1)
    rows = F.conv2d(image[:, None], kernel, padding=(0, reach))
    return F.conv2d(rows, kernel.mT, padding=(reach, 0))[:, 0]


def centroids(image: Float[Tensor, "n s s"]) -> Float[Tensor, "n 2"]:
    """Centroid (x, y) of each image's mass relative to its middle, pixels; the middle where there is no mass."""
    side = image.shape[-1]
    line = torch.arange(side) + 0.5 - side / 2
    mass = image.sum((1, 2)).clamp_min(1e-6)
    return torch.stack([(image.sum(1) * line).sum(1), (image.sum(2) * line).sum(1)], 1) / mass[:, None]


def _least_veto(rays: Rays, veto: Tensor) -> Float[Tensor, "v s s"]:
    padded = torch.cat([veto, torch.full((1,), torch.inf)])
    return padded[rays.voxel].amin(-1).view(-1, rays.side, rays.side)


def _hull(rays: Rays, veto: Tensor, least: Tensor, allowed: float) -> Hull:
    coverage = ((allowed - least) / _EDGE).sigmoid()
    centre = centroids(coverage)
    return Hull(veto < allowed, _shift(coverage[:, None], centre)[:, 0], centre)


def _front(rays: Rays, hull: Hull) -> Int[Tensor, "v p"]:
    """The first voxel of the solid on each ray of the centred views; ``side ** 3`` where there is none."""
    side = rays.side
    solid = torch.cat([hull.kept, torch.zeros(1) > 0])[rays.voxel]
    first = rays.voxel.gather(-1, solid.byte().argmax(-1, keepdim=True))[..., 0]
    first = torch.where(solid.any(-1), first, side**3)
    moved = hull.centre.round().long()
    line = torch.arange(side)
    y = line[None, :, None] + moved[:, 1, None, None]
    x = line[None, None, :] + moved[:, 0, None, None]
    inside = (y >= 0) & (y < side) & (x >= 0) & (x < side)
    source = y.clamp(0, side - 1) * side + x.clamp(0, side - 1)
    return torch.where(inside.flatten(1), first.gather(1, source.flatten(1)), side**3)


def _smooth_paint(paint: Float[Tensor, "n 4 s s s"]) -> Float[Tensor, "n 4 s s s"]:
    """Paint spread over a voxel or so (a binomial kernel, twice along every axis)."""
    for axis in (-1, -2, -3) * 2:
        wet = paint.movedim(axis, 0)
        dry = 0.5 * wet
        dry[1:] += 0.25 * wet[:-1]
        dry[:-1] += 0.25 * wet[1:]
        paint = dry.movedim(0, axis)
    return paint


def _shift(image: Float[Tensor, "n c s s"], by: Float[Tensor, "n 2"]) -> Float[Tensor, "n c s s"]:
    """Images that show at (x, y) what was at (x, y) + by; empty beyond the edge."""
    matrix = torch.eye(2, 3).repeat(len(image), 1, 1)
    matrix[:, :, 2] = by * 2 / image.shape[-1]
    grid = F.affine_grid(matrix, list(image.shape), align_corners=False)
    return F.grid_sample(image, grid, align_corners=False)
