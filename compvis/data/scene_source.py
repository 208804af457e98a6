"""What draws scenes on demand: one object, any values of the factors. The same values give the same picture.

A source knows no model. Its pictures of handwriting and of photographs are real images changed; those of furniture
are drawn by an independent path tracer (`compvis.data.rendered_scenes`).
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Int64
from numpy import ndarray
from scipy import ndimage

from compvis.data.backgrounds import Photographs
from compvis.data.check import InputError
from compvis.data.contract import LabelledImages
from compvis.data.factors import Factor, FactorSpace, complete
from compvis.data.shifts.background import NaturalBackground
from compvis.data.shifts.contract import Picture, Shift
from compvis.data.shifts.corruption import Blur, Contrast, Noise
from compvis.data.shifts.ink import InkClutter, PenWidth
from compvis.data.shifts.material import Recolour
from compvis.data.shifts.occlusion import Occlusion
from compvis.data.shifts.placement import Scale
from compvis.data.views import ObjectViews, view_directions

_LEAST = 1e-3  # weaker changes are none


class SceneSource(ABC):
    """Objects that can be drawn under any values of some factors.

    Attributes:
        space: the factors. class_names: of the labels.
    """

    space: FactorSpace
    class_names: tuple[str, ...]

    @abstractmethod
    def subjects(self, rows: Int64[ndarray, "m"]) -> Int64[ndarray, "k"]:
        """Numbers of what can be drawn, of some rows of the data set that the source was made from."""

    @abstractmethod
    def label(self, subject: int) -> int:
        """Class number of a subject."""

    def name(self, subject: int) -> str:
        """Of what is drawn; the same in every source made from the same data."""
        return str(subject)

    @abstractmethod
    def render(self, subject: int, values: Mapping[str, float]) -> Picture:
        """Draw a subject; factors that are not named are at rest (`achieved` has no meaning here).

        Raises:
            InputError: an unknown factor.
        """

    def draw_set(
        self, subjects: Sequence[int], free: Sequence[str], seed: int, name: str = "scenes"
    ) -> tuple[ndarray, ndarray, ndarray]:
        """A scene of each subject with random values of the free factors.

        Returns:
            images (n, H, W) or (n, H, W, 3), masks (n, H, W), labels (n,). Scene i depends on the seed, `name` and i
            alone, so fewer scenes are a prefix of more.
        """
        space = self.space.only(free) if free else None
        pictures = []
        for place, subject in enumerate(subjects):
            generator = np.random.default_rng([seed, *name.encode(), place])
            values = {} if space is None else space.values(generator.random(len(space)))
            pictures.append(self.render(int(subject), values))
        images = np.stack([picture.image for picture in pictures])
        masks = np.stack([picture.mask for picture in pictures])
        return images, masks, np.array([self.label(int(subject)) for subject in subjects], dtype=np.int64)


class InkScenes(SceneSource):
    """Handwriting turned, resized, slanted, with another pen, among other ink, in noise and out of focus.

    Each range ends where people still read a digit without effort; all ends together are hard for anybody.

    Args:
        data: grey, bright ink on dark paper; a subject is one of its rows.

    Raises:
        InputError: pictures that are not grey.
    """

    def __init__(self, data: LabelledImages) -> None:
        if not isinstance(data, LabelledImages) or data.images.ndim != 3:
            raise InputError(
                "Scenes of ink are drawn from grey images: choose scene_source=views for photographs."
            )
        self._data, self.class_names = data, data.class_names
        self.space = FactorSpace((
            Factor("rotation", -30.0, 30.0, 0.0, unit="degrees, counter-clockwise"),
            Factor("scale", 0.7, 1.15, 1.0, unit="times the size"),
            Factor("slant", -0.35, 0.35, 0.0, unit="tangent"),
            Factor("pen", 0.7, 1.6, 1.0, unit="times the pen's width"),
            Factor("clutter", 0.0, 2.0, 0.0, steps=3, unit="pieces of other ink"),
            Factor("noise", 0.0, 0.15, 0.0, unit="standard deviation"),
            Factor("blur", 0.0, 0.03, 0.0, unit="standard deviation, in heights of the picture"),
            Factor("contrast", 0.4, 1.0, 1.0, unit="share that is left"),
        ))  # fmt: skip

    def subjects(self, rows: Int64[ndarray, "m"]) -> Int64[ndarray, "k"]:
        return rows

    def label(self, subject: int) -> int:
        return int(self._data.labels[subject])

    def render(self, subject: int, values: Mapping[str, float]) -> Picture:
        whole = complete(self.space, values)
        data, row = self._data, subject
        if whole["clutter"] >= 1:
            data, row = _changed(data, row, InkClutter(int(whole["clutter"])), subject)
        if abs(whole["pen"] - 1) > _LEAST:
            data, row = _changed(data, row, PenWidth(whole["pen"]), subject)
        image = _placed(data.images[row], whole["rotation"], whole["scale"], whole["slant"])
        data, row = replace(data.subset([row]), images=image[None]), 0
        for shift in _corruptions(whole):
            data, row = _changed(data, row, shift, subject)
        return Picture(data.images[row], data.images[row] > 127, 0.0)


class ViewScenes(SceneSource):
    """Photographed objects from any of their directions, before photographs, behind occluders, in other paint.

    Args:
        data: views of objects; a subject is the first row of an object, drawn from the view nearest to the azimuth and
            elevation asked for.
        photographs: for backgrounds and occluders.

    Raises:
        InputError: data that are no views of objects.
    """

    def __init__(self, data: LabelledImages, photographs: Photographs) -> None:
        if not isinstance(data, ObjectViews):
            raise InputError(
                "Scenes of views are drawn from views of objects: choose scene_source=ink for ink."
            )
        self._data, self._photographs, self.class_names = data, photographs, data.class_names
        self._instances = data.instances()
        self._directions = view_directions(data.elevation, data.azimuth)
        self.space = FactorSpace((
            Factor("azimuth", 0.0, 360.0, 0.0, unit="degrees"),
            Factor("elevation", 0.0, 90.0, 20.0, unit="degrees above the horizon"),
            Factor("background", 0.0, 1.0, 0.0, unit="opacity of a photograph"),
            Factor("occlusion", 0.0, 0.6, 0.0, unit="share of the object hidden"),
            Factor("recolour", 0.0, 1.0, 0.0, unit="share of another colour"),
            Factor("scale", 0.6, 1.3, 1.0, unit="times the size"),
            Factor("noise", 0.0, 0.25, 0.0, unit="standard deviation"),
            Factor("blur", 0.0, 0.04, 0.0, unit="standard deviation, in heights of the picture"),
            Factor("contrast", 0.2, 1.0, 1.0, unit="share that is left"),
        ))  # fmt: skip

    def subjects(self, rows: Int64[ndarray, "m"]) -> Int64[ndarray, "k"]:
        return rows[np.sort(np.unique(self._instances[rows], return_index=True)[1])]

    def label(self, subject: int) -> int:
        return int(self._data.labels[subject])

    def render(self, subject: int, values: Mapping[str, float]) -> Picture:
        whole = complete(self.space, values)
        own = np.flatnonzero(self._instances == self._instances[subject])
        wanted = view_directions(np.array([whole["elevation"]]), np.array([whole["azimuth"]]))[0]
        data: LabelledImages = self._data
        row = int(own[np.round(self._directions[own] @ wanted, 9).argmax()])
        shifts: list[Shift] = []
        if whole["recolour"] > _LEAST:
            shifts.append(Recolour(whole["recolour"]))
        if abs(whole["scale"] - 1) > _LEAST:
            shifts.append(Scale(whole["scale"]))
        if whole["background"] > _LEAST:
            shifts.append(NaturalBackground(self._photographs, whole["background"]))
        if whole["occlusion"] > 0.02:
            share = whole["occlusion"]
            shifts.append(Occlusion(share, share, self._photographs, "patch"))
        for shift in (*shifts, *_corruptions(whole)):
            data, row = _changed(data, row, shift, subject)
        assert isinstance(data, ObjectViews)
        return Picture(data.images[row], data.masks[row], 0.0)


def _corruptions(values: Mapping[str, float]) -> list[Shift]:
    """What happens to the finished picture: out of focus, fog, noise."""
    shifts: list[Shift] = []
    if values["blur"] > _LEAST:
        shifts.append(Blur(values["blur"]))
    if values["contrast"] < 1 - _LEAST:
        shifts.append(Contrast(values["contrast"]))
    if values["noise"] > _LEAST:
        shifts.append(Noise(values["noise"]))
    return shifts


def _changed(data: LabelledImages, row: int, shift: Shift, subject: int) -> tuple[LabelledImages, int]:
    """A set of one row with the shift's picture; the row as it is where the shift cannot change it."""
    generator = np.random.default_rng([subject, *shift.name.encode()])
    picture = shift.change(data, row, generator)
    if picture is None:
        return data, row
    changed: dict = {"images": picture.image[None]}
    if isinstance(data, ObjectViews):
        changed |= {"masks": picture.mask[None], "parts": None, "part_names": ()}
        data = replace(data, parts=None, part_names=())
    return replace(data.subset([row]), **changed), 0


def _placed(image: ndarray, rotation: float, scale: float, slant: float) -> ndarray:
    """Ink turned, resized and slanted about the picture's centre; paper comes in."""
    if abs(rotation) < _LEAST and abs(scale - 1) < _LEAST and abs(slant) < _LEAST:
        return image
    angle = np.radians(rotation)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    matrix = np.array([[1.0, 0.0], [slant, 1.0]]) @ turn / scale
    centre = (np.array(image.shape) - 1) / 2
    source = image.astype(np.float64)
    if scale < 1:
        source = ndimage.gaussian_filter(source, 0.4 * np.sqrt(scale**-2 - 1))
    moved = ndimage.affine_transform(source, np.c_[matrix, centre - matrix @ centre], order=1)
    return np.rint(np.clip(moved, 0, 255)).astype(np.uint8)
