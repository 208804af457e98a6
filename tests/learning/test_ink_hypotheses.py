"""Turned paper and other ink: what is asked beside the image as it is, and that it helps where it should."""

import dataclasses

import numpy as np
import pytest
import torch
from scipy.ndimage import rotate

from compvis.learning.ink_hypotheses import explain
from compvis.learning.ink_model import InkModel
from compvis.learning.ink_options import InkOptions
from compvis.parsing.evidence import PosePrior
from compvis.parsing.ink_image import to_ink
from compvis.parsing.match import MatchSettings
from compvis.parsing.other_ink import OtherInk

OPTIONS = InkOptions(match=MatchSettings(points=32, modes=16, steps=6), readings=(0.6,), temperature=4.0)
SIZE = 48
TURNS = PosePrior(turns=(45.0, -45.0, 90.0, -90.0))
FLAG = ([(16, 8), (16, 40)], [(16, 10), (34, 16), (16, 24)])
GATE = ([(12, 40), (12, 10), (36, 10), (36, 40)], [(12, 24), (36, 24)])
FORK = ([(24, 40), (24, 24)], [(24, 24), (12, 8)], [(24, 24), (36, 8)])


def with_options(model: InkModel, **changes) -> InkModel:
    return InkModel(dataclasses.replace(model.options, **changes)).adopt(model.described, model.labels)


@pytest.fixture
def drawn(draw):
    def draw_one(*lines) -> torch.Tensor:
        return torch.from_numpy(draw(*lines, size=SIZE, pen=3.0))

    return draw_one


@pytest.fixture
def model(drawn) -> InkModel:
    images = torch.stack([drawn(*lines) for lines in (FLAG, GATE, FORK)])
    return InkModel(OPTIONS).learn(images, np.arange(3))


def test_nothing_else_is_asked_by_default(model, drawn):
    ink = to_ink(torch.stack([drawn(*FLAG), drawn(*GATE)]))
    found = explain(model, ink)
    assert [len(one) for one in found] == [1, 1]
    wanted = model.class_evidence(model.match_images(ink))
    np.testing.assert_allclose([one[0].by_class for one in found], wanted)
    np.testing.assert_allclose(model.log_evidence(ink), wanted)


@pytest.mark.parametrize("degrees", [45, -45, 90, -90])
def test_a_turned_character_is_found_turned(model, drawn, degrees):
    turning = with_options(model, pose=TURNS)
    asked = torch.stack([drawn(*lines) for lines in (FLAG, GATE, FORK)]).numpy()
    turned = np.clip(rotate(asked, degrees, axes=(1, 2), reshape=False, order=1), 0, 1).astype(np.float32)
    found = explain(turning, to_ink(torch.from_numpy(turned)))
    for label, hypotheses in enumerate(found):
        best = max(hypotheses, key=lambda one: one.by_class.max())
        assert best.by_class.argmax() == label
        assert best.turn == degrees  # scipy turns from y towards x, and it is turned back
        np.testing.assert_allclose(best.upright.points, hypotheses[0].upright.points, atol=1e-5)
    assert turning.log_evidence(torch.from_numpy(turned)).argmax(1).tolist() == [0, 1, 2]


def test_other_ink_is_left_out_where_that_explains_more(model, drawn):
    beside = [(42, 30), (46, 44), (38, 46)]
    alone, among = drawn(*FLAG), drawn(*FLAG, beside)
    leaving = with_options(model, other_ink=OtherInk(rounds=1))
    (hypotheses,) = explain(leaving, to_ink(among[None]))
    best = max(hypotheses, key=lambda one: one.by_class.max())
    assert best.by_class.argmax() == 0
    assert best.left_out == pytest.approx(0.2, abs=0.1)
    np.testing.assert_array_equal(best.ink, alone)
    left = best.evidence[0]
    np.testing.assert_allclose(left, leaving.match_images(alone[None]).evidence[0, 0], atol=1e-3)
    assert best.by_class[0] > hypotheses[0].by_class[0]
    (plain,) = explain(leaving, to_ink(alone[None]))
    assert max(plain, key=lambda one: one.by_class.max()) is plain[0]


def test_every_image_is_explained_by_itself(model, drawn):
    both = with_options(model, pose=TURNS, other_ink=OtherInk(rounds=2))
    images = torch.stack(
        [drawn(*FLAG, [(40, 40), (46, 46)]), drawn(*GATE), drawn(*FORK, [(4, 40), (12, 46)])]
    )
    together = both.log_evidence(images)
    alone = np.concatenate([both.log_evidence(image[None]) for image in images])
    np.testing.assert_allclose(together, alone, atol=1e-4)


def test_what_is_left_may_be_too_thin_to_be_described(model):
    """Hairlines of grey fade when the picture is enlarged; the hypothesis falls, the image is answered."""
    leaving = with_options(
        model, other_ink=OtherInk(rounds=1, price=0.0, piece_price=0.0), readings=(0.6, 0.8)
    )
    leaving = InkModel(leaving.options).adopt([model.described[0]] * 2, model.labels)
    image = np.zeros((20, 20), np.float32)
    image[range(3, 11), range(3, 11)] = 0.85
    image[15, 8:15] = 1.0
    (hypotheses,) = explain(leaving, torch.from_numpy(image)[None])
    assert len(hypotheses) >= 1
    assert np.isfinite(hypotheses[0].by_class).all()


@pytest.mark.parametrize(
    ("full", "short", "apart"), [(100, 4, 4.0), (2, 2, 1e-3)], ids=["shortened", "kept by the classes"]
)
def test_fewer_templates_keep_the_scale_of_the_evidence(drawn, full, short, apart):
    """log p(image) counts the templates that were not matched as nothing, which they nearly are; forgetting them would
    be 7.5 log 3 = 8.2 nats."""
    generator = np.random.default_rng(0)
    moved = [
        [[(x + dx, y + dy) for x, y in line] for line in lines]
        for lines in (FLAG, GATE, FORK)
        for dx, dy in generator.integers(-3, 4, (4, 2)).tolist()
    ]
    labels = np.repeat(np.arange(3), 4)
    options = dataclasses.replace(OPTIONS, shortlist=full, shortlist_a_class=1, second_look=1000)
    many = InkModel(options).learn(torch.stack([drawn(*lines) for lines in moved]), labels)
    described = [many.describe(one) for one in to_ink(torch.stack([drawn(*FLAG), drawn(*FORK)]))]
    whole = many.match_shapes(described).evidence
    few = many.match_shapes(described, shortlist=short).evidence
    kept = np.isfinite(few)
    assert (kept.sum(1) < np.isfinite(whole).sum(1)).all() or full == short
    assert (kept.sum(1) >= 3).all()
    np.testing.assert_allclose(few[kept], whole[kept], atol=apart)
