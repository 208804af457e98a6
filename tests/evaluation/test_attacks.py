"""Attacks on a linear model, whose best answer to every bound is known."""

import numpy as np
import pytest
import torch

from compvis.data.check import InputError
from compvis.evaluation.attacks import (
    GRADIENT_ATTACKS,
    Bound,
    attack_by_gradient,
    attack_by_squares,
    summarise_attacks,
)

SIDE = 8
WEIGHTS = torch.randn(2, SIDE * SIDE, generator=torch.Generator().manual_seed(0))


def logits(images, places=None):
    return (images - 0.5).flatten(1) @ WEIGHTS.T


def margins(images, places):
    scores = logits(torch.from_numpy(images).float() / 255).numpy()
    right = TARGETS[places]
    return scores[np.arange(len(right)), right] - scores[np.arange(len(right)), 1 - right]


IMAGES = np.random.default_rng(1).integers(60, 190, (12, SIDE, SIDE)).astype(np.uint8)
TARGETS = logits(torch.from_numpy(IMAGES).float() / 255).argmax(1).numpy()


@pytest.mark.gpu
@pytest.mark.parametrize("kind", GRADIENT_ATTACKS)
def test_a_network_on_cuda_is_attacked_as_on_the_cpu(kind):
    moved = attack_by_gradient(
        lambda images, _: logits(images.cpu()).cuda(), IMAGES, TARGETS, Bound(10), kind
    )
    np.testing.assert_array_equal(moved, attack_by_gradient(logits, IMAGES, TARGETS, Bound(10), kind))


@pytest.mark.parametrize("kind", GRADIENT_ATTACKS)
def test_gradients_reach_the_corner_of_the_ball(kind):
    bound = Bound(10)
    moved = attack_by_gradient(logits, IMAGES, TARGETS, bound, kind)
    assert moved.dtype == np.uint8
    assert np.abs(moved.astype(int) - IMAGES).max() <= 10
    # The margin of a linear model falls at most by the bound times the L1 norm of the weights' difference.
    best = 10 / 255 * float((WEIGHTS[0] - WEIGHTS[1]).abs().sum())
    fallen = margins(IMAGES, np.arange(12)) - margins(moved, np.arange(12))
    assert fallen.min() > 0.9 * best
    np.testing.assert_array_equal(moved, attack_by_gradient(logits, IMAGES, TARGETS, bound, kind))


@pytest.mark.parametrize("kind", GRADIENT_ATTACKS)
def test_a_model_that_is_very_sure_is_attacked_all_the_same(kind):
    """In single precision the cross-entropy of these answers is 0, and so is its slope."""
    sure = attack_by_gradient(lambda images, _: 20 * logits(images), IMAGES, TARGETS, Bound(10), kind)
    before = margins(IMAGES, np.arange(12))
    fallen = before - margins(sure, np.arange(12))
    assert 20 * before.max() > 80
    assert fallen.min() > 6 / 255 * float((WEIGHTS[0] - WEIGHTS[1]).abs().sum())


def test_many_images_are_asked_about_in_parts_and_keep_their_places():
    def asked(images, places):
        np.testing.assert_allclose(images.detach().numpy() * 255, IMAGES[places], atol=10.01)
        return logits(images)

    many = np.repeat(IMAGES, 5, 0)  # more than are asked about at once
    moved = attack_by_gradient(
        lambda images, places: asked(images, places // 5), many, np.repeat(TARGETS, 5), Bound(10), "pgd"
    )
    assert (margins(moved[::5], np.arange(12)) < margins(IMAGES, np.arange(12))).all()


def test_an_image_that_cannot_be_read_is_found_and_others_go_on():
    def picky(images, places):
        if float(images[:, 0, 0].detach().max()) > 0.84:
            raise ValueError("too light")
        return logits(images)

    some = IMAGES.copy()
    some[:, 0, 0] = 60
    some[3, 0, 0] = 225  # 214.2 and more cannot be read
    moved = attack_by_gradient(picky, some, TARGETS, Bound(10), "margin", seed=1)
    with pytest.raises(ValueError, match="too light"):
        picky(torch.from_numpy(moved[3:4]).float() / 255, None)
    others = np.delete(np.arange(12), 3)
    assert (margins(moved[others], others) < margins(some[others], others)).all()


def test_squares_need_answers_alone_and_stop_where_they_have_won():
    asked = []

    def counted(images, places):
        asked.append(places.tolist())
        return margins(images, places)

    moved, spent = attack_by_squares(counted, IMAGES, Bound(12), 60)
    assert np.abs(moved.astype(int) - IMAGES).max() <= 12
    before, after = (margins(images, np.arange(12)) for images in (IMAGES, moved))
    assert (after < before).mean() > 0.9
    assert (after < 0).sum() > 0
    assert spent.sum() == sum(len(places) for places in asked)
    assert spent[after < 0].max() <= 60
    colour = np.repeat(IMAGES[..., None], 3, -1)
    painted, _ = attack_by_squares(
        lambda images, places: margins(images[..., 0], places), colour, Bound(5), 5
    )
    assert np.abs(painted.astype(int) - colour).max() <= 5


def test_the_worst_attack_counts_image_by_image():
    rows = [
        {"row": r, "levels": 8, "attack": a, "clean_correct": r != 2, "correct": c}
        for r, a, c in [(0, "pgd", True), (1, "pgd", False), (2, "pgd", False), (0, "squares", False),
                        (1, "squares", True), (2, "squares", False)]
    ]  # fmt: skip
    m = summarise_attacks(rows)
    assert m["clean"] == pytest.approx(2 / 3)
    assert m["bounds"]["8"] == pytest.approx({"pgd": 1 / 3, "squares": 1 / 3, "worst": 0.0})
    with pytest.raises(ValueError, match="no attacked"):
        summarise_attacks([])


def test_bad_requests_are_refused():
    with pytest.raises(InputError, match="levels"):
        Bound(0)
    with pytest.raises(InputError, match="Unknown attack"):
        attack_by_gradient(logits, IMAGES, TARGETS, Bound(1), "hope")
    with pytest.raises(InputError, match="queries"):
        attack_by_squares(margins, IMAGES, Bound(1), 1)
