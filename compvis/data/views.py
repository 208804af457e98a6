"""Pictures of objects from known directions, with masks: what ETH-80 and rendered scenes hand out.

Object frame: x to the right, y up, z towards the viewer at azimuth 0 and elevation 0 (right-handed).
Elevation is degrees above the horizon (0 = from the side, 90 = from straight above). Positive azimuth carries
the *viewer* from +z towards +x, counter-clockwise as seen from above; the object's visible surface then moves
to the left in the picture. So the unit vector from the object to the viewer is

    (cos(elevation) sin(azimuth), sin(elevation), cos(elevation) cos(azimuth)),

the picture's right is (cos(azimuth), 0, -sin(azimuth)) in the object frame, and from straight above the
picture's top at azimuth 0 is -z.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64
from numpy import ndarray

from compvis.data.contract import LabelledImages


@dataclass(frozen=True)
class ObjectViews(LabelledImages):
    """Labelled colour pictures, each of one object seen from one direction.

    Attributes:
        images: (n, H, W, 3) uint8 RGB; labels, class_names, name, provenance: as `LabelledImages`.
        masks: (n, H, W) bool, the pixels of the object.
        objects: (n,) int64, number of the object within its class.
        elevation: (n,) float64, degrees above the horizon, in [-90, 90].
        azimuth: (n,) float64, degrees in [0, 360); zero and sense are this module's.
        parts: (n, H, W) int16, which part owns each pixel: 0 is no part, k is `part_names[k]`; None where the
            set has no part maps.
        part_names: names of the part numbers, `part_names[0]` being the background; empty without part maps.

    Raises:
        ValueError: arrays that do not belong together, or angles out of range.
    """

    masks: ndarray
    objects: ndarray
    elevation: ndarray
    azimuth: ndarray
    parts: ndarray | None = None
    part_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        n, height, width = self.images.shape[:3]
        expected = {
            "images": (self.images, np.uint8, (n, height, width, 3)),
            "masks": (self.masks, np.bool_, (n, height, width)),
            "objects": (self.objects, np.int64, (n,)),
            "elevation": (self.elevation, np.float64, (n,)),
            "azimuth": (self.azimuth, np.float64, (n,)),
        }
        if self.parts is not None:
            expected["parts"] = (self.parts, np.int16, (n, height, width))
        for what, (array, dtype, shape) in expected.items():
            if array.dtype != dtype or array.shape != shape:
                raise ValueError(
                    f"The {what} of data set {self.name} must be {np.dtype(dtype)} {shape}, "
                    f"not {array.dtype} {array.shape}."
                )
        if n and not (
            np.abs(self.elevation).max() <= 90 and 0 <= self.azimuth.min() <= self.azimuth.max() < 360
        ):
            raise ValueError(
                f"The angles of data set {self.name} must be elevations in [-90, 90] and azimuths in [0, 360) "
                "degrees."
            )
        if (
            self.parts is not None
            and n
            and not 0 <= self.parts.min() <= self.parts.max() < len(self.part_names)
        ):
            raise ValueError(f"The part maps of data set {self.name} use numbers without a name.")

    def instances(self) -> Int64[ndarray, "n"]:
        """A number for each object, counted over all classes by class, then by number within the class."""
        pairs = np.stack([self.labels, self.objects], 1)
        return np.unique(pairs, axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)

    def _by_row(self) -> tuple[str, ...]:
        parts = () if self.parts is None else ("parts",)
        return (*super()._by_row(), "masks", "objects", "elevation", "azimuth", *parts)


def view_directions(
    elevation: Float64[ndarray, "n"], azimuth: Float64[ndarray, "n"]
) -> Float64[ndarray, "n 3"]:
    """Unit vectors from the object to the viewer, in the object frame; angles in degrees."""
    up, around = np.radians(elevation), np.radians(azimuth)
    return np.stack([np.cos(up) * np.sin(around), np.sin(up), np.cos(up) * np.cos(around)], axis=-1)
