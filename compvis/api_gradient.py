"""How the grammar's evidence of ink changes with the pixels: gradients through what it draws, for attacks on it.

The evidence is weighed on a skeleton, through which no gradient passes, and a model is not robust because its
gradients are of no use: where a step has no useful derivative, an attack takes that of a function like it (Athalye,
Carlini and Wagner, "Obfuscated Gradients", ICML 2018, section 4.1). What is like the evidence of a class is log
p(pixels | rendering of the class's parse), normal without outliers, so that a pixel that is all wrong has a slope, too,
with the parse held fixed where the matcher puts it. It need not be the worst direction: accuracy under attacks by it
is an upper bound.
"""

import numpy as np
import torch
from jaxtyping import Float
from scipy.special import logsumexp
from torch import Tensor

from compvis.api_parse import best_template
from compvis.learning.ink_hypotheses import InkHypothesis, explain
from compvis.learning.ink_model import InkModel
from compvis.likelihood.ink import InkLikelihood
from compvis.parsing.ink_image import to_ink
from compvis.parsing.ink_look import look_at
from compvis.parsing.parser import draw_proposal
from compvis.render.ink import InkRenderer

LIKELY = 3
"""Classes whose rendering has a gradient, the likeliest ones: others do not decide an answer."""


def ink_logits(model: InkModel, images: Float[Tensor, "n H W"]) -> Float[Tensor, "n c"]:
    """The log evidence of grey images, with the gradient of the :data:`LIKELY` classes' renderings.

    A pixel counts as a point does in the evidence (``temperature``), so that where strokes differ the renderings decide
    the sign of the sum and elsewhere the recognition network, where there is one. Gradients pass the clipping of grey
    values to ink as if there were none.
    """
    ink = _unclipped(images)
    found = explain(model, ink.detach())
    return torch.stack([_logits_of_one(model, *one) for one in zip(ink, found, strict=True)])


def _unclipped(images: Float[Tensor, "n H W"]) -> Float[Tensor, "n H W"]:
    """Ink, with a gradient of the sign of the pictures' polarity everywhere."""
    with torch.no_grad():
        ink = to_ink(images)
        polarity = (ink * (images - images.mean((1, 2), keepdim=True))).sum((1, 2), keepdim=True).sign()
    return ink + polarity * (images - images.detach())


def _logits_of_one(
    model: InkModel, ink: Float[Tensor, "H W"], hypotheses: list[InkHypothesis]
) -> Float[Tensor, " c"]:
    options = model.options
    evidence = np.asarray(logsumexp([one.by_class for one in hypotheses], axis=0))
    slope = [ink.new_zeros(())] * len(evidence)
    for place in np.argsort(-evidence, kind="stable")[:LIKELY].tolist():
        chosen, best = best_template(model, place, hypotheses)
        drawn = draw_proposal(chosen.upright, *best, options.match, InkRenderer())
        squared = (_kept(ink, chosen) - drawn).square().sum()
        slope[place] = -squared / (2 * InkLikelihood().noise ** 2 * options.temperature)
    surrogate = torch.stack(slope)
    if model.recognizer is not None:
        first = max(hypotheses, key=lambda one: one.by_class.max())
        if options.recognition.frame == "image":  # it looked at all of the paper
            first = next(one for one in hypotheses if one.turn == first.turn and not one.left_out)
        look = look_at(_kept(ink, first), first.view.shapes[0], first.turn, options.recognition.frame)
        surrogate = surrogate + options.recognition.weight * model.recognizer.opinion(look[None])[0].cpu()
    return torch.from_numpy(evidence) + (surrogate - surrogate.detach()).double()


def _kept(ink: Float[Tensor, "H W"], hypothesis: InkHypothesis) -> Float[Tensor, "H W"]:
    """The ink that a hypothesis does not leave out."""
    return ink * (hypothesis.ink == ink.detach())
