"""Parts taken away, or exchanged for another object's, where part maps say which pixel is whose."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy import ndarray
from PIL import Image
from scipy import ndimage

from compvis.data.check import InputError
from compvis.data.contract import LabelledImages
from compvis.data.shifts.compositing import edge_colours, empty_scene, lay_over, soft_alpha
from compvis.data.shifts.contract import Picture, Shift
from compvis.data.views import ObjectViews, view_directions

_SMALLEST = 0.02  # of the object's pixels: smaller parts are hardly seen


@dataclass(frozen=True)
class PartRemoval(Shift):
    """Some seen parts are gone: their pixels show the continued background.

    What was hidden behind a part is not known, so the background is all that can be shown there. Images from which
    so many parts cannot be taken are skipped. `achieved` is the share of the object's pixels taken away.

    Attributes:
        count: how many parts.
        largest: the largest share of the object's pixels that may be taken away, in (0, 1).
    """

    name: ClassVar[str] = "part_removal"
    unit: ClassVar[str] = "parts removed (achieved: share of the object's pixels)"
    needs: ClassVar[str | None] = "parts"

    count: int
    largest: float = 0.7

    def __post_init__(self) -> None:
        _check_count(self.count)
        if not 0 < self.largest < 1:
            raise InputError(f"Take away a share between 0 and 1 at most, not {self.largest}.")

    @property
    def severity(self) -> float:
        return float(self.count)

    def change(self, data: LabelledImages, row: int, generator: np.random.Generator) -> Picture | None:
        assert isinstance(data, ObjectViews)
        assert data.parts is not None
        mask, parts = data.masks[row], data.parts[row]
        gone, left = np.zeros_like(mask), self.count
        for part in generator.permutation(_seen_parts(mask, parts)):
            more = gone | (mask & (parts == part))
            if left and more.sum() <= self.largest * mask.sum():
                gone, left = more, left - 1
        if left:
            return None
        kept = mask & ~gone
        behind = empty_scene(data.images[row], mask)
        image = lay_over(behind, data.images[row], np.where(kept, soft_alpha(kept), 0.0))
        image = np.where(ndimage.binary_dilation(gone, iterations=2)[..., None], image, data.images[row])
        share = float(gone.sum() / mask.sum())
        return Picture(image, kept, share, np.where(gone, 0, parts).astype(np.int16))


@dataclass(frozen=True)
class PartRecombination(Shift):
    """Some seen parts become those of another object of the class, seen from the nearest direction.

    Part numbers need not mean the same in two objects: each part is exchanged for the donor's part that lies most
    alike in its own object (centre and extent of the bounding boxes), fitted to its place. Images without a donor
    of as many parts are skipped. `achieved` is the share of the object's pixels exchanged.

    Attributes:
        count: how many parts.
        largest_angle: degrees, the farthest that a donor's direction may be.
    """

    name: ClassVar[str] = "part_recombination"
    unit: ClassVar[str] = "parts exchanged (achieved: share of the object's pixels)"
    needs: ClassVar[str | None] = "parts"

    count: int
    largest_angle: float = 45.0

    def __post_init__(self) -> None:
        _check_count(self.count)

    @property
    def severity(self) -> float:
        return float(self.count)

    def change(self, data: LabelledImages, row: int, generator: np.random.Generator) -> Picture | None:
        assert isinstance(data, ObjectViews)
        assert data.parts is not None
        mask, parts = data.masks[row], data.parts[row]
        changed = generator.permutation(_seen_parts(mask, parts))[: self.count]
        if len(changed) < self.count:
            return None
        donors = (
            d for d in self._donors(data, row) if len(_seen_parts(data.masks[d], data.parts[d])) >= self.count
        )
        donor = next(donors, None)
        if donor is None:
            return None
        image, taken = empty_scene(data.images[row], mask), np.zeros_like(mask)
        old = np.isin(parts, changed) & mask
        image = lay_over(image, edge_colours(data.images[row], mask), soft_alpha(mask & ~old))
        after = np.where(mask & ~old, parts, 0).astype(np.int16)
        offered = _seen_parts(data.masks[donor], data.parts[donor]).tolist()
        for part in changed:
            places = {p: _placing(data.masks[donor], data.parts[donor] == p) for p in offered}
            own = _placing(mask, parts == part)
            alike = min(offered, key=lambda p, own=own, places=places: float(np.abs(places[p] - own).sum()))
            offered.remove(alike)
            colours, shape = _fitted(data, int(donor), alike, mask & (parts == part))
            image = lay_over(image, colours, soft_alpha(shape))
            after[shape] = part
            taken |= shape
        share = float((old | taken)[mask].mean())
        return Picture(image, after > 0, share, after)

    def _donors(self, data: ObjectViews, row: int) -> ndarray:
        """Rows of other objects of the class within the angle, the nearest directions first."""
        others = (data.labels == data.labels[row]) & (data.objects != data.objects[row])
        rows = np.flatnonzero(others)
        directions = view_directions(data.elevation, data.azimuth)
        cosine = np.round(directions[rows] @ directions[row], 9)
        rows, cosine = (a[np.argsort(-cosine, kind="stable")] for a in (rows, cosine))
        return rows[cosine >= np.cos(np.radians(self.largest_angle))]


def _check_count(count: int) -> None:
    if count < 1:
        raise InputError(f"Change at least 1 part, not {count}.")


def _seen_parts(mask: ndarray, parts: ndarray) -> ndarray:
    """Numbers of the parts that own enough of the object's pixels, ascending."""
    if not mask.any():
        return np.zeros(0, np.int64)
    numbers, counts = np.unique(parts[mask], return_counts=True)
    return numbers[(numbers > 0) & (counts >= _SMALLEST * mask.sum())].astype(np.int64)


def _placing(mask: ndarray, part: ndarray) -> ndarray:
    """Bounding box of a part's seen pixels relative to the whole object's: top, bottom, left, right in [0, 1]."""
    whole, box = np.array(_box(mask), dtype=np.float64), np.array(_box(mask & part), dtype=np.float64)
    start = np.repeat(whole[::2], 2)
    return (box - start) / np.repeat(whole[1::2] - whole[::2], 2)


def _fitted(data: ObjectViews, donor: int, part: int, place: ndarray) -> tuple[ndarray, ndarray]:
    """Colours (H, W, 3) and shape (H, W) of the donor's part, scaled to the bounding box of `place`."""
    assert data.parts is not None
    shape = data.masks[donor] & (data.parts[donor] == part)
    colours = edge_colours(data.images[donor], shape)
    top, bottom, left, right = _box(shape)
    to_top, to_bottom, to_left, to_right = _box(place)
    size = (to_right - to_left, to_bottom - to_top)
    resample = Image.Resampling.BILINEAR
    piece = np.array(Image.fromarray(colours[top:bottom, left:right]).resize(size, resample))
    outline = np.array(Image.fromarray(np.uint8(255) * shape[top:bottom, left:right]).resize(size, resample))
    layer, cover = np.zeros_like(data.images[donor]), np.zeros_like(shape)
    layer[to_top:to_bottom, to_left:to_right] = piece
    cover[to_top:to_bottom, to_left:to_right] = outline > 127
    return edge_colours(layer, cover), cover


def _box(shape: ndarray) -> tuple[int, int, int, int]:
    y, x = np.nonzero(shape)
    return int(y.min()), int(y.max()) + 1, int(x.min()), int(x.max()) + 1
