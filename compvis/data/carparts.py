"""Photographs of real cars from many sides, with the outlines of 18 named parts.

Source: Pasupa et al., "Evaluation of deep learning algorithms for semantic segmentation of car parts", Complex &
Intelligent Systems (2021), https://github.com/dsmlr/Car-Parts-Segmentation; free for research. Read from the
compact file only: 400 photographs scaled to 128x128 pixels.

Roofs, fenders and pillars have no label, so neither has the whole car: number 0 is background *or* unlabelled
body, and no mask of the car follows from the part maps. Viewpoints are not given.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int16, UInt8
from numpy import ndarray

from compvis.data.encoded import decode_colour, decode_numbers, encoded_items
from compvis.data.folder import compact_arrays, own_file, reading

_ADDRESS = "https://github.com/dsmlr/Car-Parts-Segmentation"


@dataclass(frozen=True, eq=False)
class PartedPhotographs:
    """Photographs with part maps whose numbers mean the same in all of them.

    Attributes:
        images: (n, H, W, 3) RGB.
        parts: (n, H, W) index into `part_names`.
        part_names: `part_names[0]` is everything without a label.
    """

    images: UInt8[ndarray, "n H W 3"]
    parts: Int16[ndarray, "n H W"]
    part_names: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.images.shape[:3] != self.parts.shape:
            raise ValueError("The photographs and the part maps differ in number or size.")
        if self.parts.size and not 0 <= self.parts.min() <= self.parts.max() < len(self.part_names):
            raise ValueError("The part maps use numbers without a name.")

    def __len__(self) -> int:
        return len(self.images)


def load_carparts(root: Path | str | None = None) -> PartedPhotographs:
    """All photographs, in the file's order.

    Args:
        root: folder with `carparts.npz`; without it `COMPVIS_DATA` is looked into (`compvis.data.folder`).

    Raises:
        MissingDataError: not on this machine. DataError: damaged or truncated.
    """
    path = own_file(["carparts.npz"], root, "The set of car parts", _ADDRESS)
    with reading(path), compact_arrays(path) as arrays:
        images = encoded_items(arrays["jpeg"], arrays["jpeg_offsets"])
        parts = encoded_items(arrays["label_png"], arrays["label_png_offsets"])
        return PartedPhotographs(
            np.stack([decode_colour(item) for item in images]),
            np.stack([decode_numbers(item) for item in parts]).astype(np.int16),
            tuple(str(name) for name in arrays["part_names"]),
        )
