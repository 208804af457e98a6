"""Viewpoints of a category's pictures where they were not given: learned together with the shape.

Expectation maximisation over voxels. The expectation compares every picture with the solid seen from all around, by
its figure and by its colours: pictures of one group paint the solid for each other, which tells front from back where
silhouettes cannot (a silhouette from behind mirrors the one from the front). The maximisation carves the solid anew,
each picture voting from its likeliest viewpoints, several at once (compare the several pose hypotheses of Tulsiani et
al., CVPR 2018, Insafutdinov and Dosovitskiy, NeurIPS 2018, and Goel et al., ECCV 2020). Blur and temperature fall from
coarse to fine. Starts are simple solids of sizes that explain the second moments of the silhouettes; the evidence,
summed over viewpoints, chooses among them. Then every group of pictures carves its own solid.

The frame is free: the plane of symmetry is z = 0, a start's longer horizontal axis is x, and a half turn about the
vertical is decided by the start. Known viewpoints fix the frame instead.
"""

import math
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from compvis.geometry.cameras import viewpoint_rotation
from compvis.learning.solid_voxels import (
    Hull,
    Pictures,
    Rays,
    blur,
    carve_hull,
    compare,
    compare_colours,
    draw_hull,
    shrink_views,
)
from compvis.parsing.solid_image import SIDE, SolidViews

_RATIOS = (0.25, 0.35, 0.5, 0.7, 0.85, 1.0, 1.15)  # of starts' half extents to the largest of the silhouettes
_MOMENT_PIXELS = 20.0  # independent pixels whose second moments a silhouette's are
_BUMPS = (0.6, -0.5, 0.0)  # heights of the bump at one end of a start, of its half height
_SIMPLE = 12  # sizes of starts that are drawn
_NEAR = 25.0  # degrees between viewpoints of the grid that are averaged


@dataclass(frozen=True)
class LatentSettings:
    """How viewpoints are inferred.

    side: pixels and voxels along the frame. step: degrees between azimuths at the horizon. hypotheses: viewpoints of
    a picture that carve and paint. starts: simple solids, each with a bump at three heights of one end. finalists:
    of these that go on to the groups. temperatures, blurs (pixels): of every round of expectation maximisation before
    the pictures are divided into groups; last_ of those after. allowed: shares of votes against a voxel that are
    tried. pixels: working pixels for each independent observation. colour_weight: of the colours' log density beside
    the figure's. deviation: standard deviation of colours, Lab / 100. enough: known viewpoints of a category with
    which no other start is needed.
    """

    side: int = 24
    step: float = 15.0
    hypotheses: int = 8
    starts: int = 3
    finalists: int = 2
    temperatures: tuple[float, ...] = (6.0, 4.0, 3.0, 2.0, 1.5, 1.0)
    blurs: tuple[float, ...] = (1.0, 0.8, 0.6, 0.3, 0.0, 0.0)
    last_temperatures: tuple[float, ...] = (3.0, 2.5, 2.0, 1.5, 1.0, 1.0)
    last_blurs: tuple[float, ...] = (0.6, 0.4, 0.0, 0.0, 0.0, 0.0)
    allowed: tuple[float, ...] = (0.08, 0.15, 0.25, 0.35)
    pixels: float = 12.0
    colour_weight: float = 0.4
    deviation: float = 0.1
    enough: int = 6

    def __post_init__(self) -> None:
        if min(self.hypotheses, self.starts, self.finalists) < 1 or self.side < 8 or not self.step > 0:
            raise ValueError(
                "hypotheses, starts and finalists must be at least 1, side at least 8, step above 0."
            )
        if not (self.temperatures and self.last_temperatures and self.allowed):
            raise ValueError("Give latent at least one of temperatures, last_temperatures and allowed.")
        if len(self.temperatures) != len(self.blurs) or len(self.last_temperatures) != len(self.last_blurs):
            raise ValueError("Give one blur for each temperature.")
        if min(self.pixels, self.deviation) <= 0 or self.colour_weight < 0:
            raise ValueError("pixels and deviation must be above 0, colour_weight at least 0.")


@dataclass(frozen=True, eq=False)
class LatentViews:
    """Viewpoints of n pictures.

    view: azimuth and elevation, degrees; those that were known unchanged. spread: root mean square angle in degrees
    between it and the posterior's viewpoints; 0 where it was known. evidence: log p(figures, colours), nats.
    """

    view: Float[Tensor, "n 2"]
    spread: Float[Tensor, " n"]
    evidence: float


@dataclass(frozen=True, eq=False)
class _State:
    """One hypothesis of shape and viewpoints: log p(picture | view), the solid, and the evidence."""

    score: Float[Tensor, "n v"]
    hull: Hull
    symmetric: bool
    evidence: float


def infer_viewpoints(
    seen: SolidViews, view: Float[Tensor, "n 2"], group: Int[Tensor, " n"], settings: LatentSettings
) -> LatentViews:
    """Viewpoints of one category's pictures.

    Args:
        view: azimuth and elevation, degrees; NaN where they are not known. Unknown ones lie above the horizon.
        group: number of each picture's group; those of a group look alike.
    """
    rays = Rays.cast(settings.side, settings.step)
    pictures = shrink_views(seen, group, settings.side)
    known = view.isfinite().all(1)
    fixed = torch.where(known, rays.nearest(view.nan_to_num()), -1)
    search = _Search(rays, pictures, settings, fixed)
    states = search.from_known() if known.any() else []
    if known.sum() < settings.enough:
        free = _Search(rays, pictures, settings, torch.full_like(fixed, -1)).from_simple()
        states += [search.turn_to_known(one) for one in free] if known.any() else free
    best = max((search.by_groups(one) for one in states), key=lambda one: one.evidence)
    found, spread = _settle(rays, best.score)
    return LatentViews(
        torch.where(known[:, None], view, found), torch.where(known, 0.0, spread), best.evidence
    )


@dataclass(frozen=True, eq=False)
class _Search:
    """Expectation maximisation on some pictures; ``fixed`` is the number of a known viewpoint, -1 where latent."""

    rays: Rays
    pictures: Pictures
    settings: LatentSettings
    fixed: Int[Tensor, " n"]

    @property
    def temperature(self) -> float:
        """Pixels for each independent observation, at the size of these pictures."""
        return self.settings.pixels * (self.settings.side / SIDE) ** 2

    def from_simple(self) -> list[_State]:
        """The finalists of simple solids, best first."""
        bodies = _simple_solids(self.rays, self.pictures, self.temperature)[: self.settings.starts]
        starts = [self._first(_solid(self.rays, *body, bump)) for body in bodies for bump in _BUMPS]
        found = [self.improve(one) for one in starts]
        return sorted(found, key=lambda one: -one.evidence)[: self.settings.finalists]

    def from_known(self) -> list[_State]:
        """From the solid that the pictures of known viewpoint allow, symmetric or not."""
        rows = (self.fixed >= 0).nonzero()[:, 0]
        own = replace(self, pictures=self.pictures.select(rows), fixed=self.fixed[rows])
        states = []
        for symmetric in (True, False):
            share = own._share(torch.zeros(len(rows), len(self.rays.views)), 1.0)
            hull = own._carve(share, torch.zeros(len(self.rays.views), 2), symmetric)
            hull = own._carve(share, hull.centre, symmetric)
            states.append(self.improve(self._first(hull, symmetric)))
        return states

    def turn_to_known(self, state: _State) -> _State:
        """The state in the frame of the known viewpoints: turned about the vertical, and improved."""
        rows = (self.fixed >= 0).nonzero()[:, 0]
        views = self.rays.views[:, :2]
        turns = torch.arange(0.0, 360.0, self.settings.step)
        sources = [self.rays.nearest(views - torch.stack([turn, turn * 0])) for turn in turns]
        fit = torch.stack([state.score[rows, source[self.fixed[rows]]].sum() for source in sources])
        best = int(fit.argmax())
        turned = replace(
            state,
            score=state.score[:, sources[best]],
            hull=replace(state.hull, centre=state.hull.centre[sources[best]]),
            symmetric=state.symmetric and float(turns[best]) % 180 == 0,
        )
        return self.improve(turned)

    def by_groups(self, state: _State) -> _State:
        """Every group's own solid, from the viewpoints of the one that they share; scores of all pictures."""
        score, evidence = state.score.clone(), 0.0
        for group in self.pictures.group.unique():
            rows = (self.pictures.group == group).nonzero()[:, 0]
            own = replace(self, pictures=self.pictures.select(rows), fixed=self.fixed[rows])
            found = own.improve(replace(state, score=state.score[rows]), last=True)
            score[rows] = found.score
            evidence += found.evidence
        return replace(state, score=score, evidence=evidence)

    def improve(self, state: _State, last: bool = False) -> _State:
        """The state of largest evidence among those after each round, of the last rounds or of the first."""
        settings, pictures, found = self.settings, self.pictures, []
        score, hull = state.score, state.hull
        if last:
            rounds = zip(settings.last_temperatures, settings.last_blurs, strict=True)
        else:
            rounds = zip(settings.temperatures, settings.blurs, strict=True)
        for temperature, width in rounds:
            share = self._share(score, temperature)
            hull = self._carve(share, hull.centre, state.symmetric)
            colours = settings.colour_weight * compare_colours(
                self.rays,
                pictures,
                hull,
                share,
                settings.hypotheses,
                state.symmetric,
                settings.deviation,
                self.temperature,
            )
            sharp = compare(pictures.figure, hull.coverage, self.temperature) + colours
            found.append(_State(sharp, hull, state.symmetric, self._evidence(sharp)))
            score = sharp if width == 0 else self._blurred(hull, width) + colours
        return max(found, key=lambda one: one.evidence)

    def _first(self, hull: Hull, symmetric: bool = True) -> _State:
        return _State(self._blurred(hull, self.settings.blurs[0]), hull, symmetric, -torch.inf)

    def _blurred(self, hull: Hull, width: float) -> Float[Tensor, "n v"]:
        return compare(blur(self.pictures.figure, width), blur(hull.coverage, width), self.temperature)

    def _carve(self, share: Tensor, centre: Tensor, symmetric: bool) -> Hull:
        settings = self.settings
        return carve_hull(
            self.rays,
            self.pictures,
            share,
            centre,
            settings.hypotheses,
            symmetric,
            settings.allowed,
            self.temperature,
        )

    def _share(self, score: Float[Tensor, "n v"], temperature: float) -> Float[Tensor, "n v"]:
        """Posterior of every picture's viewpoint; the prior is uniform over the upper half of the view sphere."""
        share = (score / temperature + self.rays.log_area).softmax(1)
        sure = F.one_hot(self.fixed.clamp_min(0), share.shape[1]).to(share.dtype)
        return torch.where(self.fixed[:, None] >= 0, sure, share)

    def _evidence(self, score: Float[Tensor, "n v"]) -> float:
        known = score.gather(1, self.fixed.clamp_min(0)[:, None])[:, 0]
        latent = (score + self.rays.log_area).logsumexp(1)
        return float(torch.where(self.fixed >= 0, known, latent).sum())


def _simple_solids(rays: Rays, pictures: Pictures, temperature: float) -> list[tuple[int, list[float]]]:
    """Kind (0 ellipsoid, 1 upright cylinder, 2 box) and half extents of simple solids, the most evident first.

    An ellipsoid of half extents d is seen as an ellipse of second moments P diag(d^2) P' / 4, whatever the view P:
    sizes are first weighed by the silhouettes' moments alone, and the best drawn.
    """
    side = rays.side
    line = torch.arange(side) + 0.5 - side / 2
    mass = pictures.figure.sum((1, 2)).clamp_min(1e-6)
    xx = (pictures.figure.sum(1) * line.square()).sum(1)
    yy = (pictures.figure.sum(2) * line.square()).sum(1)
    xy = (pictures.figure * line * line[:, None]).sum((1, 2))
    seen = 4 * torch.stack([xx, xy, xy, yy], 1).view(-1, 2, 2) / mass[:, None, None] + 1e-3 * torch.eye(2)
    top = torch.linalg.eigvalsh(seen)[:, 1].sqrt().quantile(0.9)
    ratio = torch.cartesian_prod(*[torch.tensor(_RATIOS)] * 3)
    sizes = ratio[(ratio[:, 0] >= ratio[:, 2]) & (ratio.amax(1) >= 0.8)] * top
    along = viewpoint_rotation(*rays.views.unbind(1))[:, :2]
    shape = torch.einsum("vij,mj,vkj->mvik", along, sizes.square(), along)
    inverse, log_det = torch.linalg.inv(shape), torch.logdet(shape)
    trace = torch.einsum("mvij,nji->nmv", inverse, seen)
    apart = trace - torch.logdet(seen)[:, None, None] + log_det - 2
    evidence = (rays.log_area - _MOMENT_PIXELS / 2 * apart).logsumexp(2).sum(0)
    found = []
    for size in sizes[evidence.argsort(descending=True)[:_SIMPLE]].tolist():
        for kind in range(3):
            score = compare(pictures.figure, _solid(rays, kind, size).coverage, temperature)
            found.append((float((score + rays.log_area).logsumexp(1).sum()), kind, size))
    return [(kind, size) for _, kind, size in sorted(found, reverse=True)]


def _solid(rays: Rays, kind: int, size: list[float], bump: float | None = None) -> Hull:
    """A simple solid, with a bump at one end (x > 0) at a height in half heights: what has no ends has no azimuth."""
    place = rays.middle / torch.tensor(size)
    body = (
        place.square().sum(1) < 1,
        (place[:, ::2].square().sum(1) < 1) & (place[:, 1].abs() < 0.87),
        place.abs().amax(1) < 0.85,
    )[kind]
    if bump is not None:
        apart = (place - torch.tensor([0.75, bump, 0.0])) / torch.tensor([0.45, 0.5, 0.5])
        body = body | (apart.square().sum(1) < 1)
    return draw_hull(rays, 1 - body.float(), 0.5)


def _settle(rays: Rays, score: Float[Tensor, "n v"]) -> tuple[Float[Tensor, "n 2"], Float[Tensor, " n"]]:
    """The likeliest viewpoint of each picture, between those of the grid, and the posterior's spread about it."""
    share = (score + rays.log_area).softmax(1)
    rotation = viewpoint_rotation(*rays.views.unbind(1))
    best = share.argmax(1)
    trace = torch.einsum("nij,vij->nv", rotation[best], rotation)
    near = share * (trace > 1 + 2 * math.cos(math.radians(_NEAR)))
    near = near / near.sum(1, keepdim=True)
    turn = (rays.views[:, 0] - rays.views[best, 0][:, None] + 180) % 360 - 180
    azimuth = (rays.views[best, 0] + (near * turn).sum(1)) % 360
    view = torch.stack([azimuth, near @ rays.views[:, 1]], 1)
    towards = viewpoint_rotation(view[:, 0], view[:, 1], torch.zeros(len(view)))[:, 2]
    angle = torch.rad2deg((towards @ rotation[:, 2].T).clamp(-1, 1).acos())
    return view, (share * angle.square()).sum(1).sqrt()
