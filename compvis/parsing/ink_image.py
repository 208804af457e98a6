"""From any picture of dark or light strokes to ink images: 1 = ink, 0 = paper."""

import torch
from jaxtyping import Float
from torch import Tensor

from compvis.data.check import InputError

MINIMUM_UNIT = 1.0
"""Least size of a character's frame, in pixels: a dot has no extent of its own to be measured by."""


class NoInkError(ValueError):
    """An image shows no ink: it is constant."""


def to_ink(images: Float[Tensor, "n H W"]) -> Float[Tensor, "n H W"]:
    """Turn grey images of either polarity into ink images with full contrast.

    Each image is cut at the middle of its range. The paper is the side that holds most of the border and of
    the whole image (shares added); its median becomes 0, and the 90th percentile of the other side, away from
    the paper, becomes 1. Each image is treated by itself.

    Args:
        images: grey values in [0, 1], dark on light or light on dark.

    Returns:
        float32 ink images in [0, 1], 1 = ink, on the same device.

    Raises:
        NoInkError: an image is constant; the message names its index.
        ValueError: values are NaN or outside [0, 1], or an image is smaller than 3 x 3.
    """
    n, height, width = images.shape
    if min(height, width) < 3:
        raise InputError(f"Images of {height} x {width} are too small; give images of at least 3 x 3 pixels.")
    images = images.to(torch.float32)
    if not bool(torch.isfinite(images).all()):
        raise ValueError("Images hold NaN or infinite values; remove them first.")
    if n and (float(images.amin()) < -1e-6 or float(images.amax()) > 1 + 1e-6):
        raise ValueError("Image values lie outside [0, 1]; scale them to [0, 1] first.")
    out = torch.empty_like(images)
    for i in range(n):
        out[i] = _one_to_ink(images[i], i)
    return out


def ink_frame(points: Float[Tensor, "m 2"]) -> tuple[Float[Tensor, "2"], float]:
    """Centre and unit of the canonical frame of a character, from points of its skeleton.

    Args:
        points: (m, 2) skeleton points in the image frame, in pixels, evenly spaced along the ink.

    Returns:
        The centroid (2,) in pixels and the unit in pixels: the root mean square distance of the points from
        the centroid, at least ``MINIMUM_UNIT``.

    Raises:
        ValueError: there is no point.
    """
    if points.shape[0] == 0:
        raise ValueError("A frame needs at least one skeleton point; the image has none.")
    centre = points.mean(0)
    unit = float(((points - centre) ** 2).sum(-1).mean().sqrt())
    return centre, max(unit, MINIMUM_UNIT)


def _one_to_ink(image: Tensor, index: int) -> Tensor:
    low, high = float(image.amin()), float(image.amax())
    if high - low < 0.02:
        raise NoInkError(f"Image {index} shows no ink (it is constant); give an image with visible strokes.")
    light = image > (low + high) / 2
    border = torch.cat([light[0], light[-1], light[1:-1, 0], light[1:-1, -1]])
    paper_is_light = float(border.float().mean()) + float(light.float().mean()) > 1.0
    dark = 1 - image if paper_is_light else image
    is_ink = ~light if paper_is_light else light
    paper = float(dark[~is_ink].median())
    full = float(torch.quantile(dark[is_ink], 0.9))
    return ((dark - paper) / (full - paper)).clamp(0, 1)
