"""Nearest neighbour under the image distortion model (Keysers, Deselaers, Gollan & Ney 2007)."""

from dataclasses import dataclass
from typing import ClassVar, no_type_check

import numba
import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from compvis.baselines.nearest import NearestNeighbour

_FAR = np.float32(3e38)  # finite: fast arithmetic may not tell infinities apart


@dataclass(kw_only=True, eq=False)
class DistortionNearestClassifier(NearestNeighbour):
    """Every pixel of the asked picture looks for its best match near the same place in the learned picture.

    Pixels are compared by the Sobel gradients of their surroundings (Keysers et al. 2007, section 4.1: image
    distortion model with local gradient context), which made this simple method one of the best on MNIST.
    The pictures are compared on the CPU. Other arguments are those of `NearestNeighbour`.

    Args:
        warp: how far a pixel may look, in pixels.
        context: radius of the surroundings that are compared, in pixels.
        shortlist: only this many learned pictures, the nearest by gradients without warp, are compared.
    """

    warp: int = 2
    context: int = 2
    shortlist: int = 200
    size: int = 24
    blur: float = 0.9
    neighbours: int = 2

    chunk: ClassVar[int] = 256

    def _prepare(self, images: Float[Tensor, "m S S"]) -> None:
        self._gradients = sobel_gradients(images)

    def _measure(self, images: Float[Tensor, "n S S"]) -> Float[Tensor, "n m"]:
        asked, learned = sobel_gradients(images), self._gradients.to(images.device)
        count = len(learned)
        rough = torch.cdist(_blurred(asked), _blurred(learned))
        near = rough.topk(min(self.shortlist, count), dim=1, largest=False).indices
        edge = self.warp + self.context
        costs = _match(
            _pad(asked, self.context),
            _pad(learned, edge),
            near.cpu().numpy(),
            self.warp,
            self.context,
        )
        distances = images.new_full((len(images), count), torch.inf)
        return distances.scatter_(1, near, torch.from_numpy(costs).to(images).clamp(min=0).sqrt())


def sobel_gradients(images: Float[Tensor, "n S S"]) -> Float[Tensor, "n 2 S S"]:
    """Horizontal and vertical Sobel gradients."""
    smooth, slope = images.new_tensor([0.25, 0.5, 0.25]), images.new_tensor([-0.5, 0.0, 0.5])
    kernels = torch.stack([smooth[:, None] * slope, slope[:, None] * smooth])[:, None]
    return F.conv2d(F.pad(images[:, None], (1, 1, 1, 1), mode="replicate"), kernels)


def _blurred(gradients: Tensor) -> Tensor:
    return F.avg_pool2d(gradients, 3, 1, 1).flatten(1)


def _pad(gradients: Tensor, edge: int) -> np.ndarray:
    """Replicate the edges: (n, 2, S + 2 edge, S + 2 edge)."""
    return F.pad(gradients, (edge,) * 4, mode="replicate").contiguous().cpu().numpy()


@numba.njit(cache=True, fastmath=True)
@no_type_check
def _match(asked, learned, near, warp, context):
    """Sum over pixels of the smallest squared difference of surroundings, for each listed pair.

    asked (n, 2, P, P) and learned (m, 2, P + 2 warp, P + 2 warp) are padded gradients, P = S + 2 context;
    near (n, k) lists the learned pictures to compare each asked one with; returns (n, k).
    """
    padded = asked.shape[2]
    side = padded - 2 * context
    span = 2 * context + 1
    costs = np.empty(near.shape, np.float32)
    difference = np.empty((padded, padded), np.float32)
    rows = np.empty((padded, side), np.float32)
    best = np.empty((side, side), np.float32)
    for i in range(near.shape[0]):
        a0, a1 = asked[i, 0], asked[i, 1]
        for k in range(near.shape[1]):
            b0, b1 = learned[near[i, k], 0], learned[near[i, k], 1]
            best[:] = _FAR
            for dy in range(2 * warp + 1):
                for dx in range(2 * warp + 1):
                    for y in range(padded):
                        for x in range(padded):
                            u = a0[y, x] - b0[y + dy, x + dx]
                            v = a1[y, x] - b1[y + dy, x + dx]
                            difference[y, x] = u * u + v * v
                    for y in range(padded):
                        for x in range(side):
                            rows[y, x] = difference[y, x]
                        for c in range(1, span):
                            for x in range(side):
                                rows[y, x] += difference[y, x + c]
                    for y in range(side):
                        for x in range(side):
                            total = rows[y, x]
                            for c in range(1, span):
                                total += rows[y + c, x]
                            best[y, x] = min(best[y, x], total)
            costs[i, k] = best.sum()
    return costs
