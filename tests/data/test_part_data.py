"""Car photographs with part maps, and characters as trees of components."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from compvis.data.carparts import load_carparts
from compvis.data.folder import DataError, MissingDataError
from compvis.data.kanji import BOX, load_kanjivg


def ragged(pictures: list[np.ndarray], kind: str) -> tuple[np.ndarray, np.ndarray]:
    items = []
    for pixels in pictures:
        sink = io.BytesIO()
        Image.fromarray(pixels).save(sink, kind)
        items.append(sink.getvalue())
    return np.frombuffer(b"".join(items), np.uint8), np.cumsum([0, *map(len, items)])


@pytest.fixture
def cars(tmp_path: Path) -> dict[str, np.ndarray]:
    jpeg, jpeg_offsets = ragged([np.full((8, 8, 3), 50 * k, np.uint8) for k in range(3)], "JPEG")
    label_png, label_png_offsets = ragged([np.full((8, 8), k, np.uint8) for k in range(3)], "PNG")
    return {
        "jpeg": jpeg,
        "jpeg_offsets": jpeg_offsets,
        "label_png": label_png,
        "label_png_offsets": label_png_offsets,
        "part_names": np.array(["_background_", "hood", "wheel"]),
    }


KANJI = {
    "codepoint": np.array([0x65E5, 0x660E], np.int32),
    "stroke_points": np.full((3, 24, 2), 5450, np.int16),
    "char_stroke_offsets": np.array([0, 1, 3]),
    "char_node_offsets": np.array([0, 1, 4]),
    "node_parent": np.array([-1, -1, 0, 0], np.int16),
    "node_element": np.array([1, 2, 1, 0], np.int16),
    "node_position": np.array([0, 0, 1, 0], np.int8),
    "node_stroke_start": np.array([0, 0, 0, 1], np.int16),
    "node_stroke_end": np.array([1, 2, 1, 2], np.int16),
    "element_names": np.array(["", "日", "明"]),
    "position_names": np.array(["", "left"]),
}


def test_car_photographs(cars: dict, tmp_path: Path):
    np.savez(tmp_path / "carparts.npz", **cars)
    found = load_carparts(tmp_path)
    assert found.images.shape == (3, 8, 8, 3)
    assert found.part_names[2] == "wheel"
    assert np.unique(found.parts[2]).tolist() == [2]
    for name, broken in (
        ("part_names", cars["part_names"][:2]),
        ("label_png_offsets", cars["label_png_offsets"][:-1]),
        ("jpeg", cars["jpeg"][:-9]),
    ):
        np.savez(tmp_path / "carparts.npz", **(cars | {name: broken}))
        with pytest.raises(DataError, match=r"carparts\.npz is damaged"):
            load_carparts(tmp_path)


def test_characters(tmp_path: Path):
    np.savez(tmp_path / "kanjivg.npz", **KANJI)
    sun, bright = load_kanjivg(tmp_path)
    assert (sun.character, bright.character) == ("日", "明")
    assert bright.element == ("明", "日", "")
    assert bright.position == ("", "left", "")
    assert bright.strokes[bright.first[2] : bright.last[2]].shape == (1, 24, 2)
    assert bright.strokes.max() == pytest.approx(BOX / 2)
    for name, broken in (
        ("node_parent", np.zeros(4, np.int16)),
        ("node_stroke_end", KANJI["node_stroke_end"] + 1),
        ("stroke_points", KANJI["stroke_points"][:2]),
    ):
        np.savez(tmp_path / "kanjivg.npz", **(KANJI | {name: broken}))
        with pytest.raises(DataError, match=r"kanjivg\.npz is damaged"):
            load_kanjivg(tmp_path)


@pytest.mark.parametrize("load", [load_carparts, load_kanjivg])
def test_absence_is_one_clear_error(load, tmp_path: Path):
    with pytest.raises(MissingDataError, match="is not on this machine"):
        load(tmp_path)


def test_real_characters_share_components():
    try:
        characters = load_kanjivg()
    except MissingDataError as missing:
        pytest.skip(str(missing))
    assert len(characters) > 3000
    (bright,) = (c for c in characters if c.character == "明")
    assert bright.element == ("明", "日", "月")
