"""Templates as they are read at one ink threshold, and the evidence that they give for images read the same way."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from compvis.learning.ink_options import InkOptions
from compvis.parsing.evidence import background_evidence, power_mean, two_way_evidence
from compvis.parsing.ink_shape import InkShape, shape_stack
from compvis.parsing.match import ShapeStack, match


class InkReading:
    """k >= 2 described images, prepared as templates.

    Args:
        shapes: all read at one ink threshold.
        options: see :class:`InkOptions`.
    """

    def __init__(self, shapes: Sequence[InkShape], options: InkOptions) -> None:
        self.shapes, self.options = list(shapes), options
        self.stack = stack_of(self.shapes, options)
        self.coarse = self.stack.coarse(options.coarse_every, options.coarse_modes)
        self.poses = np.stack([shape.pose for shape in self.shapes])
        self.background = background_evidence(
            self.stack,
            options.match.upright(),
            options.background,
            options.background_temperature,
            options.seed,
            options.device,
        )

    def coarse_evidence(self, images: ShapeStack) -> np.ndarray:
        """Forward evidence of every image and template at a fraction of the cost, (n, k)."""
        options, n, k = self.options, len(images), len(self.shapes)
        settings = replace(options.match.upright(), steps=options.coarse_steps, modes=options.coarse_modes)
        seen = np.ascontiguousarray(images.seen[:, :, :: options.coarse_every])
        pairs = np.stack([np.tile(np.arange(k), n), np.repeat(np.arange(n), k)], 1)
        return match(self.coarse, seen, pairs, settings, options.device)[1].reshape(n, k)

    def evidence(
        self,
        images: Sequence[InkShape],
        stack: ShapeStack,
        keep: np.ndarray,
        others: np.ndarray | None = None,
    ) -> np.ndarray:
        """Two-way evidence, place and size included, of the pairs in ``keep`` (n, k); -inf elsewhere; nats.

        Annealing starts from turned templates, too, for the ``second_look`` best of every image. log p(image) is a
        mean over the templates in ``keep``, or over so many ``others`` (n,) of which all but these count for nothing.
        """
        options = self.options
        row, template = np.nonzero(keep)
        forward, backward = self._both_ways(stack, row, template, options.match.turns[:1])
        temperature = options.background_temperature
        of_image = np.array([power_mean(forward[row == i], temperature) for i in range(len(images))])
        if others is not None:
            of_image += temperature * np.log(keep.sum(1) / others)
        found = two_way_evidence(forward, backward, of_image[row], self.background[template])
        if len(options.match.turns) > 1:
            again = _best_of_rows(found, row, options.second_look)
            turned = self._both_ways(stack, row[again], template[again], options.match.turns[1:])
            forward[again] = np.maximum(forward[again], turned[0])
            backward[again] = np.maximum(backward[again], turned[1])
            found = two_way_evidence(forward, backward, of_image[row], self.background[template])
        evidence = np.full(keep.shape, -np.inf)
        evidence[row, template] = found
        poses = np.stack([shape.pose for shape in images])
        return evidence + options.pose.log_prob(poses[:, None], self.poses)

    def _both_ways(self, images: ShapeStack, row, template, turns) -> tuple[np.ndarray, np.ndarray]:
        settings, device = replace(self.options.match, turns=turns), self.options.device
        _, forward = match(self.stack, images.seen, np.stack([template, row], 1), settings, device)
        _, backward = match(images, self.stack.seen, np.stack([row, template], 1), settings, device)
        return forward, backward


def stack_of(shapes: Sequence[InkShape], options: InkOptions) -> ShapeStack:
    """The matcher's arrays of described images."""
    return ShapeStack.join([shape_stack(shape, options.match) for shape in shapes])


def _best_of_rows(values: np.ndarray, row: np.ndarray, most: int) -> np.ndarray:
    """Places of the ``most`` largest values of every row."""
    order = np.lexsort((-values, row))
    starts = np.searchsorted(row[order], row[order])
    return order[np.arange(len(order)) - starts < most]
