"""The grammar of solids: the Pyro program is the specification, the batched score equals it."""

import pyro
import pytest
import torch
from pyro import poutine

from compvis.grammar.rules import OrRule
from compvis.grammar.solid import (
    SolidCategory,
    SolidGrammar,
    SolidPrior,
    SolidTemplate,
    SolidValues,
    place_parts,
    site_values,
    solid_rules,
    stack_templates,
    values_of_sites,
)
from compvis.grammar.solid_program import SolidProgram


def template(q: int, seed: int, missing: int | None = None) -> SolidTemplate:
    generator = torch.Generator().manual_seed(seed)
    present = torch.ones(q) > 0
    if missing is not None:
        present[missing] = False
    return SolidTemplate(
        kind=torch.zeros(q, dtype=torch.long),
        rotation=torch.eye(3).expand(q, 3, 3).contiguous(),
        centre=torch.randn(q, 3, generator=generator) * 0.3,
        size=0.2 + 0.2 * torch.rand(q, 3, generator=generator),
        shape=torch.ones(q, 2),
        colour=torch.rand(q, 3, generator=generator),
        present=present,
        pixels=torch.tensor(18.0),
    )


@pytest.fixture(scope="module")
def grammar() -> SolidGrammar:
    cup = SolidCategory((template(3, 0), template(3, 1, missing=1)), (3, 1))
    return SolidGrammar((cup, SolidCategory((template(2, 2),), (4,))), SolidPrior())


def draw(grammar: SolidGrammar, category: int, alternative: int, seed: int) -> SolidValues:
    generator = torch.Generator().manual_seed(seed)
    rest = SolidValues.zeros(1, len(grammar.template(category, alternative).kind)).tensors()
    return SolidValues(**{k: torch.randn(v.shape, generator=generator) for k, v in rest.items()})


@pytest.mark.parametrize(("category", "alternative"), [(0, 0), (0, 1), (1, 0)])
def test_the_batched_score_equals_the_pyro_trace(grammar, category, alternative):
    values = draw(grammar, category, alternative, seed=3)
    one = grammar.template(category, alternative)
    program = SolidProgram(grammar, ("cup", "ball")).given(category, alternative)
    conditioned = poutine.condition(program, data=site_values(one, values))
    trace = poutine.trace(conditioned).get_trace()
    trace.compute_log_prob()
    choices = (-torch.tensor(2.0).log()) + grammar.categories[category].log_weights()[alternative]
    expected = values.log_prob(one.present[None])[0] + choices
    assert float(trace.log_prob_sum()) == pytest.approx(float(expected), abs=1e-4)


def test_a_conditioned_program_can_be_called_outside_of_inference(grammar):
    sites = SolidProgram(grammar, ("cup", "ball")).given(0, 1)().site_values()
    assert (int(sites["object/category"]), int(sites["object/alternative"])) == (0, 1)


def test_observation_enters_as_a_factor(grammar):
    program = SolidProgram(grammar, ("cup", "ball"), observe=lambda _, values: -values.view.square().sum())
    pyro.set_rng_seed(0)
    trace = poutine.trace(program.given(1, 0)).get_trace()
    assert float(trace.nodes["image"]["fn"].log_factor) < 0


def test_stock_variational_inference_runs_on_the_program(grammar):
    """The posterior of a view seen with unit noise at 1.5 is normal about 0.75 (conjugate)."""
    pyro.clear_param_store()
    pyro.set_rng_seed(1)
    program = SolidProgram(
        grammar, ("cup", "ball"), observe=lambda _, values: -0.5 * (values.view - 1.5).square().sum()
    ).given(1, 0)
    guide = pyro.infer.autoguide.AutoNormal(program)
    svi = pyro.infer.SVI(program, guide, pyro.optim.Adam({"lr": 0.05}), pyro.infer.Trace_ELBO(8))
    for _ in range(150):
        svi.step()
    assert guide.median()["object/view"].detach() == pytest.approx(0.75 * torch.ones(3), abs=0.25)


def test_sites_and_values_are_inverse(grammar):
    values = draw(grammar, 0, 1, seed=4)
    one = grammar.template(0, 1)
    again = values_of_sites(one, site_values(one, values))
    present = one.present
    assert torch.equal(again.offset[:, present], values.offset[:, present])
    assert torch.equal(again.view, values.view)
    assert (again.size[:, ~present] == 0).all()


def test_placing_moves_parts_as_stated(grammar):
    one, prior = grammar.template(0, 0), grammar.prior
    values = SolidValues.zeros(1, 3)
    view, middle = torch.tensor([[30.0, 20.0, 0.0]]), torch.tensor([[24.0, 24.0]])
    rest = place_parts(stack_templates([one]), values, view, prior, middle)
    assert torch.equal(rest.centre[0], one.centre)
    assert torch.equal(rest.size[0], one.size)
    stretched = SolidValues(**(values.tensors() | {"stretch": torch.tensor([[2.0, 0.0, 0.0]])}))
    longer = place_parts(stack_templates([one]), stretched, view, prior, middle)
    factor = torch.tensor(2 * prior.stretch).exp()
    torch.testing.assert_close(longer.centre[0, :, 0], one.centre[:, 0] * factor)
    torch.testing.assert_close(longer.size[0, :, 0], one.size[:, 0] * factor)
    torch.testing.assert_close(longer.size[0, :, 1:], one.size[:, 1:])


def test_rules_leave_out_missing_parts_and_weigh_alternatives(grammar):
    rules = solid_rules(grammar, ["cup", "ball"])
    assert "cup[0]/part[1]" in rules.rules
    assert "cup[1]/part[1]" not in rules.rules
    choice = rules.rules["category[0]"]
    assert isinstance(choice, OrRule)
    torch.testing.assert_close(choice.log_weights.exp(), torch.tensor([0.75, 0.25]))


def test_a_prior_without_spread_is_refused():
    with pytest.raises(ValueError, match="above 0"):
        SolidPrior(offset=0.0)
