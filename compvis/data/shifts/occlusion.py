"""Something in front of the object: textured patches, or other objects."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Bool, UInt8
from numpy import ndarray
from PIL import Image

from compvis.data.backgrounds import Photographs
from compvis.data.check import InputError
from compvis.data.contract import LabelledImages
from compvis.data.shifts.compositing import edge_colours, lay_over, soft_alpha
from compvis.data.shifts.contract import Picture, Shift
from compvis.data.views import ObjectViews

OCCLUDERS = ("patch", "cutout", "mixed")
_TRIES = 12
_BISECTIONS = 14
_LARGEST = 4.0  # times the picture's side
_CORNERS = 12
_CLOSE = 0.005  # of the wanted share: near enough


@dataclass(frozen=True)
class Occlusion(Shift):
    """Hide a share of the object's pixels; where nothing fits the band, the nearest try counts.

    `achieved` is the share of the object's pixels hidden, counted on the masks.

    Attributes:
        low, high: the band of shares, in (0, 1); the wanted share is drawn evenly from it.
        photographs: textures of patches.
        occluder: `patch` (a random blob cut from a photograph), `cutout` (an object of another class, cut out
            of the same data set) or `mixed` (either, evenly).
    """

    name: ClassVar[str] = "occlusion"
    unit: ClassVar[str] = "share of the object's pixels hidden (severity: the middle of the band)"
    needs: ClassVar[str | None] = "views"

    low: float
    high: float
    photographs: Photographs
    occluder: str = "mixed"

    def __post_init__(self) -> None:
        if not 0 < self.low <= self.high < 1:
            raise InputError(f"Hide shares with 0 < low <= high < 1, not {self.low} to {self.high}.")
        if self.occluder not in OCCLUDERS:
            raise InputError(f"Unknown occluder {self.occluder!r}: choose {', '.join(OCCLUDERS)}.")

    @property
    def severity(self) -> float:
        return (self.low + self.high) / 2

    def change(self, data: LabelledImages, row: int, generator: np.random.Generator) -> Picture | None:
        assert isinstance(data, ObjectViews)
        mask = data.masks[row]
        if not mask.any():
            return None
        margin = min(_CLOSE, (self.high - self.low) / 4)
        wanted = generator.uniform(self.low + margin, self.high - margin)
        cutout = self.occluder == "cutout" or (self.occluder == "mixed" and generator.random() < 0.5)
        texture, shape = self._draw_occluder(data, row, generator, cutout)
        best: tuple[float, ndarray, ndarray] | None = None
        for _ in range(_TRIES):
            layer, cover, share = _fit(texture, shape, mask, wanted, generator)
            if best is None or abs(share - wanted) < abs(best[0] - wanted):
                best = share, layer, cover
            if self.low <= best[0] <= self.high:
                break
        assert best is not None
        share, layer, cover = best
        image = lay_over(data.images[row], layer, soft_alpha(cover))
        parts = None if data.parts is None else np.where(cover, 0, data.parts[row]).astype(np.int16)
        return Picture(image, mask & ~cover, share, parts)

    def _draw_occluder(
        self, data: ObjectViews, row: int, generator: np.random.Generator, cutout: bool
    ) -> tuple[UInt8[ndarray, "h w 3"], Bool[ndarray, "h w"]]:
        others = np.flatnonzero(data.labels != data.labels[row])
        if cutout and len(others):
            donor = int(others[generator.integers(len(others))])
            y, x = np.nonzero(data.masks[donor])
            if len(y):
                box = slice(y.min(), y.max() + 1), slice(x.min(), x.max() + 1)
                return edge_colours(data.images[donor], data.masks[donor])[box], data.masks[donor][box]
        return _blob(self.photographs, max(data.masks.shape[1:]), generator)


def _blob(
    photographs: Photographs, side: int, generator: np.random.Generator
) -> tuple[UInt8[ndarray, "s s 3"], Bool[ndarray, "s s"]]:
    """A piece of a photograph in a star-shaped outline with random corners."""
    texture = photographs.crop(side, side, generator)
    corners = generator.uniform(0.55, 1.0, _CORNERS)
    y, x = (np.indices((side, side)) + 0.5) / side * 2 - 1
    around = np.mod(np.arctan2(y, x) / (2 * np.pi) + generator.random(), 1.0) * _CORNERS
    limit = np.interp(around, np.arange(_CORNERS + 1), np.append(corners, corners[0]))
    return texture, np.hypot(x, y) <= limit


def _fit(
    texture: UInt8[ndarray, "h w 3"],
    shape: Bool[ndarray, "h w"],
    mask: Bool[ndarray, "H W"],
    wanted: float,
    generator: np.random.Generator,
) -> tuple[UInt8[ndarray, "H W 3"], Bool[ndarray, "H W"], float]:
    """Lay the occluder about a random pixel of the object, scaled by bisection to hide the wanted share.

    Returns:
        The occluder's colours, the pixels it covers, and the share of the object that these hide.
    """
    y, x = np.nonzero(mask)
    pick = int(generator.integers(len(y)))
    centre = x[pick] + generator.random(), y[pick] + generator.random()
    small, large = 0.0, _LARGEST * max(mask.shape) / max(shape.shape)
    best: tuple[float, float] | None = None
    for _ in range(_BISECTIONS):
        scale = (small + large) / 2
        share = float(_placed(shape, mask.shape, centre, scale)[mask].mean())
        if best is None or abs(share - wanted) < abs(best[0] - wanted):
            best = share, scale
        if abs(share - wanted) < _CLOSE:
            break
        small, large = (scale, large) if share < wanted else (small, scale)
    assert best is not None
    share, scale = best
    colours = [_placed(texture[..., channel], mask.shape, centre, scale) for channel in range(3)]
    return np.stack(colours, -1), _placed(shape, mask.shape, centre, scale), share


def _placed(source: ndarray, size: tuple[int, int], centre: tuple[float, float], scale: float) -> ndarray:
    """`source` (h, w), uint8 or bool, scaled and centred at `centre` (x, y) on an empty (H, W) picture."""
    height, width = source.shape
    step = 1 / max(scale, 1e-6)
    matrix = (step, 0.0, width / 2 - centre[0] * step, 0.0, step, height / 2 - centre[1] * step)
    pixels = source.astype(np.uint8) * (255 if source.dtype == np.bool_ else 1)
    placed = np.array(
        Image.fromarray(pixels).transform(
            (size[1], size[0]), Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR
        )
    )
    return placed > 127 if source.dtype == np.bool_ else placed
