"""The recognition network: what the grammar draws for it, that it learns from that, what its answer does."""

import dataclasses

import numpy as np
import pytest
import torch
from scipy.special import logsumexp

from compvis.learning.ink_hypotheses import explain
from compvis.learning.ink_model import InkModel
from compvis.learning.ink_options import InkOptions
from compvis.learning.ink_recognition import InkRecognition, draw_ink_lesson, ink_sight
from compvis.learning.recognition import Recognizer, pool, teach
from compvis.networks.other_ink import lay_other_ink
from compvis.parsing.evidence import PosePrior
from compvis.parsing.ink_image import to_ink
from compvis.parsing.ink_look import SIDE, look_at
from compvis.parsing.match import MatchSettings
from compvis.parsing.other_ink import OtherInk

SETTINGS = InkRecognition(steps=80, drawings=120, width=8, batch=32, views=2)
OPTIONS = InkOptions(match=MatchSettings(points=32, modes=16, steps=6), readings=(0.6,), temperature=4.0)
FLAG = ([(16, 8), (16, 40)], [(16, 10), (34, 16), (16, 24)])
GATE = ([(12, 40), (12, 10), (36, 10), (36, 40)], [(12, 24), (36, 24)])
FORK = ([(24, 40), (24, 24)], [(24, 24), (12, 8)], [(24, 24), (36, 8)])


@pytest.fixture(scope="module")
def images(draw):
    return torch.from_numpy(np.stack([draw(*one, size=48, pen=3.0) for one in (FLAG, GATE, FORK)]))


@pytest.fixture(scope="module")
def plain(images) -> InkModel:
    return InkModel(OPTIONS).learn(images, np.arange(3))


@pytest.fixture(scope="module")
def taught(images) -> InkModel:
    return InkModel(dataclasses.replace(OPTIONS, recognition=SETTINGS)).learn(images, np.arange(3))


def test_a_lesson_is_new_exemplars_in_equal_numbers(plain):
    looks, classes = draw_ink_lesson(plain.shapes, np.arange(3), SETTINGS)
    assert looks.shape == (3 * 120, SIDE, SIDE)
    assert classes.bincount().tolist() == [120, 120, 120]
    assert float(looks.min()) >= 0
    assert float(looks.max()) <= 1
    assert float(looks.sum((1, 2)).min()) > 5
    assert float((looks[0] - looks[119]).abs().sum()) > 5
    again, _ = draw_ink_lesson(plain.shapes, np.arange(3), SETTINGS)
    other, _ = draw_ink_lesson(plain.shapes, np.arange(3), dataclasses.replace(SETTINGS, seed=1))
    assert torch.equal(looks, again)
    assert not torch.equal(looks, other)


def test_templates_share_the_drawings_of_their_class(plain):
    _, classes = draw_ink_lesson(plain.shapes, np.array([0, 0, 1]), SETTINGS)
    assert classes.bincount().tolist() == [120, 120]
    few = dataclasses.replace(SETTINGS, drawings=3)  # fewer than templates times spreads
    looks, classes = draw_ink_lesson(plain.shapes, np.array([0, 0, 1]), few)
    assert classes.bincount().tolist() == [3, 3]
    assert len(looks) == 6


def test_how_many_images_a_class_has_is_no_evidence():
    """Two classes that look alike, one with ten times the images."""
    looks = torch.rand(11, SIDE, SIDE, generator=torch.Generator().manual_seed(0)).gt(0.9).float()
    lesson = looks[[0] * 10 + [0]], torch.tensor([0] * 10 + [1])
    settings = dataclasses.replace(SETTINGS, steps=60, seen=1.0)
    found = teach(lesson, lesson, settings, ink_sight(settings)).log_posterior(looks[:1])
    assert abs(float(found[0] @ [1, -1])) < 0.3
    with pytest.raises(ValueError, match="11 looks has 5 classes"):
        teach(lesson, (lesson[0], lesson[1][:5]), settings, ink_sight(settings))


def test_drawings_alone_teach(plain):
    """Never shown an image: what it knows of the classes it has from the grammar."""
    settings = dataclasses.replace(SETTINGS, seen=0.0, steps=150)
    blank = torch.zeros(3, SIDE, SIDE), torch.arange(3)
    drawn = draw_ink_lesson(plain.shapes, np.arange(3), settings)
    found = teach(drawn, blank, settings, ink_sight(SETTINGS))
    asked, classes = draw_ink_lesson(plain.shapes, np.arange(3), dataclasses.replace(settings, seed=9))
    right = found.log_posterior(asked).argmax(1) == classes.numpy()
    assert right.mean() > 0.9


def test_a_committee_is_the_mean_of_networks_taught_by_themselves(plain):
    lesson = draw_ink_lesson(plain.shapes, np.arange(3), SETTINGS)
    sight, pair = ink_sight(SETTINGS), dataclasses.replace(SETTINGS, members=2, steps=15, seed=3)
    found = teach(lesson, lesson, pair, sight)
    alone = [
        teach(lesson, lesson, dataclasses.replace(pair, members=1, seed=seed), sight).log_posterior(
            lesson[0][:9]
        )
        for seed in (6, 7)
    ]
    assert np.abs(alone[0] - alone[1]).max() > 0.05
    together = found.log_posterior(lesson[0][:9])
    mean = (alone[0] + alone[1]) / 2
    # Two views: their members' mean first, then the views'.
    np.testing.assert_allclose(together, mean - logsumexp(mean, 1, keepdims=True), atol=1e-5)
    again = Recognizer.from_state(found.to_state(), 3, pair, sight)
    np.testing.assert_array_equal(again.log_posterior(lesson[0][:9]), together)
    with pytest.raises(ValueError, match="another recognition network"):
        Recognizer.from_state(found.to_state(), 3, SETTINGS, sight)


def test_a_network_told_of_other_ink_overlooks_it(plain, images):
    """Among ink like that of its lesson, as surely as one that was not told is misled by it."""
    right = []
    for other_ink in (0.0, 1.0):
        told = dataclasses.replace(SETTINGS, frame="image", other_ink=other_ink, steps=150)
        seen = torch.stack(
            [look_at(one, shape, 0.0, "image") for one, shape in zip(images, plain.shapes, strict=True)]
        )
        lesson = seen, torch.arange(3)
        network = teach(draw_ink_lesson(plain.shapes, np.arange(3), told), lesson, told, ink_sight(told))
        asked = lay_other_ink(seen.repeat(40, 1, 1), 1.0, 6, torch.Generator().manual_seed(0))
        of_right = network.log_posterior(asked)[np.arange(120), np.tile(np.arange(3), 40)]
        right.append(np.exp(of_right).mean())
    assert right[1] > right[0] + 0.05


def test_each_look_is_answered_by_itself(taught, plain):
    looks, _ = draw_ink_lesson(plain.shapes, np.arange(3), dataclasses.replace(SETTINGS, drawings=4))
    together = taught.recognizer.log_posterior(looks)
    np.testing.assert_allclose(np.exp(together).sum(1), 1)
    alone = np.concatenate([taught.recognizer.log_posterior(one[None]) for one in looks])
    np.testing.assert_allclose(together, alone, atol=1e-4)


def test_another_opinion_moves_classes_but_not_what_they_say_together():
    evidence, opinion = np.array([[-3.0, -2.9, -3.1]] * 3), np.log(np.eye(3) + 0.1)
    pooled = pool(evidence, opinion)
    np.testing.assert_allclose(logsumexp(pooled, axis=1), logsumexp(evidence, axis=1))
    assert pooled.argmax(1).tolist() == [0, 1, 2]
    difference = pooled - evidence - opinion
    np.testing.assert_allclose(difference - difference[:, :1], 0, atol=1e-12)
    np.testing.assert_allclose(pool(evidence, np.zeros((3, 3))), evidence)


def test_every_hypothesis_is_looked_at(taught, plain, images):
    ink = to_ink(images)
    (before,), (after,) = explain(plain, ink[:1]), explain(taught, ink[:1])
    np.testing.assert_allclose(after[0].evidence, before[0].evidence)
    (glance,) = taught.recognizer.log_posterior(taught.looks[:1])
    assert glance.argmax() == 0
    np.testing.assert_allclose(after[0].glance, glance, atol=1e-4)
    wanted = pool(before[0].by_class[None], SETTINGS.weight * glance[None])[0]
    np.testing.assert_allclose(after[0].by_class, wanted, atol=1e-4)
    np.testing.assert_allclose(before[0].glance, 0)


@pytest.mark.parametrize("frame", ["ink", "image"])
def test_hypotheses_are_looked_at_as_they_say(images, draw, frame):
    """Turned back; without the ink that they leave out, or, by a network that looks at the paper, with it."""
    pose, other = PosePrior(turns=(90.0, -90.0)), OtherInk(rounds=1)
    settings = dataclasses.replace(SETTINGS, frame=frame)
    model = InkModel(dataclasses.replace(OPTIONS, recognition=settings, pose=pose, other_ink=other))
    model.learn(images, np.arange(3))
    turned = torch.rot90(images[0])  # from y (down) towards x
    (hypotheses,) = explain(model, to_ink(turned[None]))
    best = max(hypotheses, key=lambda one: one.by_class.max())
    assert best.turn == 90
    (upright,) = model.recognizer.log_posterior(model.looks[:1])
    np.testing.assert_allclose(np.exp(best.glance), np.exp(upright), atol=0.05)
    assert np.abs(hypotheses[0].glance - upright).max() > 0.2
    among = torch.maximum(images[0], torch.from_numpy(draw([(42, 30), (46, 44), (38, 46)], size=48, pen=3.0)))
    (hypotheses,) = explain(model, to_ink(among[None]))
    alone = next(one for one in hypotheses if one.left_out and bool((one.ink == images[0]).all()))
    assert np.abs(hypotheses[0].glance - upright).max() > 0.1
    if frame == "ink":
        np.testing.assert_allclose(np.exp(alone.glance), np.exp(upright), atol=0.05)
    else:
        np.testing.assert_array_equal(alone.glance, hypotheses[0].glance)


def test_learning_in_parts_is_learning_at_once(taught, images):
    parts = InkModel(taught.options).learn(images[:2], np.arange(2)).learn(images[2:], np.array([2]))
    assert torch.equal(parts.looks, taught.looks)
    np.testing.assert_array_equal(parts.log_evidence(images), taught.log_evidence(images))


def test_weights_of_another_network_are_refused(taught):
    state = taught.recognizer.to_state()
    back = Recognizer.from_state(state, 3, SETTINGS, ink_sight(SETTINGS))
    np.testing.assert_array_equal(
        back.log_posterior(taught.looks), taught.recognizer.log_posterior(taught.looks)
    )
    for classes, width in ((4, 8), (3, 12)):
        with pytest.raises(ValueError, match="another recognition network"):
            Recognizer.from_state(
                state, classes, dataclasses.replace(SETTINGS, width=width), ink_sight(SETTINGS)
            )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"steps": -1}, "recognition.steps"),
        ({"batch": 1}, "recognition.batch"),
        ({"seed": -1}, "recognition.seed"),
        ({"drawings": 0}, "recognition.drawings"),
        ({"spreads": ()}, "recognition.spreads"),
        ({"spreads": (0.5, 0.0)}, "recognition.spreads"),
        ({"seen": 1.5}, "recognition.seen"),
        ({"other_ink": -0.5}, "recognition.other_ink"),
        ({"other_ink": 0.5}, "recognition.frame"),
        ({"frame": "paper"}, "recognition.frame"),
        ({"pieces": 0}, "recognition.pieces"),
        ({"weight": float("nan")}, "recognition.weight"),
    ],
)
def test_bad_settings_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        InkRecognition(**change)
