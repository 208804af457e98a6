"""Bad pictures: noise, blur, low contrast, strong compression. For images of any kind.

`achieved` is the root mean square change of a pixel, pixels being in [0, 1].
"""

import io
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy import ndarray
from PIL import Image
from scipy import ndimage

from compvis.data.check import InputError
from compvis.data.contract import LabelledImages
from compvis.data.shifts.contract import Picture, Shift, object_mask, part_map


@dataclass(frozen=True)
class Noise(Shift):
    """Gaussian noise, independent at every pixel and channel, clipped to the range.

    Attributes:
        sigma: standard deviation, pixels being in [0, 1].
    """

    name: ClassVar[str] = "noise"
    unit: ClassVar[str] = "standard deviation of the noise (achieved: root mean square change)"

    sigma: float

    def __post_init__(self) -> None:
        _check_positive("standard deviation", self.sigma)

    @property
    def severity(self) -> float:
        return self.sigma

    def change(self, data: LabelledImages, row: int, generator: np.random.Generator) -> Picture:
        noise = generator.standard_normal(data.images[row].shape)
        return _replaced(data, row, data.images[row] + 255.0 * self.sigma * noise)


@dataclass(frozen=True)
class Blur(Shift):
    """Out of focus: a Gaussian blur.

    Attributes:
        sigma: standard deviation as a share of the picture's height.
    """

    name: ClassVar[str] = "blur"
    unit: ClassVar[str] = "standard deviation, in heights of the picture (achieved: root mean square change)"

    sigma: float

    def __post_init__(self) -> None:
        _check_positive("standard deviation", self.sigma)

    @property
    def severity(self) -> float:
        return self.sigma

    def change(self, data: LabelledImages, row: int, generator: np.random.Generator) -> Picture:
        image = data.images[row].astype(np.float64)
        pixels = self.sigma * image.shape[0]
        blurred = ndimage.gaussian_filter(image, (pixels, pixels) + (0.0,) * (image.ndim - 2), mode="nearest")
        return _replaced(data, row, blurred)


@dataclass(frozen=True)
class Contrast(Shift):
    """Fog: every pixel moves towards the picture's mean.

    Attributes:
        factor: in (0, 1), the contrast that is left.
    """

    name: ClassVar[str] = "contrast"
    unit: ClassVar[str] = "contrast left (achieved: root mean square change)"

    factor: float

    def __post_init__(self) -> None:
        if not 0 < self.factor < 1:
            raise InputError(f"Leave a contrast between 0 and 1, not {self.factor}.")

    @property
    def severity(self) -> float:
        return self.factor

    def change(self, data: LabelledImages, row: int, generator: np.random.Generator) -> Picture:
        image = data.images[row].astype(np.float64)
        mean = image.mean()
        return _replaced(data, row, mean + self.factor * (image - mean))


@dataclass(frozen=True)
class JpegCompression(Shift):
    """Compressed as a JPEG file and read again (Pillow's encoder).

    Attributes:
        quality: 1 to 95.
    """

    name: ClassVar[str] = "jpeg"
    unit: ClassVar[str] = "JPEG quality (achieved: root mean square change)"

    quality: int

    def __post_init__(self) -> None:
        if not 1 <= self.quality <= 95:
            raise InputError(f"Give a JPEG quality of 1 to 95, not {self.quality}.")

    @property
    def severity(self) -> float:
        return float(self.quality)

    def change(self, data: LabelledImages, row: int, generator: np.random.Generator) -> Picture:
        file = io.BytesIO()
        Image.fromarray(data.images[row]).save(file, "JPEG", quality=self.quality)
        with Image.open(file) as read:
            return _replaced(data, row, np.array(read).astype(np.float64))


def _check_positive(what: str, value: float) -> None:
    if not value > 0:
        raise InputError(f"Give a {what} above 0, not {value}.")


def _replaced(data: LabelledImages, row: int, pixels: ndarray) -> Picture:
    before = data.images[row]
    after = np.rint(np.clip(pixels, 0, 255)).astype(np.uint8)
    change = float(np.sqrt((((after.astype(np.float64) - before) / 255.0) ** 2).mean()))
    return Picture(after, object_mask(data, row), change, part_map(data, row))
