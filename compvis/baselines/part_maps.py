"""Part maps without a model of objects: what is known of a mask's pixels from part maps of other objects.

Not the supervision of a model that learns parts by itself: these copy true part maps. They are given the maps that
parts are *named* by elsewhere, and the true category, and say how far the names go without any parts.
All give every pixel of the mask the number of a true part, and -1 elsewhere.
"""

from typing import Protocol

import numpy as np
from jaxtyping import Bool, Int64, Integer
from numpy import ndarray
from scipy.ndimage import map_coordinates

from compvis.data.check import InputError

_SIDE = 32  # of the boxes that figures are brought to


class PartMapper(Protocol):
    """From masks and true part maps (0 none) of one category to part maps (-1 none) of new masks."""

    def fit(
        self, masks: Bool[ndarray, "n H W"], parts: Integer[ndarray, "n H W"], count: int
    ) -> "PartMapper":
        """Learn from pictures of one category with `count` true parts, numbered from 1."""
        ...

    def predict(self, mask: Bool[ndarray, "H W"]) -> Int64[ndarray, "H W"]:
        """True part less one of every pixel of the mask."""
        ...


class MajorityPart:
    """Every pixel is the part that most pixels were."""

    def fit(
        self, masks: Bool[ndarray, "n H W"], parts: Integer[ndarray, "n H W"], count: int
    ) -> "MajorityPart":
        """Count parts. Raises InputError: no part in the masks."""
        self.part = int(_counts(masks, parts, count).argmax())
        return self

    def predict(self, mask: Bool[ndarray, "H W"]) -> Int64[ndarray, "H W"]:
        """The same part everywhere."""
        return np.where(mask, self.part, -1).astype(np.int64)


class PlaceInBox:
    """Every pixel is the part that was most often at its place in the mask's bounding box."""

    def fit(
        self, masks: Bool[ndarray, "n H W"], parts: Integer[ndarray, "n H W"], count: int
    ) -> "PlaceInBox":
        """Count parts at every place of the box. Raises InputError: no part in the masks."""
        boxes = np.stack(
            [_boxed(np.where(mask, own, 0), mask) for mask, own in zip(masks, parts, strict=True)]
        )
        votes = (boxes[..., None] == np.arange(1, count + 1)).sum(0)
        # Places where there was never a part count as the whole category does.
        share = _counts(masks, parts, count) / len(masks) / masks[0].size
        self.part = (votes + 1e-3 * share).argmax(-1)
        return self

    def predict(self, mask: Bool[ndarray, "H W"]) -> Int64[ndarray, "H W"]:
        """The part of every pixel's place."""
        return _unboxed(self.part, mask)


class NearestMap:
    """The part map of the picture whose boxed mask overlaps most, brought to the mask's box.

    Pixels that were none there get the number of the nearest pixel that was one.
    """

    def fit(
        self, masks: Bool[ndarray, "n H W"], parts: Integer[ndarray, "n H W"], count: int
    ) -> "NearestMap":
        """Keep all maps. Raises InputError: no part in the masks."""
        _counts(masks, parts, count)
        self.masks = np.stack([_boxed(mask, mask) for mask in masks])
        self.parts = np.stack([_boxed(own, mask) for mask, own in zip(masks, parts, strict=True)])
        return self

    def predict(self, mask: Bool[ndarray, "H W"]) -> Int64[ndarray, "H W"]:
        """The map of the most similar mask."""
        own = _boxed(mask, mask)
        overlap = (self.masks & own).sum((1, 2)) / (self.masks | own).sum((1, 2))
        copied = self.parts[overlap.argmax()]
        y, x = np.nonzero(copied)
        grid = np.moveaxis(np.indices(copied.shape), 0, -1)
        nearest = ((grid[:, :, None] - np.stack([y, x], 1)) ** 2).sum(-1).argmin(-1)
        return _unboxed(copied[y, x][nearest] - 1, mask)


PART_MAPPERS = {"majority part": MajorityPart, "place in the box": PlaceInBox, "nearest map": NearestMap}


def _counts(
    masks: Bool[ndarray, "n H W"], parts: Integer[ndarray, "n H W"], count: int
) -> Int64[ndarray, "p"]:
    """Pixels of every part within the masks."""
    counts = np.bincount(parts[masks].ravel(), minlength=count + 1)[1:]
    if not counts.any():
        raise InputError("Part maps can only be copied from pictures that show a part.")
    return counts


def _box(mask: Bool[ndarray, "H W"]) -> tuple[int, int, int, int]:
    """First and one past the last row, then column; of the picture where the mask is empty."""
    if not mask.any():
        return 0, mask.shape[0], 0, mask.shape[1]
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1


def _boxed(values: ndarray, mask: Bool[ndarray, "H W"]) -> ndarray:
    """Values within the mask's bounding box, by the nearest pixel, on a square grid."""
    top, bottom, left, right = _box(mask)
    centres = (np.arange(_SIDE) + 0.5) / _SIDE
    y = top + centres * (bottom - top) - 0.5
    x = left + centres * (right - left) - 0.5
    places = np.stack(np.meshgrid(y, x, indexing="ij"))
    return map_coordinates(values.astype(np.int64), places, order=0, mode="nearest").astype(values.dtype)


def _unboxed(values: Integer[ndarray, "s s"], mask: Bool[ndarray, "H W"]) -> Int64[ndarray, "H W"]:
    """Values of the square grid at the pixels of a mask, -1 elsewhere."""
    top, bottom, left, right = _box(mask)
    rows, columns = np.indices(mask.shape)
    y = np.clip((rows + 0.5 - top) / (bottom - top) * _SIDE, 0, _SIDE - 1).astype(int)
    x = np.clip((columns + 0.5 - left) / (right - left) * _SIDE, 0, _SIDE - 1).astype(int)
    return np.where(mask, values[y, x], -1).astype(np.int64)
