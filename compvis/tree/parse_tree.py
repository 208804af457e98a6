"""Parse trees: one derivation of a grammar, addressed like ``character/stroke[0]/substroke[1]``."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from compvis.tree.node import Node, UnknownAddress


@dataclass(frozen=True)
class ParseTree:
    """Immutable parse tree; every edit returns a new tree and shares what it did not touch.

    root: the node at address ``name``. label: the class that the grammar's Or-rule chose, None where it
    has none.

    Example::

        tree = ParseTree(Node("A", children={"stroke[0]": Node("line", {"width": torch.tensor(0.3)})}))
        tree["character/stroke[0]"].values["width"]
        tree.without("character/stroke[0]")  # raises: a tree keeps at least one leaf
    """

    root: Node
    name: str = "character"
    label: str | None = None

    def __post_init__(self) -> None:
        if not self.name or "/" in self.name:
            raise ValueError(f"The name of a tree must be non-empty and without '/', not {self.name!r}.")

    def __getitem__(self, address: str) -> Node:
        """The node at an address; raises :class:`UnknownAddress`."""
        first, *names = address.split("/")
        if first != self.name:
            raise UnknownAddress(f"Addresses of this tree start with {self.name!r}; got {address!r}.")
        node, here = self.root, first
        for name in names:
            if name not in node.children:
                known = ", ".join(node.children) or "no children"
                raise UnknownAddress(f"There is no node {address!r}: {here!r} has {known}.")
            node, here = node.children[name], f"{here}/{name}"
        return node

    def __contains__(self, address: object) -> bool:
        """Whether there is a node at the address."""
        if not isinstance(address, str):
            return False
        try:
            self[address]
        except UnknownAddress:
            return False
        return True

    def walk(self) -> Iterator[tuple[str, Node]]:
        """(address, node) of every node, parents before children, children in order."""
        return self.root.walk(self.name)

    def leaves(self) -> Iterator[tuple[str, Node]]:
        """(address, node) of every node without children, in the order a renderer draws them."""
        return ((address, node) for address, node in self.walk() if node.is_leaf)

    def site_values(self) -> dict[str, Tensor]:
        """Every value by its site name ``address/value``."""
        return {
            f"{address}/{name}": value for address, node in self.walk() for name, value in node.values.items()
        }

    def site_value(self, site: str) -> Tensor:
        """The value at one site; raises :class:`UnknownAddress`."""
        address, name = _split(site)
        values = self[address].values
        if name not in values:
            raise UnknownAddress(f"There is no value {name!r} at {address!r}; it has {sorted(values)}.")
        return values[name]

    def primitives(self) -> dict[str, Tensor]:
        """What the leaves hand the renderer, stacked: for ink ``control_points`` (q, 4, 2), ``width``
        (q,), ...

        Leaf i of the stack is the i-th of :meth:`leaves`. Raises ValueError where a leaf has no
        primitive, as after an edit of values: place the tree with its grammar first.
        """
        drawn: list[Mapping[str, Tensor]] = []
        for address, leaf in self.leaves():
            if leaf.primitive is None:
                raise ValueError(f"Leaf {address!r} has no primitive; place the tree with its grammar first.")
            drawn.append(leaf.primitive)
        return {name: torch.stack([primitive[name] for primitive in drawn]) for name in drawn[0]}

    def with_values(self, values: Mapping[str, Tensor]) -> "ParseTree":
        """A tree with other values at some sites; drops the primitives of all leaves below them.

        Raises :class:`UnknownAddress` for a site the tree lacks and ValueError where the shape differs.
        """
        by_address: dict[str, dict[str, Tensor]] = {}
        for site, value in values.items():
            old = self.site_value(site)
            if old.shape != value.shape:
                raise ValueError(
                    f"The value at {site!r} has shape {tuple(old.shape)}, not {tuple(value.shape)}."
                )
            address, name = _split(site)
            by_address.setdefault(address, {})[name] = value
        tree = self
        for address, new in by_address.items():
            node = tree[address]
            tree = tree.with_node(address, replace(node, values={**node.values, **new}).undrawn())
        return tree

    def with_node(self, address: str, node: Node) -> "ParseTree":
        """With ``node`` at ``address``: in the place of the node there, or as its parent's last child."""
        if address == self.name:
            return replace(self, root=node)
        parent_address, name = _split(address)
        parent = self[parent_address]
        return self.with_node(parent_address, replace(parent, children={**parent.children, name: node}))

    def without(self, address: str) -> "ParseTree":
        """A tree without the node and all below it; a parent left without children goes as well.

        Siblings keep their names, so their addresses stay valid. Raises ValueError where no leaf would be
        left.
        """
        if address == self.name or sum(1 for _ in self[address].walk("")) == sum(1 for _ in self.walk()) - 1:
            raise ValueError(f"Removing {address!r} would leave nothing of the tree; keep at least one leaf.")
        parent_address, name = _split(address)
        parent = self[parent_address]
        children = {key: child for key, child in parent.children.items() if key != name}
        if not children:
            return self.without(parent_address)
        return self.with_node(parent_address, replace(parent, children=children))

    def map(self, change: Callable[[str, Node], Node]) -> "ParseTree":
        """A tree with ``change(address, node)`` in the place of every node, children before parents."""
        return replace(self, root=_map(change, self.name, self.root))


def _map(change: Callable[[str, Node], Node], address: str, node: Node) -> Node:
    children = {name: _map(change, f"{address}/{name}", child) for name, child in node.children.items()}
    return change(address, replace(node, children=children))


def _split(path: str) -> tuple[str, str]:
    parent, slash, name = path.rpartition("/")
    if not slash:
        raise UnknownAddress(f"Expected an address and a name joined by '/', not {path!r}.")
    return parent, name
