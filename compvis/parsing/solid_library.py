"""Proposals of solids: every template drawn once from all around, compared with photographs by matrix products."""

import math
from dataclasses import dataclass, field, replace
from functools import cached_property

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from compvis.grammar.solid import (
    SolidGrammar,
    SolidPrior,
    SolidTemplate,
    SolidValues,
    place_parts,
    stack_templates,
)
from compvis.likelihood.solid_figure import FigureLikelihood
from compvis.parsing.solid_image import SIDE, SolidViews, box_middles
from compvis.render.contract import SceneRenderer, SolidRendering
from compvis.render.solids import Solids


def view_grid(step: float = 15.0) -> tuple[Float[Tensor, "v 3"], Float[Tensor, " v"]]:
    """Viewpoints (azimuth, elevation, roll), degrees, over the upper half of the view sphere.

    Returns:
        The viewpoints, and the log share of the sphere's area that each stands for (they sum to one).
    """
    rows = 8
    elevations = [90.0 * k / rows for k in range(rows)]
    views, areas = [], []
    half = 90.0 / rows / 2
    for elevation in elevations:
        low, high = max(elevation - half, 0.0), elevation + half
        band = math.sin(math.radians(high)) - math.sin(math.radians(low))
        count = max(8, round(360 / step * math.cos(math.radians(elevation))))
        for k in range(count):
            views.append((360.0 * k / count, elevation, 0.0))
            areas.append(band / count)
    cap = 1 - math.sin(math.radians(90 - half))
    count = round(360 / step)
    views += [(360.0 * k / count, 90.0, 0.0) for k in range(count)]
    areas += [cap / count] * count
    return torch.tensor(views), torch.tensor(areas).log()


def draw_tokens(
    renderer: SceneRenderer,
    stacked: SolidTemplate,
    values: SolidValues,
    view: Float[Tensor, "h 3"],
    prior: SolidPrior,
    middle: Float[Tensor, "h 2"],
) -> SolidRendering:
    """Tokens drawn in the working frame; differentiable in ``values``."""
    placed = place_parts(stacked, values, view, prior, middle)
    solids = Solids(
        kind=stacked.kind,
        rotation=placed.rotation,
        centre=placed.centre,
        size=placed.size,
        shape=stacked.shape,
        colour=stacked.colour,
        mask=stacked.present,
    )
    return renderer(solids, placed.camera, (SIDE, SIDE))


def lit(renderer: SceneRenderer) -> SceneRenderer:
    """The renderer with light from everywhere besides, where it knows light: no side of a solid is black."""
    return replace(renderer, ambient=0.5) if hasattr(renderer, "ambient") else renderer  # pyright: ignore


@torch.no_grad()
def draw_centred(
    renderer: SceneRenderer,
    stacked: SolidTemplate,
    values: SolidValues,
    view: Float[Tensor, "h 3"],
    prior: SolidPrior,
) -> tuple[SolidRendering, Float[Tensor, "h 2"]]:
    """Tokens drawn so that their bounding boxes are in the middle of the frame, and where their origins lie then."""
    middle = torch.full((len(view), 2), SIDE / 2)
    first = draw_tokens(renderer, stacked, values, view, prior, middle).coverage
    middle = middle - (box_middles(first) - SIDE / 2)
    return draw_tokens(renderer, stacked, values, view, prior, middle), middle


@dataclass(frozen=True, eq=False)
class ViewLibrary:
    """Coverage of every template from every viewpoint of the grid, centred by its bounding box.

    Attributes:
        views: (v, 3) degrees. log_area: log share of the sphere of each.
        coverage: (t, v, p) of t templates, in the order of ``SolidGrammar.templates``.
        middle: (t, v, 2) where the object's middle lies in these pictures.
    """

    views: Float[Tensor, "v 3"]
    log_area: Float[Tensor, " v"]
    coverage: Float[Tensor, "t v p"]
    middle: Float[Tensor, "t v 2"]
    _logs: dict[FigureLikelihood, tuple[Tensor, Tensor]] = field(
        default_factory=dict
    )  # of the last likelihood

    @classmethod
    def draw(cls, grammar: SolidGrammar, renderer: SceneRenderer, step: float = 15.0) -> "ViewLibrary":
        """Draw all templates of a grammar."""
        views, log_area = view_grid(step)
        coverage, middle = [], []
        for c, a in grammar.templates:
            stacked = stack_templates([grammar.template(c, a)] * len(views))
            values = SolidValues.zeros(len(views), stacked.kind.shape[1])
            seen, centre = draw_centred(renderer, stacked, values, views, grammar.prior)
            coverage.append(seen.coverage.flatten(1))
            middle.append(centre)
        return cls(views, log_area, torch.stack(coverage), torch.stack(middle))

    def score(self, seen: SolidViews, likelihood: FigureLikelihood) -> Float[Tensor, "n t v"]:
        """log p(figure, ground | template, viewpoint), nats."""
        t, v, _ = self.coverage.shape
        if likelihood not in self._logs:
            self._logs.clear()
            self._logs[likelihood] = likelihood.logs(self.coverage.flatten(0, 1))
        pooled = round(math.sqrt(SIDE**2 / self.coverage.shape[2]))
        figure, ground = (
            pooled**2 * F.avg_pool2d(v[:, None], pooled).flatten(1) for v in (seen.figure, seen.ground)
        )
        return likelihood.log_prob_all(figure, ground, *self._logs[likelihood]).view(-1, t, v)

    @cached_property
    def coarse(self) -> "ViewLibrary":
        """Every second viewpoint at half the resolution, for a cheap look."""
        some = self.coverage[:, ::2]
        pooled = F.avg_pool2d(some.reshape(-1, 1, SIDE, SIDE), 2).view(*some.shape[:2], -1)
        return ViewLibrary(self.views[::2], self.log_area[::2], pooled, self.middle[:, ::2])
