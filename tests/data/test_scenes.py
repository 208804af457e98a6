"""Sets of rendered scenes: factors, truth of masks and viewpoints, repeatable and resumable."""

import importlib.util
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_up_furniture import write_ikea, write_partnet

from compvis.data.backgrounds import Photographs
from compvis.data.check import InputError
from compvis.data.folder import DataError, MissingDataError
from compvis.data.scene_factors import MATERIALS, SceneSettings, draw_factors
from compvis.data.scene_objects import SceneObject, load_scene_objects
from compvis.data.scene_render import render_scene
from compvis.data.scenes import (
    ScenePlan,
    join_scenes,
    load_scenes,
    make_scenes,
    missing_scenes,
    scene_records,
)
from compvis.data.view_splits import object_rows
from compvis.data.views import view_directions

needs_mitsuba = pytest.mark.skipif(
    importlib.util.find_spec("mitsuba") is None, reason="Mitsuba is not installed"
)
PLAIN = SceneSettings(
    side=48, samples=4, materials=("paint",), grounds=("none",), background=False, plain_light=True
)
PHOTOGRAPHS = Photographs(
    tuple(np.random.default_rng(i).integers(0, 256, (40, 50, 3), dtype=np.uint8) for i in range(3)), "made up"
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_partnet(tmp_path, objects=4)
    write_ikea(tmp_path)
    return tmp_path


def plan(**changes) -> ScenePlan:
    fields = {
        "name": "tiny",
        "source": "partnet",
        "categories": ("chair", "table"),
        "objects": 2,
        "views": 2,
        "settings": SceneSettings(side=32, samples=4),
    }
    return ScenePlan(**(fields | changes))


def stool(root: Path) -> SceneObject:
    return load_scene_objects("partnet", "chair", 1, 0, root=root)[0]


def test_factors_are_each_scenes_own():
    settings = SceneSettings(elevation=[10.0, 20.0], azimuth=[30.0, 90.0])
    drawn = [draw_factors(settings, index, 7) for index in range(60)]
    assert drawn[5] == draw_factors(settings, 5, 7)
    assert drawn[5] != draw_factors(settings, 5, 8)
    assert all(10 <= f.elevation <= 20 and 30 <= f.azimuth <= 90 for f in drawn)
    assert {m.kind for f in drawn for m in f.materials} == set(MATERIALS)
    assert {len(f.lights) for f in drawn} == {1, 2, 3}
    assert json.loads(json.dumps(drawn[0].record()))["azimuth"] == drawn[0].azimuth
    plain = [draw_factors(PLAIN, index, 7) for index in range(3)]
    assert plain[0].lights == plain[1].lights
    assert plain[0].background_seed == -1


@pytest.mark.parametrize(
    "settings",
    [
        {"side": 8},
        {"samples": 0},
        {"materials": ("glass",)},
        {"grounds": ()},
        {"elevation": (50.0, 10.0)},
        {"azimuth": (0.0,)},
        {"removed": -1},
    ],
)
def test_impossible_settings_are_refused(settings: dict):
    with pytest.raises(InputError):
        SceneSettings(**settings)


def test_impossible_plans_are_refused(root: Path):
    with pytest.raises(InputError, match="at least one"):
        plan(views=0)
    with pytest.raises(InputError, match="4 objects of chair"):
        list(make_scenes(plan(objects=5), root / "set", PHOTOGRAPHS, root))


@needs_mitsuba
@pytest.mark.parametrize(("azimuth", "elevation"), [(0.0, 10.0), (70.0, 35.0), (200.0, 80.0), (300.0, 5.0)])
def test_the_picture_shows_the_stated_viewpoint(root: Path, azimuth: float, elevation: float):
    """The mask is the projection of the object's corners by the convention, computed here without the renderer."""
    solid = stool(root)
    factors = replace(draw_factors(PLAIN, 0, 0), azimuth=azimuth, elevation=elevation)
    scene = render_scene(solid, factors, PLAIN, None)
    up, around = np.radians(elevation), np.radians(azimuth)
    towards = view_directions(np.array([elevation]), np.array([azimuth]))[0]
    right = np.array([np.cos(around), 0, -np.sin(around)])
    above = np.array([-np.sin(up) * np.sin(around), np.cos(up), -np.sin(up) * np.cos(around)])
    focal = PLAIN.side / 2 / np.tan(np.radians(factors.field_of_view / 2))
    for number, part in enumerate(solid.parts, start=1):
        depth = factors.distance - part.vertices @ towards
        x = PLAIN.side / 2 + focal * (part.vertices @ right) / depth
        y = PLAIN.side / 2 - focal * (part.vertices @ above) / depth
        rows, columns = np.nonzero(scene.parts == number)
        if len(rows):
            assert x.min() - 1 <= columns.min() <= columns.max() <= x.max() + 1
            assert y.min() - 1 <= rows.min() <= rows.max() <= y.max() + 1
    rows, columns = np.nonzero(scene.mask)
    seat = solid.parts[-1].vertices  # the top plate reaches the outline on three sides
    x = PLAIN.side / 2 + focal * (seat @ right) / (factors.distance - seat @ towards)
    y = PLAIN.side / 2 - focal * (seat @ above) / (factors.distance - seat @ towards)
    assert columns.min() == pytest.approx(x.min(), abs=1.5)
    assert columns.max() + 1 == pytest.approx(x.max(), abs=1.5)
    assert rows.min() == pytest.approx(y.min(), abs=1.5)


@needs_mitsuba
def test_parts_own_what_they_show_and_the_ground_owns_nothing(root: Path):
    settings = replace(PLAIN, grounds=("paint",), side=64)
    factors = replace(draw_factors(settings, 3, 0), elevation=30.0, azimuth=20.0)
    scene = render_scene(stool(root), factors, settings, None)
    np.testing.assert_array_equal(scene.parts > 0, scene.mask)
    assert set(np.unique(scene.parts)) == {0, 1, 2, 3, 4, 5}
    bare = render_scene(stool(root), replace(factors, ground="none"), settings, None)
    np.testing.assert_array_equal(bare.parts, scene.parts)
    assert (bare.image != scene.image)[~scene.mask].any()  # the ground is drawn
    assert scene.renderer.startswith("Mitsuba 3")


@needs_mitsuba
@pytest.mark.parametrize("kind", MATERIALS)
def test_every_material_is_drawn(root: Path, kind: str):
    settings = replace(PLAIN, materials=(kind,), samples=4)
    scene = render_scene(stool(root), draw_factors(settings, 1, 0), settings, PHOTOGRAPHS)
    assert scene.image[scene.mask].max() > 60
    with pytest.raises(InputError, match="photographs"):
        render_scene(stool(root), draw_factors(settings, 1, 0), replace(settings, background=True), None)


@needs_mitsuba
def test_sets_are_repeatable_and_resumable(root: Path):
    whole = list(make_scenes(plan(), root / "one", PHOTOGRAPHS, root))
    assert whole == list(range(8))
    halves = make_scenes(plan(), root / "two", PHOTOGRAPHS, root)
    assert [next(halves) for _ in range(3)] == [0, 1, 2]
    halves.close()
    with pytest.raises(MissingDataError, match="lacks 5 of its 8 scenes"):
        load_scenes(root / "two")
    assert missing_scenes(plan(), root / "two") == [3, 4, 5, 6, 7]
    assert list(make_scenes(plan(), root / "two", PHOTOGRAPHS, root)) == [3, 4, 5, 6, 7]
    names = sorted(path.name for path in (root / "one").iterdir())
    assert len(names) == 25
    for name in names:
        assert (root / "one" / name).read_bytes() == (root / "two" / name).read_bytes(), name
    assert list(make_scenes(plan(), root / "two", PHOTOGRAPHS, root)) == []
    with pytest.raises(InputError, match="another plan"):
        make_scenes(plan(seed=1), root / "two", PHOTOGRAPHS, root)  # before the first scene is asked for

    data = load_scenes(root / "one")
    assert data.name == "tiny"
    assert data.labels.tolist() == [0] * 4 + [1] * 4
    assert data.objects.tolist() == [0, 0, 1, 1] * 2
    assert data.parts is not None
    np.testing.assert_array_equal(data.parts > 0, data.masks)
    records = scene_records(root / "one")
    assert [r["factors"]["azimuth"] for r in records] == data.azimuth.tolist()
    assert [p["node"] for p in records[0]["object"]["parts"]] == [3, 4, 5, 6, 2]
    assert object_rows(data, 1, 1).tolist() == [2, 3, 6, 7]
    with pytest.raises(InputError, match="no objects 1 to 2"):
        object_rows(data, 1, 2)


@needs_mitsuba
def test_other_sources_and_changes_of_objects(root: Path):
    settings = SceneSettings(side=24, samples=1, removed=1)
    for number, changes in enumerate(
        ({"source": "ikea", "categories": ["chair"], "objects": 2}, {"recombine": True, "first_object": 1})
    ):
        folder = root / str(number)
        list(make_scenes(plan(views=1, settings=settings, **changes), folder, PHOTOGRAPHS, root))
        data = load_scenes(folder)
        assert data.objects.min() == changes.get("first_object", 0)
        assert {len(r["object"]["parts"]) for r in scene_records(folder)} == {1 if number == 0 else 4}
        assert all(bool(r["object"]["donor"]) == (number == 1) for r in scene_records(folder))


@needs_mitsuba
def test_sets_with_roles_name_their_parts_and_join(root: Path):
    settings = SceneSettings(side=32, samples=1, elevation=(30.0, 30.0))
    for name in ("chair", "table"):
        own = plan(name=name, categories=(name,), views=1, roles=True, settings=settings)
        list(make_scenes(own, root / name, PHOTOGRAPHS, root))
    data = join_scenes([root / "chair", root / "table"])
    assert data.class_names == ("chair", "table")
    assert data.labels.tolist() == [0, 0, 1, 1]
    assert data.parts is not None
    np.testing.assert_array_equal(data.parts > 0, data.masks)
    shown = [{data.part_names[k] for k in np.unique(one) if k} for one in data.parts]
    assert shown == [{"chair seat", "chair legs"}] * 2 + [{"table top", "table legs"}] * 2
    seat, legs = (data.parts[0] == data.part_names.index(f"chair {role}") for role in ("seat", "legs"))
    assert np.nonzero(seat)[0].mean() < np.nonzero(legs)[0].mean()
    with pytest.raises(InputError, match="categories of their own"):
        join_scenes([root / "chair", root / "chair"])


@needs_mitsuba
def test_sets_made_before_there_were_roles_are_read(root: Path):
    tiny = plan(categories=("chair",), objects=1, views=1)
    list(make_scenes(tiny, root / "set", PHOTOGRAPHS, root))
    written = json.loads((root / "set" / "set.json").read_text())
    assert written.pop("roles") is False
    (root / "set" / "set.json").write_text(json.dumps(written))
    assert len(load_scenes(root / "set")) == 1
    assert list(make_scenes(tiny, root / "set", PHOTOGRAPHS, root)) == []


@needs_mitsuba
def test_damaged_sets_are_one_clear_error(root: Path):
    with pytest.raises(MissingDataError, match="no set of scenes"):
        load_scenes(root / "nothing")
    tiny = plan(categories=("chair",), objects=1, views=1)
    folder = root / "set"
    list(make_scenes(tiny, folder, PHOTOGRAPHS, root))
    picture = folder / "scene-00000.png"
    content = picture.read_bytes()
    picture.write_bytes(content[:200])
    with pytest.raises(DataError, match=r"scene-00000\.png is damaged"):
        load_scenes(folder)
    picture.unlink()
    with pytest.raises(DataError, match="is gone"):
        load_scenes(folder)
    picture.write_bytes(content)
    (folder / "scene-00000.json").write_text("{")
    with pytest.raises(DataError, match=r"scene-00000\.json is damaged"):
        load_scenes(folder)


def test_without_mitsuba_the_error_says_what_to_install(root: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(__import__("sys").modules, "mitsuba", None)
    with pytest.raises(InputError, match=r"compvis\[render3d\]"):
        render_scene(stool(root), draw_factors(PLAIN, 0, 0), PLAIN, None)
