"""The square pictures that the baselines of photographs work on."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from compvis.baselines.preparation import resample
from compvis.data.check import InputError

PHOTO_FRAMES = ("image", "object")
_MARGIN = 1.15  # side of the "object" frame over the larger side of the mask's box
_PART = 128  # pictures resampled at once, which bounds the memory


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
