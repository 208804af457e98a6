"""A natural photograph behind the object."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from compvis.data.backgrounds import Photographs
from compvis.data.check import InputError
from compvis.data.contract import LabelledImages
from compvis.data.shifts.compositing import edge_colours, empty_scene, lay_over, luminance, soft_alpha
from compvis.data.shifts.contract import Picture, Shift
from compvis.data.views import ObjectViews


@dataclass(frozen=True)
class NaturalBackground(Shift):
    """Everything outside the mask becomes a piece of a photograph.

    `achieved` is the standard deviation of the brightness outside the object, brightness being in [0, 1].

    Attributes:
        photographs: where to cut from.
        opacity: in (0, 1], of the photograph over the picture's own background.
    """

    name: ClassVar[str] = "background"
    unit: ClassVar[str] = "opacity of the photograph (achieved: deviation of brightness behind the object)"
    needs: ClassVar[str | None] = "views"

    photographs: Photographs
    opacity: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.opacity <= 1:
            raise InputError(f"Give an opacity above 0 and up to 1, not {self.opacity}.")

    @property
    def severity(self) -> float:
        return self.opacity

    def change(self, data: LabelledImages, row: int, generator: np.random.Generator) -> Picture:
        assert isinstance(data, ObjectViews)
        image, mask = data.images[row], data.masks[row]
        photograph = self.photographs.crop(mask.shape[0], mask.shape[1], generator)
        behind = lay_over(empty_scene(image, mask), photograph, np.full(mask.shape, self.opacity))
        changed = lay_over(behind, edge_colours(image, mask), soft_alpha(mask))
        outside = luminance(changed)[~mask]
        deviation = float(outside.std()) if outside.size else 0.0
        return Picture(changed, mask, deviation, None if data.parts is None else data.parts[row])
