"""From the values of a tree to strokes in the image: the one implementation of the additive deformation."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from compvis.geometry.affine import apply, scaling
from compvis.grammar.ink import CharacterTemplate, InkGrammar
from compvis.grammar.values import InkValues, prior_mean, shared_coefficients, stack_values
from compvis.tree import Node, ParseTree


@dataclass(frozen=True, eq=False)
class Placement:
    """Where a character is expected: centre in the image frame and unit in pixels, once or per hypothesis."""

    centre: Float[Tensor, "*h 2"]
    unit: Float[Tensor, "*h"]

    def __post_init__(self) -> None:
        if not (
            torch.isfinite(self.centre).all() and torch.isfinite(self.unit).all() and (self.unit > 0).all()
        ):
            raise ValueError("A Placement needs a finite centre and a finite unit above 0.")


class InkLeaves(NamedTuple):
    """What the leaves hand an ink renderer, in the image frame: h hypotheses of q sub-strokes.

    control_points (h, q, 4, 2) and width (h, q) in pixels, darkness (h, q) in (0, 1).
    """

    control_points: Tensor
    width: Tensor
    darkness: Tensor


def root_poses(values: InkValues, placement: Placement | None = None) -> Float[Tensor, "h 2 3"]:
    """Root pose of each hypothesis, canonical to image frame; without a placement, centre 0 and unit 1."""
    offset, unit = values.pose[:, :2], values.pose[:, 2].exp()
    if placement is None:
        return scaling(unit, offset)
    return scaling(placement.unit * unit, placement.centre + placement.unit[..., None] * offset)


def place_leaves(
    template: CharacterTemplate,
    values: InkValues | Mapping[str, Tensor],
    placement: Placement | None = None,
) -> InkLeaves:
    """Strokes of h hypotheses in the image frame, differentiable in every value, the rest and the placement.

    ``values`` are stacked, or by site name with a leading h. Raises ValueError for a missing site.
    """
    stacked = stack_values(template, values)
    displacement = template.field_basis @ shared_coefficients(stacked)
    canonical = template.control_points.flatten(0, 1) + displacement + stacked.offsets.flatten(1, 2)
    poses = root_poses(stacked, placement)
    width = template.widths * stacked.log_width.exp() * poses[:, 0, :1]
    return InkLeaves(
        apply(poses, canonical).unflatten(1, (template.n_substrokes, 4)),
        width,
        stacked.darkness_logit.sigmoid(),
    )


def build_tree(
    grammar: InkGrammar,
    class_index: int,
    template_index: int,
    values: InkValues | Mapping[str, Tensor],
    placement: Placement | None = None,
) -> ParseTree:
    """The placed parse tree of one hypothesis (h = 1); its pose is relative to ``placement``."""
    one = grammar.classes[class_index]
    template = one.templates[template_index]
    stacked = stack_values(template, values)
    if len(stacked) != 1:
        raise ValueError(
            f"A tree holds one hypothesis, not {len(stacked)}; select one with values[i : i + 1]."
        )
    sites = {site: value[0] for site, value in stacked.to_sites(template).items()}
    symbol = f"{one.label}/template[{template_index}]"
    strokes = {}
    for i, stroke in enumerate(template.strokes):
        name = f"stroke[{i}]"
        leaves = {
            f"substroke[{j}]": Node(
                f"{symbol}/{name}/substroke[{j}]", _values_at(f"character/{name}/substroke[{j}]", sites)
            )
            for j in range(len(stroke.widths))
        }
        strokes[name] = Node(f"{symbol}/{name}", _values_at(f"character/{name}", sites), leaves)
    choices = {"class": torch.tensor(class_index), "template": torch.tensor(template_index)}
    root = Node(symbol, choices | _values_at("character", sites), strokes, choice=template_index)
    return place_tree(ParseTree(root, label=one.label), grammar, placement)


def place_tree(tree: ParseTree, grammar: InkGrammar, placement: Placement | None = None) -> ParseTree:
    """The tree with its root pose and the primitive of every leaf worked out from its values.

    ``placement`` is the one that the pose value is relative to (:func:`placement_of` tells it for a
    placed tree; ask before editing the pose). Parts that were removed stay away. Raises ValueError for
    parts or choices that the grammar does not have.
    """
    _, _, template = template_of(tree, grammar)
    known = {site: value[None] for site, value in tree.site_values().items()}
    sites = {**prior_mean(template).to_sites(template), **known}
    values = InkValues.from_sites(template, sites)
    leaves = place_leaves(template, values, placement)
    primitives = {
        address: {name: tensor[0, i] for name, tensor in leaves._asdict().items()}
        for i, address in enumerate(template.leaf_addresses)
    }
    for address, _ in tree.leaves():
        if address not in primitives:
            raise ValueError(f"Cannot place {address!r}: template {tree.root.symbol!r} has no such part.")
    placed = tree.map(lambda address, node: replace(node, primitive=primitives.get(address)))
    label = grammar.classes[int(tree.root.values["class"])].label
    return replace(placed, root=replace(placed.root, pose=root_poses(values, placement)[0]), label=label)


def placement_of(tree: ParseTree) -> Placement:
    """The placement that the root's pose value is relative to, recovered from a placed tree."""
    if tree.root.pose is None:
        raise ValueError("This tree has no root pose; place it first.")
    value, pose = tree.site_value(f"{tree.name}/pose"), tree.root.pose
    unit = pose[0, 0] / value[2].exp()
    return Placement(pose[:, 2] - unit * value[:2], unit)


def template_of(tree: ParseTree, grammar: InkGrammar) -> tuple[int, int, CharacterTemplate]:
    """(class index, template index, template) that a tree chose; ValueError where the grammar lacks them."""
    class_index = int(tree.site_value(f"{tree.name}/class"))
    template_index = int(tree.site_value(f"{tree.name}/template"))
    if not 0 <= class_index < len(grammar.classes):
        raise ValueError(f"The tree chose class {class_index}, the grammar has {len(grammar.classes)}.")
    templates = grammar.classes[class_index].templates
    if not 0 <= template_index < len(templates):
        raise ValueError(f"The tree chose template {template_index}, its class has {len(templates)}.")
    return class_index, template_index, templates[template_index]


def _values_at(address: str, sites: Mapping[str, Tensor]) -> dict[str, Tensor]:
    pairs = ((site.rpartition("/"), value) for site, value in sites.items())
    return {name: value for (parent, _, name), value in pairs if parent == address}
