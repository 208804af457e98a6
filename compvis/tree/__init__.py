"""Parse trees: the one structure that every room speaks."""

from compvis.tree.node import Node, UnknownAddress
from compvis.tree.parse_tree import ParseTree
from compvis.tree.serialise import from_json, to_json
from compvis.tree.text import render_text

__all__ = ["Node", "ParseTree", "UnknownAddress", "from_json", "render_text", "to_json"]
