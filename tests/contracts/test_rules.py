"""What every rule promises. A new kind of rule: one line in RULES."""

import dataclasses
import json

import pyro
import pytest
import torch
from safetensors.torch import load, save

from compvis.grammar.derivation import derive, log_prob_by_site
from compvis.grammar.rules import AndRule, Child, Gaussian, Grammar, LeafRule, OrRule
from compvis.grammar.state import from_state, to_state
from compvis.tree import ParseTree


def gaussian(*shape: int) -> Gaussian:
    generator = torch.Generator().manual_seed(sum(shape))
    return Gaussian(torch.randn(shape, generator=generator), torch.rand(shape, generator=generator) + 0.5)


LEG = LeafRule("leg", "cuboid", {"size": gaussian(3), "grey": gaussian()}, {"rest": torch.ones(3)})
STOOL = AndRule(
    "stool",
    (Child("leg[0]", "leg", torch.eye(3, 4)), Child("leg[1]", "leg")),
    {"pose": gaussian(2, 3), "warp": gaussian(5, 2)},
)
BENCH = AndRule("bench", (Child("leg[0]", "leg"),))
SEAT = OrRule("seat", "kind", ("stool", "bench"), torch.tensor([0.5, -1.0]))
RULES = [STOOL, SEAT, LEG]


def with_free_parameters(rule):
    if isinstance(rule, OrRule):
        return dataclasses.replace(rule, log_weights=rule.log_weights.clone().requires_grad_())
    free = {
        name: Gaussian(prior.mean.clone().requires_grad_(), prior.sd.clone().requires_grad_())
        for name, prior in rule.priors.items()
    }
    return dataclasses.replace(rule, priors=free)


@pytest.fixture(params=RULES, ids=lambda rule: type(rule).__name__)
def rule(request):
    return request.param


def test_log_prob_has_one_number_a_hypothesis_and_agrees_with_pyro(rule):
    values = rule.sample(7, torch.Generator().manual_seed(0))
    found = rule.log_prob(values)
    assert found.shape == (7,)
    assert torch.isfinite(found).all()
    expected = sum(density.log_prob(values[name]) for name, density in rule.distributions().items())
    torch.testing.assert_close(found, expected)


def test_gradients_reach_every_parameter(rule):
    free = with_free_parameters(rule)
    free.log_prob(rule.sample(5, torch.Generator().manual_seed(0))).sum().backward()
    parameters = free.parameters()
    assert parameters
    for name, parameter in parameters.items():
        assert parameter.grad is not None, name
        assert (parameter.grad != 0).all(), name


def test_sampling_is_repeatable_and_follows_the_generator(rule):
    def draw(seed):
        return rule.sample(20, torch.Generator().manual_seed(seed))

    assert all(torch.equal(draw(0)[name], value) for name, value in draw(0).items())
    assert any(not torch.equal(draw(1)[name], value) for name, value in draw(0).items())


def test_samples_have_the_entropy_of_the_density(rule):
    values = rule.sample(20_000, torch.Generator().manual_seed(0))
    entropy = sum(density.entropy() for density in rule.distributions().values())
    torch.testing.assert_close(-rule.log_prob(values).mean(), entropy, rtol=0, atol=0.05)


def test_a_missing_value_is_named(rule):
    with pytest.raises(ValueError, match="needs a value"):
        rule.log_prob({})


def test_save_and_load_keep_every_score(rule):
    grammar = Grammar.of("seat", SEAT, STOOL, BENCH, LEG)
    record, tensors = to_state(grammar)
    again = from_state(json.loads(json.dumps(record)), load(save(tensors))).rules[rule.symbol]
    values = rule.sample(4, torch.Generator().manual_seed(0))
    assert torch.equal(again.log_prob(values), rule.log_prob(values))
    if isinstance(rule, AndRule):
        assert torch.equal(again.children[0].placement, rule.children[0].placement)
        assert again.children[1].placement is None
    if isinstance(rule, LeafRule):
        assert torch.equal(again.rest["rest"], rule.rest["rest"])


def test_derivations_score_as_the_sum_of_their_rules():
    pyro.set_rng_seed(2)
    grammar = Grammar.of("seat", SEAT, STOOL, BENCH, LEG)
    tree = ParseTree(derive(grammar, pyro.sample, "object"), name="object")
    scores = log_prob_by_site(grammar, tree)
    assert scores.keys() == tree.site_values().keys()
    assert tree.root.choice == int(tree.root.values["kind"])
    total = SEAT.log_prob({"kind": tree.root.values["kind"][None]})
    for _, node in tree.walk():
        own = grammar.rules[node.symbol]
        if own is not BENCH:
            total = total + own.log_prob({name: value[None] for name, value in node.values.items()})
    torch.testing.assert_close(sum(scores.values()), total[0])


def test_grammars_that_cannot_derive_are_refused():
    with pytest.raises(ValueError, match="'leg', a part of 'stool', has no rule"):
        Grammar.of("stool", STOOL)
    with pytest.raises(ValueError, match="'chair', the start symbol, has no rule"):
        Grammar.of("chair", LEG)
    loop = AndRule("a", (Child("x", "b"),)), OrRule("b", "kind", ("leg", "a"), torch.zeros(2)), LEG
    with pytest.raises(ValueError, match="cycle: a -> b -> a"):
        Grammar.of("a", *loop)
    with pytest.raises(ValueError, match="same symbol"):
        Grammar.of("leg", LEG, LEG)
    with pytest.raises(ValueError, match="filed under"):
        Grammar("x", {"x": LEG})


def test_rules_that_say_nothing_are_refused():
    with pytest.raises(ValueError, match="no alternatives"):
        OrRule("x", "kind", (), torch.zeros(0))
    with pytest.raises(ValueError, match="one finite log weight"):
        OrRule("x", "kind", ("a", "b"), torch.zeros(1))
    with pytest.raises(ValueError, match="one finite log weight"):
        OrRule("x", "kind", ("a",), torch.tensor([float("nan")]))
    with pytest.raises(ValueError, match="no children"):
        AndRule("x", ())
    with pytest.raises(ValueError, match="different names"):
        AndRule("x", (Child("a", "leg"), Child("a", "leg")))
    with pytest.raises(ValueError, match="sd above 0"):
        Gaussian(torch.zeros(2), torch.zeros(2))


def test_damaged_states_are_refused():
    record, tensors = to_state(Grammar.of("leg", LEG))
    with pytest.raises(ValueError, match="version"):
        from_state(record | {"version": 7}, tensors)
    with pytest.raises(ValueError, match="incomplete"):
        from_state(record, {})
