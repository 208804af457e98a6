"""Refinement: recovers strokes from their picture, never loses ground, survives bad hypotheses."""

import pytest
import torch

from compvis.likelihood.ink import BinaryInkLikelihood, InkLikelihood
from compvis.parsing.refine import CoarseToFine, NonFiniteScoreError, refine
from compvis.render.ink import InkRenderer, InkStrokes, sample_curves

TRUTH = torch.tensor([[[6.0, 6], [12, 4], [18, 6], [22, 10]], [[22.0, 10], [24, 15], [16, 20], [10, 24]]])
SIZE = (28, 28)


def place(values) -> InkStrokes:
    points = values["points"]
    h, q = points.shape[:2]
    return InkStrokes(points, torch.exp(values["log_width"]), torch.ones(h, q), torch.ones(h, q) > 0)


def flat_prior(values) -> torch.Tensor:
    return torch.zeros(values["points"].shape[0])


def picture(points=TRUTH, width=2.5) -> torch.Tensor:
    return InkRenderer()(
        place({"points": points[None], "log_width": torch.full((1, 2), width).log()}), SIZE
    ).ink[0]


def starts(h=4, spread=1.5, seed=0) -> dict[str, torch.Tensor]:
    noise = torch.randn(h, 2, 1, 2, generator=torch.Generator().manual_seed(seed))
    bend = torch.randn(h, 2, 4, 2, generator=torch.Generator().manual_seed(seed + 1))
    return {
        "points": TRUTH + spread * noise + 0.3 * spread * bend,
        "log_width": torch.full((h, 2), 1.5).log(),
    }


def run(parameters, image=None, **changes):
    settings = {
        "renderer": InkRenderer(),
        "likelihood": InkLikelihood(),
        "log_prior": flat_prior,
        "learning_rate": {"points": 0.2, "log_width": 0.05},
        "steps": 60,
    }
    return refine(parameters, place, picture() if image is None else image, **(settings | changes))


def misfit(points) -> torch.Tensor:
    """Mean distance (h,) in pixels from the true curve to the recovered one."""
    return torch.cdist(sample_curves(TRUTH, 20), sample_curves(points, 80)).min(-1).values.mean((-1, -2))


def test_recovers_perturbed_strokes_to_a_fraction_of_a_pixel():
    start = starts()
    result = run(start)
    assert (misfit(start["points"]) > 0.5).all()
    assert (misfit(result.parameters["points"]) < 0.3).all()
    assert (result.parameters["log_width"].exp() - 2.5).abs().max() < 0.4
    assert (result.log_joint > result.start_log_joint + 20).all()
    assert not result.diverged.any()


def test_coarse_to_fine_reaches_further_than_fine_alone():
    start = {
        "points": TRUTH.expand(1, 2, 4, 2) + torch.tensor([4.0, -4.0]),
        "log_width": torch.full((1, 2), 2.5).log(),
    }
    coarse = run(start)
    fine = run(start, schedule=CoarseToFine(levels=0))
    assert misfit(coarse.parameters["points"]) < 0.5
    assert coarse.log_joint > fine.log_joint


def test_the_prior_pulls():
    start = starts(h=1)
    image = torch.zeros(SIZE)
    strong = run(start, image, log_prior=lambda v: -2000 * (v["log_width"] - 0.5).square().sum(-1))
    assert (strong.parameters["log_width"] - 0.5).abs().max() < 0.2


def test_never_worse_than_the_start_and_scores_are_those_of_the_result():
    start = starts(h=3)
    start["points"][0] = TRUTH
    start["log_width"][0] = torch.tensor(2.5).log()
    result = run(start, learning_rate=3.0, steps=8)
    assert (result.log_joint >= result.start_log_joint).all()
    again = run(result.parameters, steps=0)
    torch.testing.assert_close(again.log_joint, result.log_joint)
    assert again.trajectory.shape == (0, 3)


def test_hypotheses_do_not_mix():
    start = starts(h=3)
    together = run(start, steps=10)
    for h in range(3):
        alone = run({name: value[h : h + 1] for name, value in start.items()}, steps=10)
        torch.testing.assert_close(alone.log_joint[0], together.log_joint[h], rtol=1e-4, atol=1e-2)


def test_every_hypothesis_may_have_its_own_image():
    images = torch.stack([picture(), picture(TRUTH.flip(-1))])
    start = {"points": torch.stack([TRUTH, TRUTH.flip(-1)]) + 0.7, "log_width": torch.full((2, 2), 2.0).log()}
    result = run(start, images)
    assert (result.log_joint > result.start_log_joint + 20).all()
    assert misfit(result.parameters["points"][:1]) < 0.3


def test_binary_images():
    result = run(starts(h=2), picture().round(), likelihood=BinaryInkLikelihood())
    assert (misfit(result.parameters["points"]) < 0.4).all()


def test_a_diverging_hypothesis_is_held_and_spoils_no_other():
    start = starts(h=2)
    calls = []

    def prior(values):
        calls.append(1)
        good = torch.zeros(2)
        # After a few steps hypothesis 1 falls off the edge of its prior.
        return good if len(calls) < 4 else good + values["log_width"].sum(-1) * torch.tensor([0.0, torch.nan])

    result = run(start, log_prior=prior, steps=20)
    assert result.diverged.tolist() == [False, True]
    assert (result.log_joint >= result.start_log_joint).all()
    assert all(torch.isfinite(value).all() for value in result.parameters.values())
    clean = run({name: value[:1] for name, value in start.items()}, steps=20)
    torch.testing.assert_close(clean.log_joint[0], result.log_joint[0], rtol=1e-4, atol=1e-2)


def test_leaves_its_input_alone():
    start = starts(h=1)
    before = {name: value.clone() for name, value in start.items()}
    result = run(start, steps=3)
    for name, value in start.items():
        assert (value == before[name]).all()
        assert not result.parameters[name].requires_grad


def test_schedule_goes_from_coarse_to_the_renderers_own_softness():
    softness = CoarseToFine(coarsest=4.0, levels=2, coarse_fraction=0.5).softness(8, 1.0)
    assert softness == [4.0, 4.0, 2.0, 2.0, 1.0, 1.0, 1.0, 1.0]
    assert CoarseToFine(coarsest=0.4).softness(3, 0.5) == [0.5] * 3


def test_bad_input_is_refused():
    with pytest.raises(NonFiniteScoreError, match=r"hypotheses \[1\]"):
        run(starts(h=2), log_prior=lambda v: torch.tensor([0.0, torch.nan]))
    with pytest.raises(ValueError, match="first axis"):
        run({**starts(h=2), "log_width": torch.zeros(3, 2)})
    with pytest.raises(ValueError, match="name exactly"):
        run(starts(h=1), learning_rate={"points": 0.1})
    with pytest.raises(ValueError, match="log_prior must return"):
        run(starts(h=2), log_prior=lambda v: torch.zeros(5, 1))
    with pytest.raises(ValueError, match="at least one"):
        run({})
