"""HOG features and a support vector machine, with deformed copies of the training pictures."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from compvis.baselines.hog import describe_hog
from compvis.baselines.kernel_machine import KernelMachine


@dataclass(kw_only=True, eq=False)
class HOGSVMClassifier(KernelMachine):
    """`KernelMachine` on HOG features (Dalal & Triggs 2005). Other arguments are those of `KernelMachine`.

    Args:
        cells: sides of the HOG cells in pixels; all sizes are joined.
        bins: orientation bins.
        signed: HOG over 360 degrees.
        blur: Gaussian blur before the gradients, in pixels.
    """

    cells: Sequence[int] = (3, 7)
    bins: int = 9
    signed: bool = True
    blur: float = 0.0

    def __post_init__(self) -> None:
        self.cells = tuple(self.cells)  # configuration files give lists

    def _describe(self, images: Float[Tensor, "n *c S S"]) -> Float[Tensor, "n d"]:
        parts = images.split(512)
        return torch.cat(
            [describe_hog(p, tuple(self.cells), self.bins, self.signed, self.blur) for p in parts]
        )
