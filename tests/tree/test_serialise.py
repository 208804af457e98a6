import json

import pytest
import torch

from compvis.tree import Node, ParseTree, from_json, to_json


def awkward_tree() -> ParseTree:
    generator = torch.Generator().manual_seed(0)
    leaf = Node(
        "curve",
        values={
            "single": torch.randn(4, 2, generator=generator) * 1e-30,
            "double": torch.randn(3, generator=generator, dtype=torch.float64) * 1e30,
            "scalar": torch.tensor(0.1),
            "whole": torch.tensor(2**53 + 1),
            "flag": torch.tensor([True, False]),
            "none": torch.zeros(0, 2),
        },
        primitive={"width": torch.tensor(1 / 3)},
    )
    root = Node(
        'Ä/quote"', {"class": torch.tensor(3)}, {"stroke[0]": leaf}, choice=1, pose=torch.eye(2, 3) / 7
    )
    return ParseTree(root, label="七")


def test_round_trip_is_exact():
    tree = awkward_tree()
    assert from_json(to_json(tree)) == tree
    assert from_json(to_json(tree, indent=2)) == tree


def test_gradients_do_not_stop_writing():
    tree = awkward_tree().with_values({"character/stroke[0]/scalar": torch.tensor(0.1, requires_grad=True)})
    assert not from_json(to_json(tree)).site_value("character/stroke[0]/scalar").requires_grad


def test_numbers_that_are_not_finite_are_refused_by_site():
    tree = awkward_tree().with_values({"character/stroke[0]/scalar": torch.tensor(float("nan"))})
    with pytest.raises(ValueError, match=r"character/stroke\[0\]/scalar"):
        to_json(tree)


def test_other_types_are_refused():
    tree = ParseTree(Node("A", {"x": torch.zeros(1, dtype=torch.float16)}))
    with pytest.raises(ValueError, match="float16"):
        to_json(tree)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda record: record.update(version=99), "version 99"),
        (lambda record: record.update(format="other"), "format"),
        (lambda record: record.pop("root"), "incomplete"),
        (lambda record: record["root"].pop("symbol"), "incomplete"),
        (lambda record: record["root"].update(children=[1]), "incomplete"),
        (lambda record: record["root"]["pose"].update(shape=[2, 4]), "cannot hold"),
        (lambda record: record["root"]["pose"].update(dtype="object"), "Unknown tensor type"),
        (lambda record: record["root"]["pose"].update(shape=[-2, -3]), "incomplete"),
        (lambda record: record["root"]["pose"]["data"].__setitem__(0, float("nan")), "not finite"),
    ],
)
def test_broken_records_give_one_clear_error(change, message):
    record = json.loads(to_json(awkward_tree()))
    change(record)
    with pytest.raises(ValueError, match=message):
        from_json(json.dumps(record))


def test_truncated_text_gives_one_clear_error():
    with pytest.raises(ValueError, match="JSON is broken"):
        from_json(to_json(awkward_tree())[:-20])
