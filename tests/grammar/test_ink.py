import json

import pytest
import torch
from safetensors.torch import load, save

from compvis.grammar.deformation import DeformationPrior
from compvis.grammar.ink import CharacterClass, CharacterTemplate, InkGrammar, StrokeTemplate
from compvis.grammar.ink_rules import ink_rules
from compvis.grammar.ink_state import ink_from_state, ink_to_state
from compvis.grammar.rules import AndRule, LeafRule, OrRule


def test_template_orders_its_leaves(template):
    assert template.leaf_addresses == (
        "character/stroke[0]/substroke[0]",
        "character/stroke[1]/substroke[0]",
        "character/stroke[1]/substroke[1]",
    )
    assert template.stroke_index.tolist() == [0, 1, 1]
    assert torch.equal(template.control_points[1:], template.strokes[1].control_points)
    torch.testing.assert_close(template.origins[1], template.control_points[1:].reshape(-1, 2).mean(0))


def test_template_changes_type(template):
    assert template.to(torch.float32).control_points.dtype == torch.float32
    assert template.to(torch.float32).field_basis.dtype == torch.float32


def test_rest_geometry_can_want_gradients_more_than_once():
    points = torch.randn(1, 4, 2, requires_grad=True)
    template = CharacterTemplate((StrokeTemplate(points, torch.ones(1)),))
    for _ in range(2):
        template.field_basis.sum().backward()
    assert points.grad is not None


def test_rules_mirror_the_grammar(grammar):
    rules = ink_rules(grammar).rules
    kinds = [sum(isinstance(rule, kind) for rule in rules.values()) for kind in (OrRule, AndRule, LeafRule)]
    assert kinds == [1 + 2, 3 + (2 + 1 + 3), 3 + 3 + 3]
    assert rules["class a"].alternatives == ("a/template[0]", "a/template[1]")


def test_state_round_trips_through_safetensors_and_json(grammar):
    record, tensors = ink_to_state(grammar)
    again = ink_from_state(json.loads(json.dumps(record)), load(save(tensors)))
    assert again.labels == grammar.labels
    assert again.log_weights == grammar.log_weights
    for one, two in zip(grammar.classes, again.classes, strict=True):
        assert one.log_weights == two.log_weights
        for left, right in zip(one.templates, two.templates, strict=True):
            assert left.prior == right.prior
            assert left.leaf_addresses == right.leaf_addresses
            assert torch.equal(left.control_points, right.control_points)
            assert torch.equal(left.widths, right.widths)


def test_damaged_states_give_one_clear_error(grammar):
    record, tensors = ink_to_state(grammar)
    with pytest.raises(ValueError, match="version"):
        ink_from_state(record | {"version": 0}, tensors)
    with pytest.raises(ValueError, match="incomplete or damaged"):
        ink_from_state(record, {name: t for name, t in tensors.items() if name != "widths"})
    with pytest.raises(ValueError, match="incomplete or damaged"):
        ink_from_state(record, tensors | {"template_sizes": tensors["template_sizes"] + 1})
    with pytest.raises(ValueError, match="incomplete or damaged"):
        ink_from_state(record, tensors | {"widths": tensors["widths"][1:]})


def test_grammar_of_templates_groups_labels(template):
    grammar = InkGrammar.of([template] * 3, ["x", "y", "x"])
    assert grammar.labels == ("x", "y")
    assert [len(one.templates) for one in grammar.classes] == [2, 1]
    with pytest.raises(ValueError, match="one label per template"):
        InkGrammar.of([template], ["x", "y"])


def test_impossible_pieces_are_refused(template):
    points, widths = torch.zeros(1, 4, 2), torch.ones(1)
    with pytest.raises(ValueError, match="at least one sub-stroke"):
        StrokeTemplate(torch.zeros(0, 4, 2), torch.ones(0))
    with pytest.raises(ValueError, match="control_points must be finite"):
        StrokeTemplate(points / 0, widths)
    with pytest.raises(ValueError, match="above 0"):
        StrokeTemplate(points, widths * 0)
    with pytest.raises(ValueError, match="at least one stroke"):
        CharacterTemplate(())
    with pytest.raises(ValueError, match="at least one template"):
        CharacterClass("a", ())
    with pytest.raises(ValueError, match="needs 1 log weights, not 2"):
        CharacterClass("a", (template,), (0.0, 1.0))
    with pytest.raises(ValueError, match="at least one class"):
        InkGrammar(())
    one = CharacterClass("a", (template,))
    with pytest.raises(ValueError, match="labels must differ"):
        InkGrammar((one, one))
    with pytest.raises(ValueError, match="needs 1 log weights"):
        InkGrammar((one,), (0.0, 1.0))


def test_a_template_can_be_exchanged_and_nothing_else_changes(grammar):
    other = grammar.classes[1].templates[0].with_prior(DeformationPrior(warp=0.01))
    changed = grammar.with_template(1, 0, other)
    assert changed.classes[1].templates[0] is other
    assert changed.classes[0] is grammar.classes[0]
    assert (changed.labels, changed.log_weights) == (grammar.labels, grammar.log_weights)
    assert grammar.classes[1].templates[0] is not other
