"""Gradients of the evidence to pixels: where a rival alone draws, more ink speaks for it."""

import numpy as np
import pytest
import torch
from api_shapes import build, draw_shapes

from compvis.data.check import InputError
from compvis.evaluation.attacks import Bound, attack_by_gradient
from compvis.learning.ink_hypotheses import explain
from compvis.parsing.ink_image import to_ink
from compvis.parsing.parser import RefineSettings


@pytest.fixture(scope="module")
def taught():
    lesson = {"steps": 60, "drawings": 60, "width": 8, "views": 1}
    return build(recognition=lesson).fit(*draw_shapes(3, seed=0))


def slope_of_margin(model, images, own: int, rival: int) -> np.ndarray:
    asked = torch.from_numpy(images).float().div(255).requires_grad_(True)
    logits = model.logits(asked)
    (slope,) = torch.autograd.grad((logits[:, rival] - logits[:, own]).sum(), asked)
    return slope.numpy()


@pytest.mark.parametrize("which", ["model", "taught"])
def test_their_values_are_the_evidence(which, request):
    model = request.getfixturevalue(which)
    images, _ = draw_shapes(1, seed=4)
    found = model.logits(torch.from_numpy(images).float().div(255))
    np.testing.assert_allclose(found.numpy(), model.log_evidence(images), atol=1e-6)


@pytest.mark.parametrize("paper", [0, 255])
def test_a_rivals_ink_speaks_for_it_on_dark_and_on_light_paper(model, paper):
    images, labels = draw_shapes(2, seed=5)
    for image, own in zip(images, labels.tolist(), strict=True):
        parse = model.parse(image, settings=RefineSettings(steps=0))
        rival = parse.alternatives[0]
        apart = rival.rendering - parse.rendering
        slope = slope_of_margin(model, np.abs(paper - image.astype(int))[None], own, rival.label)[0]
        assert np.corrcoef(slope.ravel(), apart.ravel())[0, 1] * (-1 if paper else 1) > 0.7


def test_the_network_has_its_say(model, taught):
    images, _ = draw_shapes(1, seed=6)
    slopes = [slope_of_margin(one, images[:1], 0, 1) for one in (model, taught)]
    assert np.isfinite(slopes).all()
    added = slopes[1] - slopes[0]
    assert np.abs(added).max() > 1e-3
    # It does not see what no stroke is near.
    assert np.abs(added[0, :2, :2]).max() < 1e-6


@pytest.mark.parametrize("which", ["model", "taught"])
def test_a_step_along_the_gradient_is_worse_than_one_against_it(which, request):
    model = request.getfixturevalue(which)
    images, labels = draw_shapes(4, seed=7)

    def margins(moved):
        evidence = model.log_evidence(np.clip(np.rint(moved), 0, 255).astype(np.uint8))
        own = evidence[np.arange(len(labels)), labels]
        evidence[np.arange(len(labels)), labels] = -np.inf
        return own - evidence.max(1)

    evidence = model.log_evidence(images)
    evidence[np.arange(len(labels)), labels] = -np.inf
    step = [
        110 * np.sign(slope_of_margin(model, images[i : i + 1], labels[i], evidence[i].argmax())[0])
        for i in range(len(images))
    ]
    along, against = margins(images + step), margins(images - np.array(step))
    assert along.mean() < against.mean() - 0.5


def test_an_attack_stays_inside_its_bound(model):
    images, labels = draw_shapes(1, seed=7)
    moved = attack_by_gradient(lambda asked, _: model.logits(asked), images, labels, Bound(60), "margin")
    assert np.abs(moved.astype(int) - images).max() <= 60
    assert (moved != images).any()


def test_a_network_that_looks_at_the_paper_is_followed_where_it_looked():
    """The likeliest view leaves ink out, the network had looked at all of it."""
    lesson = {"steps": 30, "drawings": 40, "width": 8, "views": 1, "frame": "image"}
    scenes = build(recognition=lesson, other_ink={"rounds": 1, "price": 0.0, "piece_price": 0.0})
    images, labels = draw_shapes(2, seed=0)
    scenes.fit(images, labels)
    shown = images[:1].copy()
    shown[0, 2:4, 2:4] = 255
    explained = explain(scenes.model, to_ink(torch.from_numpy(shown).float() / 255))[0]
    assert max(explained, key=lambda one: one.by_class.max()).left_out > 0
    slope = slope_of_margin(scenes, shown, 0, 1)[0]
    assert np.isfinite(slope).all()
    assert np.abs(slope[2:4, 2:4]).max() > 0


def test_bad_input_is_refused(model):
    with pytest.raises(InputError, match="3 x 3"):
        model.logits(torch.zeros(1, 2, 2))
    with pytest.raises(InputError, match="constant"):
        model.logits(torch.zeros(1, 20, 20))
