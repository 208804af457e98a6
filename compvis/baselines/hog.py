"""Histograms of oriented gradients of whole batches (Dalal & Triggs 2005)."""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

_CLIP = 0.2  # Dalal & Triggs 2005, section 6.4: the "Hys" of L2-Hys


def describe_hog(
    images: Float[Tensor, "n S S"],
    cells: tuple[int, ...] = (4, 7),
    bins: int = 9,
    signed: bool = False,
    blur: float = 0.0,
) -> Float[Tensor, "n d"]:
    """Return HOG features, with trilinear votes and overlapping 2 x 2 blocks normalised by L2-Hys.

    Args:
        images: ink.
        cells: sides of the square cells in pixels; the features of all sizes are joined, each size scaled to
            unit norm so that none outweighs the others.
        bins: orientation bins.
        signed: tell an edge from its reverse (bins over 360 degrees instead of 180).
        blur: standard deviation of a Gaussian blur before the gradients, in pixels.
    """
    smooth = blur_images(images, blur)
    padded = F.pad(smooth[:, None], (1, 1, 1, 1), mode="replicate")[:, 0]
    dx = padded[:, 1:-1, 2:] - padded[:, 1:-1, :-2]
    dy = padded[:, 2:, 1:-1] - padded[:, :-2, 1:-1]
    period = 2 * math.pi if signed else math.pi
    place = (torch.atan2(dy, dx) % period) / period * bins
    distance = (place[:, None] - torch.arange(bins, device=images.device)[:, None, None]).abs()
    votes = (1 - torch.minimum(distance, bins - distance)).clamp(min=0) * (dx**2 + dy**2).sqrt()[:, None]
    return torch.cat([_normalise_blocks(_pool_cells(votes, cell)) for cell in cells], 1)


def blur_images(images: Float[Tensor, "n *c H W"], sigma: float) -> Float[Tensor, "n *c H W"]:
    """Gaussian blur with standard deviation `sigma` pixels; 0 returns the images unchanged."""
    if sigma <= 0:
        return images
    radius = max(1, math.ceil(3 * sigma))
    offsets = torch.arange(-radius, radius + 1, dtype=images.dtype, device=images.device)
    kernel = torch.exp(-0.5 * (offsets / sigma) ** 2)
    kernel = kernel / kernel.sum()
    planes = images.reshape(-1, 1, *images.shape[-2:])
    rows = F.conv2d(planes, kernel[None, None, :, None], padding=(radius, 0))
    return F.conv2d(rows, kernel[None, None, None, :], padding=(0, radius)).reshape(images.shape)


def _pool_cells(votes: Tensor, cell: int) -> Tensor:
    """Bilinear spatial votes: a tent filter two cells wide, sampled at the cells' centres."""
    bins, side = votes.shape[1], votes.shape[2]
    count = max(2, side // cell)
    centres = (torch.arange(count, dtype=votes.dtype, device=votes.device) + 0.5) * side / count
    pixels = torch.arange(side, dtype=votes.dtype, device=votes.device) + 0.5
    tent = (1 - (centres[:, None] - pixels).abs() * count / side).clamp(min=0)
    pooled = torch.einsum("cy,nbyx,dx->nbcd", tent, votes, tent)
    return pooled.reshape(len(votes), bins, count, count)


def _normalise_blocks(cells: Tensor) -> Tensor:
    blocks = F.unfold(cells, 2).transpose(1, 2)  # (n, blocks, 4 * bins)
    blocks = _unit(blocks, 0.1).clamp(max=_CLIP)
    return _unit(_unit(blocks, 0.1).flatten(1), 1e-6)


def _unit(vectors: Tensor, floor: float) -> Tensor:
    return vectors / (vectors.square().sum(-1, keepdim=True) + floor**2).sqrt()
