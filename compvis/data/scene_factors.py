"""What a rendered scene is made of, drawn at random: viewpoint, lights, materials, ground, background.

Each scene has a random stream of its own, made of the seed and its number, so a set may be made in any order
and by parts. Every factor is written beside the picture.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np

from compvis.data.check import InputError

MATERIALS = ("paint", "plastic", "varnish", "metal", "checker", "grain", "photograph")
GROUNDS = ("none", "paint", "photograph")


@dataclass(frozen=True)
class SceneSettings:
    """How scenes are drawn and rendered.

    Attributes:
        side: of the square picture, in pixels.
        samples: light paths a pixel.
        elevation: range in degrees above the horizon, drawn evenly.
        azimuth: range in degrees, drawn evenly.
        materials: kinds to draw from, of `MATERIALS`.
        grounds: kinds to draw from, of `GROUNDS`.
        background: a photograph behind, else a plain grey.
        plain_light: the same two lights in every scene, else random ones.
        removed: how many parts to take away.
        one_material: the whole object of one material, else one a group of parts.
    """

    side: int = 96
    samples: int = 64
    elevation: Sequence[float] = (5.0, 60.0)
    azimuth: Sequence[float] = (0.0, 360.0)
    materials: Sequence[str] = MATERIALS
    grounds: Sequence[str] = GROUNDS
    background: bool = True
    plain_light: bool = False
    removed: int = 0
    one_material: bool = False

    def __post_init__(self) -> None:
        for name in ("elevation", "azimuth", "materials", "grounds"):  # YAML has no tuples
            object.__setattr__(self, name, tuple(getattr(self, name)))
        if len(self.elevation) != 2 or len(self.azimuth) != 2:
            raise InputError("Give elevation and azimuth as a lowest and a highest value.")
        if not 16 <= self.side <= 512 or not 1 <= self.samples <= 4096:
            raise InputError("Render 16 to 512 pixels a side with 1 to 4096 samples a pixel.")
        for what, known in (("materials", MATERIALS), ("grounds", GROUNDS)):
            asked = getattr(self, what)
            if not asked or not set(asked) <= set(known):
                raise InputError(f"Choose {what} of {', '.join(known)}, not {', '.join(asked) or 'none'}.")
        low, high = self.elevation
        if not -90 < low <= high < 90 or self.azimuth[0] > self.azimuth[1] or self.removed < 0:
            raise InputError(
                "Give elevations between -90 and 90, azimuths from low to high, parts removed >= 0."
            )


@dataclass(frozen=True)
class Material:
    """A surface: its kind, two linear RGB colours, roughness, texture size (radii) and the photograph's seed."""

    kind: str
    colour: tuple[float, float, float]
    second: tuple[float, float, float]
    roughness: float
    scale: float
    seed: int


@dataclass(frozen=True)
class Light:
    """A luminous ball: direction from the object, distance and radius in radii of the object, linear RGB.

    `colour` is the irradiance that it gives at the object, a surface facing it.
    """

    azimuth: float
    elevation: float
    distance: float
    radius: float
    colour: tuple[float, float, float]


@dataclass(frozen=True)
class SceneFactors:
    """Everything that makes one scene besides its object.

    Attributes:
        index, seed: of the scene.
        azimuth, elevation: degrees, as `compvis.data.views`.
        field_of_view: degrees, across the picture; distance: of the viewer, in radii of the object.
        ambient: radiance from all around, linear RGB; lights: luminous balls.
        materials: one a group of parts (group modulo their number); ground: its kind; ground_material.
        brightness: the display value that the object's brightest parts reach.
        background_seed: of the photograph's piece, -1 for plain grey; grey: display value of that.
        removed_seed: of the parts taken away.
    """

    index: int
    seed: int
    azimuth: float
    elevation: float
    field_of_view: float
    distance: float
    ambient: tuple[float, float, float]
    lights: tuple[Light, ...]
    materials: tuple[Material, ...]
    ground: str
    ground_material: Material
    brightness: float
    background_seed: int
    grey: float
    removed_seed: int

    def record(self) -> dict:
        """The factors as values of JSON."""
        return asdict(self)


def draw_factors(settings: SceneSettings, index: int, seed: int) -> SceneFactors:
    """The factors of scene `index`."""
    generator = np.random.default_rng([seed, 2, index])
    azimuth = float(generator.uniform(settings.azimuth[0], settings.azimuth[1]) % 360.0)
    elevation = float(generator.uniform(settings.elevation[0], settings.elevation[1]))
    view = float(generator.uniform(22.0, 40.0))
    distance = float(generator.uniform(1.05, 1.25) / np.sin(np.radians(view / 2)))
    lights = _PLAIN_LIGHTS if settings.plain_light else _random_lights(generator)
    level = 0.35 if settings.plain_light else float(generator.uniform(0.15, 0.5))
    tint = np.ones(3) if settings.plain_light else generator.uniform(0.85, 1.0, 3)
    count = 1 if settings.one_material else int(generator.integers(1, 4))
    return SceneFactors(
        index=index,
        seed=seed,
        azimuth=azimuth,
        elevation=elevation,
        field_of_view=view,
        distance=distance,
        ambient=_rgb(level * tint),
        lights=lights,
        materials=tuple(_random_material(generator, settings.materials) for _ in range(count)),
        ground=str(generator.choice(list(settings.grounds))),
        ground_material=_muted(_random_material(generator, ("paint",))),
        brightness=float(generator.uniform(0.75, 1.0)),
        background_seed=int(generator.integers(2**31)) if settings.background else -1,
        grey=float(generator.uniform(0.3, 0.8)),
        removed_seed=int(generator.integers(2**31)),
    )


_PLAIN_LIGHTS = (
    Light(azimuth=30.0, elevation=55.0, distance=8.0, radius=1.0, colour=(2.0, 2.0, 2.0)),
    Light(azimuth=250.0, elevation=30.0, distance=8.0, radius=1.0, colour=(0.5, 0.5, 0.5)),
)


def _random_lights(generator: np.random.Generator) -> tuple[Light, ...]:
    """One to three, the first the strongest; from warm to cool."""
    lights = []
    for place in range(int(generator.integers(1, 4))):
        warmth = generator.uniform(-0.25, 0.25)
        strength = generator.uniform(1.5, 3.0) if place == 0 else generator.uniform(0.2, 1.0)
        lights.append(
            Light(
                azimuth=float(generator.uniform(0, 360)),
                elevation=float(generator.uniform(20, 80)),
                distance=8.0,
                radius=float(generator.uniform(0.2, 2.0)),
                colour=_rgb(strength * np.array([1 + warmth, 1.0, 1 - warmth])),
            )
        )
    return tuple(lights)


def _random_material(generator: np.random.Generator, kinds: Sequence[str]) -> Material:
    return Material(
        kind=str(generator.choice(list(kinds))),
        colour=_rgb(generator.uniform(0.05, 0.9, 3) ** 1.5),
        second=_rgb(generator.uniform(0.05, 0.9, 3) ** 1.5),
        roughness=float(generator.uniform(0.1, 0.6)),
        scale=float(generator.uniform(0.15, 0.6)),
        seed=int(generator.integers(2**31)),
    )


def _muted(material: Material) -> Material:
    """The same brightness, a third of the colour: floors are seldom vivid."""
    colour = np.array(material.colour)
    return replace(material, colour=_rgb(colour.mean() + (colour - colour.mean()) / 3))


def _rgb(values: np.ndarray) -> tuple[float, float, float]:
    red, green, blue = (float(value) for value in values)
    return red, green, blue
