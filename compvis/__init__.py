"""Compositional vision: grammars learned from a few images, parsed by synthesis, compared with networks."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from compvis.api import GrammarClassifier, Parse, load, parse_strokes

__version__ = "0.1.0"
__all__ = ["GrammarClassifier", "Parse", "load", "parse_strokes"]


def __getattr__(name: str) -> Any:
    """Import :mod:`compvis.api` only when one of its names is used: rooms stay importable by themselves."""
    if name in __all__:
        return getattr(import_module("compvis.api"), name)
    raise AttributeError(f"module 'compvis' has no attribute {name!r}")
