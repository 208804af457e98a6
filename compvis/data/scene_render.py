"""Scenes drawn by Mitsuba 3: light paths, soft shadows, textured and shiny surfaces.

An independent source of pictures: nothing here is shared with the renderers that models are fitted with.
Mitsuba (https://mitsuba-renderer.org, BSD licence) is an optional dependency, `pip install compvis[render3d]`,
imported when a scene is drawn. Variant `scalar_rgb`: no compiler, no GPU, the same picture for the same seed.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64, Int16, UInt8
from numpy import ndarray

from compvis.data.backgrounds import Photographs
from compvis.data.check import InputError
from compvis.data.scene_factors import Light, Material, SceneFactors, SceneSettings
from compvis.data.scene_objects import SceneObject, SolidPart
from compvis.data.views import view_directions

_FINER = 4  # owners are found on a grid this much finer; the majority owns the pixel
_TEXTURE = 64  # pixels a side of made textures
_DEPTH = 4  # bounces, one less
_GROUND = 3.0  # radii of the object: half the side of the plate it stands on


@dataclass(frozen=True, eq=False)
class RenderedScene:
    """One picture with its truth.

    Attributes:
        image: (S, S, 3) RGB for display.
        mask: (S, S) where the object covers at least half of the pixel.
        parts: (S, S) 1 + the place among the object's parts of the part that owns the pixel; 0 is none.
        renderer: what drew it, and its version.
    """

    image: UInt8[ndarray, "S S 3"]
    mask: Bool[ndarray, "S S"]
    parts: Int16[ndarray, "S S"]
    renderer: str


def render_scene(
    solid: SceneObject, factors: SceneFactors, settings: SceneSettings, photographs: Photographs | None
) -> RenderedScene:
    """Draw an object under its factors.

    Args:
        photographs: for backgrounds and textures; None where the settings use none.

    Raises:
        InputError: Mitsuba is not installed, or photographs are needed and missing.
    """
    mitsuba = _load_mitsuba()
    needs = settings.background or "photograph" in settings.materials or "photograph" in settings.grounds
    if needs and photographs is None:
        raise InputError("These settings use photographs: give some, or choose other materials and grounds.")
    scene = mitsuba.load_dict(_describe(mitsuba, solid, factors, photographs), optimize=False)
    owners = np.array(
        mitsuba.render(
            scene,
            sensor=_sensor(mitsuba, factors, _FINER * settings.side, 1, "rgb"),
            integrator=mitsuba.load_dict({"type": "aov", "aovs": "owner:shape_index"}),
            seed=factors.index,
        )
    )[..., -1]
    mask, parts = _majority(np.rint(owners).astype(np.int64), _part_numbers(scene), settings.side)
    light = np.array(
        mitsuba.render(
            scene,
            sensor=_sensor(mitsuba, factors, settings.side, settings.samples, "rgba"),
            integrator=mitsuba.load_dict({"type": "path", "max_depth": _DEPTH, "hide_emitters": True}),
            seed=factors.index,
        ),
        dtype=np.float64,
    )
    return RenderedScene(
        _developed(light, mask, factors, photographs), mask, parts, f"Mitsuba {mitsuba.__version__}"
    )


def _load_mitsuba() -> Any:
    try:
        import mitsuba  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise InputError(
            "Drawing scenes needs Mitsuba 3: pip install 'compvis[render3d]' (or pip install mitsuba)."
        ) from error
    if mitsuba.variant() != "scalar_rgb":
        mitsuba.set_variant("scalar_rgb")
    return mitsuba


def _describe(
    mitsuba: Any, solid: SceneObject, factors: SceneFactors, photographs: Photographs | None
) -> dict[str, Any]:
    transform = mitsuba.ScalarTransform4f
    surfaces = [_surface(mitsuba, material, photographs) for material in factors.materials]
    scene: dict[str, Any] = {
        "type": "scene",
        "ambient": {"type": "constant", "radiance": {"type": "rgb", "value": list(factors.ambient)}},
    }
    for place, light in enumerate(factors.lights):
        scene[f"light{place}"] = _luminous_ball(light)
    if factors.ground != "none":
        material = factors.ground_material
        if factors.ground == "photograph":
            material = Material("photograph", material.colour, material.second, 1.0, _GROUND, material.seed)
        plate = transform().translate([0, solid.floor - 0.002, 0]).rotate([1, 0, 0], -90).scale(_GROUND)
        bsdf = _surface(mitsuba, material, photographs)
        scene["ground"] = {"type": "rectangle", "to_world": plate, "bsdf": bsdf}
    for place, part in enumerate(solid.parts):
        group = part.group % len(surfaces)
        size = factors.materials[group].scale
        scene[f"part{place:04d}"] = _mesh(mitsuba, f"part{place:04d}", part, surfaces[group], size)
    return scene


def _sensor(mitsuba: Any, factors: SceneFactors, side: int, samples: int, pixels: str) -> Any:
    direction = view_directions(np.array([factors.elevation]), np.array([factors.azimuth]))[0]
    at = mitsuba.ScalarTransform4f().look_at(
        origin=(factors.distance * direction).tolist(), target=[0, 0, 0], up=[0, 1, 0]
    )
    film = {
        "type": "hdrfilm",
        "width": side,
        "height": side,
        "pixel_format": pixels,
        "rfilter": {"type": "box"},
    }
    sampler = {"type": "multijitter", "sample_count": samples}
    return mitsuba.load_dict(
        {
            "type": "perspective",
            "fov": factors.field_of_view,
            "to_world": at,
            "film": film,
            "sampler": sampler,
        }
    )


def _luminous_ball(light: Light) -> dict[str, Any]:
    direction = view_directions(np.array([light.elevation]), np.array([light.azimuth]))[0]
    # A ball of radiance L, radius r, distance d gives the irradiance pi L (r / d)^2 to a surface facing it.
    radiance = np.array(light.colour) / (np.pi * (light.radius / light.distance) ** 2)
    return {
        "type": "sphere",
        "center": (light.distance * direction).tolist(),
        "radius": light.radius,
        "emitter": {"type": "area", "radiance": {"type": "rgb", "value": radiance.tolist()}},
    }


def _surface(mitsuba: Any, material: Material, photographs: Photographs | None) -> Any:
    first = {"type": "rgb", "value": list(material.colour)}
    second = {"type": "rgb", "value": list(material.second)}
    rough = material.roughness
    kinds: dict[str, Any] = {
        "paint": {"type": "diffuse", "reflectance": first},
        "plastic": {"type": "roughplastic", "diffuse_reflectance": first, "alpha": rough},
        "varnish": {"type": "principled", "base_color": first, "roughness": rough, "clearcoat": 0.8},
        "metal": {"type": "roughconductor", "specular_reflectance": first, "alpha": rough, "material": "Al"},
        "checker": {
            "type": "diffuse",
            "reflectance": {"type": "checkerboard", "color0": first, "color1": second},
        },
    }
    if material.kind in kinds:
        described = kinds[material.kind]
    else:
        made = _grain(material) if material.kind == "grain" else _cut(material, photographs)
        texture = {"type": "bitmap", "bitmap": mitsuba.Bitmap(made.astype(np.float32)), "raw": True}
        described = {"type": "diffuse", "reflectance": {**texture, "wrap_mode": "mirror"}}
    # Flat and closed or not, a part is seen from both sides.
    return mitsuba.load_dict({"type": "twosided", "bsdf": described})


def _grain(material: Material) -> Float64[ndarray, "T T 3"]:
    """Wavy stripes between two colours, like wood."""
    generator = np.random.default_rng(material.seed)
    y, x = np.indices((_TEXTURE, _TEXTURE)) / _TEXTURE
    waves = sum(
        generator.normal() * np.sin(2 * np.pi * (k * x + generator.random()) + 3 * generator.normal() * y)
        for k in (1, 2, 4, 8, 12)
    )
    share = (0.5 + 0.5 * np.tanh(waves))[..., None]
    return share * np.array(material.colour) + (1 - share) * np.array(material.second)


def _cut(material: Material, photographs: Photographs | None) -> Float64[ndarray, "T T 3"]:
    assert photographs is not None
    return _linear(photographs.crop(_TEXTURE, _TEXTURE, np.random.default_rng(material.seed)) / 255.0)


def _mesh(mitsuba: Any, name: str, part: SolidPart, surface: Any, size: float) -> Any:
    properties = mitsuba.Properties()
    properties["surface"] = surface
    mesh = mitsuba.Mesh(
        name,
        len(part.vertices),
        len(part.faces),
        props=properties,
        has_vertex_normals=False,
        has_vertex_texcoords=True,
    )
    values = mitsuba.traverse(mesh)
    values["vertex_positions"] = part.vertices.astype(np.float32).ravel()
    values["vertex_texcoords"] = (part.texture / size).astype(np.float32).ravel()
    values["faces"] = part.faces.astype(np.uint32).ravel()
    values.update()
    return mesh


def _part_numbers(scene: Any) -> dict[int, int]:
    """From the owner pass's numbers (1 + place among the scene's shapes, 0 nothing) to 1 + the part's place."""
    numbers = {}
    for place, shape in enumerate(scene.shapes()):
        if shape.id().startswith("part"):
            numbers[place + 1] = int(shape.id().removeprefix("part")) + 1
    return numbers


def _majority(
    owners: ndarray, numbers: dict[int, int], side: int
) -> tuple[Bool[ndarray, "S S"], Int16[ndarray, "S S"]]:
    """Where the object has at least half of a pixel's samples, and which part has most of those."""
    table = np.zeros(max([*numbers, int(owners.max())]) + 1, dtype=np.int64)
    for owner, number in numbers.items():
        table[owner] = number
    fine = table[owners].reshape(side, _FINER, side, _FINER).swapaxes(1, 2).reshape(side, side, -1)
    mask = (fine > 0).sum(-1) * 2 >= _FINER**2
    # Of equals, the one with the lowest number.
    votes = (fine[..., :, None] == fine[..., None, :]).sum(-1) * (fine > 0)
    order = votes * (table.max() + 1) - fine
    winner = np.take_along_axis(fine, order.argmax(-1)[..., None], -1)[..., 0]
    return mask, np.where(mask, winner, 0).astype(np.int16)


def _developed(
    light: Float64[ndarray, "S S 4"], mask: ndarray, factors: SceneFactors, photographs: Photographs | None
) -> UInt8[ndarray, "S S 3"]:
    """Exposed for the object, laid over the photograph or the grey, and encoded for display."""
    colour, alpha = light[..., :3], np.clip(light[..., 3:], 0.0, 1.0)
    bright = float(np.percentile(colour[mask].max(-1), 90)) if mask.any() else 1.0
    exposed = colour * (float(_linear(np.array(factors.brightness))) / max(bright, 1e-4))
    side = mask.shape[0]
    if factors.background_seed >= 0:
        assert photographs is not None
        behind = photographs.crop(side, side, np.random.default_rng(factors.background_seed)) / 255.0
    else:
        behind = np.full((side, side, 3), factors.grey)
    whole = np.clip(exposed + (1 - alpha) * _linear(behind), 0.0, 1.0)
    shown = np.where(whole <= 0.0031308, 12.92 * whole, 1.055 * whole ** (1 / 2.4) - 0.055)  # IEC 61966-2-1
    return np.rint(255 * shown).astype(np.uint8)


def _linear(shown: ndarray) -> ndarray:
    """Linear light of display values (IEC 61966-2-1)."""
    return np.where(shown <= 0.04045, shown / 12.92, ((shown + 0.055) / 1.055) ** 2.4)
