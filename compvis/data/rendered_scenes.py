"""Furniture drawn on demand by an independent path tracer, every factor of the scene free."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Int64
from numpy import ndarray

from compvis.data.backgrounds import Photographs
from compvis.data.check import InputError
from compvis.data.contract import LabelledImages
from compvis.data.factors import Factor, FactorSpace, complete
from compvis.data.scene_factors import MATERIALS, Light, SceneFactors, SceneSettings, draw_factors
from compvis.data.scene_objects import load_scene_objects
from compvis.data.scene_render import render_scene
from compvis.data.scene_source import SceneSource
from compvis.data.shifts.contract import Picture

_COLOURS = 12
_BACKGROUNDS = 20


class RenderedScenes(SceneSource):
    """Objects of PartNet or IKEA from any direction, in any light, of any material, before any photograph.

    Args:
        data: a data set with the same classes, or None; its rows are not used: all objects are drawn.
        photographs: for backgrounds and textures.
        source, categories: as `compvis.data.scenes.ScenePlan`.
        first, last: numbers of the objects of each category, as that plan draws them; both included.
        object_seed: of that draw.
        side, samples: of the pictures.
        root: folder of the objects' data; see `compvis.data.folder`.

    Raises:
        InputError: a data set of other classes, no object, or as `load_scene_objects`.
        MissingDataError, DataError: as `load_scene_objects`.
    """

    def __init__(
        self,
        data: LabelledImages | None = None,
        *,
        photographs: Photographs,
        source: str = "partnet",
        categories: Sequence[str] = ("chair", "table", "storage"),
        first: int = 20,
        last: int = 29,
        object_seed: int = 0,
        side: int = 64,
        samples: int = 16,
        root: Path | str | None = None,
    ) -> None:
        self.class_names = tuple(categories)
        if data is not None and tuple(data.class_names) != self.class_names:
            raise InputError(
                f"{data.name} has other classes than the rendered {', '.join(self.class_names)}: choose "
                "data=furniture, or the scene_source of your data."
            )
        if not 0 <= first <= last:
            raise InputError(f"Objects {first} to {last} are none: first must not be above last.")
        drawn = [
            load_scene_objects(source, category, last + 1, object_seed, root=root)[first:]
            for category in categories
        ]
        self._objects = [one for own in drawn for one in own]
        self._labels = [label for label, own in enumerate(drawn) for _ in own]
        self._photographs = photographs
        self._settings = SceneSettings(
            side=side, samples=samples, materials=("paint",), grounds=("none",), background=False,
            plain_light=True, one_material=True,
        )  # fmt: skip
        self.space = FactorSpace((
            Factor("azimuth", 0.0, 360.0, 30.0, unit="degrees"),
            Factor("elevation", 5.0, 80.0, 25.0, unit="degrees above the horizon"),
            Factor("material", 0.0, len(MATERIALS) - 1.0, 0.0, steps=len(MATERIALS), unit=", ".join(MATERIALS)),
            Factor("colour", 0.0, _COLOURS - 1.0, 0.0, steps=_COLOURS, unit="number of a random colour"),
            Factor("background", 0.0, float(_BACKGROUNDS), 0.0, steps=_BACKGROUNDS + 1, unit="0 is grey"),
            Factor("light_azimuth", 0.0, 360.0, 30.0, unit="degrees"),
            Factor("light_elevation", 10.0, 80.0, 55.0, unit="degrees"),
            Factor("ambient", 0.05, 0.6, 0.35, unit="radiance from all around"),
            Factor("distance", 0.9, 1.8, 1.15, unit="times that of a filled picture"),
        ))  # fmt: skip

    def subjects(self, rows: Int64[ndarray, "m"] | None = None) -> Int64[ndarray, "k"]:
        del rows
        return np.arange(len(self._objects), dtype=np.int64)

    def label(self, subject: int) -> int:
        return self._labels[subject]

    def name(self, subject: int) -> str:
        return f"{self._objects[subject].category} {self._objects[subject].name}"

    def render(self, subject: int, values: Mapping[str, float]) -> Picture:
        factors = self._factors(subject, complete(self.space, values))
        scene = render_scene(self._objects[subject], factors, self._settings, self._photographs)
        return Picture(scene.image, scene.mask, 0.0, scene.parts)

    def _factors(self, subject: int, values: Mapping[str, float]) -> SceneFactors:
        plain = draw_factors(self._settings, subject, 0)
        colours = np.random.default_rng([11, int(values["colour"])]).uniform(0.05, 0.9, (2, 3)) ** 1.5
        first, second = (tuple(float(c) for c in colour) for colour in colours)
        material = replace(
            plain.materials[0],
            kind=MATERIALS[int(values["material"])],
            colour=first,
            second=second,
            seed=int(values["colour"]),
        )
        sun = Light(
            azimuth=values["light_azimuth"],
            elevation=values["light_elevation"],
            distance=8.0,
            radius=0.6,
            colour=(2.0, 2.0, 2.0),
        )
        picture = int(values["background"])
        view = 30.0
        return replace(
            plain,
            azimuth=values["azimuth"] % 360.0,
            elevation=values["elevation"],
            field_of_view=view,
            distance=float(values["distance"] / np.sin(np.radians(view / 2))),
            ambient=(values["ambient"],) * 3,
            lights=(sun,),
            materials=(material,),
            background_seed=picture if picture else -1,
            brightness=0.85,
            grey=0.5,
        )
