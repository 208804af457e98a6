"""Learn an ink grammar from images of each class, and weigh new images by its evidence."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float
from scipy.special import logsumexp
from torch import Tensor

from compvis.grammar.deformation import DeformationPrior
from compvis.grammar.ink import InkGrammar
from compvis.parsing.evidence import PosePrior, background_evidence, power_mean, two_way_evidence
from compvis.parsing.ink_image import to_ink
from compvis.parsing.ink_shape import InkShape, describe, shape_stack
from compvis.parsing.match import MatchSettings, ShapeStack, match

HANDWRITING = DeformationPrior(
    linear=0.2,
    translation=0.2,
    warp=0.25,
    warp_length=0.8,
    warp_grid=8,
    stroke_translation=0.03,
    stroke_linear=0.03,
    offset=0.08,
)
"""Deformation of handwriting, chosen on one-shot runs of background alphabets and on validation digits."""


@dataclass(frozen=True)
class InkOptions:
    """Everything that can be set about the ink model.

    prior: deformation of every template. pose: its place and size. match: the matcher.
    shortlist: templates matched in full for an image, found by a coarse forward match of all; shortlist_a_class of
    every class are always among them. coarse_every, coarse_modes, coarse_steps: that match's share of points, its
    modes and annealing steps. background: other characters that estimate log p(image); background_temperature: of
    their power mean. temperature: points per independent observation, see :meth:`InkModel.class_evidence`.
    seed: of the background's draw.
    """

    prior: DeformationPrior = HANDWRITING
    pose: PosePrior = field(default_factory=PosePrior)
    match: MatchSettings = field(default_factory=MatchSettings)
    shortlist: int = 60
    shortlist_a_class: int = 2
    coarse_every: int = 2
    coarse_modes: int = 8
    coarse_steps: int = 3
    background: int = 64
    background_temperature: float = 15.0
    temperature: float = 8.0
    seed: int = 0
    device: str = "cpu"


@dataclass(frozen=True, eq=False)
class MatchedImages:
    """Images against templates: evidence (n, k), nats, -inf where the shortlist left a pair out; and the images."""

    evidence: np.ndarray
    shapes: list[InkShape]


class InkModel:
    """Templates with labels, ready to weigh images.

    Args:
        options: see :class:`InkOptions`.
    """

    def __init__(self, options: InkOptions | None = None) -> None:
        self.options = options or InkOptions()
        self.shapes: list[InkShape] = []
        self.labels = np.zeros(0, dtype=np.int64)
        self.classes = np.zeros(0, dtype=np.int64)
        self.names: tuple[str, ...] = ()

    def learn(self, images: Float[Tensor, "n H W"], labels: np.ndarray, progress=None) -> "InkModel":
        """Add one template an image; earlier ones stay. Equal to learning all images at once.

        Args:
            images: grey values in [0, 1], either polarity.
            labels: (n,) integers.
            progress: called with the number of images described so far.
        """
        ink = to_ink(images)
        shapes = []
        for i, one in enumerate(ink):
            shapes.append(describe(one, self.options.prior, self.options.match.points))
            if progress is not None:
                progress(i + 1)
        return self.adopt([*self.shapes, *shapes], np.concatenate([self.labels, np.asarray(labels)]))

    def adopt(self, shapes: Sequence[InkShape], labels: np.ndarray) -> "InkModel":
        """Make these shapes the templates (k >= 2) and prepare matching."""
        options = self.options
        self.shapes, self.labels = list(shapes), np.asarray(labels, dtype=np.int64)
        self.classes = np.unique(self.labels)
        self.stack = ShapeStack.join([shape_stack(shape, options.match) for shape in self.shapes])
        self.coarse_stack = self.stack.coarse(options.coarse_every, options.coarse_modes)
        self.poses = np.stack([shape.pose for shape in self.shapes])
        self.background = background_evidence(
            self.stack,
            options.match,
            options.background,
            options.background_temperature,
            options.seed,
            options.device,
        )
        return self

    @property
    def grammar(self) -> InkGrammar:
        """The grammar: an Or-rule over classes, each an Or-rule over its templates, in the order of ``members``."""
        templates = [self.shapes[i].template for c in self.classes for i in self.members(c)]
        names = self.names or tuple(str(c) for c in self.classes)
        return InkGrammar.of(
            templates, [names[i] for i, c in enumerate(self.classes) for _ in self.members(c)]
        )

    def members(self, label: int | np.integer) -> np.ndarray:
        """Rows of the templates of a class."""
        return np.flatnonzero(self.labels == label)

    def match_images(self, ink: Float[Tensor, "n H W"]) -> MatchedImages:
        """Two-way evidence of every image and template, place and size included.

        Args:
            ink: ink images (1 = ink).
        """
        options = self.options
        shapes = [describe(one, options.prior, options.match.points) for one in ink]
        images = ShapeStack.join([shape_stack(shape, options.match) for shape in shapes])
        keep = self._shortlist(images)
        row, template = np.nonzero(keep)
        ahead, back = np.stack([template, row], 1), np.stack([row, template], 1)
        _, forward = match(self.stack, images.seen, ahead, options.match, options.device)
        _, backward = match(images, self.stack.seen, back, options.match, options.device)
        of_image = np.array(
            [power_mean(forward[row == i], options.background_temperature) for i in range(len(shapes))]
        )
        evidence = np.full(keep.shape, -np.inf)
        evidence[row, template] = two_way_evidence(
            forward, backward, of_image[row], self.background[template]
        )
        poses = np.stack([shape.pose for shape in shapes])
        evidence += options.pose.log_prob(poses[:, None], self.poses)
        return MatchedImages(evidence, shapes)

    def _shortlist(self, images: ShapeStack) -> np.ndarray:
        """Which templates deserve a full match with which image, (n, k) bool."""
        options, n, k = self.options, len(images), len(self.shapes)
        keep = np.ones((n, k), dtype=bool)
        if k <= options.shortlist:
            return keep
        settings = MatchSettings(
            **{**options.match.__dict__, "steps": options.coarse_steps, "modes": options.coarse_modes}
        )
        seen = np.ascontiguousarray(images.seen[:, :, :: options.coarse_every])
        pairs = np.stack([np.tile(np.arange(k), n), np.repeat(np.arange(n), k)], 1)
        _, coarse = match(self.coarse_stack, seen, pairs, settings, options.device)
        coarse = coarse.reshape(n, k)
        keep = coarse >= np.sort(coarse, axis=1)[:, -options.shortlist][:, None]
        for label in self.classes:
            own = self.members(label)
            most = min(options.shortlist_a_class, len(own))
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
        """log p(image | class) of grey images of either polarity, (n, classes), nats; each image by itself."""
        ink = to_ink(images)
        found = []
        for start in range(0, len(ink), chunk):
            found.append(self.class_evidence(self.match_images(ink[start : start + chunk])))
            if progress is not None:
                progress(min(start + chunk, len(ink)))
        return np.concatenate(found)


def posterior(log_evidence: np.ndarray) -> np.ndarray:
    """Class probabilities (n, classes) under equal prior odds."""
    return np.exp(log_evidence - logsumexp(log_evidence, axis=1, keepdims=True))
