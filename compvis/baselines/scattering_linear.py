"""Scattering coefficients and a linear support vector machine."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from compvis.baselines.kernel_machine import KernelMachine
from compvis.baselines.photo_augmentation import PHOTO, PhotoDeformation
from compvis.baselines.photo_contract import AugmentedPhotoBaseline
from compvis.baselines.photo_description import describe_photographs
from compvis.baselines.scattering import scatter


@dataclass(kw_only=True, eq=False)
class ScatteringClassifier(KernelMachine):
    """`KernelMachine`, linear, on the logarithms of scattering coefficients (Bruna & Mallat 2013, section 4.1).

    The invariant description that needs no learning, which small-data comparisons must beat. Other arguments are
    those of `KernelMachine`.

    Args:
        scales: averages are over 2^scales pixels.
        orientations: of the wavelets, over half a turn.
    """

    kernel: str = "linear"
    c: float = 10.0
    copies: int = 10
    most: int = 3000
    scales: int = 2
    orientations: int = 6

    def _describe(self, images: Float[Tensor, "n *c S S"]) -> Float[Tensor, "n d"]:
        return torch.cat([self._describe_part(part) for part in images.split(128)])

    def _describe_part(self, images: Tensor) -> Tensor:
        return self._coefficients_of(images)

    def _coefficients_of(self, planes: Float[Tensor, "n S S"]) -> Float[Tensor, "n d"]:
        """Logarithms: multiplicative changes become additive, and weak coefficients count."""
        found = scatter(planes, self.scales, self.orientations)
        return torch.log(found.clamp(min=0) + 0.01).flatten(1)


@dataclass(kw_only=True, eq=False)
class PhotoScatteringClassifier(AugmentedPhotoBaseline, ScatteringClassifier):
    """`ScatteringClassifier` on brightness, outline (with masks) and mean colours of photographs.

    Other arguments are those of `ScatteringClassifier` and of `AugmentedPhotoBaseline`.

    Args:
        outline: weight of the outline's coefficients.
        colour: weight of the mean colours.
        colour_cells: the grid of means has colour_cells x colour_cells cells.
    """

    scales: int = 3
    copies: int = 6
    most: int = 2000
    augmentation: PhotoDeformation = PHOTO
    outline: float = 1.0
    colour: float = 4.0
    colour_cells: int = 2

    def _describe_part(self, images: Tensor) -> Tensor:
        outline = self.outline if self._looks_at_masks else None
        seen = self._look(images)
        return describe_photographs(seen, self._coefficients_of, outline, self.colour, self.colour_cells)
