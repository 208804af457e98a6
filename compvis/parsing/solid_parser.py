"""A photograph to a parse: proposals of the library, refined through the renderer, as a scored tree."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from compvis.geometry.cameras import viewpoint_of
from compvis.grammar.derivation import derive, log_prob_by_site
from compvis.grammar.rules import Grammar
from compvis.grammar.solid import (
    PlacedParts,
    SolidPrior,
    SolidTemplate,
    SolidValues,
    place_parts,
    site_values,
    stack_templates,
)
from compvis.likelihood.solid_figure import FigureLikelihood
from compvis.parsing.solid_image import SolidViews
from compvis.parsing.solid_library import draw_tokens
from compvis.render.contract import SceneRenderer, SolidRendering
from compvis.tree import Node, ParseTree


@dataclass(frozen=True, eq=False)
class RefinedTokens:
    """h refined hypotheses of one photograph.

    Attributes:
        values: standardised. view: (h, 3) degrees, refined. log_likelihood, log_prior: nats.
        rendering: what they draw in the working frame.
    """

    values: SolidValues
    view: Float[Tensor, "h 3"]
    log_likelihood: Float[Tensor, " h"]
    log_prior: Float[Tensor, " h"]
    rendering: SolidRendering


def refine_tokens(
    seen: SolidViews,
    templates: list[SolidTemplate],
    view: Float[Tensor, "h 3"],
    middle: Float[Tensor, "h 2"],
    prior: SolidPrior,
    likelihood: FigureLikelihood,
    renderer: SceneRenderer,
    steps: int = 30,
    rate: float = 0.15,
) -> RefinedTokens:
    """Improve proposals of one photograph (n = 1) together, by Adam on log prior + log likelihood.

    Args:
        templates, view, middle: of each proposal; see :func:`compvis.grammar.solid.place_parts`.
        renderer: with ``with_softness``; the blur falls from 1.5 to 0.7 working pixels.
        rate: of Adam, in standard deviations of the prior.
    """
    stacked = stack_templates(templates)
    h, q = stacked.kind.shape
    values = SolidValues.zeros(h, q)
    free = {name: tensor.clone().requires_grad_() for name, tensor in values.tensors().items()}
    optimiser = torch.optim.Adam(list(free.values()), lr=rate, betas=(0.7, 0.9))

    def weigh(softness: float) -> tuple[Tensor, SolidRendering]:
        blurred = renderer.with_softness(softness)  # pyright: ignore[reportAttributeAccessIssue]
        drawn = draw_tokens(blurred, stacked, SolidValues(**free), view, prior, middle)
        return likelihood.log_prob(seen.figure, seen.ground, drawn.coverage), drawn

    for step in range(steps):
        done = step / max(steps - 1, 1)
        for group in optimiser.param_groups:
            group["lr"] = rate * (1 - 0.85 * done)
        optimiser.zero_grad()
        score, _ = weigh(1.5 * (0.7 / 1.5) ** min(1.0, 1.2 * done))
        (-(score + SolidValues(**free).log_prob(stacked.present)).sum()).backward()
        optimiser.step()
    with torch.no_grad():
        score, drawn = weigh(0.7)
        found = SolidValues(**{name: tensor.detach() for name, tensor in free.items()})
        placed = place_parts(stacked, found, view, prior, middle)
        angles = torch.stack(viewpoint_of(placed.camera.rotation), 1)
        return RefinedTokens(found, angles, score, found.log_prob(stacked.present), drawn)


def token_tree(
    rules: Grammar,
    category: int,
    alternative: int,
    template: SolidTemplate,
    values: SolidValues,
    placed: PlacedParts,
    label: str,
) -> tuple[ParseTree, list[tuple[str, str, float]]]:
    """The tree of one token (h = 1) and its prior score, itemised: (address, name, nats).

    Leaves carry what the renderer needs: ``rotation``, ``centre`` and ``size`` in the world frame.
    """
    sites = site_values(template, values)
    sites["object/category"] = torch.tensor(category)
    sites["object/alternative"] = torch.tensor(alternative)
    root = derive(rules, lambda site, _: sites[site], "object")
    tree = ParseTree(root, "object", label)
    scores = [(*site.rsplit("/", 1), float(nats)) for site, nats in log_prob_by_site(rules, tree).items()]
    children = {
        name: Node(
            child.symbol,
            child.values,
            primitive={
                key: getattr(placed, key)[0, int(name[5:-1])] for key in ("rotation", "centre", "size")
            },
        )
        for name, child in root.children.items()
    }
    drawn = Node(root.symbol, root.values, children, root.choice)
    return ParseTree(drawn, "object", label), scores  # pyright: ignore[reportReturnType]


def part_map(rendering: SolidRendering, template: SolidTemplate) -> Int[Tensor, "S S"]:
    """Which part owns each working pixel of the first hypothesis, -1 where none does."""
    owner = rendering.owner[0]
    present = template.present[owner.clamp_min(0)]
    return torch.where((owner >= 0) & present, owner, -1)
