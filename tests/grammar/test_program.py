import dataclasses

import pyro
import pytest
import torch
from pyro import poutine
from pyro.infer import MCMC, NUTS, SVI, EmpiricalMarginal, Importance, Trace_ELBO
from pyro.infer.autoguide import AutoNormal

from compvis.grammar.deformation import DeformationPrior
from compvis.grammar.ink import CharacterTemplate, InkGrammar, StrokeTemplate
from compvis.grammar.placing import Placement, place_leaves
from compvis.grammar.program import InkProgram
from compvis.grammar.values import InkValues
from compvis.tree import ParseTree

LINE = torch.tensor([[[-1.0, 0.0], [-0.3, 0.0], [0.3, 0.0], [1.0, 0.0]]])
TINY = CharacterTemplate((StrokeTemplate(LINE, torch.tensor([0.3])),), DeformationPrior(warp_grid=2))
TARGET = LINE + torch.tensor([0.1, -0.05])


def log_likelihood(leaves):
    """A toy observation: the leaf's control points with Gaussian noise of 0.1."""
    return torch.distributions.Normal(leaves.control_points[0], 0.1).log_prob(TARGET).sum()


def observe_points(leaves):
    """The same observation, as the program's own observed site."""
    pyro.sample("points", pyro.distributions.Normal(leaves.control_points[0], 0.1).to_event(3), obs=TARGET)


def tiny_program(observe=log_likelihood) -> InkProgram:
    return InkProgram(InkGrammar.of([TINY], ["line"]), observe=observe).given(0, 0)


def test_program_returns_the_tree_it_drew(grammar):
    pyro.set_rng_seed(0)
    placement = Placement(torch.tensor([9.0, 5.0]).double(), torch.tensor(4.0).double())
    trace = poutine.trace(InkProgram(grammar, placement=placement)).get_trace()
    tree, leaves = trace.nodes["_RETURN"]["value"]
    assert isinstance(tree, ParseTree)
    sites = {site: trace.nodes[site]["value"] for site in trace.stochastic_nodes}
    assert all(value is sites[site] for site, value in tree.site_values().items())
    template = grammar.classes[int(sites["character/class"])].templates[int(sites["character/template"])]
    batched = {site: value[None] for site, value in sites.items()}
    expected = place_leaves(template, InkValues.from_sites(template, batched), placement)
    for found, wanted in zip(leaves, expected, strict=True):
        torch.testing.assert_close(found, wanted)
    assert tree.label == grammar.labels[int(sites["character/class"])]


def test_choices_follow_their_weights(grammar):
    pyro.set_rng_seed(0)
    short = dataclasses.replace(grammar, log_weights=(-20.0, 0.0))
    assert all(InkProgram(short)()[0].label == "b" for _ in range(10))


def test_given_fixes_the_choices_and_keeps_them_in_the_density(grammar):
    pyro.set_rng_seed(0)
    trace = poutine.trace(InkProgram(grammar).given(0, 1)).get_trace()
    trace.compute_log_prob()
    assert trace.nodes["character/template"]["is_observed"]
    expected = torch.log_softmax(torch.tensor([0.3, -0.9]), 0)[1]
    torch.testing.assert_close(trace.nodes["character/template"]["log_prob"].float(), expected)
    with pytest.raises(ValueError, match="no class 2"):
        InkProgram(grammar).given(2, 0)
    with pytest.raises(ValueError, match="no template 1"):
        InkProgram(grammar).given(1, 1)


def test_both_ways_to_observe_give_the_same_density():
    pyro.set_rng_seed(0)
    factor = poutine.trace(tiny_program()).get_trace()
    values = {site: factor.nodes[site]["value"] for site in factor.stochastic_nodes}
    sample = poutine.trace(poutine.condition(tiny_program(observe_points), data=values)).get_trace()
    torch.testing.assert_close(factor.log_prob_sum(), sample.log_prob_sum())
    assert "image" in factor.nodes
    assert "points" in sample.nodes


@pytest.mark.parametrize("observe", [log_likelihood, observe_points])
def test_stock_svi_improves_the_bound(observe):
    pyro.clear_param_store()
    pyro.set_rng_seed(0)
    program = tiny_program(observe)
    guide = AutoNormal(program, init_scale=0.02)
    svi = SVI(program, guide, pyro.optim.Adam({"lr": 0.02}), Trace_ELBO())
    losses = [svi.step() for _ in range(100)]
    assert sum(losses[-20:]) < sum(losses[:20]) - 20 * 5
    median = {site: value[None] for site, value in guide.median().items()}
    assert log_likelihood(place_leaves(TINY, median)) > -10


def test_stock_nuts_runs():
    pyro.set_rng_seed(0)
    sampler = MCMC(
        NUTS(tiny_program(), max_tree_depth=3), num_samples=10, warmup_steps=10, disable_progbar=True
    )
    sampler.run()
    samples = sampler.get_samples()
    assert samples["character/stroke[0]/substroke[0]/offsets"].shape == (10, 4, 2)
    assert place_leaves(TINY, samples).control_points.shape == (10, 1, 4, 2)
    assert samples["character/affine"].std(0).min() > 0


def test_stock_importance_sampling_runs():
    pyro.set_rng_seed(0)
    posterior = Importance(tiny_program(), num_samples=50).run()
    assert torch.isfinite(posterior.get_log_normalizer())
    assert EmpiricalMarginal(posterior, sites="character/pose").mean.shape == (3,)


def test_importance_sampling_weighs_the_choices():
    pyro.set_rng_seed(0)
    tall = CharacterTemplate((StrokeTemplate(LINE.flip(-1), torch.tensor([0.3])),), TINY.prior)
    program = InkProgram(InkGrammar.of([TINY, tall], ["line", "tall"]), observe=log_likelihood)
    posterior = Importance(program, num_samples=80).run()
    weights = posterior.log_weights
    chosen = [int(trace.nodes["character/class"]["value"]) for trace in posterior.exec_traces]
    share = torch.softmax(torch.stack(weights), 0) @ torch.tensor(chosen).float()
    assert 0 < sum(chosen) < 80
    assert share < 0.01


def test_outside_of_inference_a_call_only_draws():
    pyro.set_rng_seed(0)
    tree, leaves = tiny_program()()
    assert tree.label == "line"
    assert leaves.control_points.shape == (1, 1, 4, 2)
