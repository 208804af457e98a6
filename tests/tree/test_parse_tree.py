from dataclasses import FrozenInstanceError, replace

import pytest
import torch

from compvis.tree import Node, ParseTree, UnknownAddress, render_text


def leaf(x: float) -> Node:
    return Node(
        "curve",
        values={"offsets": torch.full((4, 2), x), "log_width": torch.tensor(x)},
        primitive={"control_points": torch.full((4, 2), x), "width": torch.tensor(x)},
    )


def tree() -> ParseTree:
    first = Node(
        "loop", {"affine": torch.zeros(2, 3)}, {"substroke[0]": leaf(0.1), "substroke[1]": leaf(0.2)}
    )
    second = Node("bar", {"affine": torch.ones(2, 3)}, {"substroke[0]": leaf(0.3)})
    root = Node("A", {"class": torch.tensor(1)}, {"stroke[0]": first, "stroke[1]": second}, choice=2)
    return ParseTree(root, label="A")


def test_addresses_reach_every_node_in_order():
    addresses = [address for address, _ in tree().walk()]
    assert addresses == [
        "character",
        "character/stroke[0]",
        "character/stroke[0]/substroke[0]",
        "character/stroke[0]/substroke[1]",
        "character/stroke[1]",
        "character/stroke[1]/substroke[0]",
    ]
    assert all(tree()[address] == node for address, node in tree().walk())
    assert [address for address, _ in tree().leaves()] == [addresses[2], addresses[3], addresses[5]]


def test_site_names_are_addresses_and_value_names():
    sites = tree().site_values()
    assert sites["character/class"] == 1
    assert torch.equal(sites["character/stroke[1]/affine"], torch.ones(2, 3))
    assert len(sites) == 1 + 2 + 2 * 3


@pytest.mark.parametrize(
    "address", ["scene", "character/stroke[7]", "character/stroke[0]/x", "", "character/"]
)
def test_unknown_addresses_say_what_there_is(address):
    with pytest.raises(UnknownAddress, match=r"start with 'character'|has stroke\[0\]|has substroke\[0\]"):
        tree()[address]
    assert address not in tree()


def test_unknown_values_say_what_there_is():
    with pytest.raises(UnknownAddress, match="log_width"):
        tree().site_value("character/stroke[0]/substroke[0]/width")
    with pytest.raises(UnknownAddress, match="joined by"):
        tree().site_value("width")


def test_nodes_and_trees_are_immutable():
    with pytest.raises(FrozenInstanceError):
        tree().root.symbol = "B"  # pyright: ignore
    with pytest.raises(TypeError):
        tree().root.values["class"] = torch.tensor(0)  # pyright: ignore
    with pytest.raises(TypeError):
        tree().root.children["stroke[0]"] = leaf(0)  # pyright: ignore


def test_with_values_drops_only_the_primitives_below():
    before = tree()
    after = before.with_values({"character/stroke[0]/affine": torch.full((2, 3), 5.0)})
    assert torch.equal(after.site_value("character/stroke[0]/affine"), torch.full((2, 3), 5.0))
    assert after["character/stroke[0]/substroke[1]"].primitive is None
    assert after["character/stroke[1]/substroke[0]"].primitive is not None
    assert before == tree()
    with pytest.raises(ValueError, match="place the tree"):
        after.primitives()


def test_with_values_refuses_other_shapes():
    with pytest.raises(ValueError, match=r"shape \(2, 3\), not \(3,\)"):
        tree().with_values({"character/stroke[0]/affine": torch.zeros(3)})


def test_primitives_stack_the_leaves_in_order():
    drawn = tree().primitives()
    torch.testing.assert_close(drawn["width"], torch.tensor([0.1, 0.2, 0.3]))
    assert drawn["control_points"].shape == (3, 4, 2)


def test_removing_keeps_the_names_of_the_siblings():
    after = tree().without("character/stroke[0]")
    assert [address for address, _ in after.leaves()] == ["character/stroke[1]/substroke[0]"]


def test_removing_the_last_child_removes_the_parent():
    after = tree().without("character/stroke[1]/substroke[0]")
    assert "character/stroke[1]" not in after
    assert "character/stroke[0]/substroke[1]" in after


def test_a_tree_keeps_one_leaf():
    alone = tree().without("character/stroke[0]")
    for address in ("character", "character/stroke[1]", "character/stroke[1]/substroke[0]"):
        with pytest.raises(ValueError, match="at least one leaf"):
            alone.without(address)
    with pytest.raises(UnknownAddress):
        tree().without("character/stroke[9]")


def test_graft_and_insert():
    part = tree()["character/stroke[1]"]
    grafted = tree().with_node("character/stroke[0]", part).with_node("character/stroke[2]", part)
    assert grafted["character/stroke[0]"] == grafted["character/stroke[2]"] == part
    assert list(grafted.root.children) == ["stroke[0]", "stroke[1]", "stroke[2]"]
    with pytest.raises(UnknownAddress):
        tree().with_node("character/stroke[5]/substroke[0]", leaf(1.0))


def test_map_sees_children_before_parents():
    order = []

    def note(address: str, node: Node) -> Node:
        order.append(address)
        return replace(node, symbol=node.symbol.upper())

    mapped = tree().map(note)
    assert order[0] == "character/stroke[0]/substroke[0]"
    assert order[-1] == "character"
    assert mapped["character/stroke[1]"].symbol == "BAR"
    assert tree().map(lambda address, node: node) == tree()


def test_equality_sees_values_types_and_structure():
    assert tree() == tree()
    assert tree() != tree().with_values({"character/class": torch.tensor(2)})
    assert tree() != tree().with_values({"character/class": torch.tensor(1.0)})
    assert tree() != tree().without("character/stroke[0]")
    assert tree() != replace(tree(), label="B")
    assert tree() != tree().map(lambda address, node: replace(node, pose=torch.eye(2, 3)))
    assert tree() != tree().map(lambda address, node: node.undrawn())


def test_names_that_break_addresses_are_refused():
    with pytest.raises(ValueError, match="without '/'"):
        Node("A", children={"a/b": leaf(0)})
    with pytest.raises(ValueError, match="both a value and a child"):
        Node("A", values={"a": torch.tensor(0)}, children={"a": leaf(0)})
    with pytest.raises(ValueError, match="only leaves"):
        Node("A", children={"a": leaf(0)}, primitive={})
    with pytest.raises(ValueError, match="name of a tree"):
        ParseTree(leaf(0), name="a/b")


def test_text_shows_the_structure():
    lines = render_text(tree()).splitlines()
    assert lines[0] == "character = A  <A>  choice 2  class=1"
    assert lines[1].startswith("├─ stroke[0]  <loop>  affine=[0.00 0.00")
    assert lines[3].startswith("│  └─ substroke[1]  <curve>  offsets=(4x2, rms 0.20)  log_width=0.20")
    assert lines[5].startswith("   └─ substroke[0]")
