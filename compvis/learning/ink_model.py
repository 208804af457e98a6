"""Learn an ink grammar from images of each class, and weigh new images by its evidence."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from scipy.special import logsumexp
from torch import Tensor

from compvis.grammar.deformation import DeformationPrior
from compvis.grammar.ink import InkGrammar
from compvis.learning.ink_hypotheses import explain
from compvis.learning.ink_options import InkOptions
from compvis.learning.ink_prior import learn_prior, with_prior
from compvis.learning.ink_reading import InkReading, stack_of
from compvis.learning.ink_recognition import draw_ink_lesson, ink_sight
from compvis.learning.recognition import Recognizer, teach
from compvis.parsing.ink_image import to_ink
from compvis.parsing.ink_look import SIDE, look_at
from compvis.parsing.ink_shape import InkShape, describe

GREY = 0.01
"""Values farther than this from paper and from full ink are grey."""


@dataclass(frozen=True, eq=False)
class MatchedImages:
    """Images against templates: evidence (n, k), nats, -inf where the shortlist left a pair out; and the images as
    the first reading has them."""

    evidence: np.ndarray
    shapes: list[InkShape]


class InkModel:
    """Templates with labels, ready to weigh images.

    Args:
        options: see :class:`InkOptions`.
    """

    def __init__(self, options: InkOptions | None = None) -> None:
        self.options = options or InkOptions()
        self.described: list[list[InkShape]] = [[] for _ in self.options.readings]
        self.labels = np.zeros(0, dtype=np.int64)
        self.classes = np.zeros(0, dtype=np.int64)
        self.names: tuple[str, ...] = ()
        self.looks = torch.zeros(0, SIDE, SIDE)
        self.recognizer: Recognizer | None = None

    def learn(self, images: Float[Tensor, "n H W"], labels: np.ndarray, progress=None) -> "InkModel":
        """Add one template an image and learn the deformation prior anew; equal to learning all images at once.

        Args:
            images: grey values in [0, 1], either polarity.
            labels: (n,) integers.
            progress: called with the number of images described so far.
        """
        options = self.options
        described, looks = [list(shapes) for shapes in self.described], list(self.looks)
        for i, one in enumerate(to_ink(images)):
            for shapes, shape in zip(described, self._describe(one, options.prior), strict=True):
                shapes.append(shape)
            if options.recognition.steps:
                looks.append(look_at(one, described[0][-1], frame=options.recognition.frame))
            if progress is not None:
                progress(i + 1)
        labels = np.concatenate([self.labels, np.asarray(labels)])
        prior = learn_prior(
            described[0],
            labels,
            options.prior,
            options.match,
            options.prior_weight,
            options.seed,
            options.device,
        )
        known: dict[int, InkShape] = {}
        for one in (shape for shapes in described for shape in shapes):
            known[id(one)] = known.get(id(one)) or with_prior(one, prior)
        self.adopt([[known[id(one)] for one in shapes] for shapes in described], labels)
        if options.recognition.steps:
            self.looks = torch.stack(looks)
            targets = np.searchsorted(self.classes, labels)
            drawn = draw_ink_lesson(self.shapes, targets, options.recognition)
            seen = self.looks, torch.from_numpy(targets)
            self.recognizer = teach(
                drawn, seen, options.recognition, ink_sight(options.recognition), options.device
            )
        return self

    def adopt(self, described: Sequence[Sequence[InkShape]], labels: np.ndarray) -> "InkModel":
        """Make shapes the templates and prepare matching.

        Args:
            described: for each reading, the k >= 2 shapes of all images; their deformation prior is kept. Readings
                that hold the very shapes of the first one are not weighed a second time.
            labels: (k,) integers.
        """
        self.described = [list(shapes) for shapes in described]
        self.labels = np.asarray(labels, dtype=np.int64)
        self.classes = np.unique(self.labels)
        first, *others = self.described
        distinct = [
            shapes for shapes in others if any(a is not b for a, b in zip(first, shapes, strict=True))
        ]
        self.readings = [InkReading(shapes, self.options) for shapes in (first, *distinct)]
        return self

    @property
    def shapes(self) -> list[InkShape]:
        """The templates as the first reading has them."""
        return self.described[0]

    @property
    def prior(self) -> DeformationPrior:
        """The deformation prior that was learned."""
        return self.shapes[0].template.prior

    @property
    def grammar(self) -> InkGrammar:
        """The grammar: an Or-rule over classes, each an Or-rule over its templates, in the order of ``members``."""
        return self.grammar_of(0)

    def grammar_of(self, reading: int) -> InkGrammar:
        """The grammar with the templates of one of ``readings``."""
        shapes = self.readings[reading].shapes
        templates = [shapes[i].template for c in self.classes for i in self.members(c)]
        names = self.names or tuple(str(c) for c in self.classes)
        return InkGrammar.of(
            templates, [names[i] for i, c in enumerate(self.classes) for _ in self.members(c)]
        )

    def members(self, label: int | np.integer) -> np.ndarray:
        """Rows of the templates of a class."""
        return np.flatnonzero(self.labels == label)

    def match_images(self, ink: Float[Tensor, "n H W"]) -> MatchedImages:
        """Evidence of every image and template, mean over the readings.

        Args:
            ink: ink images (1 = ink).
        """
        return self.match_shapes([self.describe(one) for one in ink])

    def match_shapes(
        self, described: Sequence[Sequence[InkShape]], shortlist: int | None = None
    ) -> MatchedImages:
        """The same of n described images.

        Args:
            described: each image in every one of ``readings``.
            shortlist: templates matched in full, instead of those of the options; the evidence keeps its scale.
        """
        by_reading = list(zip(*described, strict=True))
        stacks = [stack_of(shapes, self.options) for shapes in by_reading]
        n, k, full = len(described), len(self.shapes), self.options.shortlist
        enough = k <= min(full, shortlist or full)
        coarse = np.zeros((n, k)) if enough else self.readings[0].coarse_evidence(stacks[0])
        keep, others = self._shortlist(coarse, full), None
        if shortlist is not None:
            keep, others = self._shortlist(coarse, shortlist), keep.sum(1)
        evidence = [
            reading.evidence(shapes, stack, keep, others)
            for reading, shapes, stack in zip(self.readings, by_reading, stacks, strict=True)
        ]
        return MatchedImages(np.mean(evidence, axis=0), list(by_reading[0]))

    def describe(self, ink: Float[Tensor, "H W"]) -> list[InkShape]:
        """An image in every one of ``readings``."""
        return self._describe(ink, self.prior)[: len(self.readings)]

    def _describe(self, ink, prior: DeformationPrior) -> list[InkShape]:
        """The image in every reading; one without grey says the same at every threshold and is read once."""
        points, readings = self.options.match.points, self.options.readings
        if bool(((ink < GREY) | (ink > 1 - GREY)).all()):
            return [describe(ink, prior, points, threshold=readings[0])] * len(readings)
        return [describe(ink, prior, points, threshold=one) for one in readings]

    def _shortlist(self, coarse: np.ndarray, length: int) -> np.ndarray:
        """Which templates deserve a full match with which image, (n, k) bool, by their coarse evidence (n, k)."""
        if coarse.shape[1] <= length:
            return np.ones(coarse.shape, dtype=bool)
        keep = coarse >= np.sort(coarse, axis=1)[:, -length][:, None]
        for label in self.classes:
            own = self.members(label)
            most = min(self.options.shortlist_a_class, len(own))
            keep[:, own] |= coarse[:, own] >= np.sort(coarse[:, own], axis=1)[:, -most][:, None]
        return keep

    def class_evidence(self, matched: MatchedImages) -> np.ndarray:
        """log p(image | class), (n, classes), nats: the Or-rule sums over a class's templates, equal weights.

        Points along one stroke err together, so that n of them are worth fewer independent observations. The
        evidence of each template is divided by ``temperature``: that many points count as one observation (a
        composite likelihood, Varin, Reid and Firth, Statistica Sinica 21, 2011). With it the sum over templates
        weighs more than the luckiest one, and class probabilities are calibrated.
        """
        columns = [
            logsumexp(matched.evidence[:, own] / self.options.temperature, axis=1) - np.log(len(own))
            for own in (self.members(label) for label in self.classes)
        ]
        return np.stack(columns, axis=1)

    def log_evidence(self, images: Float[Tensor, "n H W"], chunk: int = 32, progress=None) -> np.ndarray:
        """log p(image | class) of grey images of either polarity, (n, classes), nats; each image by itself.

        Where the paper may be turned, or ink may be of something else, it is summed over these hypotheses.
        """
        ink = to_ink(images)
        found = []
        for start in range(0, len(ink), chunk):
            for hypotheses in explain(self, ink[start : start + chunk]):
                found.append(logsumexp([one.by_class for one in hypotheses], axis=0))
            if progress is not None:
                progress(min(start + chunk, len(ink)))
        return np.stack(found)


def posterior(log_evidence: np.ndarray) -> np.ndarray:
    """Class probabilities (n, classes) under equal prior odds."""
    return np.exp(log_evidence - logsumexp(log_evidence, axis=1, keepdims=True))
