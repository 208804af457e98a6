"""Posed figures of one category to templates: shape from silhouettes, then solid leaves by rendering.

One ellipsoid finds the cameras and the object's extent; the space that most figures allow is carved (Laurentini,
"The visual hull concept", PAMI 16, 1994) and divided into parts, in mirrored pairs where the carved space is
symmetric; all leaves and cameras are then improved together through the renderer's gradient. Every alternative
starts from the leaves of the whole category, so that part k stays the same part.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from sklearn.cluster import KMeans
from torch import Tensor

from compvis.geometry.cameras import WeakPerspectiveCamera, viewpoint_rotation
from compvis.geometry.rotations import from_axis_angle, to_axis_angle
from compvis.parsing.solid_image import SIDE
from compvis.render.contract import SceneRenderer
from compvis.render.solids import Solids

_OUTLIER = 0.02
_SMALLEST = 0.02  # half extent of a leaf, units of length


@dataclass(frozen=True)
class FitSettings:
    """How templates are fitted.

    parts: leaves that the carved space is divided into. steps: of the category's leaves, then of each
    alternative's. rate: of Adam, in units of length and radians. grid: voxels along the carved space.
    allowed: share of the figures that may exclude a voxel. symmetry: least overlap of the carved space with its
    mirror image for parts to come in pairs. part_cost: nats (untempered) that a part must explain a figure.
    """

    parts: int = 14
    steps: tuple[int, int] = (120, 120)
    rate: float = 0.03
    grid: int = 28
    allowed: float = 0.15
    symmetry: float = 0.8
    part_cost: float = 1.5

    def __post_init__(self) -> None:
        if not (self.parts >= 1 and self.grid >= 2 and min(self.steps) >= 0):
            raise ValueError("parts must be at least 1, grid at least 2, steps at least 0.")
        if not (0 < self.rate < math.inf and 0 <= self.part_cost < math.inf):
            raise ValueError("rate must be finite and above 0, part_cost finite and at least 0.")
        if not (0 <= self.allowed < 1 and 0 <= self.symmetry <= 1):
            raise ValueError("allowed and symmetry are shares, at least 0 and at most 1.")


@dataclass(frozen=True, eq=False)
class Leaves:
    """Leaves of one alternative; ``twin`` is True for a part that has a mirror image across the plane z = 0."""

    kind: Int[Tensor, " m"]
    centre: Float[Tensor, "m 3"]
    turn: Float[Tensor, "m 3"]
    log_size: Float[Tensor, "m 3"]
    shape: Float[Tensor, "m 2"]
    twin: Bool[Tensor, " m"]
    flat: bool

    def unfold(self) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """kind, rotation, centre, size and shape of all q leaves, twins next to their originals."""
        rotation = from_axis_angle(self.turn)
        centre = self.centre
        if self.flat:
            # A part on the plane of symmetry stays there and turns about its normal alone.
            on = torch.where(self.twin[:, None], 1.0, torch.tensor([1.0, 1.0, 0.0]))
            centre = centre * on
            rotation = from_axis_angle(
                self.turn * torch.where(self.twin[:, None], 1.0, torch.tensor([0.0, 0.0, 1.0]))
            )
        order, mirrored = self.order()
        flip = torch.tensor([1.0, 1.0, -1.0])
        sign = torch.where(mirrored[:, None], flip, 1.0)
        turned = sign[:, :, None] * rotation[order] * sign[:, None, :]
        return self.kind[order], turned, centre[order] * sign, self.log_size[order].exp(), self.shape[order]

    def order(self) -> tuple[Int[Tensor, " q"], Bool[Tensor, " q"]]:
        """Which part each leaf comes from, and whether it is the mirror image."""
        order, mirrored = [], []
        for k, twin in enumerate(self.twin.tolist()):
            order += [k, k] if twin else [k]
            mirrored += [False, True] if twin else [False]
        return torch.tensor(order), torch.tensor(mirrored)


@dataclass(frozen=True, eq=False)
class Poses:
    """Cameras of n figures: given viewpoints plus a correction, log working pixels a unit, shift."""

    view: Float[Tensor, "n 3"]
    turned: Float[Tensor, "n 3"]
    log_scale: Float[Tensor, " n"]
    shift: Float[Tensor, "n 2"]

    def camera(self) -> WeakPerspectiveCamera:
        """The cameras in the working frame."""
        v = self.view + self.turned
        rotation = viewpoint_rotation(v[:, 0], v[:, 1], v[:, 2])
        zero = torch.zeros(len(v), 3)
        return WeakPerspectiveCamera(rotation, zero, self.log_scale.exp(), SIDE / 2 + self.shift)

    def select(self, rows: Tensor) -> "Poses":
        """Some of the cameras."""
        return Poses(self.view[rows], self.turned[rows], self.log_scale[rows], self.shift[rows])


def first_poses(view: Float[Tensor, "n 2"]) -> Poses:
    """Cameras before any fit: the object fills four fifths of the frame."""
    n = len(view)
    upright = torch.cat([view, torch.zeros(n, 1)], 1)
    start = math.log(SIDE / 1.25 / 2)
    return Poses(upright, torch.zeros(n, 3), torch.full((n,), start), torch.zeros(n, 2))


def draw_leaves(
    leaves: Leaves, poses: Poses, renderer: SceneRenderer, without: int | None = None
) -> Float[Tensor, "n S S"]:
    """Coverage of the leaves from every camera, of all but one part where ``without`` names it."""
    kind, rotation, centre, size, shape = leaves.unfold()
    n = len(poses.view)

    def each(tensor: Tensor) -> Tensor:
        return tensor.expand(n, *tensor.shape)

    mask = torch.ones(len(kind)) > 0 if without is None else leaves.order()[0] != without
    solids = Solids(
        each(kind),
        each(rotation),
        each(centre),
        each(size),
        each(shape),
        torch.zeros(n, len(kind), 3),
        each(mask),
    )
    return renderer(solids, poses.camera(), (SIDE, SIDE)).coverage


def misfit(figure: Float[Tensor, "n S S"], coverage: Float[Tensor, "n S S"]) -> Float[Tensor, " n"]:
    """Negative log probability of each figure, nats, untempered."""
    chance = _OUTLIER + (1 - 2 * _OUTLIER) * coverage.clamp(0, 1)
    return -(figure * chance.log() + (1 - figure) * (1 - chance).log()).sum((1, 2))


def improve(
    leaves: Leaves,
    poses: Poses,
    figure: Float[Tensor, "n S S"],
    renderer: Callable[[float], SceneRenderer],
    steps: int,
    softness: tuple[float, float],
    rate: float,
    turn: bool = True,
) -> tuple[Leaves, Poses]:
    """Improve leaves and cameras together, by Adam, while the blur falls from coarse to fine.

    Args:
        renderer: gives a renderer of a softness in working pixels.
        softness: first and last.
        turn: whether viewpoints may be corrected by a few degrees.
    """
    moved = {name: getattr(leaves, name).clone().requires_grad_() for name in ("centre", "turn", "log_size")}
    seen = {name: getattr(poses, name).clone().requires_grad_() for name in ("turned", "log_scale", "shift")}
    rates = dict.fromkeys(moved, rate) | {
        "turned": 20 * rate * turn,
        "log_scale": 0.5 * rate,
        "shift": 15 * rate,
    }
    everything = moved | seen
    optimiser = torch.optim.Adam(
        [{"params": [tensor], "lr": rates[name]} for name, tensor in everything.items()], betas=(0.8, 0.95)
    )
    for step in range(steps):
        done = step / max(steps - 1, 1)
        blur = softness[0] * (softness[1] / softness[0]) ** min(1.0, 1.3 * done)
        for group, name in zip(optimiser.param_groups, everything, strict=True):
            group["lr"] = rates[name] * (1 - 0.9 * done)
        optimiser.zero_grad()
        now, placed = replace(leaves, **moved), replace(poses, **seen)
        loss = misfit(figure, draw_leaves(now, placed, renderer(blur))).sum()
        size, scale = moved["log_size"], seen["log_scale"]
        # Thin leaves and cameras that differ from each other cost; both only where figures do not decide.
        loss = loss + 0.5 * (size - size.mean(1, keepdim=True)).square().sum()
        loss = loss + ((scale - scale.mean()) / 0.03).square().sum() + (seen["shift"] / 10).square().sum()
        loss = loss + (seen["turned"] / 5).square().sum()
        loss.backward()
        optimiser.step()
        with torch.no_grad():
            moved["log_size"].clamp_(min=math.log(_SMALLEST))
    fixed = {name: tensor.detach() for name, tensor in everything.items()}
    return (
        replace(leaves, **{name: fixed[name] for name in moved}),
        replace(poses, **{name: fixed[name] for name in seen}),
    )


def one_ellipsoid() -> Leaves:
    """A single round leaf of half the unit of length, at the origin."""
    zero = torch.zeros(1, 3)
    none = torch.zeros(1, dtype=torch.long)
    return Leaves(none, zero, zero, zero - 0.3, torch.ones(1, 2), none > 0, False)


def carve(
    poses: Poses,
    figure: Float[Tensor, "n S S"],
    low: Float[Tensor, "3"],
    high: Float[Tensor, "3"],
    settings: FitSettings,
) -> tuple[Float[Tensor, "v 3"], bool]:
    """Points of a grid between two corners that nearly all figures allow, and whether they are symmetric.

    Where they are, points of only one half (z >= 0) are returned, each standing for two.
    """
    reach = torch.maximum(high[2].abs(), low[2].abs())
    low, high = torch.stack([low[0], low[1], -reach]), torch.stack([high[0], high[1], reach])
    g = settings.grid
    lines = [torch.linspace(float(a), float(b), g) for a, b in zip(low, high, strict=True)]
    points = torch.stack(torch.meshgrid(*lines, indexing="ij"), -1).view(-1, 3)
    kept, symmetric = allowed_cells(poses, figure, points.expand(len(figure), -1, -1), settings)
    return points[kept], symmetric


def allowed_cells(
    poses: Poses, figure: Float[Tensor, "n S S"], placed: Float[Tensor, "n v 3"], settings: FitSettings
) -> tuple[Bool[Tensor, "v"], bool]:
    """Which cells of a cube's grid nearly all figures allow, and whether they are symmetric in z.

    Where they are, only those of one half are (z >= 0), each standing for two.

    Args:
        placed: the cells' middles in the world of each picture, ``settings.grid`` a side.
    """
    g = settings.grid
    seen = poses.camera().project(placed) / SIDE * 2 - 1
    inside = F.grid_sample(figure[:, None], seen[:, :, None], align_corners=False)[:, 0, :, 0]
    kept = (inside.quantile(settings.allowed, 0) > 0.5).view(g, g, g)
    mirror = kept.flip(2)
    both = (kept & mirror).sum() / (kept | mirror).sum().clamp_min(1)
    symmetric = bool(both >= settings.symmetry)
    if symmetric:
        kept = (kept | mirror) & (torch.arange(g) >= g // 2)
    return kept.flatten(), symmetric


def divide(points: Float[Tensor, "v 3"], symmetric: bool, settings: FitSettings, seed: int) -> Leaves:
    """Ellipsoids with the second moments of clusters of points."""
    count = max(1, min(settings.parts if not symmetric else round(0.67 * settings.parts), len(points) // 8))
    means = KMeans(count, n_init=2, random_state=seed)  # pyright: ignore[reportArgumentType]
    groups = means.fit_predict(points.numpy())
    centres, turns, sizes, twins = [], [], [], []
    nearest = float(points[:, 2].min()) if len(points) else 0.0
    for k in range(count):
        own = points[torch.from_numpy(groups == k)]
        twin = symmetric and float(own[:, 2].min()) > nearest + 1e-6
        if symmetric and not twin:
            own = torch.cat([own, own * torch.tensor([1.0, 1.0, -1.0])])
        centre = own.mean(0)
        apart = own - centre
        moments = apart.T @ apart / len(own) + 1e-4 * torch.eye(3)
        if symmetric and not twin:
            moments = moments * torch.tensor([[1.0, 1, 0], [1, 1, 0], [0, 0, 1]])
            angle = 0.5 * torch.atan2(2 * moments[0, 1], moments[0, 0] - moments[1, 1])
            turn = torch.stack([angle * 0, angle * 0, angle])
            axes = from_axis_angle(turn)
            spread = (axes.T @ moments @ axes).diagonal()
        else:
            spread, axes = torch.linalg.eigh(moments)
            axes = axes * torch.where(torch.det(axes) < 0, torch.tensor([-1.0, 1.0, 1.0]), 1.0)
            turn = to_axis_angle(axes)
        centres.append(centre)
        turns.append(turn)
        # A solid ellipsoid's second moment along an axis is a fifth of its squared half extent.
        sizes.append((5 * spread).sqrt().clamp_min(_SMALLEST).log())
        twins.append(twin)
    n = len(centres)
    return Leaves(
        torch.zeros(n, dtype=torch.long),
        torch.stack(centres),
        torch.stack(turns),
        torch.stack(sizes),
        torch.ones(n, 2),
        torch.tensor(twins),
        symmetric,
    )


def drop_parts(
    leaves: Leaves, poses: Poses, figure: Float[Tensor, "n S S"], renderer: SceneRenderer, cost: float
) -> np.ndarray:
    """Which parts are worth their description: (m,) bool.

    Parts are dropped one by one, the least useful first, while each explains less than ``cost`` nats a figure.
    """
    kept = np.ones(len(leaves.kind), bool)
    with torch.no_grad():
        now = float(misfit(figure, draw_leaves(leaves, poses, renderer)).mean())
        loss = np.array(
            [
                float(misfit(figure, draw_leaves(leaves, poses, renderer, without=k)).mean()) - now
                for k in range(len(kept))
            ]
        )
    for k in np.argsort(loss):
        if loss[k] >= cost or kept.sum() <= 1:
            break
        trial = kept.copy()
        trial[k] = False
        with torch.no_grad():
            rest = _keep(leaves, trial)
            risen = float(misfit(figure, draw_leaves(rest, poses, renderer)).mean()) - now
        if risen < cost * (~trial).sum():
            kept = trial
    return kept


def _keep(leaves: Leaves, kept: np.ndarray) -> Leaves:
    rows = torch.from_numpy(kept)
    names = ("kind", "centre", "turn", "log_size", "shape", "twin")
    return replace(leaves, **{name: getattr(leaves, name)[rows] for name in names})


def try_kinds(
    leaves: Leaves, poses: Poses, figure: Float[Tensor, "n S S"], renderer: SceneRenderer, gain: float
) -> Leaves:
    """Leaves whose kind is the one that explains the figures best, where it gains more than ``gain`` nats a figure."""
    alternatives = ((1, 0.8, (1.0, 1.0)), (2, 0.87, (0.0, 0.0)), (2, 0.95, (0.6, 0.0)))
    with torch.no_grad():
        now = float(misfit(figure, draw_leaves(leaves, poses, renderer)).mean())
        for k in range(len(leaves.kind)):
            fitted = leaves.log_size[k]  # every kind is tried at the size of the leaf as it was
            for kind, factor, shape in alternatives:
                kinds, sizes, shapes = leaves.kind.clone(), leaves.log_size.clone(), leaves.shape.clone()
                kinds[k], shapes[k] = kind, torch.tensor(shape)
                sizes[k] = fitted + math.log(factor)
                trial = replace(leaves, kind=kinds, log_size=sizes, shape=shapes)
                found = float(misfit(figure, draw_leaves(trial, poses, renderer)).mean())
                if found < now - gain:
                    leaves, now = trial, found
    return leaves
