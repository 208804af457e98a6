"""Drawings of parses and records: figures, sheets, the tree viewer."""
