"""HOG of photograph and outline, mean colours, and a support vector machine."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from compvis.baselines.hog import describe_hog
from compvis.baselines.hog_svm import HOGSVMClassifier
from compvis.baselines.photo_augmentation import PHOTO, PhotoDeformation
from compvis.baselines.photo_contract import AugmentedPhotoBaseline
from compvis.baselines.photo_description import describe_photographs


@dataclass(kw_only=True, eq=False)
class PhotoHOGSVMClassifier(AugmentedPhotoBaseline, HOGSVMClassifier):
    """`HOGSVMClassifier` on three descriptions side by side: texture, outline, colour.

    Texture is the HOG of the brightness, with everything outside the mask at the object's mean, so that the
    outline casts no votes there; outline is the HOG of the mask (only with masks, and weighted); colour is the
    mean colour of the object in each cell of a coarse grid, by how much of the object lies there.
    Other arguments are those of `HOGSVMClassifier` and of `AugmentedPhotoBaseline`.

    Args:
        outline: weight of the outline's HOG.
        colour: weight of the mean colours.
        colour_cells: the grid has colour_cells x colour_cells cells.
    """

    cells: Sequence[int] = (8, 16)
    c: float = 10.0
    gamma: float = 1.0
    copies: int = 6
    most: int = 2000
    augmentation: PhotoDeformation = PHOTO
    outline: float = 2.0
    colour: float = 1.0
    colour_cells: int = 2

    def _describe(self, images: Float[Tensor, "n 4 S S"]) -> Float[Tensor, "n d"]:
        return torch.cat([self._describe_part(part) for part in images.split(256)])

    def _describe_part(self, images: Tensor) -> Tensor:
        outline = self.outline if self._looks_at_masks else None
        seen = self._look(images)
        return describe_photographs(seen, self._describe_edges, outline, self.colour, self.colour_cells)

    def _describe_edges(self, planes: Tensor) -> Tensor:
        return describe_hog(planes, tuple(self.cells), self.bins, self.signed, self.blur)
