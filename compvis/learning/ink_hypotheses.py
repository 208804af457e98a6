"""What else may be true of an image of ink: the paper was turned, some of the ink is of something else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from compvis.learning.ink_reading import stack_of
from compvis.learning.recognition import pool
from compvis.parsing.ink_look import look_at
from compvis.parsing.ink_shape import InkShape
from compvis.parsing.match import match, unexplained
from compvis.parsing.other_ink import erase, pieces_left_out
from compvis.parsing.skeleton import skeleton_graph

if TYPE_CHECKING:
    from compvis.learning.ink_model import InkModel

LEAST_INK = 4
"""Pixels that a hypothesis must keep, dark enough for every reading."""


AT_ONCE = 64
"""Hypotheses that are matched together, whatever the number of images: it bounds the memory."""


@dataclass(frozen=True, eq=False)
class _View:
    """An image's ink (H, W) without the share ``left_out``, described in every reading, turned by ``turn`` degrees.

    glance: what the recognition network said of this view's paper; None: it is to look itself.
    """

    ink: Float[Tensor, "H W"]
    shapes: list[InkShape]
    turn: float = 0.0
    left_out: float = 0.0
    glance: np.ndarray | None = None

    @property
    def key(self) -> tuple[float, bytes]:
        return self.turn, self.ink.numpy().tobytes()


@dataclass(frozen=True, eq=False)
class InkHypothesis:
    """One way to take an image, and what follows.

    view: with ink: (H, W), without what is left out; left_out: its share; turn: degrees that the ink was turned by
    before it was compared, from x (right) towards y (down). evidence: (k,) of the templates, nats. by_class:
    (classes,) as :meth:`InkModel.class_evidence`, what the recognition network adds, and the prior of turn and share.
    glance: (classes,) log-probabilities of the recognition network, 0 without one: of what is left, or, where it looks
    at the paper (``InkRecognition.frame``), of all of it under this turn.
    """

    view: _View
    evidence: np.ndarray
    by_class: np.ndarray
    glance: np.ndarray

    @property
    def ink(self) -> Float[Tensor, "H W"]:
        return self.view.ink

    @property
    def turn(self) -> float:
        return self.view.turn

    @property
    def left_out(self) -> float:
        return self.view.left_out

    @property
    def upright(self) -> InkShape:
        """The first reading, as it stands in the image."""
        shape = self.view.shapes[0]
        return shape.turned(-self.turn) if self.turn else shape


def explain(model: InkModel, ink: Float[Tensor, "n H W"]) -> list[list[InkHypothesis]]:
    """Every image as it is (first), turned by ``PosePrior.turns``, and without other ink (``OtherInk.rounds``)."""
    options = model.options
    views = [[_View(one, model.describe(one))] for one in ink.cpu()]
    found = _weigh(model, views)
    latest = _extend(model, found, [list(_turned(model, one)) for (one,) in views])
    for _ in range(options.other_ink.rounds):
        latest = _extend(
            model,
            found,
            [list(_without_other_ink(model, *pair)) for pair in zip(latest, found, strict=True)],
            from_all=False,
        )
    return found


def _turned(model: InkModel, view: _View) -> Iterator[_View]:
    """The view turned, where that promises to explain it better than it stands."""
    turns = model.options.pose.turns
    if turns:
        views = [view, *(_View(view.ink, [s.turned(turn) for s in view.shapes], turn) for turn in turns)]
        stack = stack_of([one.shapes[0] for one in views], model.options)
        coarse = model.readings[0].coarse_evidence(stack).max(1)
        yield from (one for one, promise in zip(views[1:], coarse[1:], strict=True) if promise > coarse[0])


def _extend(model, found, views, from_all: bool = True) -> list[list[InkHypothesis]]:
    """Weigh the views of each image and add them to what was found; the best, of all or of the new ones, to be changed
    further."""
    new = _weigh(model, views, model.options.other_ink.shortlist)
    for known, more in zip(found, new, strict=True):
        known += more
    best = found if from_all else new
    return [sorted(one, key=lambda h: -h.by_class.max())[: model.options.other_ink.beam] for one in best]


def _weigh(
    model: InkModel, views: Sequence[Sequence[_View]], shortlist: int | None = None
) -> list[list[InkHypothesis]]:
    """The evidence of each image's views."""
    flat = [view for one in views for view in one]
    if not flat:
        return [[] for _ in views]
    options, weighed = model.options, []
    for start in range(0, len(flat), AT_ONCE):
        some = flat[start : start + AT_ONCE]
        matched = model.match_shapes([view.shapes for view in some], shortlist)
        prior = [options.pose.log_turn(v.turn) + options.other_ink.log_prior(v.left_out) for v in some]
        by_class, glance = model.class_evidence(matched), _glances(model, some)
        by_class = pool(by_class, options.recognition.weight * glance)
        by_class = by_class + np.array(prior)[:, None]
        rows = zip(some, matched.evidence, by_class, glance, strict=True)
        weighed += [InkHypothesis(*one) for one in rows]
    in_order = iter(weighed)
    return [[next(in_order) for _ in one] for one in views]


def _glances(model: InkModel, views: Sequence[_View]) -> Float[np.ndarray, "n classes"]:
    """What the recognition network says of each; 0 without one."""
    found = np.zeros((len(views), len(model.classes)))
    if model.recognizer is None:
        return found
    new = [row for row, view in enumerate(views) if view.glance is None]
    if new:
        frame = model.options.recognition.frame
        looks = [look_at(views[row].ink, views[row].shapes[0], views[row].turn, frame) for row in new]
        found[new] = model.recognizer.log_posterior(torch.stack(looks))
    for row, view in enumerate(views):
        if view.glance is not None:
            found[row] = view.glance
    return found


def _without_other_ink(
    model: InkModel, hypotheses: Sequence[InkHypothesis], known: Sequence[InkHypothesis]
) -> Iterator[_View]:
    """Views that leave out more than the hypotheses do, by what their likeliest templates do not explain."""
    options, match_settings, first = model.options.other_ink, model.options.match, model.readings[0]
    at_paper = model.options.recognition.frame == "image"
    done = {one.view.key for one in known}
    for one in hypotheses:
        graph = skeleton_graph(one.ink, model.options.readings[0])
        likely = np.argsort(-one.by_class)[: options.classes]
        members = [model.members(model.classes[int(place)]) for place in likely]
        best = np.array([own[one.evidence[own].argmax()] for own in members])
        seen = stack_of(one.view.shapes[:1], model.options).seen
        pairs = np.stack([best, np.zeros_like(best)], 1)
        z, _ = match(first.stack, seen, pairs, match_settings, model.options.device)
        doubts = unexplained(first.stack, seen, pairs, z, match_settings)
        for dropped, share in pieces_left_out(graph, doubts, options):
            erased = erase(one.ink.numpy(), graph, dropped)
            if (erased >= max(model.options.readings)).sum() < LEAST_INK:
                continue
            ink, left_out = torch.from_numpy(erased), one.view.left_out
            if (one.turn, erased.tobytes()) not in done:
                done.add((one.turn, erased.tobytes()))
                try:
                    shapes = model.describe(ink)
                except ValueError:  # what is left is too thin for a skeleton
                    continue
                if one.turn:
                    shapes = [shape.turned(one.turn) for shape in shapes]
                glance = one.glance if at_paper else None  # who looks at the paper expects other ink
                yield _View(ink, shapes, one.turn, left_out + (1 - left_out) * share, glance)
