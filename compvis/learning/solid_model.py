"""The solid model: categories learned from posed photographs, photographs weighed against them."""

from collections.abc import Callable
from copy import copy
from functools import partial

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from compvis.geometry.cameras import viewpoint_rotation
from compvis.grammar.solid import SolidCategory, SolidGrammar
from compvis.learning.figure_ground import learn_figure_ground
from compvis.learning.recognition import Recognizer, pool, teach
from compvis.learning.solid_fit import (
    Leaves,
    Poses,
    carve,
    divide,
    drop_parts,
    first_poses,
    improve,
    one_ellipsoid,
    try_kinds,
)
from compvis.learning.solid_groups import group_pictures
from compvis.learning.solid_latent import infer_viewpoints
from compvis.learning.solid_options import SolidOptions
from compvis.learning.solid_recognition import SOLID_SIGHT, draw_solid_lesson, look_at_objects
from compvis.learning.solid_shared import learn_shared
from compvis.learning.solid_templates import align_parts, as_template
from compvis.learning.solid_variants import recombine, stretch_object
from compvis.likelihood.appearance import AppearanceField, AppearanceMaps, learned_share, trust
from compvis.likelihood.backdrop import learn_backdrop
from compvis.likelihood.solid_colour import ColourPredictive, learn_colours
from compvis.parsing.solid_frame import settle
from compvis.parsing.solid_image import SolidViews, Surroundings, frame_scenes, to_lab, view_photographs
from compvis.parsing.solid_library import ViewLibrary

DRAWN_SOFTNESS = 0.6
"""Blur of what is drawn for the recognition network, working pixels."""


class SolidModel:
    """What ``GrammarClassifier(domain="solids")`` learns.

    Attributes:
        grammar: categories in the order of the class numbers.
        colours: predictive density of each category's mean colour.
        appearance: edges inside each category's figures, over viewpoints.
        surroundings: what was learned of backgrounds and occluders.
        recognizer: a network that the grammar taught; None without one.
        library: every template from all around, drawn when first needed.
    """

    grammar: SolidGrammar
    colours: list[ColourPredictive]
    appearance: AppearanceField

    def __init__(self, options: SolidOptions) -> None:
        self.options = options
        self.surroundings = Surroundings()
        self.recognizer: Recognizer | None = None
        self._library: ViewLibrary | None = None
        self._maps: AppearanceMaps | None = None
        # A parse asks for the scores of the same photograph several times.
        self._scored: tuple[SolidViews, Tensor, Tensor] | None = None

    @property
    def library(self) -> ViewLibrary:
        """Every template from all around."""
        if self._library is None:
            self._library = ViewLibrary.draw(
                self.grammar, self.render(self.options.softness), self.options.step
            )
        return self._library

    @property
    def appearance_maps(self) -> AppearanceMaps:
        """What edges are expected inside figures from all around."""
        if self._maps is None:
            self._maps = self.appearance.maps(towards_viewers(self.library.views), self.options.appearance)
        return self._maps

    def with_options(self, options: SolidOptions) -> "SolidModel":
        """What was learned, under other options for answering."""
        other = copy(self)
        other.options, other._library, other._maps, other._scored = options, None, None, None
        return other

    def render(self, softness: float):
        """The renderer with a blur in working pixels."""
        return self.options.renderer.with_softness(softness)  # pyright: ignore[reportAttributeAccessIssue]

    def view(
        self,
        images: Float[Tensor, "n 3 H W"],
        masks: Bool[Tensor, "n H W"] | None = None,
        category: int | None = None,
    ) -> SolidViews:
        """Photographs as the learned model sees them, in frames that show objects as they were learned, where enough
        viewpoints were (:class:`compvis.parsing.solid_frame.FrameSettings`).

        Args:
            category: what they show, where that is known.
        """
        seen = view_photographs(images, masks, self.surroundings)
        if self.learned_share() < self.options.frame.learned:
            return seen
        return settle(seen, partial(self._glance, category=category), self.options.frame)

    def learned_share(self) -> float:
        """Share of all viewpoints that were learned (:func:`compvis.likelihood.appearance.learned_share`)."""
        area = self.library.log_area.softmax(0)
        return learned_share(self.appearance_maps, area, self.options.appearance)

    def _glance(self, seen: SolidViews, category: int | None) -> Float[Tensor, " n"]:
        """log p(figure, ground | category), of any category where it is None, at low resolution."""
        weights = torch.cat([one.log_weights() for one in self.grammar.categories])
        coarse = self.library.coarse
        scores = coarse.score(seen, self.options.figure) + weights[:, None] + coarse.log_area
        if category is not None:
            scores = scores[:, self._members(category)]
        return scores.flatten(1).logsumexp(1)

    def learn_surroundings(
        self,
        images: Float[Tensor, "n 3 H W"],
        masks: Bool[Tensor, "n H W"],
        progress: Callable[[int], None] | None = None,
    ) -> None:
        """Learn the training pictures' backdrop, and figure and ground where there are photographs to learn from."""
        options, net = self.options, None
        if options.photographs is not None:
            net = learn_figure_ground(
                frame_scenes(images, masks),
                options.photographs,
                options.figure_ground,
                options.seed,
                progress,
            )
        self.surroundings = Surroundings(learn_backdrop(to_lab(images), masks.cpu().numpy()), net)

    def learn(
        self,
        seen: SolidViews,
        rgb: Float[Tensor, "n 3"],
        view: Float[Tensor, "n 2"],
        labels: np.ndarray,
        progress: Callable[[int], None] | None = None,
        objects: np.ndarray | None = None,
    ) -> tuple[Float[Tensor, "n 2"], Float[Tensor, " n"]]:
        """Learn every category; returns the pictures' viewpoints and their spread, degrees (0 where given).

        Args:
            rgb: mean colour of each figure, for drawing.
            view: azimuth and elevation of each picture, degrees; NaN where they are to be inferred.
            labels: class numbers 0, 1, ..., each present.
            progress: called with the number of pictures that are learned so far.
            objects: number of the object that each picture shows, where that is known. Then a category is one
                division into parts with one alternative an object (:mod:`compvis.learning.solid_shared`).
        """
        categories, done, view, spread = [], 0, view.clone(), torch.zeros(len(view))
        for c in range(int(labels.max()) + 1):
            rows = torch.from_numpy(np.flatnonzero(labels == c))
            own = seen.select(rows)
            number = None if objects is None else np.unique(objects[rows.numpy()], return_inverse=True)[1]
            if view[rows].isnan().any():
                groups = group_pictures(own, self.options.alternatives, self.options.pictures)
                groups = torch.from_numpy(groups if number is None else number)
                found = infer_viewpoints(own, view[rows], groups, self.options.latent)
                view[rows], spread[rows] = found.view, found.spread
            if number is None:
                categories.append(self._learn_category(own, rgb[rows], view[rows]))
            else:
                categories.append(self._learn_shared(own, rgb[rows], view[rows], number))
            done += len(rows)
            if progress is not None:
                progress(done)
        self.grammar = SolidGrammar(tuple(self._vary(one) for one in categories), self.options.prior)
        self.appearance = AppearanceField.learn(
            seen.colour[..., 0], seen.figure, towards_viewers(view), torch.from_numpy(labels)
        )
        self.colours = learn_colours(
            mean_colours(seen),
            labels.tolist(),
            [max(len(one.templates), min(3, sum(one.counts))) for one in categories],
            len(categories),
        )
        self._library, self._maps, self._scored = None, None, None
        self.recognizer = None
        if self.options.recognition.steps and bool(seen.whole.any()):
            drawn = draw_solid_lesson(self.grammar, self.render(DRAWN_SOFTNESS), self.options.recognition)
            lesson = look_at_objects(seen), torch.from_numpy(labels)
            self.recognizer = teach(drawn, lesson, self.options.recognition, SOLID_SIGHT)
        return view, spread

    @torch.no_grad()
    def log_evidence(self, seen: SolidViews) -> Float[np.ndarray, "n c"]:
        """log p(figure, edges inside it, mean colour | category), nats of independent observations.

        The likelihood of figure and edges is summed over alternatives and viewpoints (uniform over the upper half of
        the sphere); the colour's is a Student t. The recognition network's opinion is pooled with it.
        """
        return pool(self.evidence(seen).double().numpy(), self.recognised(seen))

    def evidence(self, seen: SolidViews) -> Float[Tensor, "n c"]:
        """The same without the network's opinion, with gradients to the photographs' colours."""
        scores = self._proposal_scores(seen)
        found = torch.stack(
            [
                scores[:, self._members(c)].flatten(1).logsumexp(1)
                for c in range(len(self.grammar.categories))
            ],
            1,
        )
        return found + self._colour_scores(seen)

    def recognised(self, seen: SolidViews) -> Float[np.ndarray, "n c"]:
        """What the recognition network adds, nats: its weighted log-probabilities of the categories.

        It knows whole objects only: where a mask is missing, cut by the picture's edge, or touched by something in
        front, it says nothing.
        """
        if self.recognizer is None or self.surroundings.backdrop is None:
            return np.zeros((len(seen), len(self.grammar.categories)))
        found = self.recognizer.log_posterior(look_at_objects(seen))
        return self.options.recognition.weight * found * seen.whole.numpy()[:, None]

    def logits(self, seen: SolidViews) -> Float[Tensor, "n c"]:
        """The log evidence, with gradients to the photographs' colours."""
        found = self.evidence(seen)
        self._scored = None  # it would keep the gradients' graph
        if self.recognizer is None or self.surroundings.backdrop is None:
            return found
        said = self.recognizer.opinion(look_at_objects(seen)).log_softmax(1) * seen.whole[:, None]
        said = found + self.options.recognition.weight * said
        # As in `pool`.
        return said.log_softmax(1) + found.logsumexp(1, keepdim=True)

    def propose(self, seen: SolidViews, category: int, count: int) -> list[tuple[float, int, int]]:
        """The best (log score, template, viewpoint) of one photograph (n = 1) in a category."""
        scores = self._proposal_scores(seen)[0]
        members = self._members(category)
        best = scores[members].flatten().topk(count)
        v = scores.shape[1]
        return [
            (value, members[place // v], place % v)
            for value, place in zip(best.values.tolist(), best.indices.tolist(), strict=True)
        ]

    def viewpoint_posterior(self, seen: SolidViews, category: int) -> Float[np.ndarray, "v"]:
        """Probability of each viewpoint of the library, of one photograph (n = 1) in a category."""
        scores = self._proposal_scores(seen)[0, self._members(category)]
        return scores.logsumexp(0).softmax(0).double().numpy()

    def edges_log_prob(
        self, seen: SolidViews, view: Float[Tensor, "v 3"] | None = None
    ) -> Float[Tensor, "n c v"]:
        """log p(edges inside the figure | category, viewpoint) times its weight, nats of independent observations.

        Args:
            view: azimuth, elevation, roll, degrees; None: the library's.
        """
        views = self.library.views if view is None else view
        if not self.options.edges_weight:
            return seen.figure.new_zeros(len(seen), len(self.grammar.categories), len(views))
        settings = self.options.appearance
        maps = self.appearance_maps if view is None else self.appearance.maps(towards_viewers(view), settings)
        found = self.appearance.log_prob(
            seen.colour[..., 0],
            seen.figure,
            seen.figure + seen.ground,
            maps,
            settings,
        )
        return self.options.edges_weight * found

    def _proposal_scores(self, seen: SolidViews) -> Float[Tensor, "n t v"]:
        """log p(figure, edges, template, viewpoint | category)."""
        if self._scored is None or self._scored[0] is not seen:
            library = self.library
            weights = torch.cat([one.log_weights() for one in self.grammar.categories])
            scores = library.score(seen, self.options.figure) + weights[:, None] + library.log_area
            counts = seen.figure.new_ones(len(seen))
            if self.options.edges_weight:
                by_outline = torch.stack(
                    [scores[:, self._members(c)].logsumexp(1) for c in range(len(self.grammar.categories))], 1
                )
                posterior = by_outline.flatten(1).softmax(1).view_as(by_outline)
                counts = trust(posterior, self.appearance_maps, self.options.appearance)
                category = [c for c, _ in self.grammar.templates]
                edges = self.edges_log_prob(seen)[:, category]
                scores = scores + counts[:, None, None] * edges
            self._scored = seen, scores, counts
        return self._scored[1]

    def edges_count(self, seen: SolidViews) -> Float[Tensor, " n"]:
        """How far edges count in each photograph, in [0, 1] (:func:`compvis.likelihood.appearance.trust`)."""
        self._proposal_scores(seen)
        assert self._scored is not None
        return self._scored[2]

    def _colour_scores(self, seen: SolidViews) -> Float[Tensor, "n c"]:
        colour = mean_colours(seen)
        return self.options.colour_weight * torch.stack([one.log_prob(colour) for one in self.colours], 1)

    def _members(self, category: int) -> list[int]:
        return [t for t, (c, _) in enumerate(self.grammar.templates) if c == category]

    def _vary(self, category: SolidCategory) -> SolidCategory:
        """The category with alternatives like other objects of it."""
        options = self.options
        if len(category.templates) > 1:
            return recombine(category, options.recombined, options.seed)
        if not options.stretched:
            return category
        return stretch_object(category, options.stretched, options.stretch, options.seed)

    def _learn_category(
        self, seen: SolidViews, rgb: Float[Tensor, "n 3"], view: Float[Tensor, "n 2"]
    ) -> SolidCategory:
        options = self.options
        figure = seen.figure
        leaves, poses = improve(
            one_ellipsoid(), first_poses(view), figure, self.render, 60, (3.0, 2.0), 0.05, turn=False
        )
        reach = leaves.log_size.exp()[0] * 1.5
        corners = leaves.centre[0] - reach, leaves.centre[0] + reach
        leaves, poses = self._shape(leaves, poses, figure, corners, options.fit.steps[0] // 2, 1.0)
        groups = group_pictures(seen, options.alternatives, options.pictures)
        found = self._learn_alternatives(leaves, poses, figure, groups)
        templates = align_parts(
            [
                as_template(own, placed, kept, rgb[torch.from_numpy(groups == g)].mean(0))
                for g, (own, placed, kept) in enumerate(found)
            ]
        )
        return SolidCategory(tuple(templates), tuple(int((groups == g).sum()) for g in range(len(found))))

    def _learn_shared(
        self, seen: SolidViews, rgb: Float[Tensor, "n 3"], view: Float[Tensor, "n 2"], objects: np.ndarray
    ) -> SolidCategory:
        options = self.options
        found = learn_shared(seen.figure, view, objects, options.fit, self.render, options.seed)
        colour = [rgb[torch.from_numpy(objects == k)].mean(0) for k in range(len(found))]
        templates = tuple(as_template(*one, own) for one, own in zip(found, colour, strict=True))
        return SolidCategory(templates, tuple(np.bincount(objects).tolist()))

    def _shape(
        self,
        leaves: Leaves,
        poses: Poses,
        figure: Tensor,
        corners: tuple[Tensor, Tensor],
        steps: int,
        softness: float,
    ) -> tuple[Leaves, Poses]:
        """Carve the space between two corners, divide it into parts and improve them; ``leaves`` if it is empty."""
        fit = self.options.fit
        points, symmetric = carve(poses, figure, *corners, fit)
        if len(points) >= 16:
            leaves = divide(points, symmetric, fit, self.options.seed)
        return improve(leaves, poses, figure, self.render, steps, (2.0, softness), fit.rate)

    def _learn_alternatives(
        self, leaves: Leaves, poses: Poses, figure: Tensor, groups: np.ndarray
    ) -> list[tuple[Leaves, Poses, np.ndarray]]:
        """Each group's leaves and cameras, and which parts are worth their description."""
        fit, sharp = self.options.fit, self.render(0.6)
        found = []
        for g in range(int(groups.max()) + 1):
            rows = torch.from_numpy(np.flatnonzero(groups == g))
            placed, own = poses.select(rows), leaves
            for steps in (fit.steps[1] // 2, fit.steps[1]):
                own, placed = self._shape(own, placed, figure[rows], corners_of(own), steps, 0.6)
            own = try_kinds(own, placed, figure[rows], sharp, fit.part_cost)
            found.append((own, placed, drop_parts(own, placed, figure[rows], sharp, fit.part_cost)))
        return found


def corners_of(leaves: Leaves) -> tuple[Float[Tensor, "3"], Float[Tensor, "3"]]:
    """Two corners of a box about all leaves."""
    _, _, centre, size, _ = leaves.unfold()
    bound = size.amax(1, keepdim=True)
    return (centre - bound).amin(0), (centre + bound).amax(0)


def towards_viewers(view: Float[Tensor, "n k"]) -> Float[Tensor, "n 3"]:
    """Unit vectors from the object to viewers at (azimuth, elevation, ...), degrees."""
    return -viewpoint_rotation(view[:, 0], view[:, 1], torch.zeros_like(view[:, 0]))[:, 2]


def mean_colours(seen: SolidViews) -> Float[Tensor, "n 3"]:
    """Mean colour of each figure, Lab / 100."""
    weight = seen.figure[..., None]
    return (seen.colour * weight).sum((1, 2)) / weight.sum((1, 2)).clamp_min(1e-6)
