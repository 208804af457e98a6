"""Pen strokes with time of 4,840 of Omniglot's background drawings, divided to choose by and to test.

They are the drawings of the two small background sets of https://github.com/brendenlake/omniglot (242
characters by 20 drawers). Coordinates are those of this package: x right, y down, in pixels, the pixel in row
i and column j having its centre at (j + 0.5, i + 0.5). The published numbers count pixel centres from 0 (y
pointing up, hence negative); moved by half a pixel, a round pen 5 pixels wide along the strokes covers the
ink of the images best (intersection over union 0.92 on 60 drawings; 0.77 without the half pixel, 0.86 with a
whole one).
"""

import itertools
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Int64
from numpy import ndarray

from compvis.data.folder import compact_arrays, compact_file, public_files, reading
from compvis.data.omniglot import IMAGES_FILE, archive_drawings, published

STROKE_FILES = (
    published(
        "strokes_background_small1.zip",
        "sha256:8cb3960fb6cf4ccf5f064ad83169f828c36c36782a0f6e7faacb7ecfae4468a2",
    ),
    published(
        "strokes_background_small2.zip",
        "sha256:345bf2141efbea062833dbb2828abbc23d9e07825e46f2afdd4daecddfed6e78",
    ),
)
STROKE_SPLIT_SEED = 2015  # the year of the paper; never to be changed, results hang on it
_CHARACTERS, _DRAWERS, _TEST_CHARACTERS = 242, 20, 50


@dataclass(frozen=True)
class PenStroke:
    """One stroke, pen down to pen up.

    Attributes:
        points: (m, 2) image coordinates x, y in pixels, rounded to 0.01.
        milliseconds: (m,) time of each point since the drawing was begun.
    """

    points: Float32[ndarray, "m 2"]
    milliseconds: Float32[ndarray, "m"]


@dataclass(frozen=True)
class StrokeDrawings:
    """Drawings as strokes, in ascending order of `background_rows`.

    Attributes:
        background_rows: (d,) the row of each drawing in `OmniglotBackground`.
        drawings: (d,) for each drawing its strokes, in the order they were drawn.
    """

    background_rows: Int64[ndarray, "d"]
    drawings: tuple[tuple[PenStroke, ...], ...]

    def __len__(self) -> int:
        return len(self.drawings)


@dataclass(frozen=True)
class StrokeSplit:
    """Positions in `StrokeDrawings`, ascending; no character occurs in both lists.

    Attributes:
        validation: (3840,) for choosing, 192 characters.
        test: (1000,) for the report, 50 characters.
    """

    validation: Int64[ndarray, "v"]
    test: Int64[ndarray, "t"]


def load_strokes(root: Path | str | None = None) -> StrokeDrawings:
    """The 4,840 drawings that have strokes.

    Args:
        root: folder with `omniglot_strokes.npz`, or with the published `strokes_background_small1.zip`,
            `strokes_background_small2.zip` and `images_background.zip` (which says the rows); see
            `compvis.data.folder`.

    Raises:
        DataError: a file is missing, damaged or not the published one.
    """
    compact = compact_file("omniglot_strokes.npz", root)
    if compact is not None:
        with compact_arrays(compact) as arrays:
            rows = arrays["bg_index"].astype(np.int64)
            drawings = list(_read_ragged(arrays))
    else:
        *stroke_paths, image_path = public_files([*STROKE_FILES, IMAGES_FILE], root)
        with reading(image_path), zipfile.ZipFile(image_path) as archive:
            row_of = {key: row for row, key in enumerate(archive_drawings(archive))}
        found: dict[int, tuple[PenStroke, ...]] = {}
        for path in stroke_paths:  # the two sets share some characters
            with reading(path), zipfile.ZipFile(path) as archive:
                for key, member in archive_drawings(archive).items():
                    found[row_of[key]] = _read_text(archive.read(member).decode("ascii"))
        rows, drawings = np.array(list(found), dtype=np.int64), list(found.values())
    order = np.argsort(rows)
    return StrokeDrawings(rows[order], tuple(drawings[place] for place in order))


def stroke_drawings_split(seed: int = STROKE_SPLIT_SEED) -> StrokeSplit:
    """Divide the 4,840 drawings by character: 50 characters by all 20 drawers to test, the rest to validate.

    The 242 characters stand in ascending order of their rows, 20 drawings each, so the division needs no
    data. It is stratified by nothing else.
    """
    chosen = np.random.default_rng(seed).permutation(_CHARACTERS)[:_TEST_CHARACTERS]
    character = np.repeat(np.arange(_CHARACTERS), _DRAWERS)
    tested = np.isin(character, chosen)
    return StrokeSplit(np.flatnonzero(~tested).astype(np.int64), np.flatnonzero(tested).astype(np.int64))


def _read_ragged(arrays: Mapping[str, ndarray]) -> Iterator[tuple[PenStroke, ...]]:
    points = _to_image(arrays["xy"].astype(np.int64))
    times = arrays["t_ms"].astype(np.float32)
    starts, bounds = arrays["stroke_offsets"].tolist(), arrays["drawing_offsets"].tolist()
    for first, last in itertools.pairwise(bounds):
        yield tuple(
            PenStroke(points[starts[i] : starts[i + 1]], times[starts[i] : starts[i + 1]])
            for i in range(first, last)
        )


def _read_text(text: str) -> tuple[PenStroke, ...]:
    """`START`, then lines `x,y,t` with y pointing up, each stroke ended by `BREAK`."""
    strokes, lines = [], []
    for line in text.split():
        if line == "START":
            continue
        if line != "BREAK":
            lines.append([float(value) for value in line.split(",")])
        elif lines:
            values = np.array(lines)
            hundredths = np.rint(values[:, :2] * (100.0, -100.0)).astype(np.int64)
            strokes.append(PenStroke(_to_image(hundredths), np.rint(values[:, 2]).astype(np.float32)))
            lines = []
    if lines:
        raise ValueError("the last stroke has no end")
    return tuple(strokes)


def _to_image(hundredths: Int64[ndarray, "m 2"]) -> Float32[ndarray, "m 2"]:
    return ((hundredths + 50) / 100.0).astype(np.float32)
