"""The object turned in the picture's plane, or of another size."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy import ndarray
from scipy import ndimage

from compvis.data.check import InputError
from compvis.data.contract import LabelledImages
from compvis.data.shifts.compositing import edge_colours, empty_scene, lay_over
from compvis.data.shifts.contract import Picture, Shift, object_mask, part_map
from compvis.data.views import ObjectViews


@dataclass(frozen=True)
class InPlaneRotation(Shift):
    """The camera rolled: the picture turned about its centre, to a side drawn at random.

    `achieved` is the angle with its sign: positive turns the picture counter-clockwise.

    Attributes:
        degrees: in [0, 180].
    """

    name: ClassVar[str] = "rotation"
    unit: ClassVar[str] = "degrees in the picture's plane"

    degrees: float

    def __post_init__(self) -> None:
        if not 0 <= self.degrees <= 180:
            raise InputError(f"Turn by 0 to 180 degrees, not {self.degrees}: the side is drawn at random.")

    @property
    def severity(self) -> float:
        return self.degrees

    def change(self, data: LabelledImages, row: int, generator: np.random.Generator) -> Picture:
        angle = self.degrees * (1.0 if generator.random() < 0.5 else -1.0)
        cosine, sine = np.cos(np.radians(angle)), np.sin(np.radians(angle))
        # Rows are y downwards; this takes an output pixel to the input pixel that turns into it.
        image, mask, parts = _transformed(data, row, np.array([[cosine, sine], [-sine, cosine]]))
        return Picture(image, mask, float(angle), parts)


@dataclass(frozen=True)
class Scale(Shift):
    """The object nearer or farther: the picture scaled about its centre.

    `achieved` is the square root of the ratio of the object's areas, after to before, so what leaves the picture
    counts as lost.

    Attributes:
        factor: above 0; below 1 is smaller.
    """

    name: ClassVar[str] = "scale"
    unit: ClassVar[str] = "times the object's size"

    factor: float

    def __post_init__(self) -> None:
        if not self.factor > 0:
            raise InputError(f"Scale by a factor above 0, not {self.factor}.")

    @property
    def severity(self) -> float:
        return self.factor

    def change(self, data: LabelledImages, row: int, generator: np.random.Generator) -> Picture | None:
        before = object_mask(data, row).sum()
        if not before:
            return None
        image, mask, parts = _transformed(data, row, np.eye(2) / self.factor)
        return Picture(image, mask, float(np.sqrt(mask.sum() / before)), parts)


def _transformed(data: LabelledImages, row: int, matrix: ndarray) -> tuple[ndarray, ndarray, ndarray | None]:
    """Image, mask and part map under `output (y, x) -> input (y, x)` about the picture's centre.

    Where masks are known, the scene without the object is continued by mirroring, and the object laid over it;
    otherwise the picture's edge is continued (paper stays paper).
    """
    image, mask, parts = data.images[row], object_mask(data, row), part_map(data, row)
    centre = (np.array(mask.shape) - 1) / 2
    offset = centre - matrix @ centre
    shrink = max(np.sqrt(abs(np.linalg.det(matrix))), 1.0)

    def warp(layer: ndarray, mode: str, order: int = 1) -> ndarray:
        values = layer.astype(np.float64)
        if shrink > 1 and order:
            values = ndimage.gaussian_filter(values, 0.4 * np.sqrt(shrink**2 - 1))
        return ndimage.affine_transform(values, np.c_[matrix, offset], order=order, mode=mode)

    def warp_image(source: ndarray, mode: str) -> ndarray:
        layers = np.moveaxis(source.reshape(*mask.shape, -1), -1, 0)
        warped = np.stack([warp(layer, mode) for layer in layers], -1).reshape(source.shape)
        return np.rint(np.clip(warped, 0, 255)).astype(np.uint8)

    moved_parts = None if parts is None else warp(parts, "constant", order=0).astype(np.int16)
    if not isinstance(data, ObjectViews):
        changed = warp_image(image, "nearest")
        moved = changed > 127 if image.ndim == 2 else warp(mask, "constant") > 0.5
        return changed, moved, moved_parts
    alpha = np.clip(warp(ndimage.gaussian_filter(mask.astype(np.float64), 0.6), "constant"), 0, 1)
    below = warp_image(empty_scene(image, mask), "mirror")
    above = warp_image(edge_colours(image, mask), "nearest")
    return lay_over(below, above, alpha), warp(mask, "constant") > 0.5, moved_parts
