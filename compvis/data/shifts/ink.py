"""Handwriting with another pen, or with other ink about it; bright ink on dark paper."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Bool, Float64
from numpy import ndarray
from scipy import ndimage
from skimage.morphology import skeletonize

from compvis.data.check import InputError
from compvis.data.contract import LabelledImages
from compvis.data.shifts.compositing import distance_to
from compvis.data.shifts.contract import Picture, Shift, object_mask

_FINER = 4  # the ink is drawn again on a grid this much finer
_WINDOW = (0.25, 0.45)  # of the side: the extent of a piece of clutter


@dataclass(frozen=True)
class PenWidth(Shift):
    """The same strokes with a thicker or thinner pen; strokes thinner than a quarter pixel stay that thin.

    `achieved` is the measured width of the pen after, over before: the ink's mean extent about its skeleton.

    Attributes:
        factor: above 0, of the pen's width.
    """

    name: ClassVar[str] = "pen_width"
    unit: ClassVar[str] = "times the pen's width"
    needs: ClassVar[str | None] = "grey"

    factor: float

    def __post_init__(self) -> None:
        if not self.factor > 0:
            raise InputError(f"Change the pen's width by a factor above 0, not {self.factor}.")

    @property
    def severity(self) -> float:
        return self.factor

    def change(self, data: LabelledImages, row: int, generator: np.random.Generator) -> Picture | None:
        image = data.images[row]
        zoomed = ndimage.zoom(image.astype(np.float64), _FINER, order=1, grid_mode=True, mode="nearest")
        fine = np.asarray(zoomed) > 127
        if not fine.any():
            return None
        core = skeletonize(fine)
        outside, inside = distance_to(fine), distance_to(~fine)
        radius = inside[core].mean()
        drawn = (outside - inside <= (self.factor - 1) * radius) | core
        height, wide = image.shape
        changed = drawn.reshape(height, _FINER, wide, _FINER).mean((1, 3))
        pixels = np.rint(255 * changed / max(changed.max(), 1e-6)).astype(np.uint8)
        after = distance_to(~drawn)[core].mean()
        return Picture(pixels, pixels > 127, float(after / radius))


@dataclass(frozen=True)
class InkClutter(Shift):
    """Pieces of other characters' ink, dropped anywhere on the paper.

    `achieved` is the added ink as a share of the image's own. The mask keeps the image's own ink.

    Attributes:
        pieces: how many.
    """

    name: ClassVar[str] = "clutter"
    unit: ClassVar[str] = "pieces of other ink (achieved: added ink as a share of the own)"
    needs: ClassVar[str | None] = "grey"

    pieces: int

    def __post_init__(self) -> None:
        if self.pieces < 1:
            raise InputError(f"Add at least 1 piece of ink, not {self.pieces}.")

    @property
    def severity(self) -> float:
        return float(self.pieces)

    def change(self, data: LabelledImages, row: int, generator: np.random.Generator) -> Picture | None:
        own = object_mask(data, row)
        others = np.flatnonzero(data.labels != data.labels[row])
        if not own.any() or not len(others):
            return None
        image = data.images[row].copy()
        for _ in range(self.pieces):
            donor = data.images[others[generator.integers(len(others))]]
            piece = _cut_piece(donor, generator)
            top, left = (
                int(generator.integers(size - extent + 1))
                for size, extent in zip(image.shape, piece.shape, strict=True)
            )
            place = image[top : top + piece.shape[0], left : left + piece.shape[1]]
            np.maximum(place, piece, out=place)
        added = image.astype(np.int64).sum() - data.images[row].astype(np.int64).sum()
        return Picture(image, own, float(added / data.images[row].astype(np.int64).sum()))


def _cut_piece(donor: ndarray, generator: np.random.Generator) -> ndarray:
    """A window about a random pixel of the donor's ink, with everything outside a disc blank."""
    height, width = donor.shape
    extent = max(round(generator.uniform(*_WINDOW) * min(height, width)), 2)
    y, x = np.nonzero(donor > 127)
    if not len(y):
        return np.zeros((extent, extent), np.uint8)
    pick = int(generator.integers(len(y)))
    top = int(np.clip(y[pick] - extent // 2, 0, height - extent))
    left = int(np.clip(x[pick] - extent // 2, 0, width - extent))
    return np.where(_disc(extent), donor[top : top + extent, left : left + extent], 0).astype(np.uint8)


def _disc(extent: int) -> Bool[ndarray, "s s"]:
    offsets: Float64[ndarray, "s"] = np.arange(extent) - (extent - 1) / 2
    return np.hypot(offsets[:, None], offsets[None]) <= extent / 2
