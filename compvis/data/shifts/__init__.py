"""Distribution shifts as data: rows of changed images, each with the row of its parent data set."""

from compvis.data.shifts.contract import Picture, Shift, ShiftedImages, apply_shift
from compvis.data.shifts.registry import SHIFTS, make_shift

__all__ = ["SHIFTS", "Picture", "Shift", "ShiftedImages", "apply_shift", "make_shift"]
