"""The ink grammar: a character chooses a class, a class chooses a template, a template composes strokes.

``character`` is an Or-rule over classes, a class an Or-rule over templates, a template an And-rule of
strokes and a stroke an And-rule of sub-stroke leaves, each a cubic Bezier curve. Rest geometry is in the
canonical frame.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import torch
from jaxtyping import Float, Int
from torch import Tensor

from compvis.grammar.deformation import DeformationPrior, bernstein, field_basis, field_scales

__all__ = [
    "CharacterClass",
    "CharacterTemplate",
    "DeformationPrior",
    "InkGrammar",
    "StrokeTemplate",
    "deformation_basis",
    "deformation_covariance",
]


@dataclass(frozen=True, eq=False)
class StrokeTemplate:
    """One stroke at rest: control points (q, 4, 2) of its sub-strokes in drawing order, pen widths (q,)."""

    control_points: Float[Tensor, "q 4 2"]
    widths: Float[Tensor, " q"]

    def __post_init__(self) -> None:
        if len(self.control_points) == 0:
            raise ValueError("A StrokeTemplate needs at least one sub-stroke.")
        if not torch.isfinite(self.control_points).all():
            raise ValueError("StrokeTemplate.control_points must be finite.")
        if not (torch.isfinite(self.widths).all() and (self.widths > 0).all()):
            raise ValueError("StrokeTemplate.widths must be finite and above 0.")


@dataclass(frozen=True, eq=False)
class CharacterTemplate:
    """A character at rest and how it deforms: q sub-strokes in s strokes, in the canonical frame.

    ``control_points``, ``widths`` and ``stroke_index`` run over all sub-strokes, stroke after stroke; every
    per-leaf tensor of the ink rooms uses this order.

    Example::

        line = torch.tensor([[[-1.0, 0.0], [-0.3, 0.0], [0.3, 0.0], [1.0, 0.0]]])
        template = CharacterTemplate((StrokeTemplate(line, torch.tensor([0.3])),))
    """

    strokes: tuple[StrokeTemplate, ...]
    prior: DeformationPrior = field(default_factory=DeformationPrior)

    def __post_init__(self) -> None:
        if not self.strokes:
            raise ValueError("A CharacterTemplate needs at least one stroke.")

    @property
    def n_strokes(self) -> int:
        """Number of strokes, s."""
        return len(self.strokes)

    @cached_property
    def n_substrokes(self) -> int:
        """Number of sub-strokes over all strokes, q."""
        return sum(len(stroke.widths) for stroke in self.strokes)

    @cached_property
    def control_points(self) -> Float[Tensor, "q 4 2"]:
        """Rest control points of all sub-strokes, canonical frame."""
        return torch.cat([stroke.control_points for stroke in self.strokes])

    @cached_property
    def widths(self) -> Float[Tensor, " q"]:
        """Rest pen widths of all sub-strokes, canonical units."""
        return torch.cat([stroke.widths for stroke in self.strokes])

    @cached_property
    def stroke_index(self) -> Int[Tensor, " q"]:
        """Stroke of each sub-stroke."""
        sizes = torch.tensor(
            [len(stroke.widths) for stroke in self.strokes], device=self.control_points.device
        )
        return torch.repeat_interleave(torch.arange(self.n_strokes, device=sizes.device), sizes)

    @cached_property
    def leaf_addresses(self) -> tuple[str, ...]:
        """Tree address of each sub-stroke."""
        return tuple(
            f"character/stroke[{i}]/substroke[{j}]"
            for i, stroke in enumerate(self.strokes)
            for j in range(len(stroke.widths))
        )

    @cached_property
    def stroke_addresses(self) -> tuple[str, ...]:
        """Tree address of each stroke."""
        return tuple(f"character/stroke[{i}]" for i in range(self.n_strokes))

    @property
    def origins(self) -> Float[Tensor, "s 2"]:
        """Origin of each stroke's own affine: the mean of its control points."""
        return torch.stack([stroke.control_points.mean(dim=(0, 1)) for stroke in self.strokes])

    @property
    def field_basis(self) -> Float[Tensor, "n r"]:
        """Shared fields at the 4 q control points, before scaling (:func:`deformation.field_basis`).

        Kept between calls unless the rest geometry itself wants gradients.
        """
        return self._field_basis() if self.control_points.requires_grad else self._kept_field_basis

    @cached_property
    def _kept_field_basis(self) -> Tensor:
        return self._field_basis()

    def _field_basis(self) -> Tensor:
        points = self.control_points.flatten(0, 1)
        return field_basis(self.prior, points, self.stroke_index.repeat_interleave(4), self.origins)

    @cached_property
    def field_scales(self) -> Float[Tensor, " r"]:
        """Standard deviation of the coefficient of each shared field."""
        return self.control_points.new_tensor(field_scales(self.prior, self.n_strokes))

    def with_prior(self, prior: DeformationPrior) -> "CharacterTemplate":
        """The same rest strokes under another prior."""
        return CharacterTemplate(self.strokes, prior)

    def to(self, target: torch.device | torch.dtype | str) -> "CharacterTemplate":
        """The template on another device or in another float type."""
        return CharacterTemplate(
            tuple(StrokeTemplate(s.control_points.to(target), s.widths.to(target)) for s in self.strokes),
            self.prior,
        )


@dataclass(frozen=True, eq=False)
class CharacterClass:
    """An Or-rule: the different ways of writing one class, with unnormalised log weights (default: equal)."""

    label: str
    templates: tuple[CharacterTemplate, ...]
    log_weights: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        if not self.templates:
            raise ValueError(f"Class {self.label!r} needs at least one template.")
        if self.log_weights is not None and len(self.log_weights) != len(self.templates):
            raise ValueError(
                f"Class {self.label!r} needs {len(self.templates)} log weights, not {len(self.log_weights)}."
            )

    def template_log_weights(self, like: Tensor) -> Float[Tensor, " k"]:
        """Log weight of each template, not normalised, in the type and on the device of ``like``."""
        return like.new_tensor(self.log_weights or [0.0] * len(self.templates))


@dataclass(frozen=True, eq=False)
class InkGrammar:
    """An Or-rule over classes, with unnormalised log weights (default: equal).

    ``grammar.classes[c].templates[k]`` is the template behind the sites ``character/class`` = c and
    ``character/template`` = k.
    """

    classes: tuple[CharacterClass, ...]
    log_weights: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        if not self.classes:
            raise ValueError("An InkGrammar needs at least one class.")
        labels = self.labels
        if len(set(labels)) != len(labels):
            raise ValueError(f"InkGrammar labels must differ; got {list(labels)}.")
        if self.log_weights is not None and len(self.log_weights) != len(self.classes):
            raise ValueError(
                f"InkGrammar needs {len(self.classes)} log weights, not {len(self.log_weights)}."
            )

    def class_log_weights(self, like: Tensor) -> Float[Tensor, " c"]:
        """Log weight of each class, not normalised, in the type and on the device of ``like``."""
        return like.new_tensor(self.log_weights or [0.0] * len(self.classes))

    @property
    def labels(self) -> tuple[str, ...]:
        """Label of each class, in order."""
        return tuple(one.label for one in self.classes)

    def with_template(self, place: int, member: int, template: CharacterTemplate) -> "InkGrammar":
        """The grammar with another template in the place of ``classes[place].templates[member]``."""
        classes = list(self.classes)
        templates = list(classes[place].templates)
        templates[member] = template
        classes[place] = replace(classes[place], templates=tuple(templates))
        return replace(self, classes=tuple(classes))

    @classmethod
    def of(cls, templates: Sequence[CharacterTemplate], labels: Sequence[str]) -> "InkGrammar":
        """Grammar with equal weights from templates and the label of each; classes in order of appearance."""
        if len(templates) != len(labels):
            raise ValueError(
                f"Give one label per template: {len(templates)} templates, {len(labels)} labels."
            )
        groups: dict[str, list[CharacterTemplate]] = {}
        for template, label in zip(templates, labels, strict=True):
            groups.setdefault(label, []).append(template)
        return cls(tuple(CharacterClass(label, tuple(group)) for label, group in groups.items()))


def deformation_basis(
    template: CharacterTemplate, points_on: Int[Tensor, " m"], t: Float[Tensor, " m"]
) -> Float[Tensor, "m r"]:
    """Phi: displacements of m points on the template are ``Phi z_x`` and ``Phi z_y``, z standard normal.

    ``points_on`` is the sub-stroke of each point and ``t`` in [0, 1] its Bezier parameter. Displacements are
    in canonical units and before the root pose. Columns: the 3 + k + 3 s shared fields of
    :func:`compvis.grammar.deformation.field_basis`, then 4 q control-point offsets, one sub-stroke after the
    other; :func:`compvis.grammar.values.from_standard` turns z into the values of the sites.
    """
    prior, q = template.prior, template.n_substrokes
    weights = bernstein(t.to(template.control_points))
    fields = (template.field_basis * template.field_scales).unflatten(0, (q, 4))
    shared = torch.einsum("mp,mpr->mr", weights, fields[points_on])
    own = torch.nn.functional.one_hot(points_on, q).to(weights)
    offsets = prior.offset * own[:, :, None] * weights[:, None]
    return torch.cat([shared, offsets.flatten(1)], dim=1)


def deformation_covariance(
    template: CharacterTemplate, points_on: Int[Tensor, " m"], t: Float[Tensor, " m"]
) -> Float[Tensor, "m m"]:
    """K = Phi Phi^T: covariance per coordinate of the displacements of points on the template."""
    basis = deformation_basis(template, points_on, t)
    return basis @ basis.T
