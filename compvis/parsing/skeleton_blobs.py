"""Dots: compact components of ink are marks, not strokes, and have no skeleton worth tracing."""

import numpy as np
from scipy.ndimage import binary_fill_holes, distance_transform_edt
from skimage.measure import label, regionprops

MOST_ELONGATED = 2.2
"""A component whose longer side is below this many times its thickness is a dot."""

LEAST_FILLED = 0.75
"""A scribbled dot may leave pinholes; a ring that leaves more than a quarter open is a ring."""

MOST_EXTENT = 0.2
"""A dot's longer side is below this share of the image's."""


def collapse_dots(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Replace every compact component by one pixel at its centre.

    Args:
        mask: (H, W) bool, ink.

    Returns:
        The mask to be thinned, and the ink with the pinholes of its dots filled (for measuring widths).
    """
    thin, filled = mask.copy(), mask.copy()
    for component in regionprops(np.asarray(label(mask, connectivity=2))):
        (rows, columns), own = component.slice, component.image
        if max(own.shape) >= MOST_EXTENT * max(mask.shape):
            continue
        solid = np.asarray(binary_fill_holes(own))
        if own.sum() < LEAST_FILLED * solid.sum():
            continue
        distance = np.asarray(distance_transform_edt(np.pad(solid, 1)))
        thickness = max(2 * float(distance.max()) - 1, 1.0)
        if max(own.shape) >= MOST_ELONGATED * thickness:
            continue
        filled[rows, columns] |= solid
        thin[rows, columns] &= ~own
        centre = np.argwhere(solid).mean(0).round().astype(int)
        filled[rows, columns][tuple(centre)] = True
        thin[rows, columns][tuple(centre)] = True
    return thin, filled
