"""The same shape of another colour, or of another texture."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Bool, Float64
from numpy import ndarray
from scipy import ndimage

from compvis.data.backgrounds import Photographs
from compvis.data.check import InputError
from compvis.data.contract import LabelledImages
from compvis.data.shifts.compositing import luminance
from compvis.data.shifts.contract import Picture, Shift
from compvis.data.views import ObjectViews

_SHADING_BLUR = (
    0.03  # of the picture's side: coarser changes of brightness count as shading, finer as texture
)
_ALBEDO = 0.6  # of the brightest paint, so that lit places are not all clipped


@dataclass(frozen=True)
class Recolour(Shift):
    """Another paint: the object's colours move towards one random colour, its brightness pattern stays.

    `achieved` is the mean change of a colour channel over the object, channels being in [0, 1].

    Attributes:
        strength: in (0, 1], how far.
    """

    name: ClassVar[str] = "recolour"
    unit: ClassVar[str] = "share of the new colour (achieved: mean change of a channel on the object)"
    needs: ClassVar[str | None] = "views"

    strength: float

    def __post_init__(self) -> None:
        _check_strength(self.strength)

    @property
    def severity(self) -> float:
        return self.strength

    def change(self, data: LabelledImages, row: int, generator: np.random.Generator) -> Picture:
        assert isinstance(data, ObjectViews)
        paint = generator.uniform(0.05, 1.0, 3)
        brightness = luminance(data.images[row])
        painted = paint * (brightness / _mean(brightness, data.masks[row]))[..., None] * _ALBEDO
        return _repainted(data, row, painted, self.strength)


@dataclass(frozen=True)
class Retexture(Shift):
    """Another material: a photograph's texture under the object's own shading.

    `achieved` is the mean change of a colour channel over the object, channels being in [0, 1].

    Attributes:
        strength: in (0, 1], how far.
        photographs: where the textures come from.
    """

    name: ClassVar[str] = "texture"
    unit: ClassVar[str] = "share of the new texture (achieved: mean change of a channel on the object)"
    needs: ClassVar[str | None] = "views"

    strength: float
    photographs: Photographs

    def __post_init__(self) -> None:
        _check_strength(self.strength)

    @property
    def severity(self) -> float:
        return self.strength

    def change(self, data: LabelledImages, row: int, generator: np.random.Generator) -> Picture:
        assert isinstance(data, ObjectViews)
        mask = data.masks[row]
        texture = self.photographs.crop(mask.shape[0], mask.shape[1], generator) / 255.0
        weight = ndimage.gaussian_filter(mask.astype(np.float64), _SHADING_BLUR * max(mask.shape))
        light = ndimage.gaussian_filter(luminance(data.images[row]) * mask, _SHADING_BLUR * max(mask.shape))
        shading = light / np.maximum(weight, 1e-6)
        return _repainted(data, row, texture * (shading / _mean(shading, mask))[..., None], self.strength)


def _mean(values: Float64[ndarray, "H W"], mask: Bool[ndarray, "H W"]) -> float:
    """The mean over the object, kept away from 0."""
    return max(float(values[mask].mean()), 0.05) if mask.any() else 1.0


def _check_strength(strength: float) -> None:
    if not 0 < strength <= 1:
        raise InputError(f"Give a strength above 0 and up to 1, not {strength}.")


def _repainted(data: LabelledImages, row: int, paint: Float64[ndarray, "H W 3"], strength: float) -> Picture:
    assert isinstance(data, ObjectViews)
    image, mask = data.images[row], data.masks[row]
    before = image / 255.0
    after = np.where(mask[..., None], (1 - strength) * before + strength * np.clip(paint, 0, 1), before)
    changed = float(np.abs(after - before)[mask].mean()) if mask.any() else 0.0
    parts = None if data.parts is None else data.parts[row]
    return Picture(np.rint(255 * after).astype(np.uint8), mask, changed, parts)
