"""Likelihoods of figures and colours of solids."""

import math

import pytest
import torch

from compvis.likelihood.solid_colour import learn_colours
from compvis.likelihood.solid_figure import FigureLikelihood


def test_figures_of_a_small_frame_sum_to_one():
    likelihood = FigureLikelihood(temperature=1.0)
    coverage = torch.tensor([[0.0, 0.3], [0.9, 1.0]]).expand(16, 2, 2)
    every = torch.tensor([[(k >> b) & 1 for b in range(4)] for k in range(16)]).float().view(16, 2, 2)
    for hidden in (0.0, 0.5):
        assert float(likelihood.log_prob(every, coverage, hidden).exp().sum()) == pytest.approx(1, abs=1e-5)


def test_the_matrix_product_is_the_same_density():
    generator = torch.Generator().manual_seed(0)
    figure, coverage = torch.rand(3, 4, 4, generator=generator), torch.rand(5, 4, 4, generator=generator)
    likelihood = FigureLikelihood()
    table = likelihood.log_prob_all(figure.flatten(1), coverage.flatten(1), 0.4)
    for i in range(3):
        one = likelihood.log_prob(figure[i].expand(5, 4, 4), coverage, 0.4)
        torch.testing.assert_close(table[i], one, rtol=1e-4, atol=1e-4)


def test_a_figure_cut_in_half_is_likelier_where_parts_may_be_hidden():
    coverage = torch.zeros(1, 8, 8)
    coverage[:, 1:7, 1:7] = 1
    cut = coverage.clone()
    cut[:, :, 4:] = 0
    likelihood = FigureLikelihood()
    assert likelihood.log_prob(cut, coverage, 0.5) > likelihood.log_prob(cut, coverage, 0.0)
    assert likelihood.log_prob(coverage, coverage, 0.5) < likelihood.log_prob(coverage, coverage, 0.0)


@pytest.mark.parametrize(
    "change",
    [{"outlier": 0.6}, {"temperature": 0.5}, {"hidden": (1.0,)}, {"hidden_weights": (1.0,)}],
)
def test_settings_without_meaning_are_refused(change):
    with pytest.raises(ValueError, match=next(iter(change)).split("_")[0]):
        FigureLikelihood(**change)


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
