"""What a distribution shift is: a rule that makes changed images from the rows of a parent data set.

Every image has a random stream of its own, made of the seed, the shift's name and the parent's row, so any
subset of rows gives the same images as the whole set. The stream does not depend on the severity: a stronger
level of one shift changes the same image in the same way, only more.
"""

import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import ClassVar, TypeVar

import numpy as np
from jaxtyping import Float64, Int64, Shaped
from numpy import ndarray

from compvis.data.check import InputError
from compvis.data.contract import LabelledImages
from compvis.data.views import ObjectViews

Data = TypeVar("Data", bound=LabelledImages)
_INK = 127  # brighter pixels of a grey image are ink


@dataclass(frozen=True, eq=False)
class Picture:
    """One changed image.

    Attributes:
        image: (H, W) grey or (H, W, 3) RGB, uint8, of the parent's size.
        mask: (H, W) bool, the pixels where the object (or the ink) of the parent image is still seen.
        achieved: the measured strength of the change, in the unit its shift states.
        parts: (H, W) int16 part map of what is still seen, or None.
    """

    image: ndarray
    mask: ndarray
    achieved: float
    parts: ndarray | None = None


class Shift(ABC):
    """A rule that changes images, at one severity. Implementations are frozen dataclasses.

    Attributes:
        name: which shift.
        unit: what `severity` and `achieved` count.
        needs: what the parent data set must have: `colour`, `views` (masks and directions), `parts` or `grey`.
    """

    name: ClassVar[str]
    unit: ClassVar[str]
    needs: ClassVar[str | None] = None

    @property
    @abstractmethod
    def severity(self) -> float:
        """The strength asked for, in `unit`."""

    @abstractmethod
    def change(self, data: LabelledImages, row: int, generator: np.random.Generator) -> Picture | None:
        """The changed image of one row; None where this image cannot be changed in this way.

        `data` is the whole parent set: other rows may serve as donors. It is never written to.
        """

    def choose(self, data: LabelledImages, rows: Int64[ndarray, "n"]) -> Int64[ndarray, "_"]:
        """Those of `rows` that belong to the shifted set; all of them, unless the shift is a selection."""
        return rows


@dataclass(frozen=True, eq=False)
class ShiftedImages:
    """Changed images as rows with a parent.

    Attributes:
        images: (m, H, W) or (m, H, W, 3) uint8.
        masks: (m, H, W) bool, where the parent's object (or ink) is still seen.
        parts: (m, H, W) int16 part maps, or None.
        parent_rows: (m,) row of the parent data set that each image was made from.
        skipped: rows asked for that cannot be changed in this way, ascending.
        achieved: (m,) measured strength, in `unit`.
        severity: the strength asked for, in `unit`.
        parent, shift, unit, seed: the parent's name, and how the images were made.
    """

    images: ndarray
    masks: ndarray
    parts: ndarray | None
    parent_rows: Int64[ndarray, "m"]
    skipped: Int64[ndarray, "k"]
    achieved: Float64[ndarray, "m"]
    severity: float
    parent: str
    shift: str
    unit: str
    seed: int

    def __len__(self) -> int:
        return len(self.parent_rows)

    def as_data(self, parent: Data) -> Data:
        """The changed images as a data set like `parent`, with the labels and directions of their parents.

        Raises:
            InputError: another data set than the images were made from.
        """
        if parent.name != self.parent or (len(self) and self.parent_rows.max() >= len(parent)):
            raise InputError(f"These images were made from {self.parent}, not from {parent.name}.")
        changed: dict = {"images": self.images, "name": f"{self.parent}/{self.shift}-{self.severity:g}"}
        if isinstance(parent, ObjectViews):
            changed |= {"masks": self.masks, "parts": self.parts}
        return replace(parent.subset(self.parent_rows), **changed)


def apply_shift(
    shift: Shift,
    data: LabelledImages,
    rows: Shaped[ndarray, "k"] | Iterable[int] | None = None,
    seed: int = 0,
) -> ShiftedImages:
    """Change the images of some rows.

    Args:
        shift: which change, at which severity.
        data: the whole parent data set.
        rows: which of its rows; all by default. Each is changed alike, whatever else is asked for.
        seed: 0 or above.

    Raises:
        InputError: a data set that lacks what the shift needs, or rows it does not have.
    """
    check_needs(shift, data)
    wanted = np.arange(len(data)) if rows is None else np.array(list(rows), dtype=np.int64)
    if len(wanted) and not 0 <= wanted.min() <= wanted.max() < len(data):
        raise InputError(f"{data.name} has rows 0 to {len(data) - 1}: ask for those only.")
    pictures: dict[int, Picture] = {}
    chosen = shift.choose(data, wanted.astype(np.int64))
    for row in np.unique(chosen).tolist():
        picture = shift.change(data, row, row_generator(shift, row, seed))
        if picture is not None:
            pictures[row] = picture
    kept = np.array([row for row in chosen.tolist() if row in pictures], dtype=np.int64)
    size = data.images.shape[1:]
    return ShiftedImages(
        images=np.stack([pictures[row].image for row in kept])
        if len(kept)
        else np.zeros((0, *size), np.uint8),
        masks=np.stack([pictures[row].mask for row in kept]) if len(kept) else np.zeros((0, *size[:2]), bool),
        parts=_stack_parts([pictures[row].parts for row in kept], data),
        parent_rows=kept,
        skipped=np.setdiff1d(chosen, kept).astype(np.int64),
        achieved=np.array([pictures[row].achieved for row in kept], dtype=np.float64),
        severity=float(shift.severity),
        parent=data.name,
        shift=shift.name,
        unit=shift.unit,
        seed=seed,
    )


def row_generator(shift: Shift, row: int, seed: int) -> np.random.Generator:
    """The random stream of one image."""
    return np.random.default_rng([seed, zlib.crc32(shift.name.encode()), row])


def check_needs(shift: Shift, data: LabelledImages) -> None:
    """Raise InputError where `data` lacks what the shift needs."""
    views = isinstance(data, ObjectViews)
    met = {
        None: True,
        "colour": data.images.ndim == 4,
        "grey": data.images.ndim == 3,
        "views": views,
        "parts": isinstance(data, ObjectViews) and data.parts is not None,
    }[shift.needs]
    if not met:
        wanted = {
            "colour": "colour images",
            "grey": "grey images of ink",
            "views": "masks and directions (compvis.data.views.ObjectViews)",
            "parts": "part maps",
        }[str(shift.needs)]
        raise InputError(f"The shift {shift.name} needs {wanted}, which the data set {data.name} lacks.")


def object_mask(data: LabelledImages, row: int) -> ndarray:
    """(H, W) bool: the object's pixels; of grey images the ink, of colour images without masks everything."""
    if isinstance(data, ObjectViews):
        return data.masks[row]
    if data.images.ndim == 3:
        return data.images[row] > _INK
    return np.ones(data.images.shape[1:3], dtype=bool)


def part_map(data: LabelledImages, row: int) -> ndarray | None:
    """(H, W) int16 part map of a row, or None."""
    return data.parts[row] if isinstance(data, ObjectViews) and data.parts is not None else None


def _stack_parts(parts: list[ndarray | None], data: LabelledImages) -> ndarray | None:
    if not isinstance(data, ObjectViews) or data.parts is None:
        return None
    shape = data.images.shape[1:3]
    found = [np.zeros(shape, np.int16) if part is None else part for part in parts]
    return np.stack(found) if found else np.zeros((0, *shape), np.int16)
