"""The recognition network of solids: what the grammar draws for it, that it learns from that, when it is silent."""

import dataclasses

import numpy as np
import pytest
import torch

from compvis.grammar.solid import SolidCategory, SolidGrammar, SolidPrior, SolidTemplate
from compvis.learning.recognition import Recognizer, teach
from compvis.learning.solid_recognition import (
    SOLID_SIGHT,
    SolidRecognition,
    draw_solid_lesson,
    look_at_objects,
)
from compvis.parsing.solid_image import SIDE, SolidViews
from compvis.render.solids_renderer import SolidRenderer

SETTINGS = SolidRecognition(steps=60, drawings=80, width=8, views=2)


def template(size: tuple[float, float, float], colour: tuple[float, float, float], pixels: float = 14.0):
    return SolidTemplate(
        kind=torch.tensor([0]),
        rotation=torch.eye(3)[None],
        centre=torch.zeros(1, 3),
        size=torch.tensor([size]),
        shape=torch.ones(1, 2),
        colour=torch.tensor([colour]),
        present=torch.tensor([True]),
        pixels=torch.tensor(pixels),
    )


@pytest.fixture(scope="module")
def grammar() -> SolidGrammar:
    """Upright reddish needles of two sizes, and greenish balls."""
    needles = (template((0.3, 0.3, 1.2), (0.8, 0.2, 0.2)), template((0.2, 0.2, 1.0), (0.8, 0.3, 0.2)))
    return SolidGrammar(
        (SolidCategory(needles, (3, 1)), SolidCategory((template((0.8, 0.8, 0.8), (0.2, 0.7, 0.3)),), (4,))),
        SolidPrior(),
    )


@pytest.fixture(scope="module")
def lesson(grammar):
    return draw_solid_lesson(grammar, SolidRenderer(softness=0.6), SETTINGS)


def test_a_lesson_is_new_objects_of_every_category_in_their_colours(grammar, lesson):
    looks, categories = lesson
    assert looks.shape == (160, 4, SIDE, SIDE)
    assert categories.bincount().tolist() == [80, 80]
    figure = looks[:, 3]
    assert float(figure.min()) >= 0
    assert float(figure.max()) <= 1
    assert float(figure.sum((1, 2)).min()) > 20
    inside = figure[:, None] > 0.9
    green_red = (looks[:, :3] * inside).sum((2, 3))[:, 1] / inside.sum((2, 3))[:, 0]
    assert float(green_red[categories == 0].min()) > 0.1
    assert float(green_red[categories == 1].max()) < -0.1
    columns, rows = (figure > 0.5).any(1).float(), (figure > 0.5).any(2).float()
    for across in (columns, rows):
        middle = (across * torch.arange(SIDE)).sum(1) / across.sum(1) + 0.5
        assert float((middle - SIDE / 2).abs().max()) < 1.5
    again, _ = draw_solid_lesson(grammar, SolidRenderer(softness=0.6), SETTINGS)
    assert torch.equal(looks, again)


def test_drawings_alone_teach(grammar, lesson):
    settings = dataclasses.replace(SETTINGS, seen=0.0)
    blank = torch.zeros(2, 4, SIDE, SIDE), torch.arange(2)
    found = teach(lesson, blank, settings, SOLID_SIGHT)
    other = dataclasses.replace(settings, seed=7)
    asked, categories = draw_solid_lesson(grammar, SolidRenderer(softness=0.6), other)
    assert (found.log_posterior(asked).argmax(1) == categories.numpy()).mean() > 0.9


def test_training_pictures_change_colour_and_keep_their_outline(lesson):
    looks = lesson[0][:40]
    varied = SOLID_SIGHT.vary(looks, torch.Generator().manual_seed(0))
    assert varied.shape == looks.shape
    area = looks[:, 3].sum((1, 2))
    assert float(((varied[:, 3].sum((1, 2)) - area) / area).abs().max()) < 0.4
    colours = [(one[:, :3] * one[:, 3:]).sum((2, 3)) / one[:, 3:].sum((2, 3)) for one in (looks, varied)]
    moved = (colours[0] - colours[1]).norm(dim=1)
    assert float(moved.max()) > 0.3
    assert float(moved.min()) < 0.15


def test_views_of_a_look_are_the_same_for_all(lesson):
    looks = lesson[0][:1].expand(3, -1, -1, -1)
    shifted = SOLID_SIGHT.shift(looks, torch.Generator().manual_seed(1), together=True)
    assert torch.equal(shifted[0], shifted[2])
    assert not torch.equal(shifted[0], looks[0])


def test_a_look_has_colours_and_figure():
    seen = SolidViews(
        figure=torch.rand(2, SIDE, SIDE),
        ground=torch.zeros(2, SIDE, SIDE),
        colour=torch.rand(2, SIDE, SIDE, 3),
        origin=torch.zeros(2, 2),
        scale=torch.ones(2),
        turn=torch.zeros(2),
        whole=torch.ones(2) > 0,
        clear=torch.ones(2) > 0,
    )
    looks = look_at_objects(seen)
    assert torch.equal(looks[:, 3], seen.figure)
    assert torch.equal(looks[:, 1], seen.colour[..., 1])


def test_outside_the_figure_nothing_is_seen(lesson):
    looks = lesson[0][:4].clone()
    inputs = SOLID_SIGHT.inputs(looks)
    looks[:, :3] = torch.where(looks[:, 3:] == 0, torch.rand(4, 3, SIDE, SIDE), looks[:, :3])
    assert torch.equal(SOLID_SIGHT.inputs(looks), inputs)
    assert np.isfinite(inputs.numpy()).all()


def test_state_is_kept(lesson):
    taught = teach(lesson, lesson, dataclasses.replace(SETTINGS, steps=3), SOLID_SIGHT)
    back = Recognizer.from_state(taught.to_state(), 2, SETTINGS, SOLID_SIGHT)
    np.testing.assert_array_equal(back.log_posterior(lesson[0][:5]), taught.log_posterior(lesson[0][:5]))
