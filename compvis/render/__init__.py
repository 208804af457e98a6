"""Leaves to images: one contract (``contract.py``), ink in ``ink*.py``, solids in ``solids*.py``.

Solids go one way: ``solids`` (the record) -> ``solids_outline``, ``solids_footprint`` (what the pixels need of each
leaf) -> ``solids_eager`` or ``solids_fused`` (the pixels) -> ``solids_renderer``, which states the model.
"""
