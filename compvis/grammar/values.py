"""Values of every continuous site of one template, for h hypotheses at once.

The Pyro program names each value by its tree address; here the same values are stacked over strokes and
sub-strokes, so that scoring and placing take a few tensor operations whatever the number of strokes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields

import torch
from jaxtyping import Float
from torch import Tensor

from compvis.grammar.ink import CharacterTemplate
from compvis.grammar.ink_rules import affine_sd, pose_sd


@dataclass(frozen=True, eq=False)
class InkValues:
    """h hypotheses of a template with s strokes, q sub-strokes and k warp functions, in canonical units.

    pose: centre (x, y) relative to a placement in units of its unit, and log unit over its unit.
    affine, stroke_affine: residuals ``[L | t]``. warp: coefficients. offsets: of each control point.
    log_width: over the width at rest. darkness_logit: logit of the darkness.
    """

    pose: Float[Tensor, "h 3"]
    affine: Float[Tensor, "h 2 3"]
    warp: Float[Tensor, "h k 2"]
    stroke_affine: Float[Tensor, "h s 2 3"]
    offsets: Float[Tensor, "h q 4 2"]
    log_width: Float[Tensor, "h q"]
    darkness_logit: Float[Tensor, "h q"]

    def __len__(self) -> int:
        """Number of hypotheses."""
        return len(self.pose)

    def __getitem__(self, index: slice | Tensor) -> "InkValues":
        """Some of the hypotheses, by slice, mask or indices; always keeps the leading dimension."""
        return InkValues(**{name: tensor[index] for name, tensor in self.tensors().items()})

    def tensors(self) -> dict[str, Tensor]:
        """The stacked tensors by name: what a gradient-based refinement optimises."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def to_sites(self, template: CharacterTemplate) -> dict[str, Tensor]:
        """The same values by site name, each (h, *event)."""
        sites = {f"character/{name}": getattr(self, name) for name in ("pose", "affine", "warp")}
        for i, address in enumerate(template.stroke_addresses):
            sites[f"{address}/affine"] = self.stroke_affine[:, i]
        for i, address in enumerate(template.leaf_addresses):
            for name in ("offsets", "log_width", "darkness_logit"):
                sites[f"{address}/{name}"] = getattr(self, name)[:, i]
        return sites

    @classmethod
    def from_sites(cls, template: CharacterTemplate, sites: Mapping[str, Tensor]) -> "InkValues":
        """Inverse of :meth:`to_sites`; other sites are ignored, a missing one raises ValueError."""
        leaves = template.leaf_addresses
        try:
            return cls(
                pose=sites["character/pose"],
                affine=sites["character/affine"],
                warp=sites["character/warp"],
                stroke_affine=_stack(sites, template.stroke_addresses, "affine"),
                offsets=_stack(sites, leaves, "offsets"),
                log_width=_stack(sites, leaves, "log_width"),
                darkness_logit=_stack(sites, leaves, "darkness_logit"),
            )
        except KeyError as error:
            raise ValueError(f"The template draws a value at {error}, which is not given.") from error


def _stack(sites: Mapping[str, Tensor], addresses: tuple[str, ...], name: str) -> Tensor:
    return torch.stack([sites[f"{address}/{name}"] for address in addresses], dim=1)


def stack_values(template: CharacterTemplate, values: "InkValues | Mapping[str, Tensor]") -> InkValues:
    """``values`` as :class:`InkValues`, whether stacked already or by site name."""
    return values if isinstance(values, InkValues) else InkValues.from_sites(template, values)


def prior_mean(template: CharacterTemplate) -> InkValues:
    """Mean of each value under the prior, h = 1: the template at rest."""
    like, prior, q = template.control_points.detach(), template.prior, template.n_substrokes
    return InkValues(
        pose=like.new_zeros(1, 3),
        affine=like.new_zeros(1, 2, 3),
        warp=like.new_zeros(1, prior.n_warp, 2),
        stroke_affine=like.new_zeros(1, template.n_strokes, 2, 3),
        offsets=like.new_zeros(1, q, 4, 2),
        log_width=like.new_zeros(1, q),
        darkness_logit=like.new_full((1, q), float(prior.darkness_mean)),
    )


def prior_sd(template: CharacterTemplate) -> InkValues:
    """Standard deviation of each value under the prior, h = 1."""
    like, prior, q = template.control_points.detach(), template.prior, template.n_substrokes
    stroke = affine_sd(prior.stroke_linear, prior.stroke_translation, like)
    return InkValues(
        pose=pose_sd(prior, like)[None],
        affine=affine_sd(prior.linear, prior.translation, like)[None],
        warp=like.new_full((1, prior.n_warp, 2), prior.warp),
        stroke_affine=stroke.expand(1, template.n_strokes, 2, 3),
        offsets=like.new_full((1, q, 4, 2), prior.offset),
        log_width=like.new_full((1, q), prior.log_width),
        darkness_logit=like.new_full((1, q), prior.darkness_sd),
    )


def sample_values(template: CharacterTemplate, h: int, generator: torch.Generator | None = None) -> InkValues:
    """h independent draws from the template's prior."""
    means, sds = prior_mean(template).tensors(), prior_sd(template).tensors()
    drawn = {}
    for name, mean in means.items():
        noise = torch.randn(h, *mean.shape[1:], generator=generator, dtype=mean.dtype, device=mean.device)
        drawn[name] = mean + sds[name] * noise
    return InkValues(**drawn)


def from_standard(template: CharacterTemplate, z: Float[Tensor, "h r 2"]) -> InkValues:
    """Values whose displacements are ``Phi z`` (:func:`compvis.grammar.ink.deformation_basis`).

    ``z[..., 0]`` and ``z[..., 1]`` hold the standard normal coefficients of x and of y. Pose, widths and
    darkness are at their prior means. Differentiable in z.
    """
    prior, h = template.prior, len(z)
    k, s, q = prior.n_warp, template.n_strokes, template.n_substrokes
    shared = z[:, : 3 + k + 3 * s] * template.field_scales[:, None]
    character, warp, strokes = shared.split([3, k, 3 * s], dim=1)
    mean = prior_mean(template)
    return InkValues(
        pose=mean.pose.expand(h, -1),
        affine=character.mT,
        warp=warp,
        stroke_affine=strokes.unflatten(1, (s, 3)).mT,
        offsets=prior.offset * z[:, 3 + k + 3 * s :].unflatten(1, (q, 4)),
        log_width=mean.log_width.expand(h, -1),
        darkness_logit=mean.darkness_logit.expand(h, -1),
    )


def to_standard(template: CharacterTemplate, values: InkValues) -> Float[Tensor, "h r 2"]:
    """Standard normal coefficients of the displacements: inverse of :func:`from_standard` on them."""
    shared = shared_coefficients(values) / template.field_scales[:, None]
    return torch.cat([shared, values.offsets.flatten(1, 2) / template.prior.offset], dim=1)


def shared_coefficients(values: InkValues) -> Float[Tensor, "h r 2"]:
    """Coefficients of the shared fields, in the order of :func:`compvis.grammar.deformation.field_basis`."""
    strokes = values.stroke_affine.mT.flatten(1, 2)
    return torch.cat([values.affine.mT, values.warp, strokes], dim=1)
