import pyro
import pytest
import torch
from pyro import poutine

from compvis.grammar.derivation import log_prob_by_site
from compvis.grammar.ink_rules import ink_rules
from compvis.grammar.placing import Placement, build_tree, place_leaves, place_tree, placement_of
from compvis.grammar.program import InkProgram
from compvis.grammar.score import (
    log_prior,
    log_prior_by_node,
    log_prior_by_site,
    tree_log_prior,
    tree_log_prior_by_site,
)
from compvis.grammar.values import sample_values
from compvis.tree import from_json, to_json

PLACEMENT = Placement(
    torch.tensor([50.0, 40.0], dtype=torch.float64), torch.tensor(12.0, dtype=torch.float64)
)


def close(found, expected):
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("seed", range(4))
def test_fast_score_is_the_pyro_trace_site_by_site(grammar, seed):
    pyro.set_rng_seed(seed)
    trace = poutine.trace(InkProgram(grammar, placement=PLACEMENT)).get_trace()
    trace.compute_log_prob()
    expected = {site: trace.nodes[site]["log_prob"] for site in trace.stochastic_nodes}
    tree, _ = trace.nodes["_RETURN"]["value"]
    found = tree_log_prior_by_site(tree, grammar)
    assert found.keys() == expected.keys() == tree.site_values().keys()
    assert {
        "character/class",
        "character/template",
        "character/stroke[0]/substroke[0]/offsets",
    } < found.keys()
    for site, score in expected.items():
        close(found[site], score)
    close(tree_log_prior(tree, grammar), trace.log_prob_sum())
    walked = log_prob_by_site(ink_rules(grammar), tree)
    assert all(torch.equal(walked[site], expected[site]) for site in expected)


def test_batched_score_is_the_score_of_each_tree(grammar, template):
    values = sample_values(template, 5, torch.Generator().manual_seed(0))
    total = log_prior(template, values)
    close(sum(log_prior_by_site(template, values).values()), total)
    close(sum(log_prior_by_node(template, values).values()), total)
    close(log_prior(template, values.to_sites(template)), total)
    assert set(log_prior_by_node(template, values)) == {
        "character", *template.stroke_addresses, *template.leaf_addresses
    }  # fmt: skip
    for i in range(5):
        sites = tree_log_prior_by_site(build_tree(grammar, 0, 0, values[i : i + 1]), grammar)
        close(
            sum(score for site, score in sites.items() if site.split("/")[1] not in ("class", "template")),
            total[i],
        )


def test_score_differentiates_in_every_value(template):
    values = sample_values(template, 2, torch.Generator().manual_seed(0))
    for tensor in values.tensors().values():
        tensor.requires_grad_()
    log_prior(template, values).sum().backward()
    assert all((tensor.grad != 0).all() for tensor in values.tensors().values())


def test_built_trees_hold_the_placed_leaves(grammar, template):
    values = sample_values(template, 3, torch.Generator().manual_seed(0))
    leaves = place_leaves(template, values, PLACEMENT)
    tree = build_tree(grammar, 0, 0, values[1:2], PLACEMENT)
    for name, stacked in tree.primitives().items():
        torch.testing.assert_close(stacked, getattr(leaves, name)[1])
    assert (tree.label, tree.root.choice, int(tree.root.values["class"])) == ("a", 0, 0)
    assert from_json(to_json(tree)) == tree
    with pytest.raises(ValueError, match="one hypothesis, not 3"):
        build_tree(grammar, 0, 0, values)


def test_one_placement_a_hypothesis(template):
    values = sample_values(template, 2, torch.Generator().manual_seed(0))
    both = Placement(torch.stack([PLACEMENT.centre, PLACEMENT.centre + 5]), torch.stack([PLACEMENT.unit] * 2))
    moved, still = place_leaves(template, values, both), place_leaves(template, values, PLACEMENT)
    torch.testing.assert_close(moved.control_points[1], still.control_points[1] + 5)
    torch.testing.assert_close(moved.control_points[0], still.control_points[0])


def test_edited_trees_are_placed_again(grammar, template):
    tree = build_tree(grammar, 0, 0, sample_values(template, 1, torch.Generator().manual_seed(0)), PLACEMENT)
    placement = placement_of(tree)
    torch.testing.assert_close(placement.centre, PLACEMENT.centre)
    torch.testing.assert_close(placement.unit, PLACEMENT.unit)
    shifted = tree.site_value("character/stroke[1]/affine") + torch.tensor([[0, 0, 1.0], [0, 0, 0]])
    edited = place_tree(tree.with_values({"character/stroke[1]/affine": shifted}), grammar, placement)
    moved = edited.primitives()["control_points"] - tree.primitives()["control_points"]
    unit = tree.root.pose[0, 0]
    torch.testing.assert_close(moved[1:], torch.stack([unit, unit * 0]).expand(2, 4, 2))
    assert moved[0].abs().max() < 1e-9
    assert place_tree(tree, grammar, placement).primitives()["width"].shape == (3,)


def test_trees_that_lost_a_part_are_drawn_but_not_scored(grammar, template):
    tree = build_tree(grammar, 0, 0, sample_values(template, 1, torch.Generator().manual_seed(0)), PLACEMENT)
    cut = place_tree(tree.without("character/stroke[1]/substroke[0]"), grammar, PLACEMENT)
    torch.testing.assert_close(
        cut.primitives()["control_points"], tree.primitives()["control_points"][[0, 2]]
    )
    with pytest.raises(ValueError, match=r"stroke\[1\]/substroke\[0\]"):
        tree_log_prior(cut, grammar)
    with pytest.raises(ValueError, match="no derivation"):
        log_prob_by_site(ink_rules(grammar), cut)


def test_trees_with_a_foreign_part_are_refused(grammar, template):
    tree = build_tree(grammar, 0, 0, sample_values(template, 1, torch.Generator().manual_seed(0)), PLACEMENT)
    grafted = tree.with_node("character/stroke[2]", tree["character/stroke[0]"])
    with pytest.raises(ValueError, match="extra"):
        tree_log_prior(grafted, grammar)
    with pytest.raises(ValueError, match="extra"):
        log_prob_by_site(ink_rules(grammar), grafted)
    with pytest.raises(ValueError, match=r"Cannot place 'character/stroke\[2\]"):
        place_tree(grafted, grammar, PLACEMENT)
    with pytest.raises(ValueError, match="class 7"):
        tree_log_prior(tree.with_values({"character/class": torch.tensor(7)}), grammar)
    with pytest.raises(ValueError, match="template 5"):
        tree_log_prior(tree.with_values({"character/template": torch.tensor(5)}), grammar)
