"""Stock inference on the ink program, against posteriors that are known exactly."""

import math

import pyro
import pytest
import torch
from jaxtyping import config
from pyro import poutine
from pyro.infer import MCMC, NUTS, EmpiricalMarginal, Importance

from compvis.grammar.deformation import DeformationPrior, bernstein
from compvis.grammar.ink import (
    CharacterTemplate,
    InkGrammar,
    StrokeTemplate,
    deformation_basis,
    deformation_covariance,
)
from compvis.grammar.placing import place_leaves
from compvis.grammar.program import InkProgram
from compvis.grammar.score import log_prior
from compvis.grammar.values import InkValues, prior_mean, sample_values

LINE = torch.tensor([[[-1.0, 0.2], [-0.3, 0.6], [0.3, -0.4], [1.0, 0.0]]])
PRIOR = DeformationPrior(warp_grid=2, stroke_linear=0.3, stroke_translation=0.3, offset=0.2)
TEMPLATE = CharacterTemplate((StrokeTemplate(LINE, torch.tensor([0.3])),), PRIOR)
GRAMMAR = InkGrammar.of([TEMPLATE], ["line"])
POINTS_ON, T = torch.zeros(3, dtype=torch.long), torch.tensor([0.0, 0.4, 1.0])
NOISE = 0.15
SHIFT = torch.tensor([[0.3, -0.2], [0.1, 0.25], [-0.2, 0.4]])


@pytest.fixture
def unchecked():
    """Sampling without run-time type checks, which would take most of the time; other tests check them."""
    before = config.jaxtyping_disable
    config.update("jaxtyping_disable", True)
    yield
    config.update("jaxtyping_disable", before)


def curve_points(leaves):
    """Points (h, 3, 2) of the sub-stroke at parameters T."""
    return torch.einsum("mp,hpc->hmc", bernstein(T), leaves.control_points[:, 0])


REST = curve_points(place_leaves(TEMPLATE, prior_mean(TEMPLATE)))[0]


def log_likelihood(leaves, shift):
    """log N(observed points; points on the curve, NOISE^2), (h,)."""
    return torch.distributions.Normal(curve_points(leaves), NOISE).log_prob(REST + shift).sum((1, 2))


def program(shift):
    return InkProgram(GRAMMAR, observe=lambda leaves: log_likelihood(leaves, shift)[0]).given(0, 0)


def fixed(*free):
    """The template at rest at every site that is not free."""
    rest = prior_mean(TEMPLATE).to_sites(TEMPLATE)
    return {site: value[0] for site, value in rest.items() if site not in free}


def test_nuts_finds_the_exact_linear_gaussian_posterior(unchecked):
    free = ("character/stroke[0]/affine",)
    pyro.set_rng_seed(0)
    kernel = NUTS(poutine.condition(program(SHIFT), data=fixed(*free)), max_tree_depth=3)
    sampler = MCMC(kernel, num_samples=150, warmup_steps=30, disable_progbar=True)
    sampler.run()
    rest = {site: value.expand(150, *value.shape) for site, value in fixed(*free).items()}
    found = curve_points(place_leaves(TEMPLATE, rest | sampler.get_samples())) - REST

    shared = 3 + PRIOR.n_warp
    basis = deformation_basis(TEMPLATE, POINTS_ON, T)[:, shared : shared + 3]
    prior = basis @ basis.T
    gain = prior @ torch.linalg.inv(prior + NOISE**2 * torch.eye(3))
    mean, covariance = gain @ SHIFT, prior - gain @ prior
    sd = covariance.diagonal().sqrt()[:, None]
    assert ((found.mean(0) - mean) / sd).abs().max() < 0.3
    assert ((found.std(0) - sd) / sd).abs().max() < 0.25
    assert ((mean - SHIFT) / sd).abs().max() > 0.6, "the prior must matter, or nothing is tested"


def test_evidence_of_prior_samples_is_the_exact_gaussian_evidence():
    values = sample_values(TEMPLATE, 100_000, torch.Generator().manual_seed(0))
    flat = InkValues(**(values.tensors() | {"pose": torch.zeros(100_000, 3)}))
    found = torch.logsumexp(log_likelihood(place_leaves(TEMPLATE, flat), SHIFT), 0) - math.log(100_000)
    marginal = deformation_covariance(TEMPLATE, POINTS_ON, T) + NOISE**2 * torch.eye(3)
    density = torch.distributions.MultivariateNormal(torch.zeros(3), marginal)
    assert abs(found - density.log_prob(SHIFT.T).sum()) < 0.05


def test_importance_sampling_finds_the_gridded_posterior_of_the_pose(unchecked):
    axes = [
        torch.linspace(-4, 4, 41) * sd for sd in (PRIOR.pose_centre, PRIOR.pose_centre, PRIOR.pose_log_unit)
    ]
    pose = torch.cartesian_prod(*axes)
    grid = InkValues(
        **{
            name: tensor.expand(len(pose), *tensor.shape[1:])
            for name, tensor in prior_mean(TEMPLATE).tensors().items()
        }
        | {"pose": pose}
    )
    held = fixed("character/pose")
    at_rest = log_prior(TEMPLATE, prior_mean(TEMPLATE)) - prior_of_pose(torch.zeros(1, 3))
    joint = log_prior(TEMPLATE, grid) - at_rest + log_likelihood(place_leaves(TEMPLATE, grid), SHIFT / 2)
    cell = math.prod(float(axis[1] - axis[0]) for axis in axes)
    evidence = torch.logsumexp(joint, 0) + math.log(cell)
    weights = torch.softmax(joint, 0)
    mean = weights @ pose
    sd = (weights @ (pose - mean).square()).sqrt()

    pyro.set_rng_seed(0)
    posterior = Importance(poutine.condition(program(SHIFT / 2), data=held), num_samples=600).run()
    marginal = EmpiricalMarginal(posterior, sites="character/pose")
    assert ((marginal.mean - mean) / sd).abs().max() < 0.25
    assert ((marginal.variance.sqrt() - sd) / sd).abs().max() < 0.2
    assert (mean / sd).abs().max() > 0.5, "the data must matter, or nothing is tested"
    found = log_mean_likelihood(posterior)
    assert abs(found - evidence) < 0.15


def prior_of_pose(pose):
    """log p(pose), nats, (h,)."""
    sd = torch.tensor([PRIOR.pose_centre, PRIOR.pose_centre, PRIOR.pose_log_unit])
    return torch.distributions.Normal(0.0, sd).log_prob(pose).sum(1)


def log_mean_likelihood(posterior):
    """Evidence given the held sites, from traces drawn from the prior of the free ones."""
    scores = [
        trace.nodes["image"]["fn"].log_prob(trace.nodes["image"]["value"]) for trace in posterior.exec_traces
    ]
    return torch.logsumexp(torch.stack(scores), 0) - math.log(len(scores))
