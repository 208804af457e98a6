"""Cameras and viewpoints, in the frames that :mod:`compvis.geometry` states."""

from dataclasses import dataclass, fields, replace
from math import pi, tan
from typing import TypeVar

import torch
from jaxtyping import Float
from torch import Tensor

_Any = TypeVar("_Any", bound="_Camera")


def viewpoint_rotation(
    azimuth: Float[Tensor, "*b"], elevation: Float[Tensor, "*b"], roll: Float[Tensor, "*b"]
) -> Float[Tensor, "*b 3 3"]:
    """Rotation from world to camera frame of a viewer at (azimuth, elevation), degrees, turned by roll."""
    a, e, r = (torch.deg2rad(v) for v in (azimuth, elevation, roll))
    zero = torch.zeros_like(a)
    right = torch.stack([a.cos(), zero, -a.sin()], dim=-1)
    forward = -torch.stack([a.sin() * e.cos(), e.sin(), a.cos() * e.cos()], dim=-1)
    down = torch.linalg.cross(forward, right)
    cos, sin = r.cos()[..., None], r.sin()[..., None]
    return torch.stack([cos * right - sin * down, sin * right + cos * down, forward], dim=-2)


def viewpoint_of(
    rotation: Float[Tensor, "*b 3 3"],
) -> tuple[Float[Tensor, "*b"], Float[Tensor, "*b"], Float[Tensor, "*b"]]:
    """(azimuth, elevation, roll) in degrees of a rotation from world to camera frame.

    Azimuth and roll lie in (-180, 180], elevation in [-90, 90]. Straight from above or below, azimuth and roll
    turn about the same axis and only their sum or difference means anything.
    """
    forward = rotation[..., 2, :]
    azimuth = torch.rad2deg(torch.atan2(-forward[..., 0], -forward[..., 2]))
    level = torch.hypot(forward[..., 0], forward[..., 2])
    elevation = torch.rad2deg(torch.atan2(-forward[..., 1], level))
    upright = viewpoint_rotation(azimuth, elevation, torch.zeros_like(azimuth))
    turn = rotation @ upright.mT
    return azimuth, elevation, torch.rad2deg(torch.atan2(turn[..., 1, 0], turn[..., 0, 0]))


def look_at(
    azimuth: Float[Tensor, "*b"],
    elevation: Float[Tensor, "*b"],
    roll: Float[Tensor, "*b"],
    distance: Float[Tensor, "*b"],
    target: Float[Tensor, "*b 3"] | None = None,
) -> tuple[Float[Tensor, "*b 3 3"], Float[Tensor, "*b 3"]]:
    """Pose (rotation, translation) of a camera that sees ``target`` (the origin) at depth ``distance``."""
    rotation = viewpoint_rotation(azimuth, elevation, roll)
    zero = torch.zeros_like(distance)
    translation = torch.stack([zero, zero, distance], dim=-1)
    if target is not None:
        translation = translation - (rotation @ target[..., None]).squeeze(-1)
    return rotation, translation


@dataclass(frozen=True)
class _Camera:
    """What both cameras share: a pose, and records of ``h`` hypotheses (1: the same camera for all)."""

    rotation: Float[Tensor, "h 3 3"]
    translation: Float[Tensor, "h 3"]

    def __post_init__(self) -> None:
        h = self.rotation.shape[0]
        for field in fields(self):
            value = getattr(self, field.name)
            shape = (h, *_SHAPES[field.name])
            if tuple(value.shape) != shape:
                raise ValueError(f"{field.name} must have shape {shape}; got {tuple(value.shape)}")
            if value.device != self.rotation.device or value.dtype != self.rotation.dtype:
                raise ValueError(f"give {field.name} the device and floating type of rotation")

    @property
    def hypotheses(self) -> int:
        """Number of hypotheses ``h``."""
        return self.rotation.shape[0]

    def select(self: _Any, hypotheses: Tensor | slice | list[int]) -> _Any:
        """The chosen hypotheses' cameras (anything that indexes a tensor's first axis)."""
        return replace(self, **{f.name: getattr(self, f.name)[hypotheses] for f in fields(self)})

    def to_camera(self, points: Float[Tensor, "h n 3"]) -> Float[Tensor, "h n 3"]:
        """Points of the world frame in the camera frame."""
        return points @ self.rotation.mT + self.translation[:, None]


_SHAPES = {"rotation": (3, 3), "translation": (3,), "focal": (), "scale": (), "principal": (2,)}


@dataclass(frozen=True)
class PerspectiveCamera(_Camera):
    """A pinhole camera with square pixels: (u, v) = focal (x, y) / z + principal.

    Attributes:
        rotation, translation: pose; ``p_camera = rotation p_world + translation``.
        focal: focal length in pixels.
        principal: pixel (u, v) on the optical axis.

    Example:
        >>> angle = torch.zeros(1)
        >>> pose = look_at(azimuth=angle + 30, elevation=angle + 20, roll=angle, distance=angle + 4)
        >>> camera = PerspectiveCamera.of_view(*pose, degrees=40.0, size=(64, 64))
        >>> camera.project(torch.zeros(1, 1, 3))
        tensor([[[32., 32.]]])
    """

    focal: Float[Tensor, " h"]
    principal: Float[Tensor, "h 2"]

    @classmethod
    def of_view(
        cls,
        rotation: Float[Tensor, "h 3 3"],
        translation: Float[Tensor, "h 3"],
        degrees: float,
        size: tuple[int, int],
    ) -> "PerspectiveCamera":
        """Camera whose image of ``size`` = (rows, columns) spans ``degrees`` from top to bottom."""
        if not 0 < degrees < 180:
            raise ValueError(f"degrees must lie between 0 and 180; got {degrees}")
        rows, columns = size
        focal = rotation.new_full((rotation.shape[0],), rows / 2 / tan(degrees * pi / 360))
        principal = rotation.new_tensor([columns / 2, rows / 2]).expand(rotation.shape[0], 2)
        return cls(rotation, translation, focal, principal)

    def scaled(self, factor: float) -> "PerspectiveCamera":
        """The camera of the same view in an image ``factor`` times as large."""
        return replace(self, focal=self.focal * factor, principal=self.principal * factor)

    def project(self, points: Float[Tensor, "h n 3"]) -> Float[Tensor, "h n 2"]:
        """Pixels (u, v) of points of the world frame; those at depth 0 have none."""
        seen = self.to_camera(points)
        return self.focal[:, None, None] * seen[..., :2] / seen[..., 2:] + self.principal[:, None]

    def rays(self) -> tuple[Float[Tensor, "h 3 3"], Float[Tensor, "h 3 3"]]:
        """Matrices O, D: the points of camera frame at depth t seen at (u, v) are ``(O + t D) (u, v, 1)``."""
        return torch.zeros_like(self.rotation), _unproject(self.focal, self.principal, depth=1.0)


@dataclass(frozen=True)
class WeakPerspectiveCamera(_Camera):
    """A camera far away: (u, v) = scale (x, y) + principal, whatever the depth z.

    Attributes:
        rotation, translation: pose; ``p_camera = rotation p_world + translation``.
        scale: pixels per unit of length.
        principal: pixel (u, v) on the optical axis.
    """

    scale: Float[Tensor, " h"]
    principal: Float[Tensor, "h 2"]

    def scaled(self, factor: float) -> "WeakPerspectiveCamera":
        """The camera of the same view in an image ``factor`` times as large."""
        return replace(self, scale=self.scale * factor, principal=self.principal * factor)

    def project(self, points: Float[Tensor, "h n 3"]) -> Float[Tensor, "h n 2"]:
        """Pixels (u, v) of points of the world frame."""
        seen = self.to_camera(points)
        return self.scale[:, None, None] * seen[..., :2] + self.principal[:, None]

    def rays(self) -> tuple[Float[Tensor, "h 3 3"], Float[Tensor, "h 3 3"]]:
        """Matrices O, D: the points of camera frame at depth t seen at (u, v) are ``(O + t D) (u, v, 1)``."""
        direction = torch.zeros_like(self.rotation)
        direction[:, 2, 2] = 1
        return _unproject(self.scale, self.principal, depth=0.0), direction


Camera = PerspectiveCamera | WeakPerspectiveCamera


def _unproject(pixels: Tensor, principal: Tensor, depth: float) -> Tensor:
    """Matrices (h, 3, 3) that take (u, v, 1) to ((u, v) - principal) / pixels at a given depth."""
    inverse = 1 / pixels
    zero = torch.zeros_like(inverse)
    offset = -principal * inverse[:, None]
    rows = [
        torch.stack([inverse, zero, offset[:, 0]], dim=-1),
        torch.stack([zero, inverse, offset[:, 1]], dim=-1),
        torch.stack([zero, zero, torch.full_like(zero, depth)], dim=-1),
    ]
    return torch.stack(rows, dim=-2)
