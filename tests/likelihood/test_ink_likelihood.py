"""Ink likelihoods: densities that integrate to one, bounded outliers, exact gradients."""

import math

import pytest
import torch

from compvis.likelihood.ink import BinaryInkLikelihood, InkLikelihood
from compvis.render.contract import Rendering
from compvis.render.ink import InkRenderer, InkStrokes

LIKELIHOODS = {
    "grey": InkLikelihood(),
    "grey-eager": InkLikelihood(backend="eager"),
    "binary": BinaryInkLikelihood(),
}


def rendering_of(ink: torch.Tensor) -> Rendering:
    return Rendering(coverage=ink, ink=ink, owner=torch.zeros_like(ink, dtype=torch.long))


def draw(shift: float) -> Rendering:
    points = torch.tensor([[[[4.0, 4], [8, 5], [14, 10], [16, 16]]]]) + shift
    return InkRenderer()(
        InkStrokes(points, torch.full((1, 1), 3.0), torch.ones(1, 1), torch.ones(1, 1) > 0), (20, 20)
    )


@pytest.fixture(params=LIKELIHOODS)
def likelihood(request):
    return LIKELIHOODS[request.param]


@pytest.mark.parametrize("backend", ["auto", "eager"])
@pytest.mark.parametrize("noise", [0.05, 0.2, 1.0])
@pytest.mark.parametrize("ink", [0.0, 0.13, 0.5, 1.0])
def test_grey_density_integrates_to_one(ink, noise, backend):
    levels = torch.linspace(0, 1, 4001, dtype=torch.float64)
    likelihood = InkLikelihood(noise=noise, outlier=0.05, backend=backend)
    picture = torch.full((4001, 1, 1), ink, dtype=torch.float64)
    density = likelihood.log_likelihood(levels.view(-1, 1, 1), rendering_of(picture)).exp()
    assert torch.trapezoid(density, levels).item() == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("ink", [0.0, 0.3, 1.0])
def test_binary_probabilities_sum_to_one(ink):
    both = torch.tensor([0.0, 1.0]).view(2, 1, 1)
    log_probability = BinaryInkLikelihood().log_likelihood(both, rendering_of(torch.full((2, 1, 1), ink)))
    assert log_probability.exp().sum().item() == pytest.approx(1.0, abs=1e-6)


def test_fused_grey_equals_eager():
    generator = torch.Generator().manual_seed(0)
    ink = (torch.rand(3, 9, 7, generator=generator) * 1.6 - 0.5).clamp(0, 1)
    for image in (torch.rand(9, 7, generator=generator).round(decimals=1), ink.flip(0)):
        values, pulls = [], []
        for likelihood in (InkLikelihood(), InkLikelihood(backend="eager")):
            leaf = ink.clone().requires_grad_()
            total = likelihood.log_likelihood(image, rendering_of(leaf))
            values.append(total.detach())
            pulls.append(torch.autograd.grad((total * torch.tensor([1.0, -2.0, 0.5])).sum(), leaf)[0])
        torch.testing.assert_close(values[0], values[1], rtol=1e-5, atol=1e-4)
        torch.testing.assert_close(pulls[0], pulls[1], rtol=1e-4, atol=1e-4)


def test_gradients_are_those_of_finite_differences(likelihood):
    generator = torch.Generator().manual_seed(0)
    ink = (0.05 + 0.9 * torch.rand(2, 4, 5, generator=generator, dtype=torch.float64)).requires_grad_()
    image = torch.rand(4, 5, generator=generator, dtype=torch.float64).round()
    assert torch.autograd.gradcheck(lambda x: likelihood.log_likelihood(image, rendering_of(x)), ink)


def test_gradients_stay_finite_at_the_ends_of_the_scale(likelihood):
    ink = torch.tensor([[[0.0, 0.0, 1.0, 1.0]]], requires_grad=True)
    image = torch.tensor([[0.0, 1.0, 0.0, 1.0]])
    likelihood.log_likelihood(image, rendering_of(ink)).sum().backward()
    assert torch.isfinite(ink.grad).all()


def test_a_better_rendering_scores_higher(likelihood):
    image = draw(0.0).ink[0].round()
    scores = [likelihood.log_likelihood(image, draw(shift)).item() for shift in (0.0, 0.5, 1.0, 2.0, 4.0)]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] > likelihood.null_log_likelihood(image).item() + 20


def test_one_outlier_pixel_costs_a_bounded_number_of_nats(likelihood):
    rendering = draw(0.0)
    image = rendering.ink[0].round()
    spoilt = image.clone()
    spoilt[1, 18] = 1.0
    cost = (likelihood.log_likelihood(image, rendering) - likelihood.log_likelihood(spoilt, rendering)).item()
    assert 1.0 < cost <= likelihood.largest_pixel_cost + 1e-3
    assert likelihood.largest_pixel_cost < math.log(1 / likelihood.outlier) + 2.5


def test_null_is_the_likelihood_of_blank_paper(likelihood):
    image = draw(0.0).ink[0].round()
    blank = likelihood.log_likelihood(image, rendering_of(torch.zeros(1, 20, 20)))
    assert likelihood.null_log_likelihood(image).item() == pytest.approx(blank.item(), rel=1e-5)
    several = likelihood.null_log_likelihood(torch.stack([image, 0 * image]))
    assert several.shape == (2,)
    assert several[1] > several[0]


def test_pixels_sum_to_the_total_and_images_may_differ(likelihood):
    renderings = [draw(0.0), draw(1.0)]
    both = rendering_of(torch.cat([r.ink for r in renderings]))
    images = torch.stack([renderings[1].ink[0].round(), renderings[0].ink[0].round()])
    total = likelihood.log_likelihood(images, both)
    torch.testing.assert_close(
        likelihood.pixel_log_likelihood(images, both.ink).sum((1, 2)), total, rtol=1e-5, atol=1e-3
    )
    for h in range(2):
        assert likelihood.log_likelihood(images[h], renderings[h]).item() == pytest.approx(
            total[h].item(), rel=1e-5
        )


def test_tempering_multiplies(likelihood):
    tempered = type(likelihood)(effective_pixels_per_pixel=0.25)
    image = draw(0.0).ink[0].round()
    assert tempered.log_likelihood(image, draw(1.0)).item() == pytest.approx(
        0.25 * likelihood.log_likelihood(image, draw(1.0)).item(), rel=1e-5
    )
    assert tempered.null_log_likelihood(image).item() == pytest.approx(
        0.25 * likelihood.null_log_likelihood(image).item(), rel=1e-5
    )


def test_the_guide_takes_blurred_images(likelihood):
    image = draw(0.0).ink[0] * 0.9 + 0.05
    scores = [likelihood.guide(image, draw(shift)).item() for shift in (0.0, 1.0, 2.0)]
    assert scores == sorted(scores, reverse=True)


def test_bad_input_is_refused(likelihood):
    rendering = draw(0.0)
    with pytest.raises(ValueError, match="like the rendering"):
        likelihood.log_likelihood(torch.zeros(19, 20), rendering)
    with pytest.raises(ValueError, match="image must"):
        likelihood.log_likelihood(torch.full((20, 20), 2.0), rendering)
    with pytest.raises(ValueError, match="only 0 and 1"):
        BinaryInkLikelihood().log_likelihood(torch.full((20, 20), 0.5), rendering)
    for settings in ({"outlier": 0.0}, {"effective_pixels_per_pixel": 2.0}):
        with pytest.raises(ValueError, match="must lie in"):
            type(likelihood)(**settings)
    with pytest.raises(ValueError, match="noise must be positive"):
        InkLikelihood(noise=0.0)
