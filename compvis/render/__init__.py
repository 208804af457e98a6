"""Leaves to images: one contract (``contract.py``), ink in ``ink*.py``, solids in ``solids*.py``.

Solids go one way: ``solids`` (the record) -> ``solids_outline``, ``solids_footprint`` (what the pixels need of each
leaf) -> ``solids_eager``, ``solids_fused`` or ``solids_warp`` (the pixels) -> ``solids_renderer``, which states the
model. ``solids_kernel*`` are the compiled loops of ``solids_fused``, ``solids_warp_*`` the kernels of ``solids_warp``,
which takes its scalar functions from the loops.
"""
