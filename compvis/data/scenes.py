"""Sets of rendered furniture: made once by number and seed, resumable, read as views of objects.

A set is a folder: `set.json` (the plan it was made from), and for every scene `scene-00012.png` (the picture),
`scene-00012-parts.png` (numbers of the owning parts, 0 where there is no object) and `scene-00012.json` (all
factors: viewpoint, lights, materials, ground, background, object, parts). The JSON is written last, so a scene
that has it is whole.
"""

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Int16
from numpy import ndarray
from PIL import Image

from compvis.data.backgrounds import Photographs
from compvis.data.check import InputError
from compvis.data.encoded import decode_colour, decode_numbers
from compvis.data.folder import DataError, MissingDataError, reading
from compvis.data.part_roles import with_roles
from compvis.data.scene_factors import SceneFactors, SceneSettings, draw_factors
from compvis.data.scene_objects import SceneObject, load_scene_objects, without_parts
from compvis.data.scene_render import RenderedScene, render_scene
from compvis.data.views import ObjectViews

_FORMAT = 1
_MOST_PARTS = 255
_PROVENANCE = {
    "partnet": "rendered by Mitsuba 3 from PartNet (Mo et al. 2019; ShapeAssembly, Jones et al. 2020)",
    "ikea": "rendered by Mitsuba 3 from IKEA Manuals at Work (Liu et al. 2024)",
}


@dataclass(frozen=True)
class ScenePlan:
    """Which scenes a set has.

    Scenes are numbered by category, object and view: category c, object o, view v is scene
    `(c * objects + o) * views + v`.

    Attributes:
        name: of the set.
        source: `partnet` or `ikea`; categories: of that source; objects: how many of each category.
        views: scenes of each object.
        first_object: leaves out that many of the drawn objects, so that a second set has others.
        seed: of everything drawn; object_seed: of the choice of objects.
        recombine: objects with one part of another (`compvis.data.scene_objects`).
        roles: parts are cut and named by role, objects turned to their front (`compvis.data.part_roles`).
        settings: how they are drawn and rendered.
    """

    name: str
    source: str
    categories: Sequence[str]
    objects: int
    views: int
    first_object: int = 0
    seed: int = 0
    object_seed: int = 0
    recombine: bool = False
    roles: bool = False
    settings: SceneSettings = field(default_factory=SceneSettings)

    def __post_init__(self) -> None:
        object.__setattr__(self, "categories", tuple(self.categories))  # YAML has no tuples
        if not self.categories or self.objects < 1 or self.views < 1 or self.first_object < 0:
            raise InputError("A set of scenes needs at least one category, object and view.")

    def __len__(self) -> int:
        return len(self.categories) * self.objects * self.views

    def record(self) -> dict:
        """The plan as values of JSON."""
        return json.loads(json.dumps({"format": _FORMAT, **asdict(self)}))


def make_scenes(
    plan: ScenePlan,
    folder: Path | str,
    photographs: Photographs | None = None,
    root: Path | str | None = None,
) -> Iterator[int]:
    """Render the scenes that the folder lacks, one at a time, and yield their numbers as they are done.

    The same plan gives the same files, in one go or in several.

    Args:
        folder: made where missing.
        photographs: for backgrounds and textures.
        root: folder of the objects' data; see `compvis.data.folder`.

    Raises:
        InputError: the folder holds another plan's set, or as `load_scene_objects` and `render_scene`.
        MissingDataError, DataError: as the loaders of the objects.
    """
    _claim(plan, Path(folder))
    return _made(plan, Path(folder), photographs, root)


def _made(
    plan: ScenePlan, folder: Path, photographs: Photographs | None, root: Path | str | None
) -> Iterator[int]:
    missing = missing_scenes(plan, folder)
    solids: dict[int, tuple[SceneObject, ...]] = {}
    for index in missing:
        category, rest = divmod(index, plan.objects * plan.views)
        if category not in solids:
            drawn = load_scene_objects(
                plan.source,
                plan.categories[category],
                plan.first_object + plan.objects,
                plan.object_seed,
                plan.recombine,
                root,
            )
            drawn = drawn[plan.first_object :]
            solids[category] = tuple(with_roles(solid) for solid in drawn) if plan.roles else drawn
        place = rest // plan.views
        factors = draw_factors(plan.settings, index, plan.seed)
        solid = without_parts(
            solids[category][place], plan.settings.removed, np.random.default_rng(factors.removed_seed)
        )
        if len(solid.parts) > _MOST_PARTS:
            raise InputError(
                f"{solid.category} {solid.name} has more than {_MOST_PARTS} parts: leave it out."
            )
        scene = render_scene(solid, factors, plan.settings, photographs)
        _write(folder, index, scene, _scene_record(solid, place, factors, scene))
        yield index


def missing_scenes(plan: ScenePlan, folder: Path | str) -> list[int]:
    """Numbers of the scenes that are still to be made, ascending."""
    return [index for index in range(len(plan)) if not _path(Path(folder), index, ".json").is_file()]


def load_scenes(folder: Path | str) -> ObjectViews:
    """All scenes of a finished set, in their order, as views of objects.

    In a set with roles a part's number is that of its role, like `chair seat`. In other sets part numbers count the
    parts of one object: what number 3 is in one object it need not be in another. The scenes' JSON says which node
    of the source each is (`scene_records`). Masks are where a part number is.

    Raises:
        MissingDataError: no set there, or an unfinished one. DataError: damaged files.
    """
    folder = Path(folder)
    plan = _read_plan(folder)
    whole = len(plan["categories"]) * plan["objects"] * plan["views"]
    lacking = [index for index in range(whole) if not _path(folder, index, ".json").is_file()]
    if lacking:
        raise MissingDataError(
            f"{folder} lacks {len(lacking)} of its {whole} scenes: run the command that makes them again."
        )
    images, parts = [], []
    for index in range(whole):
        for target, ending in ((images, ".png"), (parts, "-parts.png")):
            path = _path(folder, index, ending)
            if not path.is_file():
                raise DataError(f"{path} is gone: delete scene-{index:05d}.json and make the scene again.")
            with reading(path):
                decode = decode_colour if target is images else decode_numbers
                target.append(decode(path.read_bytes()))
    records = scene_records(folder)
    with reading(folder / "set.json"):
        owners = np.stack(parts).astype(np.int16)
        named = ("background", *(f"part {k + 1}" for k in range(int(owners.max()))))
        if plan["roles"]:
            owners, named = _by_role(owners, records)
        return ObjectViews(
            images=np.stack(images),
            labels=np.repeat(np.arange(len(plan["categories"])), plan["objects"] * plan["views"]).astype(
                np.int64
            ),
            class_names=tuple(plan["categories"]),
            name=plan["name"],
            provenance=_PROVENANCE[plan["source"]],
            masks=owners > 0,
            objects=_column(records, "object", "place").astype(np.int64) + plan["first_object"],
            elevation=_column(records, "factors", "elevation"),
            azimuth=_column(records, "factors", "azimuth"),
            parts=owners,
            part_names=named,
        )


def join_scenes(folders: Sequence[Path | str]) -> ObjectViews:
    """Several finished sets of pictures of one size, each with its own categories, as one.

    Raises:
        InputError: no folder, sets of one category, or pictures of different sizes; otherwise as `load_scenes`.
    """
    sets = [load_scenes(folder) for folder in folders]
    classes = [name for one in sets for name in one.class_names]
    if not sets or len(set(classes)) < len(classes) or len({one.images.shape[1:] for one in sets}) > 1:
        raise InputError("Join sets of scenes that have categories of their own and pictures of one size.")
    names = tuple(dict.fromkeys(name for one in sets for name in one.part_names))
    starts = np.cumsum([0, *(len(one.class_names) for one in sets)])
    parts = [
        np.array([names.index(name) for name in one.part_names], dtype=np.int16)[one.parts] for one in sets
    ]
    return ObjectViews(
        images=np.concatenate([one.images for one in sets]),
        labels=np.concatenate([one.labels + start for one, start in zip(sets, starts, strict=False)]),
        class_names=tuple(classes),
        name="+".join(one.name for one in sets),
        provenance="; ".join(dict.fromkeys(one.provenance for one in sets)),
        masks=np.concatenate([one.masks for one in sets]),
        objects=np.concatenate([one.objects for one in sets]),
        elevation=np.concatenate([one.elevation for one in sets]),
        azimuth=np.concatenate([one.azimuth for one in sets]),
        parts=np.concatenate(parts),
        part_names=names,
    )


def scene_records(folder: Path | str) -> list[dict]:
    """The record of every scene that is there, in order.

    Each has `object` (source, category, name, donor, place among the drawn ones; nodes, groups, roles of its parts),
    `factors` (the attributes of `compvis.data.scene_factors.SceneFactors`) and `renderer`.

    Raises:
        DataError: a damaged record.
    """
    records = []
    for path in sorted(Path(folder).glob("scene-*.json")):
        with reading(path):
            records.append(json.loads(path.read_text(encoding="utf-8")))
    return records


def _scene_record(solid: SceneObject, place: int, factors: SceneFactors, scene: RenderedScene) -> dict:
    parts = [{"node": part.node, "group": part.group, "role": part.role} for part in solid.parts]
    seen = {"source": solid.source, "category": solid.category, "name": solid.name, "donor": solid.donor}
    whole = {**seen, "place": place, "parts": parts}
    return {"object": whole, "factors": factors.record(), "renderer": scene.renderer}


def _by_role(
    owners: Int16[ndarray, "n H W"], records: list[dict]
) -> tuple[Int16[ndarray, "n H W"], tuple[str, ...]]:
    """Maps of roles, numbered over all categories in order of first appearance, and the roles' names."""
    named = [
        [
            "background",
            *(f"{record['object']['category']} {part['role']}" for part in record["object"]["parts"]),
        ]
        for record in records
    ]
    numbers = {name: place for place, name in enumerate(dict.fromkeys(name for own in named for name in own))}
    tables = [np.array([numbers[name] for name in own], dtype=np.int16) for own in named]
    return np.stack([table[own] for table, own in zip(tables, owners, strict=True)]), tuple(numbers)


def _column(records: list[dict], part: str, name: str) -> ndarray:
    return np.array([record[part][name] for record in records], dtype=np.float64)


def _claim(plan: ScenePlan, folder: Path) -> None:
    """Write the plan into a new folder, or make sure that the folder was made by the same plan."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "set.json"
    if path.is_file():
        if _read_plan(folder) != plan.record():
            raise InputError(f"{folder} holds scenes of another plan: name another folder or delete it.")
        return
    _put(path, json.dumps(plan.record(), indent=1).encode())


def _read_plan(folder: Path) -> dict:
    path = folder / "set.json"
    if not path.is_file():
        raise MissingDataError(
            f"There is no set of scenes in {folder}: make one with experiments/make_scenes.py."
        )
    with reading(path):
        plan = json.loads(path.read_text(encoding="utf-8"))
        if plan["format"] != _FORMAT:
            raise ValueError(f"format {plan['format']}, not {_FORMAT}")
        plan.setdefault("roles", False)  # sets made before there were roles
    return plan


def _write(folder: Path, index: int, scene: RenderedScene, record: dict) -> None:
    for ending, pixels in ((".png", scene.image), ("-parts.png", scene.parts.astype(np.uint8))):
        path = _path(folder, index, ending)
        partial = path.with_suffix(".partial")
        Image.fromarray(pixels).save(partial, "PNG")
        os.replace(partial, path)
    _put(_path(folder, index, ".json"), json.dumps(record, indent=1).encode())


def _put(path: Path, content: bytes) -> None:
    """The file appears whole or not at all."""
    partial = path.with_suffix(".partial")
    partial.write_bytes(content)
    os.replace(partial, path)


def _path(folder: Path, index: int, ending: str) -> Path:
    return folder / f"scene-{index:05d}{ending}"
