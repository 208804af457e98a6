"""The matcher in plain torch: the reference of the compiled loops, and the path on CUDA."""

import torch
from jaxtyping import Float
from torch import Tensor


def match_eager(
    rest: Float[Tensor, "p n 2"],
    tangent: Float[Tensor, "p n 2"],
    basis: Float[Tensor, "p n r"],
    slope: Float[Tensor, "p n r"],
    seen: Float[Tensor, "p 4 m"],
    schedule: Float[Tensor, " s"],
    options: Float[Tensor, " 6"],
) -> tuple[Float[Tensor, "p 2 r"], Float[Tensor, "p 3"]]:
    """Match ``p`` templates on ``p`` observations; the arguments are those of :func:`match_kernel.match_pairs`.

    Returns:
        z (p, 2, r) and the scores (p, 3): log-likelihood, squared norm of z, log det.
    """
    sharpness, slack, outlier, noise, area, concentration = options.unbind()
    r = basis.shape[-1]
    points, orientation = seen[:, :2].mT, seen[:, 2:]
    squared_length = tangent.square().sum(-1).clamp(min=1e-12)
    double = torch.stack(
        [tangent[..., 0].square() - tangent[..., 1].square(), 2 * tangent[..., 0] * tangent[..., 1]], -1
    )
    agreement = sharpness * (double / squared_length[..., None] @ orientation - 1)
    moved, z = rest, torch.zeros(len(rest), r, 2).to(rest)
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
    density = (1 - outlier) / (2 * torch.pi * noise**2 * concentration)
    share = stretch / stretch.sum(1, keepdim=True)
    kernel = (agreement - 0.5 * torch.cdist(moved, points).square() / noise**2).exp()
    mixture = density * (share[..., None] * kernel).sum(1) + outlier / area
    scores = torch.stack([mixture.log().sum(1), z.square().sum((1, 2)), log_det], 1)
    return z.mT, scores
