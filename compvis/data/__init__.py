"""Data sets, splits and distribution shifts."""
