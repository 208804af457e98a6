"""Looks: the character in its own frame, wherever and however large it is, and nothing but it."""

import dataclasses

import numpy as np
import pytest
import torch
from scipy.ndimage import rotate

from compvis.grammar.deformation import DeformationPrior
from compvis.grammar.placing import Placement, place_leaves
from compvis.grammar.values import prior_mean
from compvis.parsing.ink_look import REACH, SIDE, look_at, look_at_leaves
from compvis.parsing.ink_shape import describe

PRIOR = DeformationPrior(warp_grid=4)
FLAG = ([(16, 8), (16, 40)], [(16, 10), (34, 16), (16, 24)])


@pytest.fixture
def ink(draw):
    def draw_flag(size=48, scale=1.0, x=0.0, y=0.0, pen=4.0, beside=()):
        lines = [[(scale * a + x, scale * b + y) for a, b in line] for line in FLAG]
        return torch.from_numpy(draw(*lines, *beside, size=size, pen=scale * pen))

    return draw_flag


def look(image, turn=0.0):
    shape = describe(image, PRIOR, 40)
    return look_at(image, shape.turned(turn) if turn else shape, turn)


def difference(a, b):
    """Share of the ink."""
    return float((a - b).abs().sum() / a.sum())


def test_a_look_is_of_the_strokes_frame(ink):
    image = ink()
    shape, seen = describe(image, PRIOR, 40), look(image)
    assert seen.shape == (SIDE, SIDE)
    assert float(seen.min()) >= 0
    assert float(seen.max()) <= 1
    area = float(seen.sum()) * (2 * REACH * shape.unit / SIDE) ** 2
    assert area == pytest.approx(float(image.sum()), rel=0.05)


@pytest.mark.parametrize(
    ("change", "most"),
    [
        ({"x": 7.0, "y": 3.0}, 0.15),
        ({"size": 120, "scale": 2.0, "x": 10.0}, 0.4),
        ({"size": 300, "scale": 5.0}, 0.4),
    ],
)
def test_place_and_size_do_not_show(ink, change, most):
    assert difference(look(ink()), look(ink(**change))) < most
    assert difference(look(ink()), look(ink(**change)).flip(1)) > 0.8


@pytest.mark.parametrize("degrees", [90.0, -90.0, 45.0])
def test_a_turn_that_was_taken_back_does_not_show(ink, degrees):
    upright = ink(x=2.0)
    turned = np.clip(rotate(upright.numpy(), degrees, reshape=False, order=1), 0, 1)  # from y towards x
    turned = torch.from_numpy(turned.astype(np.float32))
    seen = look(upright)
    assert difference(seen, look(turned, degrees)) < 0.3
    assert difference(seen, look(turned)) > 0.5


def test_ink_away_from_the_strokes_is_covered_up(ink):
    image = ink()
    speckled = image.clone()
    speckled[[5, 30, 44], [30, 40, 30]] = 0.5  # grey that is no ink at the threshold
    assert difference(look(image), look(speckled)) < 1e-6
    assert bool((speckled != image).any())


@pytest.mark.parametrize(
    "lines",
    [FLAG, ([(20, 16), (20, 34)], [(20, 8), (20, 8)]), ([(24, 24), (24, 24)],)],
    ids=["flag", "i", "dot"],
)
def test_drawn_characters_look_like_seen_ones(draw, lines):
    image = torch.from_numpy(draw(*lines, size=48, pen=4.0))
    shape = describe(image, PRIOR, 40)
    placement = Placement(shape.centre + 3, torch.tensor(2 * shape.unit))
    large = dataclasses.replace(shape, size=(96, 96))
    leaves = place_leaves(shape.template, prior_mean(shape.template), placement)
    (drawn,) = look_at_leaves(leaves, large)
    assert difference(look(image), drawn) < 0.35
    if lines is FLAG:
        mirrored = torch.stack([look(image).flip(1), look(image).flip(0)])
        assert all(difference(one, drawn) > 0.8 for one in mirrored)


def on_paper(image, turn=0.0):
    shape = describe(image, PRIOR, 40)
    return look_at(image, shape.turned(turn) if turn else shape, turn, "image")


def test_a_look_at_the_paper_is_all_of_the_image(ink):
    image = ink(beside=[[(40, 30), (44, 40)]])
    small = torch.nn.functional.interpolate(image[None, None], (SIDE, SIDE), mode="bilinear", antialias=True)
    assert difference(small[0, 0], on_paper(image)) < 0.1
    assert difference(on_paper(ink()), on_paper(ink(x=8.0))) > 0.5  # where it stands shows


def test_a_turn_of_the_paper_that_was_taken_back_does_not_show(ink):
    upright = ink()
    turned = torch.rot90(upright, -1)  # from y (down) towards x
    assert difference(on_paper(upright), on_paper(turned, -90.0)) < 0.05
    assert difference(on_paper(upright), on_paper(turned)) > 0.5


@pytest.mark.parametrize("width", [48, 200])
def test_noise_is_covered_up_and_thin_ink_is_not(ink, width):
    image = torch.zeros(48, width)
    image[:, :48] = ink()
    shape = describe(image, PRIOR, 40)
    thin = image.clone()
    thin[44, 10:30] = 0.4  # no ink at the threshold
    seen = look_at(thin, shape, 0.0, "image")
    assert float((seen - look_at(image, shape, 0.0, "image")).sum()) > 0.5 * 20 * 0.4 * (SIDE / width) ** 2
    noise = 0.15 * torch.randn(image.shape, generator=torch.Generator().manual_seed(0))
    noisy = (image + noise).clamp(0, 1)
    away = look_at(image, shape, 0.0, "image") == 0
    assert float(noisy[image == 0].mean()) > 0.04
    assert float(look_at(noisy, shape, 0.0, "image")[away].mean()) < 0.006


@pytest.mark.parametrize("lines", [FLAG, ([(20, 16), (20, 34)], [(20, 8), (20, 8)])], ids=["flag", "i"])
def test_characters_are_drawn_where_they_stood(draw, lines):
    image = torch.from_numpy(draw(*lines, size=48, pen=4.0))
    shape = describe(image, PRIOR, 40)
    placement = Placement(shape.centre, torch.tensor(shape.unit))
    leaves = place_leaves(shape.template, prior_mean(shape.template), placement)
    (drawn,) = look_at_leaves(leaves, shape, "image")
    assert difference(on_paper(image), drawn) < 0.35
