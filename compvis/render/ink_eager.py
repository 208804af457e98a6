"""Ink in plain torch: any device, any number of derivatives.

First find, without gradients and in tiles, the piece of curve that decides each pixel; then draw that piece
alone with gradients. The maximum passes its gradient to the winner only, so nothing is lost, and memory stays
that of a few images per hypothesis instead of one per piece of curve.
"""

from math import sqrt

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

# Elements of the largest temporary of the search: small enough for a CPU cache, large enough to fill a GPU.
_TILE_ELEMENTS = {"cpu": 2**19, "cuda": 2**26}
_TINY = 1e-20


def strip_coverage(
    distance: Float[Tensor, "*b"], width: Float[Tensor, "*#b"], softness: float
) -> Float[Tensor, "*b"]:
    """Blur (standard deviation ``softness``) of a strip ``width`` wide, at ``distance`` from its axis."""
    scale = 1 / (softness * sqrt(2))
    half = width / 2
    return 0.5 * (torch.erf((half - distance) * scale) + torch.erf((half + distance) * scale))


def _piece_distance_squared(start: Tensor, step: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Squared distance from (x, y) to the pieces start ... start + step; all broadcast together."""
    right, down = x - start[..., 0], y - start[..., 1]
    length_squared = (step * step).sum(-1).clamp_min(_TINY)
    along = ((right * step[..., 0] + down * step[..., 1]) / length_squared).clamp(0, 1)
    return (right - along * step[..., 0]).square() + (down - along * step[..., 1]).square()


@torch.no_grad()
def _find_winners(
    start: Tensor,
    step: Tensor,
    width: Tensor,
    darkness: Tensor,
    mask: Tensor,
    x: Tensor,
    y: Tensor,
    softness: float,
) -> tuple[Tensor, Tensor]:
    """Flat indices (h, H W) of the pieces deciding coverage and ink.

    ``start`` and ``step`` are (h, q, s, 2). A pixel without any drawn sub-stroke gets index 0, whose zero
    coverage the caller masks.
    """
    h, q, s, _ = start.shape
    best_coverage = start.new_zeros(h, x.numel())
    best_ink = start.new_zeros(h, x.numel())
    coverage_winner = torch.zeros(h, x.numel(), dtype=torch.long, device=start.device)
    ink_winner = torch.zeros_like(coverage_winner)
    for leaf in range(q):
        distance_squared, piece = _piece_distance_squared(
            start[:, leaf, :, None], step[:, leaf, :, None], x, y
        ).min(dim=1)
        coverage = (
            strip_coverage(distance_squared.sqrt(), width[:, leaf, None], softness) * mask[:, leaf, None]
        )
        ink = coverage * darkness[:, leaf, None]
        piece += leaf * s
        coverage_winner = torch.where(coverage > best_coverage, piece, coverage_winner)
        ink_winner = torch.where(ink > best_ink, piece, ink_winner)
        best_coverage = torch.maximum(coverage, best_coverage)
        best_ink = torch.maximum(ink, best_ink)
    return coverage_winner, ink_winner


def _take(values: Tensor, index: Tensor) -> Tensor:
    """``values`` (h, n) or (h, n, 2) at ``index`` (h, p)."""
    if values.ndim == 2:
        return values.gather(1, index)
    return values.gather(1, index[..., None].expand(-1, -1, values.shape[-1]))


def draw_eager(
    points: Float[Tensor, "h q p 2"],
    width: Float[Tensor, "h q"],
    darkness: Float[Tensor, "h q"],
    mask: Bool[Tensor, "h q"],
    size: tuple[int, int],
    softness: float,
    owner_threshold: float,
) -> tuple[Float[Tensor, "h H W"], Float[Tensor, "h H W"], Int[Tensor, "h H W"]]:
    """Coverage, ink and owner of polylines of ``p`` points; see :class:`compvis.render.ink.InkRenderer`."""
    h, q, p, _ = points.shape
    rows, columns = size
    if h == 0 or q == 0:
        blank = points.new_zeros(h, rows, columns) + points.sum() * 0
        return blank, blank, torch.full((h, rows, columns), -1, device=points.device)
    y, x = torch.meshgrid(
        torch.arange(rows, device=points.device, dtype=points.dtype) + 0.5,
        torch.arange(columns, device=points.device, dtype=points.dtype) + 0.5,
        indexing="ij",
    )
    x, y = x.reshape(-1), y.reshape(-1)
    start, step = points[:, :, :-1], points[:, :, 1:] - points[:, :, :-1]
    tile = max(1, _TILE_ELEMENTS.get(points.device.type, 2**24) // ((p - 1) * rows * columns))
    found = [
        _find_winners(start[t], step[t], width[t], darkness[t], mask[t], x, y, softness)
        for t in (slice(i, i + tile) for i in range(0, h, tile))
    ]
    start, step = start.flatten(1, 2), step.flatten(1, 2)

    def draw(winner: Tensor) -> Tensor:
        leaf = winner // (p - 1)
        squared = _piece_distance_squared(_take(start, winner), _take(step, winner), x, y)
        distance = squared.clamp_min(_TINY).sqrt()
        return strip_coverage(distance, _take(width, leaf), softness) * _take(mask, leaf)

    coverage_winner, ink_winner = (torch.cat(parts) for parts in zip(*found, strict=True))
    coverage = draw(coverage_winner)
    ink_owner = ink_winner // (p - 1)
    ink = draw(ink_winner) * _take(darkness, ink_owner)
    owner = torch.where((coverage >= owner_threshold) & (ink > 0), ink_owner, -1)
    return (
        coverage.view(h, rows, columns),
        ink.view(h, rows, columns),
        owner.view(h, rows, columns),
    )
