"""From pictures of any size and polarity to the square ink images that the baselines work on."""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from compvis.data.check import InputError

FRAMES = ("image", "ink")
# Half the side of the "ink" frame in units of the ink's rms radius. MNIST's own framing has about 2.3 for
# its median digit; letters with long strokes need the margin.
_HALF_SIDE = 2.4
_NO_INK = 1e-3
_PART = 256  # pictures resampled at once, which bounds the memory


def frame_ink(images: Float[Tensor, "n H W"], size: int, frame: str = "image") -> Float[Tensor, "n S S"]:
    """Return ink images (1 = ink, 0 = paper) of `size` x `size` pixels.

    The paper's grey value is the median of the picture's border, so dark-on-light and light-on-dark look the
    same afterwards; the strongest ink becomes 1. A picture without ink becomes all zero.

    Args:
        images: grey values in [0, 1].
        size: side of the result in pixels.
        frame: "image" puts the picture, padded to a square with paper, into the result; "ink" centres the
            ink's centre of mass and scales its rms radius to 1 / 2.4 of half the side.

    Raises:
        InputError: an unknown frame or a size below 4.
    """
    if frame not in FRAMES:
        raise InputError(f"Unknown frame {frame!r}: choose one of {', '.join(FRAMES)}.")
    if size < 4:
        raise InputError(f"A working size of {size} pixels is too small: give at least 4.")
    return torch.cat([_frame_part(part, size, frame) for part in images.split(_PART)])


def _frame_part(images: Tensor, size: int, frame: str) -> Tensor:
    ink = _extract_ink(images)
    height, width = ink.shape[1:]
    if frame == "ink":
        return resample(ink[:, None], *_find_frame(ink), size)[:, 0]
    if height == width == size:
        return ink
    centre = ink.new_tensor([width / 2, height / 2]).expand(len(ink), 2)
    half = ink.new_full((len(ink),), max(height, width) / 2)
    return resample(ink[:, None], centre, half, size)[:, 0]


def _extract_ink(images: Tensor) -> Tensor:
    border = torch.cat([images[:, 0], images[:, -1], images[:, :, 0], images[:, :, -1]], 1)
    ink = (images - border.median(1).values[:, None, None]).abs()
    strongest = ink.amax((1, 2), keepdim=True)
    return torch.where(strongest > _NO_INK, ink / strongest.clamp(min=_NO_INK), torch.zeros_like(ink))


def _find_frame(ink: Tensor) -> tuple[Tensor, Tensor]:
    """The ink's centre (n, 2) in pixels and half the side (n,) of the square to look at."""
    height, width = ink.shape[1:]
    total = ink.sum((1, 2))
    empty = total < _NO_INK
    x = torch.arange(width, dtype=ink.dtype, device=ink.device) + 0.5
    y = torch.arange(height, dtype=ink.dtype, device=ink.device) + 0.5
    weight = ink / total.clamp(min=_NO_INK)[:, None, None]
    columns, rows = weight.sum(1), weight.sum(2)
    centre = torch.stack([columns @ x, rows @ y], 1)
    spread = columns @ x**2 + rows @ y**2 - centre.square().sum(1)
    half = _HALF_SIDE * spread.clamp(min=1.0).sqrt()
    middle = centre.new_tensor([width / 2, height / 2])
    return torch.where(empty[:, None], middle, centre), torch.where(empty, max(height, width) / 2, half)


def resample(
    images: Float[Tensor, "n c H W"],
    centre: Float[Tensor, "n 2"],
    half: Float[Tensor, "n"],
    size: int,
    beyond: str = "zeros",
) -> Float[Tensor, "n c S S"]:
    """Average the square of half-side `half` around `centre` into size x size pixels.

    Args:
        images: any channels.
        centre: x and y in pixels, the picture's upper left corner being the origin.
        half: in pixels.
        size: side of the result in pixels.
        beyond: what lies outside the picture: "zeros", or "border" for its edge continued.
    """
    height, width = images.shape[2:]
    # About as many samples as source pixels, so that thin strokes survive; the same for every picture.
    finer = max(1, min(8, math.ceil(max(height, width) / size)))
    side = size * finer
    steps = (torch.arange(side, dtype=images.dtype, device=images.device) + 0.5) / side * 2 - 1
    x = (centre[:, :1] + half[:, None] * steps) * (2 / width) - 1
    y = (centre[:, 1:] + half[:, None] * steps) * (2 / height) - 1
    grid = torch.stack([x[:, None, :].expand(-1, side, -1), y[:, :, None].expand(-1, -1, side)], -1)
    fine = F.grid_sample(images, grid, padding_mode=beyond, align_corners=False)
    return F.avg_pool2d(fine, finer) if finer > 1 else fine
