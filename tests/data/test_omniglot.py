"""Omniglot's background set and one-shot runs, from small files of either layout."""

import io
import itertools
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from compvis.data import omniglot
from compvis.data.folder import DataError
from compvis.data.omniglot import load_omniglot_background, official_runs, random_runs

# alphabet, number of the character, its number in all of Omniglot (not ascending), as published
CHARACTERS = [("Arcadian", 1, 40), ("Arcadian", 2, 41), ("Greek", 1, 7), ("Greek", 2, 8), ("Greek", 3, 9)]
DRAWERS = 3
INK = np.random.default_rng(5).integers(0, 2, (len(CHARACTERS) * DRAWERS, 105, 105), dtype=np.uint8)


def png(ink: np.ndarray) -> bytes:
    target = io.BytesIO()
    Image.fromarray(ink == 0).save(target, "png")
    return target.getvalue()


@pytest.fixture
def published(tmp_path: Path) -> Path:
    drawings = list(itertools.product(CHARACTERS, range(1, DRAWERS + 1)))
    with zipfile.ZipFile(tmp_path / "images_background.zip", "w") as archive:
        archive.writestr("images_background/.DS_Store", b"")
        for row in np.random.default_rng(0).permutation(len(drawings)):
            (alphabet, number, identity), drawer = drawings[row]
            folder = f"images_background/{alphabet}/character{number:02d}"
            archive.writestr(f"{folder}/{identity:04d}_{drawer:02d}.png", png(INK[row]))
    return tmp_path


@pytest.fixture
def compact(tmp_path: Path) -> Path:
    identity = np.repeat([character[2] for character in CHARACTERS], DRAWERS)
    answers = np.array([[2, 0, 1]], np.uint8)
    np.savez(
        tmp_path / "omniglot.npz",
        bg_packed=np.packbits(INK.reshape(len(INK), -1), axis=-1),
        bg_alphabet=np.array([0] * 6 + [1] * 9, np.uint8),
        bg_alphabet_names=np.array(["Arcadian", "Greek"]),
        bg_character=np.repeat([1, 2, 1, 2, 3], DRAWERS).astype(np.uint8),
        bg_drawer=np.tile([1, 2, 3], len(CHARACTERS)).astype(np.uint8),
        bg_charid=identity.astype(np.uint16),
        os_train_packed=np.packbits(INK[:3].reshape(1, 3, -1), axis=-1),
        os_test_packed=np.packbits(INK[3:6].reshape(1, 3, -1), axis=-1),
        os_test_label=answers,
    )
    return tmp_path


@pytest.mark.parametrize("layout", ["published", "compact"])
def test_background_rows_are_the_same_from_either_layout(layout: str, request: pytest.FixtureRequest):
    background = load_omniglot_background(request.getfixturevalue(layout))
    np.testing.assert_array_equal(background.images, INK * 255)
    assert background.alphabet_names == ("Arcadian", "Greek")
    assert background.alphabet.tolist() == [0] * 6 + [1] * 9
    assert background.character[::3].tolist() == [1, 2, 1, 2, 3]
    assert background.character_id[::3].tolist() == [40, 41, 7, 8, 9]
    assert background.drawer[:4].tolist() == [1, 2, 3, 1]
    labelled = background.labelled()
    assert labelled.labels.tolist() == np.repeat(np.arange(5), 3).tolist()
    assert labelled.class_names[2] == "Greek/character01"


def test_official_runs_pair_test_with_training_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(omniglot, "RUNS", 1)
    with zipfile.ZipFile(tmp_path / "all_runs.zip", "w") as archive:
        pairs = []
        for item, answer in enumerate([2, 0, 1]):
            archive.writestr(f"run01/training/class{item + 1:02d}.png", png(INK[item]))
            archive.writestr(f"run01/test/item{item + 1:02d}.png", png(INK[3 + item]))
            pairs.append(f"run01/test/item{item + 1:02d}.png run01/training/class{answer + 1:02d}.png\n")
        archive.writestr("run01/class_labels.txt", "".join(pairs))
    (episode,) = official_runs(tmp_path)
    np.testing.assert_array_equal(episode.train_images, INK[:3] * 255)
    np.testing.assert_array_equal(episode.test_images, INK[3:6] * 255)
    assert episode.test_labels.tolist() == [2, 0, 1]


def test_official_runs_of_the_compact_layout(compact: Path):
    (episode,) = official_runs(compact)
    np.testing.assert_array_equal(episode.test_images, INK[3:6] * 255)
    assert episode.train_labels.tolist() == [0, 1, 2]
    assert episode.test_labels.tolist() == [2, 0, 1]


def test_random_run_is_within_alphabet_by_two_drawers(compact: Path):
    background = load_omniglot_background(compact)
    row_of = {image.tobytes(): row for row, image in enumerate(background.images)}
    for episode in random_runs(20, seed=0, way=2, background=background):
        train = np.array([row_of[image.tobytes()] for image in episode.train_images])
        test = np.array([row_of[image.tobytes()] for image in episode.test_images])
        assert len(set(background.alphabet[train]) | set(background.alphabet[test])) == 1
        assert len(set(background.drawer[train])) == 1
        assert len(set(background.drawer[test])) == 1
        assert background.drawer[train[0]] != background.drawer[test[0]]
        assert sorted(episode.test_labels) == [0, 1]
        np.testing.assert_array_equal(
            background.character[train[episode.test_labels]], background.character[test]
        )


def test_random_runs_repeat_and_nest(compact: Path):
    three, five = random_runs(3, 1, compact, way=2), random_runs(5, 1, compact, way=2)
    other = random_runs(3, 2, compact, way=2)
    for one, two in zip(three, five, strict=False):
        np.testing.assert_array_equal(one.train_images, two.train_images)
        np.testing.assert_array_equal(one.test_labels, two.test_labels)
    assert any((one.train_images != two.train_images).any() for one, two in zip(three, other, strict=True))


def test_random_runs_leave_out_small_alphabets_and_unknown_names(compact: Path):
    assert {episode.name.split("-")[-1] for episode in random_runs(10, 0, compact, way=3)} == {"Greek"}
    assert {e.name.split("-")[-1] for e in random_runs(9, 0, compact, way=2, alphabets=["Arcadian"])} == {
        "Arcadian"
    }
    with pytest.raises(ValueError, match="smaller way"):
        random_runs(1, 0, compact, way=4)
    with pytest.raises(ValueError, match="no alphabet Klingon"):
        random_runs(1, 0, compact, way=2, alphabets=["Klingon"])


def test_truncated_archives_are_one_clear_error(published: Path):
    path = published / "images_background.zip"
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(DataError, match=r"images_background\.zip is damaged"):
        load_omniglot_background(published)


def test_archive_of_something_else_is_refused(tmp_path: Path):
    with zipfile.ZipFile(tmp_path / "images_background.zip", "w") as archive:
        archive.writestr("holiday/beach.jpg", b"")
    with pytest.raises(DataError, match="no drawings"):
        load_omniglot_background(tmp_path)
    with zipfile.ZipFile(tmp_path / "all_runs.zip", "w") as archive:
        archive.writestr("run01/nothing.txt", b"")
    with pytest.raises(DataError, match=r"all_runs\.zip"):
        official_runs(tmp_path)


@pytest.mark.usefixtures("real_data")
def test_real_official_runs():
    runs = official_runs()
    assert len(runs) == 20
    for episode in runs:
        assert episode.train_images.shape == episode.test_images.shape == (20, 105, 105)
        assert sorted(episode.test_labels) == list(range(20))
    assert runs[0].test_labels[:4].tolist() == [7, 8, 1, 18]
    assert 0.02 < np.mean([episode.train_images.mean() / 255 for episode in runs]) < 0.15  # ink is the less
