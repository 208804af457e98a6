"""The solid model: categories learned from posed photographs, photographs weighed against them."""

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float
from sklearn.cluster import KMeans
from torch import Tensor

from compvis.grammar.solid import SolidCategory, SolidGrammar, SolidTemplate
from compvis.learning.solid_fit import (
    Leaves,
    Poses,
    carve,
    divide,
    draw_leaves,
    drop_parts,
    first_poses,
    improve,
    misfit,
    one_ellipsoid,
    try_kinds,
)
from compvis.learning.solid_options import SolidOptions
from compvis.likelihood.solid_colour import ColourPredictive, learn_colours
from compvis.parsing.solid_image import SolidViews
from compvis.parsing.solid_library import ViewLibrary


class SolidModel:
    """What ``GrammarClassifier(domain="solids")`` learns.

    Attributes:
        grammar: categories in the order of the class numbers.
        colours: predictive density of each category's mean colour.
        library: every template from all around, drawn when first needed.
    """

    grammar: SolidGrammar
    colours: list[ColourPredictive]

    def __init__(self, options: SolidOptions) -> None:
        self.options = options
        self._library: ViewLibrary | None = None

    @property
    def library(self) -> ViewLibrary:
        """Every template from all around."""
        if self._library is None:
            self._library = ViewLibrary.draw(
                self.grammar, self.render(self.options.softness), self.options.step
            )
        return self._library

    def render(self, softness: float):
        """The renderer with a blur in working pixels."""
        return self.options.renderer.with_softness(softness)  # pyright: ignore[reportAttributeAccessIssue]

    def learn(
        self,
        seen: SolidViews,
        rgb: Float[Tensor, "n 3"],
        view: Float[Tensor, "n 2"],
        labels: np.ndarray,
        progress: Callable[[int], None] | None = None,
    ) -> None:
        """Learn every category.

        Args:
            rgb: mean colour of each figure, for drawing.
            view: azimuth and elevation of each picture, degrees.
            labels: class numbers 0, 1, ..., each present.
            progress: called with the number of pictures that are learned so far.
        """
        categories, done = [], 0
        for c in range(int(labels.max()) + 1):
            rows = torch.from_numpy(np.flatnonzero(labels == c))
            categories.append(self._learn_category(seen.select(rows), rgb[rows], view[rows]))
            done += len(rows)
            if progress is not None:
                progress(done)
        self.grammar = SolidGrammar(tuple(categories), self.options.prior)
        self.colours = learn_colours(
            mean_colours(seen),
            labels.tolist(),
            [max(len(one.templates), min(3, sum(one.counts))) for one in categories],
            len(categories),
        )
        self._library = None

    def log_evidence(self, seen: SolidViews) -> Float[np.ndarray, "n c"]:
        """log p(figure, mean colour | category), nats of independent observations.

        The figure's likelihood is summed over alternatives, viewpoints (uniform over the upper half of the
        sphere) and shares that may be hidden; the colour's is a Student t.
        """
        scores = self._proposal_scores(seen)
        found = torch.stack(
            [
                scores[:, self._members(c)].flatten(1).logsumexp(1)
                for c in range(len(self.grammar.categories))
            ],
            1,
        )
        return (found + self._colour_scores(seen)).double().numpy()

    def propose(self, seen: SolidViews, category: int, count: int) -> list[tuple[float, int, int, float]]:
        """The best (log score, template, viewpoint, hidden share) of one photograph (n = 1) in a category."""
        scores = self._proposal_scores(seen)[0]
        members = self._members(category)
        best = scores[members].flatten().topk(count)
        v, k = scores.shape[1:]
        shares = self.options.figure.hidden
        return [
            (value, members[place // (v * k)], place // k % v, shares[place % k])
            for value, place in zip(best.values.tolist(), best.indices.tolist(), strict=True)
        ]

    def viewpoint_posterior(self, seen: SolidViews, category: int) -> Float[np.ndarray, "v"]:
        """Probability of each viewpoint of the library, of one photograph (n = 1) in a category."""
        scores = self._proposal_scores(seen)[0, self._members(category)]
        return scores.logsumexp((0, 2)).softmax(0).double().numpy()

    def _proposal_scores(self, seen: SolidViews) -> Float[Tensor, "n t v k"]:
        """log p(figure, template, viewpoint, hidden share | category)."""
        library, likelihood = self.library, self.options.figure
        weights = torch.cat([one.log_weights() for one in self.grammar.categories])
        scores = library.score(seen, likelihood)
        return scores + weights[:, None, None] + library.log_area[:, None] + likelihood.log_hidden()

    def _colour_scores(self, seen: SolidViews) -> Float[Tensor, "n c"]:
        colour = mean_colours(seen)
        return self.options.colour_weight * torch.stack([one.log_prob(colour) for one in self.colours], 1)

    def _members(self, category: int) -> list[int]:
        return [t for t, (c, _) in enumerate(self.grammar.templates) if c == category]

    def _learn_category(
        self, seen: SolidViews, rgb: Float[Tensor, "n 3"], view: Float[Tensor, "n 2"]
    ) -> SolidCategory:
        options, fit = self.options, self.options.fit
        figure = seen.figure
        leaves, poses = improve(
            one_ellipsoid(), first_poses(view), figure, self.render, 60, (3.0, 2.0), 0.05, turn=False
        )
        reach = leaves.log_size.exp()[0] * 1.5
        low, high = leaves.centre[0] - reach, leaves.centre[0] + reach
        for again in range(2):
            points, symmetric = carve(poses, figure, low, high, fit)
            if len(points) < 16:
                break
            leaves = divide(points, symmetric, fit, options.seed)
            steps, last = (fit.steps[0] // 2, 1.0) if again == 0 else (fit.steps[0], 0.7)
            leaves, poses = improve(leaves, poses, figure, self.render, steps, (2.0, last), fit.rate)
            _, _, centre, size, _ = leaves.unfold()
            bound = size.amax(1, keepdim=True)
            low, high = (centre - bound).amin(0), (centre + bound).amax(0)
        groups = group_pictures(seen, options.alternatives, options.pictures, options.seed)
        found, groups = self._learn_alternatives(leaves, poses, figure, groups)
        templates = [
            as_template(own, placed, kept, rgb[torch.from_numpy(groups == g)].mean(0))
            for g, (own, placed, kept) in enumerate(found)
        ]
        return SolidCategory(tuple(templates), tuple(int((groups == g).sum()) for g in range(len(found))))

    def _learn_alternatives(
        self, leaves: Leaves, poses: Poses, figure: Tensor, groups: np.ndarray
    ) -> tuple[list[tuple[Leaves, Poses, np.ndarray]], np.ndarray]:
        """Each group's leaves, cameras and the parts it has, and the groups after one regrouping by shape.

        Hard expectation-maximisation: every picture joins the alternative that explains its figure best.
        """
        fit, sharp = self.options.fit, self.render(0.6)

        def refit(starts: list[Leaves], groups: np.ndarray, steps: int) -> list[tuple[Leaves, Poses]]:
            found = []
            for g, start in enumerate(starts):
                rows = torch.from_numpy(np.flatnonzero(groups == g))
                placed, own = poses.select(rows), figure[rows]
                found.append(improve(start, placed, own, self.render, steps, (1.5, 0.6), fit.rate))
            return found

        count = int(groups.max()) + 1
        found = refit([leaves] * count, groups, fit.steps[1] // 2)
        if count > 1:
            with torch.no_grad():
                costs = torch.stack([misfit(figure, draw_leaves(own, poses, sharp)) for own, _ in found])
            moved = costs.argmin(0).numpy()
            names = [g for g in range(count) if (moved == g).sum() >= self.options.pictures]
            if names:
                groups = costs[names].argmin(0).numpy()
                found = [found[g] for g in names]
        found = refit([own for own, _ in found], groups, fit.steps[1])
        result = []
        for g, (own, placed) in enumerate(found):
            rows = torch.from_numpy(np.flatnonzero(groups == g))
            own = try_kinds(own, placed, figure[rows], sharp, fit.part_cost)
            result.append((own, placed, drop_parts(own, placed, figure[rows], sharp, fit.part_cost)))
        return result, groups


def mean_colours(seen: SolidViews) -> Float[Tensor, "n 3"]:
    """Mean colour of each figure, Lab / 100."""
    weight = seen.figure[..., None]
    return (seen.colour * weight).sum((1, 2)) / weight.sum((1, 2)).clamp_min(1e-6)


def group_pictures(seen: SolidViews, most: int, least: int, seed: int) -> np.ndarray:
    """Group number of each picture, by k-means over the figures' mean colours and their spread.

    Objects of a category seldom share a colour, while the views of one object nearly do; where they do,
    ``SolidModel`` regroups by shape. At most ``most`` groups, of ``least`` pictures or more on average.
    """
    mean, weight = mean_colours(seen), seen.figure[..., None]
    squares = ((seen.colour - mean[:, None, None]).square() * weight).sum((1, 2)) / weight.sum(
        (1, 2)
    ).clamp_min(1e-6)
    values = torch.cat([mean, squares.sqrt()], 1).numpy()
    count = max(1, min(most, len(values) // least))
    return KMeans(count, n_init=4, random_state=seed).fit_predict(values)


def as_template(leaves: Leaves, poses: Poses, kept: np.ndarray, rgb: Float[Tensor, "3"]) -> SolidTemplate:
    """Fitted leaves as a template of the grammar."""
    kind, rotation, centre, size, shape = leaves.unfold()
    order, _ = leaves.order()
    return SolidTemplate(
        kind=kind,
        rotation=rotation,
        centre=centre,
        size=size,
        shape=shape,
        colour=rgb.clamp(0, 1).expand(len(kind), 3).contiguous(),
        present=torch.from_numpy(kept)[order],
        pixels=poses.log_scale.mean().exp(),
    )
