"""One node of a parse tree: what rule made it, the values it drew and its children by name."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import torch
from torch import Tensor


class UnknownAddress(ValueError):
    """A tree was asked for a node or a value that it does not have."""


@dataclass(frozen=True, eq=False)
class Node:
    """Immutable node of a parse tree.

    symbol: the grammar symbol this node derives.
    values: what the node's rule drew, by name; ``address/name`` is the site name in the Pyro program.
    children: by name within the parent, in order: ``stroke[0]``, ``leg[2]``, ``seat``. Names are kept when a
        sibling is removed, so an address always means the same part.
    choice: index of the alternative an Or-rule took to make this node, None where nothing was chosen.
    pose: (2, 3) affine from the node's frame to its parent's (at the root: the image's); None: identity.
    primitive: leaves only: what the renderer needs, in the image frame; for ink ``control_points`` (4, 2),
        ``width`` () and ``darkness`` (). It follows from the values of the tree: edits of values drop it.
    """

    symbol: str
    values: Mapping[str, Tensor] = field(default_factory=dict)
    children: Mapping[str, "Node"] = field(default_factory=dict)
    choice: int | None = None
    pose: Tensor | None = None
    primitive: Mapping[str, Tensor] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", MappingProxyType(dict(self.values)))
        object.__setattr__(self, "children", MappingProxyType(dict(self.children)))
        if self.primitive is not None:
            object.__setattr__(self, "primitive", MappingProxyType(dict(self.primitive)))
            if self.children:
                raise ValueError(f"Node {self.symbol!r} has children and a primitive; only leaves are drawn.")
        for name in (*self.values, *self.children):
            if not name or "/" in name:
                raise ValueError(
                    f"Node {self.symbol!r}: a name must be non-empty and without '/', not {name!r}."
                )
        clash = self.values.keys() & self.children.keys()
        if clash:
            raise ValueError(f"Node {self.symbol!r} has both a value and a child named {min(clash)!r}.")

    @property
    def is_leaf(self) -> bool:
        """Whether the node has no children."""
        return not self.children

    def walk(self, address: str) -> Iterator[tuple[str, "Node"]]:
        """This node and all below with their addresses, parents first."""
        yield address, self
        for name, child in self.children.items():
            yield from child.walk(f"{address}/{name}")

    def undrawn(self) -> "Node":
        """The same node with the primitives of all leaves below dropped."""
        if self.is_leaf:
            return replace(self, primitive=None)
        return replace(self, children={name: child.undrawn() for name, child in self.children.items()})

    def __eq__(self, other: object) -> bool:
        """Equal in structure and order, and bit by bit in every tensor, including its type."""
        if not isinstance(other, Node):
            return NotImplemented
        return (
            (self.symbol, self.choice, list(self.children))
            == (other.symbol, other.choice, list(other.children))
            and same_tensors({"pose": self.pose}, {"pose": other.pose})
            and same_tensors(self.values, other.values)
            and (self.primitive is None) == (other.primitive is None)
            and same_tensors(self.primitive or {}, other.primitive or {})
            and all(child == other.children[name] for name, child in self.children.items())
        )

    __hash__ = None  # pyright: ignore[reportAssignmentType]


def same_tensors(one: Mapping[str, Tensor | None], two: Mapping[str, Tensor | None]) -> bool:
    """Whether two mappings have the same names with tensors equal in type, shape and every value."""
    if one.keys() != two.keys():
        return False
    for name, left in one.items():
        right = two[name]
        if left is None or right is None:
            if left is not right:
                return False
        elif left.dtype != right.dtype or not torch.equal(left, right):
            return False
    return True
