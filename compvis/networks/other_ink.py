"""Ink of other things among a batch's own: what a network must learn to overlook."""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Generator, Tensor

_WINDOW = (0.12, 0.37)  # half sides of what is cut out of another picture, in half sides of a picture
_REACH = (0.45, 0.75)  # how far from the middle it is cut, and laid
_SIZE = (0.8, 1.3)  # of what is laid, in its own


def lay_other_ink(
    images: Float[Tensor, "n S S"], share: float, pieces: int, generator: Generator
) -> Float[Tensor, "n S S"]:
    """Pictures of ink (0 = paper) with pieces of each other in them.

    Args:
        share: of the pictures that get one or more.
        pieces: most in one.
        generator: on the pictures' device.
    """
    n, side, device, dtype = len(images), images.shape[-1], images.device, images.dtype

    def draw(*columns: int) -> Tensor:
        return torch.rand(n, *columns, generator=generator, device=device, dtype=dtype)

    line = (torch.arange(side, device=device, dtype=dtype) + 0.5) / side * 2 - 1
    count = torch.where(draw() < share, (draw() * pieces).floor() + 1, 0.0)
    laid = images
    for k in range(pieces):
        other = images[torch.randperm(n, generator=generator, device=device)]
        cut, half = (2 * draw(2) - 1) * _REACH[0], _WINDOW[0] + (_WINDOW[1] - _WINDOW[0]) * draw(2)
        across, down = ((line - cut[:, i, None]).abs() < half[:, i, None] for i in (0, 1))
        window = down[:, :, None] & across[:, None, :]
        angle, size = 2 * math.pi * draw(), _SIZE[0] + (_SIZE[1] - _SIZE[0]) * draw()
        to = (2 * draw(2) - 1) * _REACH[1]
        cos, sin = angle.cos() / size, angle.sin() / size
        turn = torch.stack([cos, -sin, sin, cos], 1).view(n, 2, 2)
        start = cut - torch.einsum("nij,nj->ni", turn, to)
        piece = resample(other * window, torch.cat([turn, start[:, :, None]], 2))
        laid = torch.where((count > k)[:, None, None], torch.maximum(laid, piece), laid)
    return laid


def resample(images: Float[Tensor, "n S S"], pose: Float[Tensor, "n 2 3"]) -> Float[Tensor, "n S S"]:
    """Each picture at affinely moved places, in half sides; paper comes in."""
    grid = F.affine_grid(pose, [len(images), 1, *images.shape[1:]], align_corners=False)
    return F.grid_sample(images[:, None], grid, align_corners=False)[:, 0]
