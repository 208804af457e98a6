"""Cutting objects out of photographs and laying them over others, without fringes of the old background."""

import numpy as np
from jaxtyping import Bool, Float64, Int, UInt8
from numpy import ndarray
from scipy import ndimage

from compvis.data.check import LUMA

_FEATHER = 0.6  # pixels: the softness of a camera's edge
_RIM = 2.0  # pixels near the outline whose colour may be mixed with the old background


def edge_colours(image: UInt8[ndarray, "H W 3"], mask: Bool[ndarray, "H W"]) -> UInt8[ndarray, "H W 3"]:
    """The image with the colours just inside the mask continued over its rim.

    Pixels on the outline mix object and background; laid over another background they would show a fringe.
    """
    inner = ndimage.binary_erosion(mask, iterations=1)
    if not inner.any():
        return image
    rows, columns = nearest_inside(inner)
    continued = image[rows, columns]
    distance = distance_to(inner)
    return np.where(((distance > 0) & (distance <= _RIM))[..., None], continued, image)


def soft_alpha(mask: Bool[ndarray, "H W"]) -> Float64[ndarray, "H W"]:
    """Opacity in [0, 1] that is above one half inside the mask, with an edge as soft as a photograph's."""
    return np.clip(ndimage.gaussian_filter(mask.astype(np.float64), _FEATHER), 0.0, 1.0)


def lay_over(
    below: UInt8[ndarray, "H W 3"], above: UInt8[ndarray, "H W 3"], alpha: Float64[ndarray, "H W"]
) -> UInt8[ndarray, "H W 3"]:
    """`above` with opacity `alpha` over `below`."""
    mixed = below + alpha[..., None] * (above.astype(np.float64) - below)
    return np.rint(mixed).astype(np.uint8)


def empty_scene(image: UInt8[ndarray, "H W *c"], mask: Bool[ndarray, "H W"]) -> UInt8[ndarray, "H W *c"]:
    """The picture without its object: pixels of the mask take smoothed colours of the nearest ones outside."""
    hidden = np.asarray(ndimage.binary_dilation(mask, iterations=2), dtype=bool)
    if hidden.all() or not hidden.any():
        return image
    rows, columns = nearest_inside(~hidden)
    filled = image[rows, columns].astype(np.float64)
    sigma = (3.0, 3.0) + (0.0,) * (image.ndim - 2)
    smooth = np.rint(ndimage.gaussian_filter(filled, sigma)).astype(np.uint8)
    return np.where(hidden.reshape(hidden.shape + (1,) * (image.ndim - 2)), smooth, image)


def distance_to(mask: Bool[ndarray, "H W"]) -> Float64[ndarray, "H W"]:
    """Pixels from each pixel's centre to the nearest of the mask, which must not be empty."""
    return np.asarray(ndimage.distance_transform_edt(~mask), dtype=np.float64)


def nearest_inside(mask: Bool[ndarray, "H W"]) -> tuple[Int[ndarray, "H W"], Int[ndarray, "H W"]]:
    """Row and column of the mask's pixel nearest to each pixel; the mask must not be empty."""
    indices = ndimage.distance_transform_edt(~mask, return_distances=False, return_indices=True)
    rows, columns = np.asarray(indices)
    return rows, columns


def luminance(image: UInt8[ndarray, "H W 3"]) -> Float64[ndarray, "H W"]:
    """Brightness in [0, 1] (ITU-R BT.601 weights, as `compvis.data.check`)."""
    return image @ np.array(LUMA) / 255.0
