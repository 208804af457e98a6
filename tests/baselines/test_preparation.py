"""Framing of pictures: polarity, contrast, squares, and the ink's own frame."""

import pytest
import torch

from compvis.baselines.preparation import frame_ink
from compvis.data.check import InputError


def draw_cross(side: int, x: float, y: float, arm: float) -> torch.Tensor:
    """A dark-on-light cross with arms of `arm` pixels around (x, y), antialiased."""
    place = torch.arange(side) + 0.5
    dx, dy = (place - x).abs()[None, :], (place - y).abs()[:, None]
    pen = arm / 4
    along = torch.minimum((arm + 0.5 - dx).clamp(0, 1), (pen + 0.5 - dy).clamp(0, 1))
    across = torch.minimum((arm + 0.5 - dy).clamp(0, 1), (pen + 0.5 - dx).clamp(0, 1))
    return 1 - torch.maximum(along, across)[None]


def test_polarity_and_contrast_do_not_matter():
    dark_on_light = draw_cross(20, 10, 10, 6)
    wanted = frame_ink(dark_on_light, 20)
    torch.testing.assert_close(frame_ink(1 - dark_on_light, 20), wanted)
    torch.testing.assert_close(frame_ink(0.2 + 0.5 * dark_on_light, 20), wanted)
    assert float(wanted.max()) == 1.0
    assert float(wanted[0, 0, 0]) == 0.0


def test_oblong_pictures_are_padded_not_stretched():
    cross = 1 - draw_cross(20, 10, 10, 4)
    oblong = torch.cat([cross, torch.zeros(1, 20, 20)], 2)
    framed = frame_ink(oblong, 40)
    assert framed.shape == (1, 40, 40)
    rows, columns = framed[0].sum(1) > 0.1, framed[0].sum(0) > 0.1
    assert int(rows.sum()) == int(columns.sum())
    torch.testing.assert_close(framed.sum(), cross.sum(), rtol=0.02, atol=0.0)


def test_ink_frame_forgets_place_and_size():
    first = frame_ink(draw_cross(100, 40, 45, 20), 28, "ink")
    moved = frame_ink(draw_cross(100, 60, 35, 20), 28, "ink")
    larger = frame_ink(draw_cross(100, 50, 50, 32), 28, "ink")
    assert float((first - moved).abs().max()) < 0.05
    assert float((first - larger).abs().mean()) < 0.02
    assert float((frame_ink(draw_cross(100, 40, 45, 20), 28) - first).abs().mean()) > 0.05


def test_thin_strokes_survive_a_large_reduction():
    line = torch.zeros(1, 105, 105)
    line[0, 20:80, 37] = 1.0
    framed = frame_ink(line, 28)
    assert float(framed.sum()) * (105 / 28) ** 2 == pytest.approx(60.0, rel=0.05)


@pytest.mark.parametrize("frame", ["image", "ink"])
def test_picture_without_ink_becomes_empty(frame):
    assert float(frame_ink(torch.full((2, 9, 7), 0.4), 12, frame).abs().max()) == 0.0


def test_bad_arguments_are_refused():
    with pytest.raises(InputError, match="Unknown frame"):
        frame_ink(torch.zeros(1, 8, 8), 8, "box")
    with pytest.raises(InputError, match="too small"):
        frame_ink(torch.zeros(1, 8, 8), 3)
