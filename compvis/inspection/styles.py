"""One look for a model in every figure."""

from typing import TypedDict
from zlib import crc32

from compvis.inspection.strokes import PALETTE

_MARKERS = "osD^vPX*"
_GRAMMARS = ("", "_recognition", "_scene", "_scene_recognition", "_pasted", "_shared")
_DASHES = ("-", "--", ":", "-.")
# Models that often share a figure; their looks are told apart. The grammar has the first colour alone.
_FAMILIES = ("cnn", "resnet", "hog_svm", "pixel_nearest", "tangent_nearest", "distortion_nearest", "nearest",
             "alexnet", "convnext", "ensemble", "scattering", "prototypical")  # fmt: skip


class ModelStyle(TypedDict):
    """Keyword arguments of a matplotlib line."""

    color: str
    marker: str
    linewidth: float
    linestyle: str


def model_style(model: str) -> ModelStyle:
    """The look of a model; variants of one family (``cnn``, ``cnn_photo``) look alike in their figures, but
    for the dashes of those told of scenes (``resnet_scene``).

    A model of no known family has one that its name decides.
    """
    if model.startswith("grammar"):
        kind = model.removeprefix("grammar").removeprefix("_solids")
        number = _GRAMMARS.index(kind) if kind in _GRAMMARS else crc32(kind.encode())
        marker, dashes = _MARKERS[number % len(_MARKERS)], _DASHES[number % len(_DASHES)]
        return {"color": PALETTE[0], "marker": marker, "linewidth": 2.2, "linestyle": dashes}
    known = model.removesuffix("_pasted").removesuffix("_photo")
    family = known.removesuffix("_scene")
    place = _FAMILIES.index(family) if family in _FAMILIES else crc32(family.encode())
    others = len(PALETTE) - 1
    return {
        "color": PALETTE[1 + place % others],
        "marker": _MARKERS[1 + (place + place // others) % (len(_MARKERS) - 1)],
        "linewidth": 1.2,
        "linestyle": "-" if family == known else "--",
    }
