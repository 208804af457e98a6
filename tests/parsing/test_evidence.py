"""Two-way evidence: its formula, the background it needs, and the prior of place and size."""

import numpy as np
import pytest
import torch
from scipy.stats import norm

from compvis.grammar.deformation import DeformationPrior
from compvis.parsing.evidence import (
    ENOUGH_OTHERS,
    SQUARE_SYMMETRIES,
    PosePrior,
    background_evidence,
    power_mean,
    two_way_evidence,
)
from compvis.parsing.ink_shape import describe, shape_stack
from compvis.parsing.match import MatchSettings, ShapeStack, match

PRIOR = DeformationPrior(warp_grid=3)
SETTINGS = MatchSettings(points=16, modes=6, steps=4)
TEMPERATURE = 10.0


@pytest.fixture
def stack(draw) -> ShapeStack:
    shapes = (
        ([(10, 12), (38, 12)], [(24, 12), (24, 40)]),
        ([(12, 10), (12, 36), (36, 36), (36, 22)],),
        ([(24, 20), (24, 40)], [(24, 8), (24, 8)]),
    )
    inks = [torch.from_numpy(draw(*lines, size=48, pen=4.0)) for lines in shapes]
    return ShapeStack.join([shape_stack(describe(ink, PRIOR, SETTINGS.points), SETTINGS) for ink in inks])


def test_two_way_evidence_is_the_mean_of_both_directions():
    generator = np.random.default_rng(0)
    forward, backward = generator.normal(-50, 10, (2, 4, 3))
    of_image, of_template = generator.normal(-60, 10, (4, 1)), generator.normal(-60, 10, 3)
    found = two_way_evidence(forward, backward, of_image, of_template)
    assert found.shape == (4, 3)
    bayes = backward + of_image - of_template
    np.testing.assert_allclose(found, (forward + bayes) / 2)
    # estimates that obey Bayes' rule are left alone
    np.testing.assert_allclose(two_way_evidence(bayes, backward, of_image, of_template), bayes)


def test_two_way_ratios_are_symmetric():
    """log p(B | A) / p(B) is the same from either side."""
    forward, backward, of_b, of_a = np.array([[-40.0], [-55.0], [-70.0], [-62.0]])
    one = two_way_evidence(forward, backward, of_b, of_a) - of_b
    other = two_way_evidence(backward, forward, of_a, of_b) - of_a
    assert one == pytest.approx(other)


def test_power_mean_goes_from_log_mean_to_mean_log():
    values = np.random.default_rng(1).normal(-30, 4, (5, 7))
    log_mean = np.log(np.exp(values).mean(-1))
    np.testing.assert_allclose(power_mean(values, 1.0), log_mean)
    np.testing.assert_allclose(power_mean(values, 1e6), values.mean(-1), atol=1e-3)
    between = power_mean(values, 5.0)
    assert (between < log_mean).all()
    assert (between > values.mean(-1)).all()
    np.testing.assert_allclose(power_mean(values + 1000, 5.0), between + 1000)


def test_pose_prior_is_normal_about_the_template():
    prior = PosePrior(centre=0.15, log_unit=0.4)
    generator = np.random.default_rng(2)
    poses, templates = generator.normal(0, 0.3, (4, 1, 3)), generator.normal(0, 0.3, (5, 3))
    found = prior.log_prob(poses, templates)
    assert found.shape == (4, 5)
    wanted = norm.logpdf(poses, templates, [0.15, 0.15, 0.4]).sum(-1)
    np.testing.assert_allclose(found, wanted)


def test_pose_prior_integrates_to_one():
    prior = PosePrior(centre=0.2, log_unit=0.3)
    axis = np.linspace(-2, 2, 81)
    grid = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1)
    total = np.exp(prior.log_prob(grid, np.array([0.1, -0.1, 0.2]))).sum() * 0.05**3
    assert total == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("changes", [{"centre": 0.0}, {"log_unit": -1.0}])
def test_pose_prior_refuses_scales_that_are_not_positive(changes):
    with pytest.raises(ValueError, match="must be above 0"):
        PosePrior(**changes)


def test_the_symmetries_form_the_group_of_the_square():
    assert len({matrix.tobytes() for matrix in np.array(SQUARE_SYMMETRIES) + 0.0}) == 8
    for a in SQUARE_SYMMETRIES:
        np.testing.assert_array_equal(a @ a.T, np.eye(2))
        for b in SQUARE_SYMMETRIES:
            assert any(np.array_equal(a @ b, c) for c in SQUARE_SYMMETRIES)


def test_background_uses_the_others_only_under_all_symmetries(stack):
    found = background_evidence(stack, SETTINGS, 64, TEMPERATURE, seed=0)
    for image in range(len(stack)):
        others = [i for i in range(len(stack)) if i != image]
        values = [
            match(stack, stack.turned(matrix), np.array([[other, image]]), SETTINGS)[1][0]
            for other in others
            for matrix in SQUARE_SYMMETRIES
        ]
        np.testing.assert_allclose(found[image], power_mean(np.array(values), TEMPERATURE), atol=1e-3)


def test_many_others_need_no_symmetries(stack):
    many = ShapeStack.join([stack] * 6)
    k = len(many)
    assert k - 1 >= ENOUGH_OTHERS
    found = background_evidence(many, SETTINGS, 64, TEMPERATURE, seed=0)
    pairs = np.array([[other, 0] for other in range(1, k)])
    wanted = power_mean(match(many, many.seen, pairs, SETTINGS)[1], TEMPERATURE)
    np.testing.assert_allclose(found[0], wanted, atol=1e-3)


def test_background_is_drawn_by_its_seed(stack):
    first, again, other = (background_evidence(stack, SETTINGS, 5, TEMPERATURE, seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
