"""From an ink image to parse trees: propose by matching, refine by rendering, rank by evidence.

Read :func:`parse_as` from top to bottom: the matcher proposes values for every site of a template's tree, the
renderer's gradient refines them all together, and the result is itemised node by node.
"""

from dataclasses import dataclass, field, replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from compvis.grammar.deformation import DeformationPrior
from compvis.grammar.ink import InkGrammar, deformation_basis
from compvis.grammar.placing import InkLeaves, Placement, build_tree, place_leaves
from compvis.grammar.score import log_choice, log_prior, log_prior_by_node
from compvis.grammar.values import InkValues, from_standard, prior_mean
from compvis.likelihood.ink import InkLikelihood
from compvis.parsing.decompose import decompose
from compvis.parsing.ink_shape import InkShape, describe, principal_modes, shape_stack
from compvis.parsing.match import MatchSettings, match
from compvis.parsing.refine import CoarseToFine, refine
from compvis.parsing.skeleton import skeleton_graph
from compvis.render.ink import InkRenderer, InkStrokes
from compvis.tree import ParseTree

LEARNING_RATES = {
    "pose": 0.01,
    "affine": 0.02,
    "warp": 0.03,
    "stroke_affine": 0.01,
    "offsets": 0.01,
    "log_width": 0.05,
    "darkness_logit": 0.1,
}


@dataclass(frozen=True)
class RefineSettings:
    """How trees are refined: gradient steps, and blur of the first ones as a share of the ink's unit."""

    steps: int = 60
    coarsest: float = 0.08
    renderer: InkRenderer = field(default_factory=InkRenderer)
    likelihood: InkLikelihood = field(default_factory=InkLikelihood)


@dataclass(frozen=True, eq=False)
class TreeParse:
    """One refined tree: its log joint log p(image, values | template), nats, the items that add up to it together
    with the choice of class and template, and its rendering (H, W)."""

    tree: ParseTree
    scores: tuple[tuple[str, str, float], ...]
    rendering: Float[Tensor, "H W"]


def parse_as(
    ink: Float[Tensor, "H W"],
    shape: InkShape,
    grammar: InkGrammar,
    choice: tuple[int, int],
    template: InkShape,
    match_settings: MatchSettings,
    settings: RefineSettings,
) -> TreeParse:
    """Parse an image as one template of one class.

    Args:
        ink: the image, 1 = ink.
        shape: its description.
        grammar: with the template at ``choice`` = (class index, template index).
        template: the template's description, whose rest strokes are those of the grammar.
        match_settings, settings: of the proposal and of the refinement.
    """
    rule = grammar.classes[choice[0]].templates[choice[1]]
    placement = Placement(shape.centre, torch.tensor(shape.unit))
    values = propose(shape, template, match_settings)
    refined = refine(
        values.tensors(),
        lambda tensors: to_strokes(place_leaves(rule, InkValues(**tensors), placement)),
        ink,
        renderer=settings.renderer,
        likelihood=settings.likelihood,
        log_prior=lambda tensors: log_prior(rule, InkValues(**tensors)),
        steps=settings.steps,
        learning_rate=LEARNING_RATES,
        schedule=CoarseToFine(coarsest=max(settings.coarsest * shape.unit, settings.renderer.softness)),
    )
    values = InkValues(**refined.parameters)
    rendering = settings.renderer(to_strokes(place_leaves(rule, values, placement)), shape.size)
    by_pixels = float(settings.likelihood.log_likelihood(ink, rendering)[0])
    items = [
        (site.rpartition("/")[0], site.rpartition("/")[2], float(v))
        for site, v in log_choice(grammar, *choice).items()
    ]
    items += [(node, "prior", float(v[0])) for node, v in log_prior_by_node(rule, values).items()]
    items.append(("image", "log p(pixels | rendering)", by_pixels))
    tree = build_tree(grammar, *choice, values, placement)
    return TreeParse(tree, tuple(items), rendering.ink[0].detach())


def draw_proposal(
    shape: InkShape,
    grammar: InkGrammar,
    choice: tuple[int, int],
    template: InkShape,
    match_settings: MatchSettings,
    renderer: InkRenderer,
) -> Float[Tensor, "H W"]:
    """What :func:`parse_as` starts from, drawn: the template where the matcher puts it, before any refinement."""
    rule = grammar.classes[choice[0]].templates[choice[1]]
    placement = Placement(shape.centre, torch.tensor(shape.unit))
    values = propose(shape, template, match_settings)
    return renderer(to_strokes(place_leaves(rule, values, placement)), shape.size).ink[0]


def propose(shape: InkShape, template: InkShape, settings: MatchSettings) -> InkValues:
    """Values of every site of the template's tree (h = 1), by matching its points on the image's."""
    stack = shape_stack(template, settings)
    z, _ = match(stack, shape_stack(shape, settings).seen, np.zeros((1, 2), np.int64), settings)
    rotation = principal_modes(deformation_basis(template.template, template.on, template.t), settings.modes)
    return from_standard(template.template, torch.einsum("rm,hcm->hrc", rotation, torch.from_numpy(z)))


def parse_strokes(
    ink: Float[Tensor, "H W"], prior: DeformationPrior, points: int, alternatives: int = 5
) -> list[tuple[ParseTree, float]]:
    """Parse an image into strokes and sub-strokes without any class: alternative decompositions, best first.

    Returns:
        Trees at rest on the image, each with the heuristic score of its decomposition (not nats).
    """
    parses = []
    for found in decompose(skeleton_graph(ink), k=alternatives):
        shape = describe(ink, prior, points, found)
        grammar = InkGrammar.of([shape.template], ["character"])
        placement = Placement(shape.centre, torch.tensor(shape.unit))
        tree = build_tree(grammar, 0, 0, prior_mean(shape.template), placement)
        parses.append((tree, found.log_score))
    return parses


def to_strokes(leaves: InkLeaves) -> InkStrokes:
    """Leaves as the ink renderer takes them; every sub-stroke is drawn."""
    mask = torch.ones_like(leaves.width, dtype=torch.bool)
    return InkStrokes(leaves.control_points, leaves.width, leaves.darkness, mask)


def smaller_prior(prior: DeformationPrior, share: float) -> DeformationPrior:
    """The prior with every standard deviation multiplied by ``share``, that of the darkness by its tenth: real ink
    is of one darkness within a character."""
    names = ("translation", "linear", "warp", "stroke_translation", "stroke_linear", "offset", "log_width")
    prior = replace(prior, darkness_sd=0.1 * prior.darkness_sd)
    return replace(prior, **{name: share * getattr(prior, name) for name in names})
