"""Box hierarchies and part meshes, and objects made ready for scenes."""

from pathlib import Path

import numpy as np
import pytest
from made_up_furniture import write_ikea, write_partnet

from compvis.data.check import InputError
from compvis.data.folder import DataError, MissingDataError
from compvis.data.ikea import load_ikea_parts
from compvis.data.partnet import CATEGORIES, SYMMETRIES, load_partnet_boxes
from compvis.data.scene_objects import SolidPart, from_boxes, load_scene_objects, recombined, without_parts


def volume(part: SolidPart) -> float:
    """Signed: positive when the faces look outward (counter-clockwise from outside)."""
    a, b, c = (part.vertices[part.faces[:, k]] for k in range(3))
    return float((np.cross(a, b) * c).sum() / 6)


def test_hierarchies_are_trees_of_boxes(tmp_path: Path):
    write_partnet(tmp_path)
    stools = load_partnet_boxes("table", tmp_path)
    assert [stool.name for stool in stools] == ["100", "101", "102"]
    stool = stools[2]
    assert stool.children(0).tolist() == [1, 2]
    assert stool.leaves().tolist() == [2, 3, 4, 5, 6]
    assert stool.leaves(1).tolist() == [3, 4, 5, 6]
    assert SYMMETRIES[stool.symmetry[4]] == "reflected"
    assert stool.source[4] == 3
    np.testing.assert_allclose(stool.size[0], [1, 1.4, 1], atol=1e-6)


def test_meshes_are_grouped_by_object(tmp_path: Path):
    write_ikea(tmp_path)
    objects = load_ikea_parts(tmp_path)
    assert [(o.category, o.name, len(o.parts)) for o in objects] == [
        ("Chair", "a", 2),
        ("Chair", "b", 2),
        ("Table", "c", 2),
    ]
    assert objects[1].parts[1].vertices.max() == 2


@pytest.mark.parametrize("kind", ["partnet", "ikea"])
def test_damage_and_absence_are_one_clear_error(kind: str, tmp_path: Path):
    load = load_ikea_parts if kind == "ikea" else lambda root: load_partnet_boxes("chair", root)
    with pytest.raises(MissingDataError, match="is not on this machine"):
        load(tmp_path)
    path = write_ikea(tmp_path) if kind == "ikea" else write_partnet(tmp_path)
    arrays = dict(np.load(path))
    if kind == "ikea":
        wrong = {"mesh_faces": arrays["mesh_faces"] + 100, "part_offsets": arrays["part_offsets"][:-1]}
    else:
        wrong = {"chair_parent": arrays["chair_parent"] * 0, "chair_box": arrays["chair_box"][:, :9]}
    for name, broken in wrong.items():
        np.savez(path, **(arrays | {name: broken}))
        with pytest.raises(DataError, match="is damaged"):
            load(tmp_path)
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(DataError, match="is damaged"):
        load(tmp_path)


def test_boxes_become_closed_solids_of_one_size(tmp_path: Path):
    write_partnet(tmp_path)
    boxes = load_partnet_boxes("chair", tmp_path)[1]
    solid = from_boxes(boxes)
    assert [part.node for part in solid.parts] == [3, 4, 5, 6, 2]
    assert [part.group for part in solid.parts] == [0, 0, 0, 0, 1]
    unit = np.linalg.norm(boxes.size[0]) / 2
    for part in solid.parts:
        assert volume(part) == pytest.approx(boxes.size[part.node].prod() / unit**3, rel=1e-5)
        assert part.texture.shape == (24, 2)
    everything = np.concatenate([part.vertices for part in solid.parts])
    np.testing.assert_allclose(everything.min(0), -everything.max(0), atol=1e-6)
    assert np.linalg.norm(everything.max(0)) == pytest.approx(1)
    assert solid.floor == pytest.approx(everything[:, 1].min())


def test_objects_are_drawn_by_the_seed_and_nested(tmp_path: Path):
    write_partnet(tmp_path, objects=6)
    write_ikea(tmp_path)
    two, four = (load_scene_objects("partnet", "chair", k, 3, root=tmp_path) for k in (2, 4))
    assert [o.name for o in four[:2]] == [o.name for o in two]
    assert len({o.name for o in four}) == 4
    assert {o.name for o in load_scene_objects("ikea", "chair", 2, 0, root=tmp_path)} == {"a", "b"}
    for arguments, message in (
        (("shapenet", "chair", 1, 0), "Unknown source"),
        (("partnet", "sofa", 1, 0), "no category 'sofa'"),
        (("partnet", "chair", 7, 0), "6 objects of chair"),
        (("ikea", "chair", 1, 0, True), "hierarchies"),
    ):
        with pytest.raises(InputError, match=message):
            load_scene_objects(*arguments, root=tmp_path)
    with pytest.raises(InputError, match="Unknown category"):
        load_partnet_boxes("sofa", tmp_path)


def test_recombination_takes_one_large_part_of_another_object(tmp_path: Path):
    write_partnet(tmp_path, objects=6)
    low, high = (load_partnet_boxes("chair", tmp_path)[k] for k in (0, 5))
    seen = set()
    for seed in range(8):
        mixed = recombined(low, high, np.random.default_rng(seed))
        assert mixed.donor == high.name
        assert len(mixed.parts) == 5
        seen.add(tuple(part.node for part in mixed.parts))
        # Fitted to the place of what it replaces: the whole keeps its extents.
        whole, plain = (
            np.ptp(np.concatenate([p.vertices for p in o.parts]), axis=0) for o in (mixed, from_boxes(low))
        )
        np.testing.assert_allclose(whole, plain, atol=1e-6)
    assert len(seen) == 2  # the legs, or the seat


def test_parts_are_taken_away_without_moving_the_others(tmp_path: Path):
    write_partnet(tmp_path)
    solid = from_boxes(load_partnet_boxes("chair", tmp_path)[0])
    less = without_parts(solid, 2, np.random.default_rng(0))
    assert len(less.parts) == 3
    assert all(any(part is other for other in solid.parts) for part in less.parts)
    with pytest.raises(InputError, match="5 parts"):
        without_parts(solid, 5, np.random.default_rng(0))


@pytest.mark.parametrize("category", CATEGORIES)
def test_real_hierarchies(category: str):
    try:
        boxes = load_partnet_boxes(category)
    except MissingDataError as missing:
        pytest.skip(str(missing))
    assert len(boxes) == 1000
    for own in boxes[::50]:
        np.testing.assert_allclose(
            own.rotation @ own.rotation.swapaxes(1, 2), np.tile(np.eye(3), (len(own), 1, 1)), atol=1e-5
        )
        assert min(volume(part) for part in from_boxes(own).parts) > 0
