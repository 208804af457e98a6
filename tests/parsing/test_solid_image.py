"""Photographs in their frames: where things lie in them, what is known beyond the picture, figures without masks."""

import numpy as np
import pytest
import torch

from compvis.parsing import solid_image
from compvis.parsing.figure_ground import FigureGroundNet
from compvis.parsing.solid_image import (
    SIDE,
    Surroundings,
    figure_rgb,
    tell_figure,
    to_image,
    view_photographs,
)


def picture(
    height: int, width: int, middle: tuple[float, float], half: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """A red square about (x, y) on grey, (1, 3, H, W), and its mask."""
    y, x = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
    mask = ((x - middle[0]).abs() < half) & ((y - middle[1]).abs() < half)
    red = torch.tensor([0.8, 0.1, 0.1])[:, None, None]
    return torch.where(mask, red, torch.tensor(0.5))[None], mask[None]


@pytest.mark.parametrize("side", [64, 96, 100, 128, 200])
@pytest.mark.parametrize("share", [0.1, 0.25, 0.75, 0.9])
def test_what_is_seen_lies_where_it_is_whatever_the_picture_measures(side, share):
    at = round(share * side)
    images, mask = picture(side, side, (at, side - at), 4)
    # A mask without anything about it is framed about the picture's middle, as is one that something may hide.
    (figure, _, _, origin, scale, *_) = solid_image._view(
        images[0].permute(1, 2, 0), mask[0].numpy(), ~mask[0].numpy(), None
    )
    places = (torch.arange(SIDE) + 0.5) * scale
    x = (figure.sum(0) @ places) / figure.sum() + origin[0]
    y = (figure.sum(1) @ places) / figure.sum() + origin[1]
    assert float(x) == pytest.approx(at, abs=0.15)
    assert float(y) == pytest.approx(side - at, abs=0.15)


def test_a_network_knows_nothing_beyond_the_picture():
    net = FigureGroundNet().eval()
    images, _ = picture(64, 192, (96, 32), 12)
    with torch.no_grad():
        seen = view_photographs(images, None, Surroundings(net=net))
    inside = to_image(np.ones((SIDE, SIDE)), seen, (64, 192), 0.0)
    assert inside[:, 10:-10].min() == 1
    known = (seen.figure + seen.ground)[0]
    step = float(seen.scale)
    rows = (torch.arange(SIDE) + 0.5) * step + seen.origin[0, 1]
    within = (rows > step) & (rows < 64 - step)
    assert float(known[within].min()) > 0
    assert float(known[(rows < 0) | (rows > 64)].max()) == 0


@pytest.mark.parametrize("size", [(64, 192), (192, 64), (96, 96)])
def test_the_colour_of_a_figure_without_a_mask_is_read_where_the_figure_is(size):
    images, mask = picture(*size, (size[1] / 2, size[0] / 2), 14)
    found = figure_rgb(images, None, view_photographs(images))
    torch.testing.assert_close(found[0], torch.tensor([0.8, 0.1, 0.1]), atol=0.05, rtol=0)
    given = figure_rgb(images, mask, view_photographs(images, mask))
    torch.testing.assert_close(given[0], torch.tensor([0.8, 0.1, 0.1]))


def test_a_large_picture_is_told_in_parts(monkeypatch):
    lab = np.random.default_rng(0).random((40, 30, 3)).astype(np.float32)
    whole = tell_figure(lab)
    monkeypatch.setattr(solid_image, "_AT_ONCE", 5000)
    np.testing.assert_array_equal(tell_figure(lab), whole)
