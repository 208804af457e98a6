"""Strokes with time from either layout, their coordinates, and the division by character."""

import zipfile
from pathlib import Path

import numpy as np
import pytest

from compvis.data.folder import DataError
from compvis.data.omniglot import load_omniglot_background
from compvis.data.strokes import load_strokes, stroke_drawings_split

FIRST = "START\n10.004,-20.256,0\n11.5,-21,40\nBREAK\n30,-5.5,90\nBREAK\n"
SECOND = "START\n1,-2,0\nBREAK\n"


def write_archive(path: Path, members: dict[str, str | bytes]) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


@pytest.fixture
def published(tmp_path: Path) -> Path:
    rows = ["Arcadian/character01/0040_01", "Greek/character01/0007_01", "Greek/character02/0008_01"]
    write_archive(tmp_path / "images_background.zip", {f"images_background/{row}.png": b"" for row in rows})
    write_archive(
        tmp_path / "strokes_background_small1.zip",
        {"__MACOSX/._x": b"", f"strokes_background_small1/{rows[2]}.txt": FIRST},
    )
    write_archive(
        tmp_path / "strokes_background_small2.zip",
        {
            f"strokes_background_small2/{rows[2]}.txt": FIRST,
            f"strokes_background_small2/{rows[0]}.txt": SECOND,
        },
    )
    return tmp_path


@pytest.fixture
def compact(tmp_path: Path) -> Path:
    np.savez(
        tmp_path / "omniglot_strokes.npz",
        xy=np.array([[1000, 2026], [1150, 2100], [3000, 550], [100, 200]], np.int16),
        t_ms=np.array([0, 40, 90, 0], np.int32),
        stroke_offsets=np.array([0, 2, 3, 4], np.int32),
        drawing_offsets=np.array([0, 2, 3], np.int32),
        bg_index=np.array([2, 0], np.int32),
    )
    return tmp_path


@pytest.mark.parametrize("layout", ["published", "compact"])
def test_strokes_are_the_same_from_either_layout(layout: str, request: pytest.FixtureRequest):
    strokes = load_strokes(request.getfixturevalue(layout))
    assert strokes.background_rows.tolist() == [0, 2]
    assert [len(drawing) for drawing in strokes.drawings] == [1, 2]
    long, dot = strokes.drawings[1]
    np.testing.assert_allclose(long.points, [[10.5, 20.76], [12.0, 21.5]], rtol=1e-6)
    assert long.milliseconds.tolist() == [0, 40]
    np.testing.assert_allclose(dot.points, [[30.5, 6.0]])
    np.testing.assert_allclose(strokes.drawings[0][0].points, [[1.5, 2.5]])


def test_text_cut_in_the_middle_is_one_clear_error(published: Path):
    member = "strokes_background_small1/Greek/character02/0008_01.txt"
    write_archive(published / "strokes_background_small1.zip", {member: FIRST.removesuffix("BREAK\n")})
    with pytest.raises(DataError, match="last stroke has no end"):
        load_strokes(published)


def test_division_is_by_character_and_fixed():
    split = stroke_drawings_split()
    assert len(split.test) == 1000
    assert sorted([*split.test, *split.validation]) == list(range(4840))
    assert set(split.test // 20).isdisjoint(split.validation // 20)
    np.testing.assert_array_equal(split.test, stroke_drawings_split().test)
    assert set(split.test) != set(stroke_drawings_split(1).test)
    assert (split.test[::20] // 20)[:5].tolist() == [11, 12, 17, 19, 31]


@pytest.mark.usefixtures("real_data")
def test_real_strokes_lie_on_the_ink_and_come_20_to_a_character():
    background, strokes = load_omniglot_background(), load_strokes()
    assert len(strokes) == 4840
    character = background.character_id[strokes.background_rows].reshape(-1, 20)
    assert (character == character[:, :1]).all()
    assert len(np.unique(character)) == 242
    overlaps = [
        _pen_overlap(background.images[strokes.background_rows[place]] > 0, strokes.drawings[place])
        for place in range(0, 4840, 242)
    ]
    assert np.mean(overlaps) > 0.88  # half a pixel off gives less than 0.87


def _pen_overlap(ink: np.ndarray, drawing: tuple) -> float:
    """Intersection over union of the ink and a round pen 5 pixels wide along the strokes."""
    fine = []
    for stroke in drawing:
        at = np.linspace(0, len(stroke.points) - 1, 8 * len(stroke.points))
        fine.append(np.stack([np.interp(at, np.arange(len(stroke.points)), c) for c in stroke.points.T], -1))
    path = np.concatenate(fine)
    y, x = np.mgrid[:105, :105] + 0.5
    squared = np.min([(x - px) ** 2 + (y - py) ** 2 for px, py in path[::2]], axis=0)
    drawn = squared <= 2.5**2
    return float((drawn & ink).sum() / (drawn | ink).sum())
