"""How handwriting deforms: the scales of the prior and the fields it adds up.

The displacement of a rest point ``p`` on leaf ``l`` of stroke ``s`` is a *sum* of fields, all linear in
Gaussian coefficients and alike but independent in x and y::

    d(p) = L_c p + t_c              affine of the whole character
         + sum_k w_k phi_k(p)       smooth warp of the whole character
         + L_s (p - o_s) + t_s      affine of the stroke about its own origin o_s
         + e_l                      one offset per control point of the sub-stroke

so the displacement of points on the strokes is Gaussian with covariance ``Phi Phi^T`` per coordinate,
with ``Phi`` from :func:`compvis.grammar.ink.deformation_basis`. Additive Gaussian deformation of a
template is the model of Amit, Grenander and Piccioni, "Structural image restoration through deformable
templates" (JASA 86, 1991).
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields

import torch
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True)
class DeformationPrior:
    """Standard deviations of the deformation fields, in canonical units (ink spans about [-2, 2]).

    translation, linear: whole-character affine ``[L | t]``, each entry.
    warp: standard deviation of the warp's displacement at any point; warp_length: its correlation length (the
    covariance at distance d is close to ``warp^2 exp(-d^2 / (2 warp_length^2))``); warp_grid: RBF centres a
    side; warp_extent: the grid covers ``[-warp_extent, warp_extent]^2``.
    stroke_translation, stroke_linear: affine of one stroke about the mean of its control points.
    offset: each coordinate of each control point by itself.
    log_width: log of the pen's width over its width at rest.
    darkness_mean, darkness_sd: Normal of the logit of the darkness.
    pose_centre, pose_log_unit: root pose about the given placement; centre in units of the placement's unit.

    Example::

        DeformationPrior(warp=0.2).to_dict()["warp"]  # 0.2
    """

    translation: float = 0.1
    linear: float = 0.12
    warp: float = 0.12
    warp_length: float = 1.2
    warp_grid: int = 5
    warp_extent: float = 2.2
    stroke_translation: float = 0.1
    stroke_linear: float = 0.1
    offset: float = 0.05
    log_width: float = 0.2
    darkness_mean: float = 3.0
    darkness_sd: float = 1.0
    pose_centre: float = 0.1
    pose_log_unit: float = 0.1

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
                raise ValueError(f"DeformationPrior.{field.name} must be a finite number, not {value!r}.")
            if field.name != "darkness_mean" and value <= 0:
                raise ValueError(
                    f"DeformationPrior.{field.name} must be above 0 (small to switch it off), not {value!r}."
                )
        if not isinstance(self.warp_grid, int) or self.warp_grid < 2:
            raise ValueError(
                f"DeformationPrior.warp_grid must be an integer of at least 2, not {self.warp_grid!r}."
            )

    @property
    def n_warp(self) -> int:
        """Number of warp coefficients a coordinate."""
        return self.warp_grid**2

    def to_dict(self) -> dict[str, float]:
        """Plain numbers by name, ready for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, float]) -> "DeformationPrior":
        """Inverse of :meth:`to_dict`; an unknown name raises ValueError, a missing one takes its default."""
        unknown = sorted(set(values) - {field.name for field in fields(cls)})
        if unknown:
            raise ValueError(
                f"DeformationPrior has no {unknown[0]!r}; known: {[f.name for f in fields(cls)]}."
            )
        return cls(**values)  # pyright: ignore[reportArgumentType]


def warp_basis(prior: DeformationPrior, points: Float[Tensor, "n 2"]) -> Float[Tensor, "n k"]:
    """Radial basis functions at canonical points, scaled so that their squares sum to one at every point.

    Gaussians of length ``warp_length / sqrt(2)`` on a fixed grid: with independent N(0, warp^2) coefficients
    the displacement has standard deviation exactly ``warp`` everywhere, and a squared-exponential covariance
    of length ``warp_length`` where the grid is not coarser than that.
    """
    side = torch.linspace(
        -prior.warp_extent, prior.warp_extent, prior.warp_grid, device=points.device, dtype=points.dtype
    )
    centres = torch.cartesian_prod(side, side)
    log_basis = -(points[:, None] - centres).square().sum(-1) / prior.warp_length**2
    return (log_basis - 0.5 * torch.logsumexp(2 * log_basis, dim=-1, keepdim=True)).exp()


def field_basis(
    prior: DeformationPrior,
    points: Float[Tensor, "n 2"],
    stroke: Tensor,
    origins: Float[Tensor, "s 2"],
) -> Float[Tensor, "n r"]:
    """Value of each shared field at canonical rest points, before scaling: r = 3 + k + 3 s columns.

    Columns: x, y, 1 (character affine); k warp functions; then for each stroke x - o_x, y - o_y, 1, which are
    zero on the points of other strokes. ``stroke`` (n,) holds the stroke of each point.
    """
    ones = torch.ones_like(points[:, :1])
    own = torch.nn.functional.one_hot(stroke, len(origins)).to(points.dtype)
    local = torch.cat([points - origins[stroke], ones], dim=1)
    per_stroke = (own[:, :, None] * local[:, None]).flatten(1)
    return torch.cat([points, ones, warp_basis(prior, points), per_stroke], dim=1)


def field_scales(prior: DeformationPrior, n_strokes: int) -> list[float]:
    """Standard deviation of the coefficient of each column of :func:`field_basis`."""
    return [getattr(prior, level) for level in column_levels(prior, n_strokes, 0)]


def column_levels(prior: DeformationPrior, n_strokes: int, n_substrokes: int) -> list[str]:
    """The field of the prior that scales each column of :func:`compvis.grammar.ink.deformation_basis`."""
    character = ["linear", "linear", "translation"] + ["warp"] * prior.n_warp
    stroke = ["stroke_linear", "stroke_linear", "stroke_translation"] * n_strokes
    return character + stroke + ["offset"] * (4 * n_substrokes)


def bernstein(t: Float[Tensor, " m"]) -> Float[Tensor, "m 4"]:
    """Weights of the four control points of a cubic Bezier curve at parameter t in [0, 1]."""
    u = 1 - t
    return torch.stack([u**3, 3 * u**2 * t, 3 * u * t**2, t**3], dim=-1)
