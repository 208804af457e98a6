"""The grammar of solids: categories, alternatives, parts; parts are solid leaves that deform.

An object at rest is ``q`` leaves in the world frame of solids (:mod:`compvis.geometry`), its unit of length such
that the object reaches about 1 from its middle. A token of it, seen in one picture, is

* a viewpoint: azimuth and elevation about those of a proposal, and a small roll;
* a placement: log scale about the template's, and a shift in working pixels;
* a stretch: one log factor for each axis of the object, shared by all parts;
* of every part, an offset and log sizes.

All are normal. The Pyro program :class:`compvis.grammar.solid_program.SolidProgram` draws
the same values, site by site.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from compvis.geometry.cameras import WeakPerspectiveCamera, viewpoint_rotation
from compvis.grammar.rules import AndRule, Child, Gaussian, Grammar, LeafRule, OrRule, normal_log_prob


@dataclass(frozen=True)
class SolidPrior:
    """Standard deviations of a token's values.

    view, roll: degrees. scale, stretch, size: of logarithms. shift: working pixels. offset: units of length.
    """

    view: float = 8.0
    roll: float = 3.0
    scale: float = 0.05
    shift: float = 2.0
    stretch: float = 0.10
    offset: float = 0.06
    size: float = 0.12

    def __post_init__(self) -> None:
        for field in fields(self):
            if not 0 < getattr(self, field.name) < float("inf"):
                raise ValueError(f"The prior's {field.name} must be finite and above 0.")


@dataclass(frozen=True, eq=False)
class SolidTemplate:
    """One alternative of a category, leaves at rest; or, with a leading axis, one for each of h tokens.

    Attributes:
        kind: :class:`compvis.render.solids.Kind` of each leaf, as an integer.
        rotation, centre, size, shape: as in :class:`compvis.render.solids.Solids`.
        colour: of each leaf, red, green and blue in [0, 1].
        present: False for a part that this alternative lacks. Part k is the same part in every alternative.
        pixels: working pixels along a unit of length, at scale 1.
    """

    kind: Int[Tensor, "*h q"]
    rotation: Float[Tensor, "*h q 3 3"]
    centre: Float[Tensor, "*h q 3"]
    size: Float[Tensor, "*h q 3"]
    shape: Float[Tensor, "*h q 2"]
    colour: Float[Tensor, "*h q 3"]
    present: Bool[Tensor, "*h q"]
    pixels: Float[Tensor, "*h"]

    @property
    def parts(self) -> list[int]:
        """Numbers of the parts that are present."""
        return self.present.nonzero().flatten().tolist()

    def tensors(self) -> dict[str, Tensor]:
        """Every tensor by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


@dataclass(frozen=True, eq=False)
class SolidCategory:
    """A category: its alternatives and how many pictures each was learned from."""

    templates: tuple[SolidTemplate, ...]
    counts: tuple[int, ...]

    def log_weights(self) -> Float[Tensor, " a"]:
        """Log probabilities of the alternatives, in proportion to their pictures."""
        counts = torch.tensor(self.counts, dtype=torch.float32)
        return (counts / counts.sum()).log()


@dataclass(frozen=True, eq=False)
class SolidGrammar:
    """Categories, equally likely, and the prior of tokens."""

    categories: tuple[SolidCategory, ...]
    prior: SolidPrior

    @property
    def templates(self) -> list[tuple[int, int]]:
        """(category, alternative) of every template, in order."""
        return [(c, a) for c, one in enumerate(self.categories) for a in range(len(one.templates))]

    def template(self, category: int, alternative: int) -> SolidTemplate:
        """One template."""
        return self.categories[category].templates[alternative]


@dataclass(frozen=True, eq=False)
class SolidValues:
    """Values of h tokens, standardised: every entry is standard normal under the prior.

    view: azimuth, elevation, roll about a proposal's. scale, shift, stretch; offset and size of q parts.
    """

    view: Float[Tensor, "h 3"]
    scale: Float[Tensor, "h 1"]
    shift: Float[Tensor, "h 2"]
    stretch: Float[Tensor, "h 3"]
    offset: Float[Tensor, "h q 3"]
    size: Float[Tensor, "h q 3"]

    @classmethod
    def zeros(cls, h: int, q: int) -> "SolidValues":
        """Every template at rest."""
        ends = {"view": (3,), "scale": (1,), "shift": (2,), "stretch": (3,), "offset": (q, 3), "size": (q, 3)}
        return cls(**{name: torch.zeros(h, *end) for name, end in ends.items()})

    def tensors(self) -> dict[str, Tensor]:
        """The stacked tensors by name: what refinement optimises."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def select(self, rows: Any) -> "SolidValues":
        """Some of the tokens."""
        return SolidValues(**{name: tensor[rows] for name, tensor in self.tensors().items()})

    def log_prob(self, present: Bool[Tensor, "h q"]) -> Float[Tensor, " h"]:
        """log p(token | template, proposal) of the standardised values, nats; missing parts draw nothing."""
        total = torch.zeros(len(self.view), dtype=self.view.dtype)
        one = torch.ones(())
        for name, tensor in self.tensors().items():
            score = normal_log_prob(tensor, 0.0, one)
            if name in ("offset", "size"):
                score = score * present[..., None]
            total = total + score.flatten(1).sum(1)
        return total


@dataclass(frozen=True, eq=False)
class PlacedParts:
    """h tokens in the world frame and the cameras that see them; leaves as in the renderer's contract."""

    rotation: Float[Tensor, "h q 3 3"]
    centre: Float[Tensor, "h q 3"]
    size: Float[Tensor, "h q 3"]
    camera: WeakPerspectiveCamera


def stack_templates(templates: list[SolidTemplate]) -> SolidTemplate:
    """Templates of equal numbers of parts, stacked along a new first axis (shapes then begin with h)."""
    names = [field.name for field in fields(SolidTemplate)]
    return SolidTemplate(**{name: torch.stack([getattr(one, name) for one in templates]) for name in names})


def place_parts(
    stacked: SolidTemplate,
    values: SolidValues,
    view: Float[Tensor, "h 3"],
    prior: SolidPrior,
    middle: Float[Tensor, "h 2"],
) -> PlacedParts:
    """Tokens of templates: leaves and cameras, differentiable in ``values``.

    Args:
        stacked: what :func:`stack_templates` returns, one template a token.
        view: azimuth, elevation, roll of the proposals, degrees.
        middle: working pixel at which the object's middle rests.
    """
    spread = view.new_tensor([prior.view, prior.view, prior.roll])
    angles = view + values.view * spread
    rotation = viewpoint_rotation(angles[:, 0], angles[:, 1], angles[:, 2])
    stretch = values.stretch * prior.stretch
    # A leaf's own axes stretch by how far each lies along the object's.
    along = (stacked.rotation.square() * stretch[:, None, :, None]).sum(-2)
    centre = stacked.centre * stretch.exp()[:, None] + values.offset * prior.offset
    size = stacked.size * (along + values.size * prior.size).exp()
    camera = WeakPerspectiveCamera(
        rotation=rotation,
        translation=torch.zeros_like(angles),
        scale=stacked.pixels * (values.scale[:, 0] * prior.scale).exp(),
        principal=middle + values.shift * prior.shift,
    )
    return PlacedParts(stacked.rotation, centre, size, camera)


def solid_rules(grammar: SolidGrammar, names: list[str]) -> Grammar:
    """The And-Or rules: scene, category (Or), alternative (Or), object (And), parts (leaves)."""
    rules: list[AndRule | OrRule | LeafRule] = []
    choices = []
    for c, (category, name) in enumerate(zip(grammar.categories, names, strict=True)):
        symbols = []
        for a, template in enumerate(category.templates):
            symbol = f"{name}[{a}]"
            children = tuple(Child(f"part[{k}]", f"{symbol}/part[{k}]") for k in template.parts)
            placed = {
                "view": _standard(3),
                "scale": _standard(1),
                "shift": _standard(2),
                "stretch": _standard(3),
            }
            rules.append(AndRule(symbol, children, placed))
            for k in template.parts:
                rest = {
                    name: getattr(template, name)[k]
                    for name in ("rotation", "centre", "size", "shape", "colour")
                }
                leaf = {"offset": _standard(3), "size": _standard(3)}
                rules.append(LeafRule(f"{symbol}/part[{k}]", "solid", leaf, rest))
            symbols.append(symbol)
        rules.append(OrRule(f"category[{c}]", "alternative", tuple(symbols), category.log_weights()))
        choices.append(f"category[{c}]")
    rules.append(OrRule("object", "category", tuple(choices), torch.zeros(len(choices))))
    return Grammar.of("object", *rules)


def site_values(template: SolidTemplate, values: SolidValues, root: str = "object") -> dict[str, Tensor]:
    """The standardised values of one token (h = 1) by site name, as the Pyro program names them."""
    sites = {f"{root}/{name}": getattr(values, name)[0] for name in ("view", "scale", "shift", "stretch")}
    for k in template.parts:
        for name in ("offset", "size"):
            sites[f"{root}/part[{k}]/{name}"] = getattr(values, name)[0, k]
    return sites


def values_of_sites(
    template: SolidTemplate, sites: Mapping[str, Tensor], root: str = "object"
) -> SolidValues:
    """Inverse of :func:`site_values`: one token (h = 1); missing parts rest at zero."""
    q = len(template.kind)
    rest = SolidValues.zeros(1, q).tensors()
    for name in ("view", "scale", "shift", "stretch"):
        rest[name] = sites[f"{root}/{name}"][None]
    for name in ("offset", "size"):
        parts = [sites.get(f"{root}/part[{k}]/{name}", torch.zeros(3)) for k in range(q)]
        rest[name] = torch.stack(parts)[None]
    return SolidValues(**rest)


def _standard(*shape: int) -> Gaussian:
    return Gaussian(torch.zeros(shape), torch.ones(shape))
