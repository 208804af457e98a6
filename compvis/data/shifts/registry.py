"""The distribution shifts by name; a new one is one file beside this, one line here and one yaml.

`configs/shift/NAME.yaml` fixes the severities: `levels` is a list of shifts, to be built by Hydra's
`instantiate(cfg.shift.levels, _convert_="all")`.
"""

from typing import Any

from compvis.data.check import InputError
from compvis.data.shifts.background import NaturalBackground
from compvis.data.shifts.contract import Shift
from compvis.data.shifts.corruption import Blur, Contrast, JpegCompression, Noise
from compvis.data.shifts.ink import InkClutter, PenWidth
from compvis.data.shifts.material import Recolour, Retexture
from compvis.data.shifts.occlusion import Occlusion
from compvis.data.shifts.parts import PartRecombination, PartRemoval
from compvis.data.shifts.placement import InPlaneRotation, Scale
from compvis.data.shifts.viewpoint import UnseenViewpoint

_KINDS: tuple[type[Shift], ...] = (
    UnseenViewpoint,
    NaturalBackground,
    Occlusion,
    InPlaneRotation,
    Scale,
    Recolour,
    Retexture,
    PartRemoval,
    PartRecombination,
    Noise,
    Blur,
    Contrast,
    JpegCompression,
    PenWidth,
    InkClutter,
)
SHIFTS: dict[str, type[Shift]] = {kind.name: kind for kind in _KINDS}


def make_shift(name: str, **settings: Any) -> Shift:
    """The shift `name` with its settings.

    Raises:
        InputError: an unknown shift, or settings it does not have.
    """
    if name not in SHIFTS:
        raise InputError(f"Unknown shift {name!r}: choose one of {', '.join(sorted(SHIFTS))}.")
    try:
        return SHIFTS[name](**settings)
    except TypeError as error:
        raise InputError(f"The shift {name} cannot be made with {sorted(settings)}: {error}.") from error
