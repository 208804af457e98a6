"""Leaves to images: one contract, one file per renderer."""
