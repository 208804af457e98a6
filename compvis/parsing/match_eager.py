"""The matcher in plain torch: the reference of the compiled loops, and the path on CUDA."""

import torch
from jaxtyping import Float
from torch import Tensor


def match_eager(
    rest: Float[Tensor, "p n 2"],
    tangent: Float[Tensor, "p n 2"],
    width: Float[Tensor, "p n"],
    basis: Float[Tensor, "p n r"],
    slope: Float[Tensor, "p n r"],
    seen: Float[Tensor, "p 5 m"],
    start: Float[Tensor, "2 2"],
    schedule: Float[Tensor, " s"],
    options: Float[Tensor, " 8"],
) -> tuple[Float[Tensor, "p 2 r"], Float[Tensor, "p 3"]]:
    """Match ``p`` templates on ``p`` observations from one start; else as :func:`match_kernel.match_pairs`.

    Returns:
        z (p, 2, r) and the scores (p, 3): log-likelihood, squared norm of z, log det.
    """
    sharpness, slack, outlier, noise, area, concentration, width_noise, width_spread = options.unbind()
    r = basis.shape[-1]
    points, orientation, seen_width = seen[:, :2].mT, seen[:, 2:4], seen[:, 4]
    squared_length = tangent.square().sum(-1).clamp(min=1e-12)
    double = torch.stack(
        [tangent[..., 0].square() - tangent[..., 1].square(), 2 * tangent[..., 0] * tangent[..., 1]], -1
    )
    agreement = sharpness * (double / squared_length[..., None] @ orientation - 1)
    moved, z = rest @ start.mT, torch.zeros(len(rest), r, 2).to(rest)
    log_det = rest.new_zeros(len(rest))
    identity = torch.eye(r).to(rest)
    for sigma in schedule:
        variance = sigma**2
        affinity = (agreement - 0.5 * torch.cdist(moved, points).square() / variance).exp()
        row = 0.5 / (affinity.sum(2, keepdim=True) + slack)
        column = 0.5 / (affinity.sum(1, keepdim=True) + slack)
        weights = affinity * (row + column)
        total = weights.sum(2, keepdim=True)
        right = basis.mT @ (weights @ points - total * rest)
        factor = torch.linalg.cholesky(basis.mT @ (total * basis) + variance * identity)
        z = torch.cholesky_solve(right, factor)
        log_det = 2 * factor.diagonal(dim1=1, dim2=2).log().sum(1) - r * variance.log()
        moved = rest + basis @ z
    stretch = (tangent + slope @ z).norm(dim=-1).clamp(min=0.05)
    stretch = torch.where(tangent.abs().sum(-1) > 0, stretch, torch.ones_like(stretch))
    density = (1 - outlier) / (2 * torch.pi * noise**2 * concentration * width_noise)
    off = (seen_width[:, None] - width[..., None]) / width_noise
    share = stretch / stretch.sum(1, keepdim=True)
    kernel = (agreement - 0.5 * torch.cdist(moved, points).square() / noise**2 - 0.5 * off.square()).exp()
    unexplained = outlier / (area * width_spread) * (-0.5 * (seen_width / width_spread).square()).exp()
    mixture = density * (share[..., None] * kernel).sum(1) + unexplained
    scores = torch.stack([mixture.log().sum(1), z.square().sum((1, 2)), log_det], 1)
    return z.mT, scores
