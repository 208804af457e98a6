"""PartNet as hierarchies of oriented boxes: how real chairs, tables and cupboards divide into parts.

Source: PartNet (Mo et al., CVPR 2019) by way of ShapeAssembly (Jones et al., SIGGRAPH Asia 2020); 1,000 objects
each of three categories; not for commercial use. The boxes are read from the compact file only, for PartNet is
given to those who ask for it.

Frame: the object's, as `compvis.data.views` (y up, z to the object's front), origin about its centre, units as
published (an object spans about two).
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float64, Int64
from numpy import ndarray

from compvis.data.check import InputError, is_rooted_tree
from compvis.data.folder import compact_arrays, own_file, reading

CATEGORIES = ("chair", "table", "storage")
SYMMETRIES = ("own", "reflected", "translated")
_ADDRESS = "https://partnet.cs.stanford.edu (as boxes: https://github.com/rkjones4/ShapeAssembly)"


@dataclass(frozen=True, eq=False)
class BoxHierarchy:
    """One object as a tree of boxes; node 0 is the whole object and every parent stands before its children.

    Attributes:
        name: the object's number in PartNet.
        category: one of `CATEGORIES`.
        parent: (n,) node number of the parent, -1 for the root.
        centre: (n, 3) of each box, in the object's frame.
        size: (n, 3) full extents along the box's own axes.
        rotation: (n, 3, 3), whose columns are the box's axes in the object's frame.
        leaf: (n,) has no children; only leaves are matter, other nodes are the boxes around them.
        symmetry: (n,) index into `SYMMETRIES`: how the node was made from its source.
        source: (n,) the sibling that a reflected or translated node repeats, else -1.
    """

    name: str
    category: str
    parent: Int64[ndarray, "n"]
    centre: Float64[ndarray, "n 3"]
    size: Float64[ndarray, "n 3"]
    rotation: Float64[ndarray, "n 3 3"]
    leaf: Bool[ndarray, "n"]
    symmetry: Int64[ndarray, "n"]
    source: Int64[ndarray, "n"]

    def __post_init__(self) -> None:
        n = len(self.parent)
        if not is_rooted_tree(self.parent):
            raise ValueError(f"The hierarchy of {self.category} {self.name} is no tree with its root first.")
        if not np.array_equal(self.leaf, ~np.isin(np.arange(n), self.parent)):
            raise ValueError(f"The leaves of {self.category} {self.name} are not the nodes without children.")
        if not (np.isfinite(self.centre).all() and (self.size > 0).all()):
            raise ValueError(f"{self.category} {self.name} has a box without a place or an extent.")

    def __len__(self) -> int:
        return len(self.parent)

    def children(self, node: int) -> Int64[ndarray, "_"]:
        """Node numbers of the children, ascending."""
        return np.flatnonzero(self.parent == node).astype(np.int64)

    def leaves(self, node: int = 0) -> Int64[ndarray, "_"]:
        """Node numbers of the leaves at or below a node, ascending."""
        below = np.zeros(len(self), dtype=bool)
        below[node] = True
        for child in range(node + 1, len(self)):
            below[child] |= below[self.parent[child]]
        return np.flatnonzero(below & self.leaf).astype(np.int64)


def load_partnet_boxes(category: str, root: Path | str | None = None) -> tuple[BoxHierarchy, ...]:
    """All objects of a category, in the file's order.

    Args:
        category: `chair`, `table` or `storage`.
        root: folder with `partnet_boxes.npz`; without it `COMPVIS_DATA` is looked into (`compvis.data.folder`).

    Raises:
        InputError: another category. MissingDataError: not on this machine. DataError: damaged or truncated.
    """
    if category not in CATEGORIES:
        raise InputError(f"Unknown category {category!r}: choose {', '.join(CATEGORIES)}.")
    path = own_file(["partnet_boxes.npz"], root, "The set of PartNet boxes", _ADDRESS)
    with reading(path), compact_arrays(path) as arrays:
        field = {
            name: arrays[f"{category}_{name}"]
            for name in ("ids", "node_offsets", "parent", "box", "is_leaf", "symkind", "symsrc")
        }
        offsets = field["node_offsets"]
        if len(offsets) != len(field["ids"]) + 1 or offsets[-1] != len(field["parent"]):
            raise ValueError("the offsets do not fit the nodes")
        return tuple(
            _hierarchy(
                category, str(name), {k: v[start:end] for k, v in field.items() if len(v) == offsets[-1]}
            )
            for name, start, end in zip(field["ids"], offsets[:-1], offsets[1:], strict=True)
        )


def _hierarchy(category: str, name: str, nodes: dict[str, ndarray]) -> BoxHierarchy:
    box = nodes["box"].astype(np.float64)
    return BoxHierarchy(
        name=name,
        category=category,
        parent=nodes["parent"].astype(np.int64),
        centre=box[:, 0:3],
        size=box[:, 3:6],
        rotation=np.ascontiguousarray(box[:, 6:].reshape(-1, 3, 3).swapaxes(1, 2)),
        leaf=nodes["is_leaf"].astype(bool),
        symmetry=nodes["symkind"].astype(np.int64),
        source=nodes["symsrc"].astype(np.int64),
    )
