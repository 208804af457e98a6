"""log p(colour given backdrop): which pixels outside an object show what was behind the objects in training.

Colours seen around training objects make a histogram. Where a new picture stands before the same backdrop, a pixel
outside the object that does not look like it belongs to something in front, and says nothing of the object behind.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from numpy import ndarray
from scipy import ndimage
from torch import Tensor

_LOW = (0.0, -0.9, -0.9)  # of L, a, b, over 100
_HIGH = (1.0, 0.9, 0.9)
_BINS = (20, 36, 36)
_OTHER = 1e-2 / 26  # probability of a bin under anything else: ten times an even share of the bins
_MARGIN = 2  # pixels about a mask whose colours may be mixed
_LEAST = 0.1  # share of a picture's outside that must look like the backdrop for it to be the backdrop


@dataclass(frozen=True, eq=False)
class Backdrop:
    """Density of the colours behind training objects: probabilities of the bins of a histogram in Lab / 100."""

    histogram: Float[Tensor, "l a b"]

    def probability(self, lab: Float[ndarray, "*s 3"]) -> Float[ndarray, "*s"]:
        """Probability that each colour (Lab / 100) is of the backdrop rather than of anything else, even before."""
        density = self.histogram.double().numpy().ravel()[_bins(lab)]
        return density / (density + _OTHER)

    def ground(self, lab: Float[ndarray, "H W 3"], mask: Bool[ndarray, "H W"]) -> Float[ndarray, "H W"]:
        """Share of each pixel that is known to be background.

        Where the backdrop is recognised around the mask, this is what looks like it; where it is not, the picture
        stands before something else, and all that is outside the mask is background.
        """
        outside = ~mask
        share = np.where(outside, self.probability(lab), 0.0)
        if outside.any() and share[outside].mean() >= _LEAST:
            return share
        return outside.astype(np.float64)


def learn_backdrop(
    labs: Float[ndarray, "n H W 3"], masks: Bool[ndarray, "n H W"], most: int = 200
) -> Backdrop | None:
    """The backdrop of training pictures, from their colours (Lab / 100) away from the masks.

    Args:
        most: pictures that are looked at, evenly spaced.

    Returns:
        None where masks leave nothing to look at.
    """
    counts = np.zeros(int(np.prod(_BINS)))
    for n in range(0, len(labs), -(-len(labs) // most)):
        away = ~np.asarray(ndimage.binary_dilation(masks[n], iterations=_MARGIN), dtype=bool)
        counts += np.bincount(_bins(labs[n][away]), minlength=len(counts))
    if not counts.sum():
        return None
    smooth = ndimage.gaussian_filter(counts.reshape(_BINS), 1.0)
    return Backdrop(torch.from_numpy((smooth / smooth.sum()).astype(np.float32)))


def _bins(lab: Float[ndarray, "*s 3"]) -> ndarray:
    low, high = np.array(_LOW), np.array(_HIGH)
    place = ((lab - low) / (high - low) * np.array(_BINS)).astype(np.int64)
    place = np.clip(place, 0, np.array(_BINS) - 1)
    return (place[..., 0] * _BINS[1] + place[..., 1]) * _BINS[2] + place[..., 2]
