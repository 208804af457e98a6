"""Omniglot: 105x105 binary drawings of letters, 964 background characters by 20 drawers each.

Source: Lake, Salakhutdinov and Tenenbaum, "Human-level concept learning through probabilistic program
induction", Science 350 (2015); files from https://github.com/brendenlake/omniglot (MIT licence).

Ink is 255 and paper 0 here (the published PNG files hold black ink on white paper). A background *row* counts
the drawings by alphabet name, then number of the character, then drawer; it is the same from either layout.
"""

import io
import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int64, UInt8
from numpy import ndarray
from PIL import Image

from compvis.data.contract import Episode, LabelledImages
from compvis.data.folder import PublicFile, compact_arrays, compact_file, public_files, reading, unpack_images

SIDE = 105
RUNS = 20
_COMMIT = "057f034baf2ecb8530bc5710e5a23584d2a519cc"
_PROVENANCE = "Omniglot, Lake, Salakhutdinov and Tenenbaum 2015, https://github.com/brendenlake/omniglot"
_DRAWING = re.compile(r"[^/]+/(?P<alphabet>[^/]+)/character(?P<number>\d+)/(?P<id>\d+)_(?P<drawer>\d+)\.\w+$")


def published(path: str, checksum: str) -> PublicFile:
    """The file `path` of the folder `python` of the Omniglot repository, at the one commit read here."""
    url = f"https://github.com/brendenlake/omniglot/raw/{_COMMIT}/python/{path}"
    return PublicFile(f"omniglot/{path.rpartition('/')[2]}", (url,), checksum)


IMAGES_FILE = published("images_background.zip", "md5:68d2efa1b9178cc56df9314c21c6e718")
RUNS_FILE = published(
    "one-shot-classification/all_runs.zip",
    "sha256:437c1eeab0af8484112e1b4cc0f3d541ec727f7c47b9b202da738af9dfd6c325",
)


@dataclass(frozen=True)
class OmniglotBackground:
    """The background drawings, one row each.

    Attributes:
        images: (n, 105, 105) uint8, ink 255 on paper 0.
        alphabet: (n,) index into `alphabet_names`.
        character: (n,) number of the character within its alphabet, from 1, as published.
        character_id: (n,) number of the character in the whole of Omniglot, from 1, as published.
        drawer: (n,) number of the drawer within the alphabet, from 1: the same number in the same alphabet is
            the same person, in another alphabet mostly another one.
        alphabet_names: as published, in ascending order.
    """

    images: UInt8[ndarray, "n 105 105"]
    alphabet: Int64[ndarray, "n"]
    character: Int64[ndarray, "n"]
    character_id: Int64[ndarray, "n"]
    drawer: Int64[ndarray, "n"]
    alphabet_names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.images)

    def labelled(self) -> LabelledImages:
        """The same rows with one class per character, numbered by first appearance (ascending rows)."""
        ids, first, inverse = np.unique(self.character_id, return_index=True, return_inverse=True)
        rank = np.argsort(np.argsort(first))
        names = [""] * len(ids)
        for place, row in zip(rank, first, strict=True):
            names[place] = f"{self.alphabet_names[self.alphabet[row]]}/character{self.character[row]:02d}"
        labels = rank[inverse].astype(np.int64)
        return LabelledImages(self.images, labels, tuple(names), "omniglot-background", _PROVENANCE)


def load_omniglot_background(root: Path | str | None = None) -> OmniglotBackground:
    """All background drawings: 19,280, from 30 alphabets.

    Args:
        root: folder with `omniglot.npz` or `images_background.zip`; see `compvis.data.folder`.

    Raises:
        DataError: the file is missing, damaged or not the published one.
    """
    compact = compact_file("omniglot.npz", root)
    if compact is not None:
        with compact_arrays(compact) as arrays:
            return OmniglotBackground(
                images=unpack_images(arrays["bg_packed"], SIDE, SIDE),
                alphabet=arrays["bg_alphabet"].astype(np.int64),
                character=arrays["bg_character"].astype(np.int64),
                character_id=arrays["bg_charid"].astype(np.int64),
                drawer=arrays["bg_drawer"].astype(np.int64),
                alphabet_names=tuple(str(name) for name in arrays["bg_alphabet_names"]),
            )
    (path,) = public_files([IMAGES_FILE], root)
    with reading(path), zipfile.ZipFile(path) as archive:
        keys, members = zip(*archive_drawings(archive).items(), strict=True)
        images = np.stack([_read_png(archive, member) for member in members])
    names = tuple(sorted({key[0] for key in keys}))
    numbers = np.array([(names.index(key[0]), *key[1:]) for key in keys], dtype=np.int64)
    ids = np.array([int(_matched(member)["id"]) for member in members], dtype=np.int64)
    return OmniglotBackground(images, numbers[:, 0], numbers[:, 1], ids, numbers[:, 2], names)


def official_runs(root: Path | str | None = None) -> list[Episode]:
    """The 20 one-shot runs of the paper: 20 characters of one new alphabet each, by two drawers.

    Labels count the training images of a run in their published order. These are test data: for choosing
    anything, take `random_runs`.

    Args:
        root: folder with `omniglot.npz` or `all_runs.zip`; see `compvis.data.folder`.

    Raises:
        DataError: the file is missing, damaged or not the published one.
    """
    compact = compact_file("omniglot.npz", root)
    if compact is not None:
        with compact_arrays(compact) as arrays:
            train = unpack_images(arrays["os_train_packed"], SIDE, SIDE)
            test = unpack_images(arrays["os_test_packed"], SIDE, SIDE)
            answers = arrays["os_test_label"].astype(np.int64)
        return [
            Episode(
                f"official-run{run + 1:02d}", train[run], np.arange(train.shape[1]), test[run], answers[run]
            )
            for run in range(len(train))
        ]
    (path,) = public_files([RUNS_FILE], root)
    with reading(path), zipfile.ZipFile(path) as archive:
        return [_read_run(archive, run + 1) for run in range(RUNS)]


def random_runs(
    n: int,
    seed: int,
    root: Path | str | None = None,
    way: int = 20,
    alphabets: Sequence[str] | None = None,
    background: OmniglotBackground | None = None,
) -> list[Episode]:
    """Runs like the official ones, drawn from the background set: for choosing and for tuning.

    Each run draws one alphabet, evenly among those with at least `way` characters (smaller ones are left
    out), then `way` of its characters and two different drawers: the one's drawings are the training images,
    the other's are the test images, in shuffled order. Run i depends on `seed` and i alone, so fewer runs
    are the first of more runs.

    Args:
        n: how many runs.
        seed: of the numpy Generators.
        root: as for `load_omniglot_background`.
        way: characters per run.
        alphabets: names to draw from; all by default.
        background: the background set where it is loaded already, instead of `root`.

    Raises:
        ValueError: an unknown alphabet, or none that is large enough. DataError: as for the background.
    """
    if background is None:
        background = load_omniglot_background(root)
    unknown = set(alphabets or ()) - set(background.alphabet_names)
    if unknown:
        raise ValueError(f"Omniglot's background set has no alphabet {', '.join(sorted(unknown))}.")
    large = [
        number
        for number, name in enumerate(background.alphabet_names)
        if (alphabets is None or name in alphabets)
        and len(np.unique(background.character[background.alphabet == number])) >= way
    ]
    if not large:
        raise ValueError(f"No alphabet to draw from has {way} characters: ask for a smaller way.")
    return [_draw_run(background, large, way, seed, number) for number in range(n)]


def archive_drawings(archive: zipfile.ZipFile) -> dict[tuple[str, int, int], str]:
    """Members of an Omniglot archive by (alphabet, number of the character, drawer), in order of the rows."""
    found = {}
    for member in archive.namelist():
        match = _DRAWING.fullmatch(member)
        if match is not None:
            found[match["alphabet"], int(match["number"]), int(match["drawer"])] = member
    if not found:
        raise ValueError("there are no drawings in it")
    return dict(sorted(found.items()))


def _draw_run(background: OmniglotBackground, large: list[int], way: int, seed: int, number: int) -> Episode:
    generator = np.random.default_rng([seed, number])
    alphabet = int(generator.choice(large))
    rows = np.flatnonzero(background.alphabet == alphabet)
    characters = generator.choice(np.unique(background.character[rows]), way, replace=False)
    learn, ask = generator.choice(np.unique(background.drawer[rows]), 2, replace=False)
    order = generator.permutation(way)
    place = {(background.character[row], background.drawer[row]): row for row in rows}
    train = np.array([place[character, learn] for character in characters])
    test = np.array([place[character, ask] for character in characters[order]])
    return Episode(
        f"background-seed{seed}-run{number + 1:02d}-{background.alphabet_names[alphabet]}",
        background.images[train],
        np.arange(way),
        background.images[test],
        order.astype(np.int64),
    )


def _read_run(archive: zipfile.ZipFile, number: int) -> Episode:
    """`class_labels.txt` lists a test image and the training image of its class, one pair a line."""
    lines = archive.read(f"run{number:02d}/class_labels.txt").decode("ascii").split("\n")
    pairs = [line.split() for line in lines if line.strip()]
    classes = sorted({train for _, train in pairs})
    return Episode(
        f"official-run{number:02d}",
        np.stack([_read_png(archive, member) for member in classes]),
        np.arange(len(classes)),
        np.stack([_read_png(archive, test) for test, _ in pairs]),
        np.array([classes.index(train) for _, train in pairs], dtype=np.int64),
    )


def _read_png(archive: zipfile.ZipFile, member: str) -> UInt8[ndarray, "105 105"]:
    with Image.open(io.BytesIO(archive.read(member))) as image:
        paper = np.asarray(image.convert("1"))
    if paper.shape != (SIDE, SIDE):
        raise ValueError(f"{member} is not {SIDE} pixels wide and high")
    return np.where(paper, 0, 255).astype(np.uint8)


def _matched(member: str) -> re.Match[str]:
    match = _DRAWING.fullmatch(member)
    assert match is not None
    return match
