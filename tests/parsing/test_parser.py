"""Parsing: propose by matching, refine by rendering, itemise."""

import numpy as np
import pytest
import torch

from compvis.grammar.deformation import DeformationPrior
from compvis.grammar.ink import InkGrammar
from compvis.grammar.placing import Placement, place_leaves, place_tree, placement_of
from compvis.grammar.score import log_prior, tree_log_prior
from compvis.grammar.values import InkValues, prior_mean
from compvis.likelihood.ink import InkLikelihood
from compvis.parsing.ink_shape import describe
from compvis.parsing.match import MatchSettings
from compvis.parsing.parser import (
    RefineSettings,
    parse_as,
    parse_strokes,
    propose,
    smaller_prior,
    to_strokes,
)
from compvis.render.ink import InkRenderer, InkStrokes

PRIOR = DeformationPrior(linear=0.2, warp=0.2, warp_length=0.9, warp_grid=4)
MATCH = MatchSettings(points=30, modes=12)
REFINE = RefineSettings(steps=20)
SIZE = 32
TEE = ([(6, 8), (26, 8)], [(16, 8), (16, 27)])
LEANING = ([(7, 11), (27, 7)], [(17, 9), (13, 26)])
HOOK = ([(8, 6), (8, 24), (24, 24)],)


@pytest.fixture
def shape_of(draw):
    def describe_lines(*lines):
        ink = torch.from_numpy(draw(*lines, size=SIZE, pen=3.0))
        return ink, describe(ink, PRIOR, MATCH.points)

    return describe_lines


@pytest.fixture
def case(shape_of):
    """A leaning tee to be parsed as an upright one: (ink, shape, template, grammar); the tee is class 1."""
    template = shape_of(*TEE)[1]
    other = shape_of(*HOOK)[1]
    grammar = InkGrammar.of([other.template, template.template, other.template], ["hook", "tee", "tee"])
    return *shape_of(*LEANING), template, grammar


@pytest.fixture
def parsed(case):
    ink, shape, template, grammar = case
    return parse_as(ink, shape, grammar, (1, 0), template, MATCH, REFINE)


def drawn(template, values, shape):
    placement = Placement(shape.centre, torch.tensor(shape.unit))
    return InkRenderer()(to_strokes(place_leaves(template.template, values, placement)), shape.size)


def test_items_add_up_to_the_log_joint_of_the_tree(case, parsed):
    ink, _, _, grammar = case
    pixels = [nats for address, _, nats in parsed.scores if address == "image"]
    prior = sum(nats for address, _, nats in parsed.scores if address != "image")
    assert prior == pytest.approx(float(tree_log_prior(parsed.tree, grammar)), abs=1e-2)
    rendering = InkRenderer()(strokes_of(parsed.tree), (SIZE, SIZE))
    wanted = float(InkLikelihood().log_likelihood(ink, rendering)[0])
    assert pixels == [pytest.approx(wanted, abs=0.05)]
    nodes = {address for address, _, _ in parsed.scores} - {"image"}
    assert nodes == {address for address, _ in parsed.tree.walk()}


def strokes_of(tree) -> InkStrokes:
    leaves = tree.primitives()
    mask = torch.ones(1, len(leaves["width"]), dtype=torch.bool)
    return InkStrokes(leaves["control_points"][None], leaves["width"][None], leaves["darkness"][None], mask)


def test_leaves_are_placed_and_draw_the_rendering(parsed):
    assert parsed.tree.label == "tee"
    assert int(parsed.tree.site_value("character/class")) == 1
    assert parsed.tree.root.choice == 0
    torch.testing.assert_close(
        InkRenderer()(strokes_of(parsed.tree), (SIZE, SIZE)).ink[0], parsed.rendering, atol=1e-4, rtol=0
    )
    assert not parsed.rendering.requires_grad


def test_the_tree_can_be_placed_again_where_it_was(case, parsed):
    shape, grammar = case[1], case[3]
    placement = placement_of(parsed.tree)
    torch.testing.assert_close(placement.centre, shape.centre, atol=1e-3, rtol=0)
    assert float(placement.unit) == pytest.approx(shape.unit, rel=1e-4)
    again = place_tree(parsed.tree, grammar, placement).primitives()
    for name, tensor in parsed.tree.primitives().items():
        torch.testing.assert_close(again[name], tensor, atol=1e-3, rtol=1e-4)


def test_matching_comes_closer_than_rest_and_refinement_closer_still(case, parsed):
    ink, shape, template, _ = case
    likelihood = InkLikelihood()

    def joint(values: InkValues) -> float:
        pixels = likelihood.log_likelihood(ink, drawn(template, values, shape))[0]
        return float(pixels + log_prior(template.template, values)[0])

    proposal = propose(shape, template, MATCH)
    at_rest, proposed = joint(prior_mean(template.template)), joint(proposal)
    choices = sum(nats for _, name, nats in parsed.scores if name in ("class", "template"))
    refined = sum(nats for _, _, nats in parsed.scores) - choices
    assert at_rest < proposed < refined
    error = [
        float((ink - drawn(template, values, shape).ink[0]).square().mean())
        for values in (prior_mean(template.template), proposal)
    ]
    final = float((ink - parsed.rendering).square().mean())
    assert final < error[1] < error[0]
    assert final < 0.02


def test_a_proposal_for_its_own_ink_stays_at_rest(shape_of):
    _, template = shape_of(*TEE)
    proposal = propose(template, template, MATCH)
    assert len(proposal) == 1
    at_rest = place_leaves(template.template, prior_mean(template.template)).control_points
    moved = place_leaves(template.template, proposal).control_points
    assert float((moved - at_rest).norm(dim=-1).max()) < 0.25
    assert (proposal.log_width == 0).all()


def test_parse_strokes_gives_alternatives_that_cover_the_ink(draw):
    ink = torch.from_numpy(draw([(6, 6), (26, 26)], [(26, 6), (6, 26)], size=SIZE, pen=3.0))
    parses = parse_strokes(ink, PRIOR, MATCH.points, alternatives=3)
    assert len(parses) == 3
    scores = [score for _, score in parses]
    assert scores == sorted(scores, reverse=True)
    assert len(parses[0][0].root.children) == 2
    for tree, _ in parses:
        rendering = InkRenderer()(strokes_of(tree), (SIZE, SIZE)).ink[0]
        assert float((ink - rendering).abs().sum() / ink.sum()) < 0.45
        assert float(rendering[ink > 0.5].mean()) > 3 * float(rendering[ink < 0.5].mean())
        assert float(rendering[ink > 0.5].mean()) > 0.6


def test_a_smaller_prior_scales_the_deformation_only():
    half = smaller_prior(PRIOR, 0.5)
    assert half.linear == 0.5 * PRIOR.linear
    assert half.offset == 0.5 * PRIOR.offset
    assert half.warp == 0.5 * PRIOR.warp
    assert half.log_width == 0.5 * PRIOR.log_width
    assert (half.warp_length, half.warp_grid) == (PRIOR.warp_length, PRIOR.warp_grid)
    assert half.darkness_mean == PRIOR.darkness_mean
    assert np.isclose(smaller_prior(half, 2.0).stroke_linear, PRIOR.stroke_linear)
