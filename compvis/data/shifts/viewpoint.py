"""Unseen viewpoints: a selection of views, and how far a view is from the learned ones."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float64, Int64
from numpy import ndarray

from compvis.data.check import InputError
from compvis.data.contract import LabelledImages
from compvis.data.shifts.contract import Picture, Shift
from compvis.data.views import ObjectViews, view_directions


@dataclass(frozen=True)
class UnseenViewpoint(Shift):
    """Keep the views of one band of elevations and azimuths, unchanged; learn from other bands.

    Attributes:
        low, high: degrees above the horizon, both included.
        azimuth_low, azimuth_high: degrees; from low up to and including high, through 0 where low > high.
    """

    name: ClassVar[str] = "viewpoint"
    unit: ClassVar[str] = "degrees above the horizon (severity: the band's lower end)"
    needs: ClassVar[str | None] = "views"

    low: float
    high: float
    azimuth_low: float = 0.0
    azimuth_high: float = 360.0

    def __post_init__(self) -> None:
        if not self.low <= self.high:
            raise InputError(f"Give a band of elevations with low <= high, not {self.low} to {self.high}.")

    @property
    def severity(self) -> float:
        return self.low

    def choose(self, data: LabelledImages, rows: Int64[ndarray, "n"]) -> Int64[ndarray, "_"]:
        assert isinstance(data, ObjectViews)
        elevation, azimuth = data.elevation[rows], data.azimuth[rows]
        above, below = azimuth >= self.azimuth_low, azimuth <= self.azimuth_high
        around = above & below if self.azimuth_low <= self.azimuth_high else above | below
        return rows[(elevation >= self.low) & (elevation <= self.high) & around]

    def change(self, data: LabelledImages, row: int, generator: np.random.Generator) -> Picture:
        assert isinstance(data, ObjectViews)
        parts = None if data.parts is None else data.parts[row]
        return Picture(data.images[row], data.masks[row], float(data.elevation[row]), parts)


def view_novelty(
    data: ObjectViews, rows: Int64[ndarray, "n"], learned: Int64[ndarray, "k"]
) -> Float64[ndarray, "n"]:
    """Angle in degrees from each view to the nearest learned direction of the same class.

    Raises:
        InputError: a class among `rows` of which nothing was learned.
    """
    directions = view_directions(data.elevation, data.azimuth)
    angles = np.empty(len(rows))
    for label in np.unique(data.labels[rows]):
        known = directions[learned[data.labels[learned] == label]]
        if not len(known):
            raise InputError(f"Nothing was learned of class {data.class_names[label]}: leave its rows out.")
        own = data.labels[rows] == label
        nearest = (directions[rows[own]] @ known.T).max(1)
        angles[own] = np.degrees(np.arccos(np.clip(nearest, -1.0, 1.0)))
    return angles
