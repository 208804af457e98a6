"""One division into parts for all objects of a category, each object a stretched and deformed copy.

Objects of a category differ most in their extents: a low table and a high one have their legs at the same places of
their boxes. So each object's space is carved by itself, only to find its box; then all pictures together carve the
category's space in the coordinates of these boxes, and that is divided into parts. Every object starts from these
leaves, brought to its box, and improves them on its own pictures. Part k is the same part in every alternative because
it started as the same leaf.

Needs to know which pictures show the same object.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from compvis.geometry.rotations import from_axis_angle, to_axis_angle
from compvis.learning.solid_fit import (
    FitSettings,
    Leaves,
    Poses,
    allowed_cells,
    divide,
    drop_parts,
    first_poses,
    improve,
    one_ellipsoid,
    try_kinds,
)
from compvis.render.contract import SceneRenderer

_REACH = 1.5  # of the first ellipsoid: half the space that is searched for an object
_UPRIGHT = 2.0  # weight of heights beside widths where the space is divided: parts of furniture are stacked
_RIM = 0.01  # share of an object's carved points beyond its box on each side


@dataclass(frozen=True, eq=False)
class Boxes:
    """Boxes of n objects: middle and half extents along the axes of the world frame."""

    middle: Float[Tensor, "n 3"]
    half: Float[Tensor, "n 3"]


def find_boxes(
    poses: Poses,
    figure: Float[Tensor, "n S S"],
    objects: np.ndarray,
    reach: Float[Tensor, "3"],
    settings: FitSettings,
) -> Boxes:
    """The box about each object's carved space, on the plane z = 0 where that is symmetric.

    Args:
        objects: (n,) number of each picture's object: 0, 1, ...
        reach: half extents of the space that is searched.

    Returns:
        One box an object.
    """
    middle, half = [], []
    for number in range(int(objects.max()) + 1):
        rows = torch.from_numpy(np.flatnonzero(objects == number))
        whole = Boxes(torch.zeros(len(rows), 3), reach.expand(len(rows), 3))
        points, symmetric = carve_boxes(poses.select(rows), figure[rows], whole, settings)
        points = points * reach
        if len(points) < 16:
            low, high = -reach / _REACH, reach / _REACH
        else:
            if symmetric:
                points = torch.cat([points, points * torch.tensor([1.0, 1.0, -1.0])])
            low, high = points.quantile(_RIM, 0), points.quantile(1 - _RIM, 0)
        middle.append((low + high) / 2)
        half.append(((high - low) / 2).clamp_min(0.05))
    return Boxes(torch.stack(middle), torch.stack(half))


def carve_boxes(
    poses: Poses, figure: Float[Tensor, "n S S"], boxes: Boxes, settings: FitSettings
) -> tuple[Float[Tensor, "v 3"], bool]:
    """As :func:`compvis.learning.solid_fit.carve`, in the coordinates of each picture's box ([-1, 1] along each axis).

    Args:
        boxes: one a picture.
    """
    g = settings.grid
    line = torch.linspace(-1.1, 1.1, g)
    points = torch.stack(torch.meshgrid(line, line, line, indexing="ij"), -1).view(-1, 3)
    placed = boxes.middle[:, None] + boxes.half[:, None] * points
    kept, symmetric = allowed_cells(poses, figure, placed, settings)
    return points[kept], symmetric


def stretch(leaves: Leaves, middle: Float[Tensor, "3"], half: Float[Tensor, "3"]) -> Leaves:
    """Leaves in the coordinates of a box as leaves in the world frame.

    A stretched ellipsoid is an ellipsoid; its axes are found from its second moments, in the order that turns least.
    """
    axes = from_axis_angle(leaves.turn)
    squared = axes @ torch.diag_embed((2 * leaves.log_size).exp()) @ axes.mT
    spread, found = torch.linalg.eigh(half[:, None] * squared * half)
    near = (axes.mT @ found).abs()
    order = torch.stack([_assignment(one) for one in near])
    found = torch.gather(found, 2, order[:, None].expand(-1, 3, -1))
    spread = torch.gather(spread, 1, order)
    found = found * (axes * found).sum(1, keepdim=True).sign()
    found = found * torch.where(torch.det(found) < 0, -1.0, 1.0)[:, None, None]
    on = leaves.centre * half + middle * (torch.tensor([1.0, 1.0, 0.0]) if leaves.flat else 1.0)
    return replace(leaves, centre=on, turn=to_axis_angle(found), log_size=spread.sqrt().clamp_min(0.02).log())


def _assignment(near: Float[Tensor, "3 3"]) -> Tensor:
    """Which found axis is each own axis, the clearest first."""
    left, chosen = near.clone(), torch.zeros(3, dtype=torch.long)
    for _ in range(3):
        place = int(left.argmax())
        chosen[place // 3] = place % 3
        left[place // 3], left[:, place % 3] = -1.0, -1.0
    return chosen


def learn_shared(
    figure: Float[Tensor, "n S S"],
    view: Float[Tensor, "n 2"],
    objects: np.ndarray,
    settings: FitSettings,
    render: Callable[[float], SceneRenderer],
    seed: int,
) -> list[tuple[Leaves, Poses, np.ndarray]]:
    """Each object's leaves and cameras, and which parts are worth their description; part k is one part in all.

    Args:
        figure, view: of each picture; see `SolidModel.learn`.
        objects: (n,) number of each picture's object: 0, 1, ...
        render: gives the renderer of a softness in working pixels.
        seed: of the division into parts.
    """
    first, poses = improve(
        one_ellipsoid(), first_poses(view), figure, render, 60, (3.0, 2.0), 0.05, turn=False
    )
    reach = first.log_size.exp()[0] * _REACH
    rows = [torch.from_numpy(np.flatnonzero(objects == k)) for k in range(int(objects.max()) + 1)]
    fitted: list[tuple[Leaves, Poses]] = []
    for steps in (settings.steps[1] // 2, settings.steps[1]):
        # The second time with the first's cameras.
        boxes = find_boxes(poses, figure, objects, reach, settings)
        of_picture = torch.from_numpy(objects)
        each = Boxes(boxes.middle[of_picture], boxes.half[of_picture])
        points, symmetric = carve_boxes(poses, figure, each, settings)
        weight = torch.tensor([1.0, _UPRIGHT, 1.0])
        if len(points) >= 16:
            shared = divide(points * weight, symmetric, settings, seed)
        else:
            shared = replace(one_ellipsoid(), log_size=weight.log()[None])
        fitted = []
        for k, own in enumerate(rows):
            start = stretch(shared, boxes.middle[k], boxes.half[k] / weight)
            fitted.append(
                improve(start, poses.select(own), figure[own], render, steps, (2.0, 0.6), settings.rate)
            )
        poses = _join([placed for _, placed in fitted], torch.cat(rows))
    sharp, found = render(0.6), []
    for own, (leaves, placed) in zip(rows, fitted, strict=True):
        leaves = try_kinds(leaves, placed, figure[own], sharp, settings.part_cost)
        found.append((leaves, placed, drop_parts(leaves, placed, figure[own], sharp, settings.part_cost)))
    return found


def _join(poses: list[Poses], rows: Tensor) -> Poses:
    """Cameras of several objects in the order of the pictures; ``rows`` says where each belongs."""
    back = rows.argsort()
    names = [field.name for field in fields(Poses)]
    return Poses(*(torch.cat([getattr(one, name) for one in poses])[back] for name in names))
