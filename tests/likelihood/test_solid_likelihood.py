"""Likelihoods of figures and colours of solids."""

import math

import numpy as np
import pytest
import torch

from compvis.likelihood.backdrop import learn_backdrop
from compvis.likelihood.solid_colour import learn_colours
from compvis.likelihood.solid_figure import FigureLikelihood


def test_figures_of_a_small_frame_sum_to_one():
    likelihood = FigureLikelihood(temperature=1.0)
    coverage = torch.tensor([[0.0, 0.3], [0.9, 1.0]]).expand(16, 2, 2)
    every = torch.tensor([[(k >> b) & 1 for b in range(4)] for k in range(16)]).float().view(16, 2, 2)
    assert float(likelihood.log_prob(every, 1 - every, coverage).exp().sum()) == pytest.approx(1, abs=1e-5)


def test_the_matrix_products_are_the_same_density():
    generator = torch.Generator().manual_seed(0)
    figure, ground = 0.5 * torch.rand(2, 3, 4, 4, generator=generator)
    coverage = torch.rand(5, 4, 4, generator=generator)
    likelihood = FigureLikelihood()
    table = likelihood.log_prob_all(
        figure.flatten(1), ground.flatten(1), *likelihood.logs(coverage.flatten(1))
    )
    for i in range(3):
        one = likelihood.log_prob(figure[i : i + 1], ground[i : i + 1], coverage)
        torch.testing.assert_close(table[i], one, rtol=1e-4, atol=1e-4)


def test_an_object_cut_in_half_is_whole_only_where_something_may_be_in_front():
    whole = torch.zeros(1, 8, 8)
    whole[:, 1:7, 1:7] = 1
    half = whole.clone()
    half[:, :, 4:] = 0
    behind = (1 - whole).clone()
    behind[:, :, 4:] = 0
    likelihood = FigureLikelihood()
    before_backdrop = likelihood.log_prob(half, 1 - half, torch.cat([whole, half]))
    assert before_backdrop[1] > before_backdrop[0] + 1
    occluded = likelihood.log_prob(half, behind, torch.cat([whole, half]))
    assert float(occluded[0]) == pytest.approx(float(occluded[1]), abs=1e-5)


@pytest.mark.parametrize("change", [{"outlier": 0.6}, {"temperature": 0.5}])
def test_settings_without_meaning_are_refused(change):
    with pytest.raises(ValueError, match=next(iter(change))):
        FigureLikelihood(**change)


def test_a_backdrop_tells_background_from_what_is_in_front():
    generator = np.random.default_rng(0)
    blue, red, green = np.array([0.35, 0.2, -0.5]), np.array([0.5, 0.6, 0.4]), np.array([0.6, -0.5, 0.5])
    mask = np.zeros((20, 20), bool)
    mask[8:12, 8:12] = True
    picture = np.where(mask[..., None], red, blue) + generator.normal(0, 0.01, (20, 20, 3))
    backdrop = learn_backdrop(picture[None], mask[None])
    assert backdrop is not None
    assert float(backdrop.histogram.sum()) == pytest.approx(1, abs=1e-5)
    occluded = picture.copy()
    occluded[:, 14:] = green
    ground = backdrop.ground(occluded, mask)
    assert ground[~mask][:10].min() > 0.9
    assert ground[:, 14:].max() < 0.05
    assert ground[mask].max() == 0
    # Before another backdrop all outside the mask is background.
    elsewhere = np.where(mask[..., None], red, green)
    np.testing.assert_array_equal(backdrop.ground(elsewhere, mask), ~mask)
    assert learn_backdrop(picture[None], np.ones((1, 20, 20), bool)) is None


def test_colour_densities_integrate_to_one_and_know_what_varies():
    generator = torch.Generator().manual_seed(1)
    steady = torch.tensor([0.5, 0.2, 0.2]) + 0.01 * torch.randn(12, 3, generator=generator)
    varied = torch.tensor([0.5, 0.0, 0.0]) + 0.15 * torch.randn(12, 3, generator=generator)
    tomato, car = learn_colours(torch.cat([steady, varied]), [0] * 12 + [1] * 12, [3, 3], 2)
    line = torch.linspace(-2.5, 3.5, 61)
    grid = torch.stack(torch.meshgrid(line, line, line, indexing="ij"), -1).view(-1, 3)
    for density in (tomato, car):
        total = density.log_prob(grid).double().exp().sum() * 0.1**3
        assert float(total) == pytest.approx(1, abs=0.08)
    red, blue = torch.tensor([[0.5, 0.21, 0.19]]), torch.tensor([[0.4, 0.0, -0.3]])
    assert tomato.log_prob(red) > car.log_prob(red)
    assert car.log_prob(blue) > tomato.log_prob(blue)
    assert math.isfinite(float(tomato.log_prob(blue)))
