"""Checks of colour photographs and masks, and the square pictures that the baselines of photographs work on."""

from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from compvis.baselines.preparation import resample
from compvis.data.check import InputError, check_images

PHOTO_FRAMES = ("image", "object")
_MARGIN = 1.15  # side of the "object" frame over the larger side of the mask's box
_PART = 128  # pictures resampled at once, which bounds the memory


def check_photographs(images: Any) -> Float[Tensor, "n 3 H W"]:
    """Return the images as RGB float32 in [0, 1], on the device they came on; grey gets three equal channels.

    Args:
        images: as `compvis.data.check.check_images`.

    Raises:
        InputError: as `check_images`.
    """
    grey = check_images(images)
    if images.ndim == 3:
        return grey[:, None].repeat(1, 3, 1, 1)
    return torch.stack([check_images(images[..., channel]) for channel in range(3)], 1)


def check_masks(masks: Any, images: Float[Tensor, "n 3 H W"]) -> Bool[Tensor, "n H W"] | None:
    """Return the masks on the images' device; None stays None.

    Args:
        masks: (n, H, W) bool, numpy array or torch tensor, true on the object; or None.
        images: the checked images they belong to.

    Raises:
        InputError: another kind, dtype or shape. A mask without a single pixel is no error: the object is hidden.
    """
    if masks is None:
        return None
    tensor = torch.from_numpy(masks) if isinstance(masks, np.ndarray) else masks
    wanted = (len(images), *images.shape[2:])
    if not isinstance(tensor, Tensor) or tensor.dtype != torch.bool or tuple(tensor.shape) != wanted:
        given = (
            f"{tensor.dtype} {tuple(tensor.shape)}" if isinstance(tensor, Tensor) else type(masks).__name__
        )
        raise InputError(f"Masks must be one bool array or tensor of shape {wanted}, not {given}.")
    return tensor.to(images.device)


def check_viewpoints(viewpoints: Any, n: int) -> None:
    """Raise InputError unless `viewpoints` is None or n finite pairs (azimuth, elevation) in degrees."""
    if viewpoints is None:
        return
    values = np.asarray(viewpoints.cpu() if isinstance(viewpoints, Tensor) else viewpoints)
    if values.shape != (n, 2) or values.dtype.kind not in "iuf" or not np.isfinite(values).all():
        raise InputError(
            f"Viewpoints must be ({n}, 2) finite numbers, azimuth and elevation in degrees, "
            f"not {values.dtype} {values.shape}."
        )


def frame_photographs(
    images: Float[Tensor, "n 3 H W"], masks: Bool[Tensor, "n H W"] | None, size: int, frame: str = "image"
) -> Float[Tensor, "n 4 S S"]:
    """Return square pictures of `size` x `size` pixels: red, green, blue in [0, 1] and the mask's coverage.

    Args:
        images: colours in [0, 1].
        masks: true on the object; None makes the coverage one everywhere.
        size: side of the result in pixels.
        frame: "image" puts the picture, its edge continued to a square, into the result; "object" looks at
            the square about the mask's box with a margin (pictures with no mask or an empty one keep their
            own frame).

    Raises:
        InputError: an unknown frame or a size below 8.
    """
    if frame not in PHOTO_FRAMES:
        raise InputError(f"Unknown frame {frame!r}: choose one of {', '.join(PHOTO_FRAMES)}.")
    if size < 8:
        raise InputError(f"A working size of {size} pixels is too small for photographs: give at least 8.")
    height, width = images.shape[2:]
    centre = images.new_tensor([width / 2, height / 2]).repeat(len(images), 1)
    half = images.new_full((len(images),), max(height, width) / 2)
    if masks is not None and frame == "object":
        centre, half = _find_box(masks, centre, half)
    cover = images.new_ones(len(images), height, width) if masks is None else masks.to(images.dtype)
    beyond = "border" if masks is None else "zeros"
    parts = []
    for start in range(0, len(images), _PART):
        part = slice(start, start + _PART)
        colour = resample(images[part], centre[part], half[part], size, "border")
        parts.append(
            torch.cat([colour, resample(cover[part, None], centre[part], half[part], size, beyond)], 1)
        )
    return torch.cat(parts)


def _find_box(masks: Tensor, centre: Tensor, half: Tensor) -> tuple[Tensor, Tensor]:
    """Centres (n, 2) and half sides (n,) of the masks' boxes; those given where a mask is empty."""
    found_centre, found_half = centre.clone(), half.clone()
    for number, mask in enumerate(masks):
        rows, columns = mask.any(1).nonzero()[:, 0], mask.any(0).nonzero()[:, 0]
        if len(rows):
            left, right = float(columns[0]), float(columns[-1]) + 1
            top, bottom = float(rows[0]), float(rows[-1]) + 1
            found_centre[number] = centre.new_tensor([(left + right) / 2, (top + bottom) / 2])
            found_half[number] = max(_MARGIN * max(right - left, bottom - top) / 2, 2.0)
    return found_centre, found_half
