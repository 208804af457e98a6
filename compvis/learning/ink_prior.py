"""Learn how far handwriting deforms, level by level, from images of the same class: empirical Bayes.

Every pair of images of a class is a sample of the deformation prior: the matcher finds the deformation that takes one
to the other. Expectation-maximisation then sets the standard deviations of the fields of
:class:`compvis.grammar.deformation.DeformationPrior` (whole character: linear, translation, warp; stroke; control
points) to what those deformations had, the posterior's uncertainty included (Bishop, Pattern Recognition and Machine
Learning, 2006, section 9.3.4). The given prior counts as some pairs of its own, so that a few images change it little.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from compvis.grammar.deformation import DeformationPrior, column_levels
from compvis.grammar.ink import deformation_basis
from compvis.parsing.ink_shape import InkShape, principal_modes, shape_stack
from compvis.parsing.match import MatchSettings, ShapeStack, match

MOST_PAIRS = 3000
STEPS = 3
BACKGROUND_CHARACTERS = 300
BACKGROUND_PICTURES = 3


def learn_prior(
    shapes: Sequence[InkShape],
    labels: np.ndarray,
    prior: DeformationPrior,
    settings: MatchSettings,
    weight: float,
    seed: int = 0,
    device: str = "cpu",
) -> DeformationPrior:
    """The prior with the standard deviations that the deformations within classes have.

    Args:
        shapes, labels: described images and their classes, (n,) integers.
        prior: where to start from, and what to return when no class has two images.
        weight: number of pairs that ``prior`` counts as; with infinity it is returned as it is.
        seed: of the draw of pairs, where there are more than ``MOST_PAIRS``.
    """
    pairs = _pairs_of_a_class(labels, seed)
    if not len(pairs) or math.isinf(weight):
        return prior
    learned = prior
    for _ in range(STEPS):
        moments = _second_moments([with_prior(one, learned) for one in shapes], pairs, settings, device)
        scales = {
            name: (getattr(learned, name) ** 2 * moment * len(pairs) + weight * getattr(prior, name) ** 2)
            / (len(pairs) + weight)
            for name, moment in moments.items()
        }
        learned = replace(learned, **{name: float(np.sqrt(variance)) for name, variance in scales.items()})
    return learned


def draw_background(labels: np.ndarray, seed: int) -> np.ndarray:
    """Rows of a few pictures each of some characters: enough to learn scales from, not every one of a large set."""
    generator = np.random.default_rng(seed)
    classes = generator.permutation(np.unique(labels))[:BACKGROUND_CHARACTERS]
    rows = [generator.permutation(np.flatnonzero(labels == one))[:BACKGROUND_PICTURES] for one in classes]
    return np.sort(np.concatenate(rows))


def with_prior(shape: InkShape, prior: DeformationPrior) -> InkShape:
    """The shape with another deformation prior of its template."""
    return replace(shape, template=shape.template.with_prior(prior))


def _pairs_of_a_class(labels: np.ndarray, seed: int) -> np.ndarray:
    """Rows (template, image) of different images of one class, (p, 2)."""
    same = labels[:, None] == labels
    np.fill_diagonal(same, False)
    pairs = np.argwhere(same)
    if len(pairs) > MOST_PAIRS:
        pairs = pairs[np.random.default_rng(seed).permutation(len(pairs))[:MOST_PAIRS]]
    return pairs


def _second_moments(shapes, pairs, settings: MatchSettings, device: str) -> dict[str, float]:
    """E[z^2] under the posterior, mean over pairs, coordinates and the columns of each level, by level.

    The posterior's covariance takes every point of the template to be seen once.
    """
    stack = ShapeStack.join([shape_stack(one, settings) for one in shapes])
    z, _ = match(stack, stack.seen, pairs, settings.upright(), device)
    total: dict[str, float] = {}
    count: dict[str, int] = {}
    for a in np.unique(pairs[:, 0]):
        shape, found = shapes[a], z[pairs[:, 0] == a]
        rotation = principal_modes(
            deformation_basis(shape.template, shape.on, shape.t), settings.modes
        ).numpy()
        seen_once = 1 / (1 + (stack.basis[a] ** 2).sum(0) / settings.noise**2)
        variance = 1 + ((seen_once - 1) * rotation**2).sum(1)
        moment = ((found @ rotation.T) ** 2).sum((0, 1)) + 2 * len(found) * variance
        levels = np.array(
            column_levels(shape.template.prior, shape.template.n_strokes, shape.template.n_substrokes)
        )
        for name in np.unique(levels).tolist():
            own = levels == name
            total[name] = total.get(name, 0.0) + float(moment[own].sum())
            count[name] = count.get(name, 0) + 2 * len(found) * int(own.sum())
    return {name: total[name] / count[name] for name in total}
