"""What counts as a dot."""

import numpy as np
import pytest

from compvis.parsing.skeleton_blobs import collapse_dots

SIZE = 60
Y, X = np.mgrid[:SIZE, :SIZE]
STROKE = (abs(X - 10) <= 2) & (abs(Y - 30) <= 20)


def disc(x: float, y: float, radius: float) -> np.ndarray:
    return (X - x) ** 2 + (Y - y) ** 2 <= radius**2


def test_a_dot_becomes_one_pixel_at_its_centre_and_strokes_stay():
    thin, filled = collapse_dots(STROKE | disc(40, 20, 4))
    np.testing.assert_array_equal(np.argwhere(thin & ~STROKE), [[20, 40]])
    np.testing.assert_array_equal(thin & STROKE, STROKE)
    np.testing.assert_array_equal(filled, STROKE | disc(40, 20, 4))


def test_a_scribbled_dot_with_a_pinhole_is_a_dot_and_is_filled():
    holed = disc(40, 20, 4) & ~disc(41, 20, 1)
    thin, filled = collapse_dots(STROKE | holed)
    np.testing.assert_array_equal(np.argwhere(thin & ~STROKE), [[20, 40]])
    np.testing.assert_array_equal(filled & ~STROKE, disc(40, 20, 4))


@pytest.mark.parametrize(
    "shape",
    [
        disc(40, 20, 5) & ~disc(40, 20, 3.5),
        disc(40, 30, 14),
        (abs(X - 40) <= 1) & (abs(Y - 20) <= 5),
        (abs(X - 40) <= 5) & (Y == 20),
    ],
    ids=["small ring", "large bold disc", "short stroke", "thin short stroke"],
)
def test_what_is_no_dot_stays_as_it_is(shape):
    thin, filled = collapse_dots(STROKE | shape)
    np.testing.assert_array_equal(thin, STROKE | shape)
    np.testing.assert_array_equal(filled, STROKE | shape)


def test_every_dot_is_found_and_the_mask_given_is_not_changed():
    mask = STROKE | disc(40, 20, 3) | disc(40, 40, 4) | disc(25, 50, 2)
    before = mask.copy()
    thin, _ = collapse_dots(mask)
    np.testing.assert_array_equal(mask, before)
    assert sorted(map(tuple, np.argwhere(thin & ~STROKE))) == [(20, 40), (40, 40), (50, 25)]


def test_two_parts_that_touch_at_a_corner_are_one():
    square = (abs(X - 40) <= 1) & (abs(Y - 20) <= 1)
    chain = square | np.roll(square, (3, 3), (0, 1)) | np.roll(square, (6, 6), (0, 1))
    thin, _ = collapse_dots(chain)
    np.testing.assert_array_equal(thin, chain)
