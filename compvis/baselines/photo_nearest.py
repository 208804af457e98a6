"""Nearest neighbour of photographs: masked colours and outline, with small shifts."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from compvis.baselines.nearest import PixelNearestClassifier
from compvis.baselines.photo_contract import PhotoBaseline


@dataclass(kw_only=True, eq=False)
class PhotoNearestClassifier(PhotoBaseline, PixelNearestClassifier):
    """`PixelNearestClassifier` on colours about the middle grey, which is what lies outside the mask.

    With masking="channel" the mask is compared besides. Other arguments are those of `PixelNearestClassifier`
    and of `PhotoBaseline`.

    Args:
        outline: weight of the mask beside the colours.
    """

    size: int = 32
    frame: str = "object"
    neighbours: int = 1
    blur: float = 0.4
    shift: int = 1
    unit: bool = False
    outline: float = 1.9

    def _fit(self, images: Float[Tensor, "n 4 S S"], targets: Int64[Tensor, "n"]) -> None:
        super()._fit(self._cut_out(images), targets)

    def _scores(self, images: Float[Tensor, "n 4 S S"]) -> Float[Tensor, "n C"]:
        return super()._scores(self._cut_out(images))

    def _cut_out(self, images: Tensor) -> Tensor:
        seen = self._look(images)
        colour, cover = seen[:, :3] - 0.5, seen[:, 3:]
        outline = self._looks_at_masks and self.masking == "channel"
        return torch.cat([colour * cover, self.outline * cover], 1) if outline else colour * cover
