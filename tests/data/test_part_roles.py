"""Names of true parts, on boxes whose parts are plain to see."""

import numpy as np
import pytest

from compvis.data.check import InputError
from compvis.data.part_roles import between, find_plate, with_roles
from compvis.data.scene_objects import SceneObject, SolidPart, _box


def box(centre: tuple, size: tuple, node: int = 0) -> SolidPart:
    return _box(np.array(centre, float), np.array(size, float), np.eye(3), node, node)


def area(part: SolidPart) -> float:
    corners = part.vertices[part.faces]
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    return float(np.linalg.norm(cross, axis=1).sum() / 2)


def chair(away: tuple = (0.0, -0.45)) -> SceneObject:
    """A seat at 0.5, two front legs, two posts that are hind legs and back in one, a board between them."""
    x, z = away
    across = np.array([z, -x])
    posts = [(x + 0.9 * side * across[0], z + 0.9 * side * across[1]) for side in (-1, 1)]
    fronts = [(-p, -q) for p, q in posts]
    return SceneObject(
        "made",
        "chair",
        "plain",
        (
            box((0, 0.5, 0), (1, 0.1, 1), 0),
            *(box((p, 0.25, q), (0.08, 0.5, 0.08), 1) for p, q in fronts),
            *(box((p, 0.6, q), (0.08, 1.2, 0.08), 2) for p, q in posts),
            box((x, 1.05, z), (0.06 + 0.8 * abs(across[0]), 0.25, 0.06 + 0.8 * abs(across[1])), 3),
        ),
    )


def extent(solid: SceneObject, role: str) -> tuple[float, float]:
    heights = np.concatenate([part.vertices[:, 1] for part in solid.parts if part.role == role])
    return round(float(heights.min()), 3), round(float(heights.max()), 3)


def test_a_chair_has_seat_back_and_legs_and_its_posts_are_cut():
    named = with_roles(chair())
    level, surface = find_plate(chair())
    assert 0.45 <= level <= 0.55
    assert surface.argmax() == 0
    assert extent(named, "seat") == (0.45, 0.55)
    assert extent(named, "legs") == (0.0, round(level, 3))
    assert extent(named, "back") == (round(level, 3), 1.2)
    assert [part.role for part in named.parts if part.node == 2] == ["legs", "back"] * 2


@pytest.mark.parametrize("away", [(0.0, -0.45), (0.45, 0.0), (0.0, 0.45), (-0.45, 0.0)])
def test_every_chair_faces_plus_z(away: tuple):
    named = with_roles(chair(away))
    back = np.concatenate([part.vertices for part in named.parts if part.role == "back"]).mean(0)
    assert back[2] < -0.3
    assert abs(back[0]) < 0.01


def test_a_table_has_a_top_and_lies_along_x():
    legs = [box((x, 0.35, z), (0.1, 0.7, 0.1), 1) for x in (-0.3, 0.3) for z in (-0.8, 0.8)]
    shelf = box((0, 0.2, 0), (0.7, 0.05, 1.7), 2)
    named = with_roles(
        SceneObject("made", "table", "plain", (box((0, 0.72, 0), (0.8, 0.05, 1.8)), shelf, *legs))
    )
    assert [part.role for part in named.parts] == ["top", *["legs"] * 5]
    everything = np.concatenate([part.vertices for part in named.parts])
    assert np.ptp(everything[:, 0]) == pytest.approx(1.8)


def test_a_moulded_shell_has_its_seat_cut_out():
    """One piece of a seat and a back, as a thin L, on a foot."""
    seat, back = box((0, 0.5, 0), (1, 0.02, 1)), box((0, 0.9, -0.5), (1, 0.8, 0.02))
    shell = SolidPart(
        np.concatenate([seat.vertices, back.vertices]),
        np.concatenate([seat.texture, back.texture]),
        np.concatenate([seat.faces, back.faces + len(seat.vertices)]),
        0,
        0,
    )
    named = with_roles(SceneObject("made", "chair", "shell", (shell, box((0, 0.24, 0), (0.1, 0.48, 0.1), 1))))
    roles = [part.role for part in named.parts if part.node == 0]
    assert roles == ["seat", "back"]
    low, high = extent(named, "seat")
    assert low < 0.5 < high < 0.6


def test_a_cut_keeps_the_surface_and_its_texture():
    whole = box((0, 0.5, 0), (1, 1, 1))
    below, above = between(whole, -1.0, 0.3), between(whole, 0.3, 2.0)
    assert below is not None
    assert above is not None
    assert area(below) + area(above) == pytest.approx(area(whole))
    assert area(below) == pytest.approx(1 + 4 * 0.3)
    assert below.vertices[:, 1].max() == pytest.approx(0.3)
    front = np.isclose(above.vertices[:, 2], 0.5) & np.isclose(np.abs(above.vertices[:, 0]), 0.5)
    made = front & np.isclose(above.vertices[:, 1], 0.3)
    assert np.isclose(
        above.texture[made], -0.2
    ).any()  # a texture coordinate was 0.3 of the way from -0.5 to 0.5
    assert between(whole, 2.0, 3.0) is None


def test_other_categories_have_no_roles():
    with pytest.raises(InputError, match="have no roles"):
        with_roles(SceneObject("made", "storage", "plain", (box((0, 0, 0), (1, 1, 1)),)))
    wall = SolidPart(
        np.array([[0, 0, 0], [1, 0, 0], [0, 1.0, 0]]), np.zeros((3, 2)), np.array([[0, 1, 2]]), 0, 0
    )
    with pytest.raises(InputError, match="no horizontal surface"):
        with_roles(SceneObject("made", "chair", "wall", (wall,)))
