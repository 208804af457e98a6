"""Which pictures of a category show objects that look alike."""

import numpy as np
import torch
from sklearn.cluster import AgglomerativeClustering

from compvis.parsing.solid_image import SolidViews

# Range of the bins of colours along L, a and b (Lab / 100), and the standard deviation of a bin.
_HISTOGRAM = ((0.1, 1.0), (-0.3, 0.5), (-0.3, 0.6))
_HISTOGRAM_WIDTH = 0.08


def group_pictures(seen: SolidViews, most: int, least: int) -> np.ndarray:
    """Group number of each picture, by Ward's clustering of the figures' colours.

    Objects of a category seldom have the same colours, while the views of one object nearly do. The colours are
    soft histograms in Lab, compared by Hellinger's distance. At most ``most`` groups, of ``least`` pictures or more
    on average; where objects look alike, they share a group.
    """
    count = max(1, min(most, len(seen) // least))
    if count == 1:
        return np.zeros(len(seen), np.int64)
    lines = [torch.linspace(low, high, 7) for low, high in _HISTOGRAM]
    bins = torch.stack(torch.meshgrid(*lines, indexing="ij"), -1).view(-1, 3)
    marginals = []
    for figure, colour in zip(seen.figure, seen.colour, strict=True):
        own = figure > 0.7 if (figure > 0.7).any() else figure >= figure.max()
        near = -torch.cdist(colour[own], bins).square() / (2 * _HISTOGRAM_WIDTH**2)
        marginals.append(near.softmax(1).mean(0).sqrt())
    return AgglomerativeClustering(count).fit_predict(torch.stack(marginals).numpy())
