"""What the grammar makes of one image of ink, for users: the tree, its scores, what it draws, what it leaves out."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Bool, Float
from scipy.special import logsumexp
from torch import Tensor

from compvis.grammar.ink import InkGrammar
from compvis.inspection.html import parse_page
from compvis.learning.ink_hypotheses import InkHypothesis, explain
from compvis.learning.ink_model import InkModel
from compvis.parsing.ink_shape import InkShape
from compvis.parsing.parser import RefineSettings, parse_as
from compvis.tree import ParseTree


@dataclass(frozen=True, eq=False)
class Parse:
    """What the grammar makes of one image.

    Attributes:
        image: ink, (H, W), 1 = full ink.
        label: the class it is parsed as.
        log_evidence: log p(image | label), nats of independent observations (see ``GrammarClassifier.log_evidence``).
        tree: strokes and sub-strokes with their values; leaves carry control points in image pixels.
        scores: (address, name, nats) items of the refined tree's log joint: prior of every node, choices, pixels; and
            the prior of a turn and of ink left out, and what the recognition network says.
        rendering: what the tree draws, (H, W).
        turn: degrees by which the character was found turned, from x (right) towards y (down); small turns are its
            deformation.
        left_out: (H, W) bool, ink that is taken to be of something else.
        residual: image minus rendering.
        alternatives: the parses as other classes, best first (their own alternatives are empty).
    """

    image: Float[np.ndarray, "H W"]
    label: Any
    log_evidence: float
    tree: ParseTree
    scores: tuple[tuple[str, str, float], ...]
    rendering: Float[np.ndarray, "H W"]
    turn: float
    left_out: Bool[np.ndarray, "H W"]
    alternatives: tuple["Parse", ...] = ()

    @property
    def residual(self) -> Float[np.ndarray, "H W"]:
        """Image minus rendering: positive where ink is not explained, negative where ink was drawn in vain."""
        return self.image - self.rendering

    def to_html(self) -> str:
        """A self-contained page: pictures, strokes, the tree with its scores, the alternatives."""
        return parse_page(self)  # pyright: ignore[reportArgumentType] (the protocol is read-only in use)


def parse_ink(
    model: InkModel, names: np.ndarray, ink: Float[Tensor, "H W"], alternatives: int, settings: RefineSettings
) -> Parse:
    """Parse an ink image as its best class, and as others.

    Args:
        names: (classes,) what users call the model's classes.
        ink: 1 = ink.
        alternatives: number of other classes.
        settings: of the refinement.
    """
    (hypotheses,) = explain(model, ink[None])
    evidence = np.asarray(logsumexp([one.by_class for one in hypotheses], axis=0))
    likely = np.argsort(-evidence, kind="stable")[: alternatives + 1].tolist()
    parses = [
        _as_class(model, names[place].item(), place, float(evidence[place]), ink, hypotheses, settings)
        for place in likely
    ]
    return replace(parses[0], alternatives=tuple(parses[1:]))


def _as_class(model: InkModel, name, place: int, evidence: float, ink, hypotheses, settings) -> Parse:
    """The parse as the class at ``place``: under its best hypothesis, by its best template."""
    chosen, best = best_template(model, place, hypotheses)
    found = parse_as(chosen.ink, chosen.upright, *best, model.options.match, settings)
    return Parse(
        image=ink.numpy(),
        label=name,
        log_evidence=evidence,
        tree=found.tree,
        scores=(*found.scores, *_beside(model, chosen, place)),
        rendering=found.rendering.numpy(),
        turn=0.0 - chosen.turn,
        left_out=(chosen.ink != ink).numpy(),
    )


def best_template(
    model: InkModel, place: int, hypotheses: Sequence[InkHypothesis]
) -> tuple[InkHypothesis, tuple[InkGrammar, tuple[int, int], InkShape]]:
    """The hypothesis that says most for the class at ``place``, and its best template, turned with the paper: the
    grammar that holds it, its (class, template) there, and its description."""
    members, grammar = model.members(model.classes[place]), model.grammar
    chosen = max(hypotheses, key=lambda one: one.by_class[place])
    best = int(chosen.evidence[members].argmax())
    template = model.shapes[members[best]]
    if chosen.turn:
        template = template.turned(-chosen.turn)
        grammar = grammar.with_template(place, best, template.template)
    return chosen, (grammar, (place, best), template)


def _beside(model: InkModel, chosen: InkHypothesis, place: int) -> list[tuple[str, str, float]]:
    """Items of a parse's score for what is beside the tree: the paper's turn, ink of something else, the glance of the
    recognition network."""
    options, items = model.options, []
    if chosen.turn:
        turned = options.temperature * options.pose.log_turn(chosen.turn)
        items.append(("image", f"paper turned by {-chosen.turn:g} degrees", turned))
    if chosen.left_out:
        lost = options.temperature * options.other_ink.log_prior(chosen.left_out)
        items.append(("image", f"{chosen.left_out:.0%} of the ink left out", lost))
    if model.recognizer is not None:
        glance = options.temperature * options.recognition.weight * float(chosen.glance[place])
        items.append(("image", "recognition network", glance))
    return items
