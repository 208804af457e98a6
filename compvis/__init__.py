"""Compositional vision: grammars learned from a few images, parsed by synthesis, compared with networks."""

__version__ = "0.1.0"
