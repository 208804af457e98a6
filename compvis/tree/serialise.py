"""Parse trees to JSON and back, exactly.

``{"format": "compvis.tree", "version": 1, "name": ..., "label": ..., "root": NODE}``, where NODE holds
``symbol``, ``choice``, ``pose``, ``values``, ``primitive`` and ``children``, and a tensor is ``{"dtype",
"shape", "data"}`` with its numbers flat in row-major order. Python writes the shortest decimal that reads
back as the same double, so every float survives bit by bit.
"""

import json
import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from compvis.tree.node import Node
from compvis.tree.parse_tree import ParseTree

FORMAT = "compvis.tree"
VERSION = 1
_DTYPES = {"float32": torch.float32, "float64": torch.float64, "int64": torch.int64, "bool": torch.bool}
_NAMES = {dtype: name for name, dtype in _DTYPES.items()}


def to_json(tree: ParseTree, indent: int | None = None) -> str:
    """The tree as JSON text; raises ValueError for a tensor that is not finite or of an unsupported type."""
    return json.dumps(to_dict(tree), indent=indent, allow_nan=False)


def from_json(text: str) -> ParseTree:
    """Inverse of :func:`to_json`; raises ValueError for text that is not a parse tree of this version."""
    try:
        record = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"This is not a parse tree: the JSON is broken ({error}).") from error
    return from_dict(record)


def to_dict(tree: ParseTree) -> dict[str, Any]:
    """The tree as plain dictionaries, lists, strings and numbers."""
    root = _node_to_dict(tree.root, tree.name)
    return {"format": FORMAT, "version": VERSION, "name": tree.name, "label": tree.label, "root": root}


def from_dict(record: Any) -> ParseTree:
    """Inverse of :func:`to_dict`; raises ValueError for anything else."""
    if not isinstance(record, Mapping) or record.get("format") != FORMAT:
        raise ValueError(f"This is not a parse tree: expected a record with format {FORMAT!r}.")
    if record.get("version") != VERSION:
        raise ValueError(
            f"This parse tree has version {record.get('version')!r}; this compvis reads {VERSION}."
        )
    try:
        return ParseTree(_node_from_dict(record["root"]), record["name"], record["label"])
    except (KeyError, TypeError, AttributeError, RuntimeError) as error:
        raise ValueError(f"This parse tree is incomplete or malformed ({error!r}).") from error


def tensor_to_dict(tensor: Tensor, where: str) -> dict[str, Any]:
    """One tensor as type, shape and flat numbers; ``where`` names it in errors."""
    if tensor.dtype not in _NAMES:
        raise ValueError(f"Cannot write {where!r} of type {tensor.dtype}; use one of {list(_DTYPES)}.")
    data = tensor.detach().cpu().flatten().tolist()
    if not all(math.isfinite(number) for number in data):
        raise ValueError(f"Cannot write {where!r}: it has numbers that are not finite.")
    return {"dtype": _NAMES[tensor.dtype], "shape": list(tensor.shape), "data": data}


def tensor_from_dict(record: Mapping[str, Any]) -> Tensor:
    """Inverse of :func:`tensor_to_dict`, on the CPU."""
    if record["dtype"] not in _DTYPES:
        raise ValueError(f"Unknown tensor type {record['dtype']!r}; known: {list(_DTYPES)}.")
    if len(record["data"]) != math.prod(record["shape"]):
        raise ValueError(f"A tensor of shape {record['shape']} cannot hold {len(record['data'])} numbers.")
    if not all(math.isfinite(number) for number in record["data"]):
        raise ValueError("A tensor of a parse tree holds a number that is not finite.")
    return torch.tensor(record["data"], dtype=_DTYPES[record["dtype"]]).reshape(record["shape"])


def _tensors_to_dict(values: Mapping[str, Tensor], address: str) -> dict[str, Any]:
    return {name: tensor_to_dict(value, f"{address}/{name}") for name, value in values.items()}


def _tensors_from_dict(record: Mapping[str, Any]) -> dict[str, Tensor]:
    return {name: tensor_from_dict(value) for name, value in record.items()}


def _node_to_dict(node: Node, address: str) -> dict[str, Any]:
    return {
        "symbol": node.symbol,
        "choice": node.choice,
        "pose": None if node.pose is None else tensor_to_dict(node.pose, f"{address}/pose"),
        "values": _tensors_to_dict(node.values, address),
        "primitive": None if node.primitive is None else _tensors_to_dict(node.primitive, address),
        "children": {
            name: _node_to_dict(child, f"{address}/{name}") for name, child in node.children.items()
        },
    }


def _node_from_dict(record: Mapping[str, Any]) -> Node:
    return Node(
        symbol=record["symbol"],
        values=_tensors_from_dict(record["values"]),
        children={name: _node_from_dict(child) for name, child in record["children"].items()},
        choice=record["choice"],
        pose=None if record["pose"] is None else tensor_from_dict(record["pose"]),
        primitive=None if record["primitive"] is None else _tensors_from_dict(record["primitive"]),
    )
