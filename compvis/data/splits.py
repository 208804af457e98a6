"""Divisions of a data set that depend on nothing but the labels and a seed."""

from collections.abc import Iterable

import numpy as np
from jaxtyping import Int64, Shaped
from numpy import ndarray


def few_shot(
    labels: Shaped[ndarray, "n"],
    per_class: int,
    seed: int,
    rows: Shaped[ndarray, "k"] | Iterable[int] | None = None,
) -> Int64[ndarray, "_"]:
    """Draw `per_class` rows of every class.

    Args:
        labels: (n,) class numbers of the whole set.
        per_class: how many of each class.
        seed: the same seed gives the same rows; each class has a stream of its own.
        rows: draw from these rows alone (their order does not matter); all by default.

    Returns:
        Row numbers into `labels`, (per_class * classes,): first one row of every class (in ascending order of
        class number), then a second one of every class, and so on. Fewer shots with the same seed are
        therefore a prefix of more shots.

    Raises:
        ValueError: `per_class` below 1, or a class with fewer rows than that.
    """
    if per_class < 1:
        raise ValueError(f"Draw at least 1 image per class, not {per_class}.")
    if rows is None:
        candidates = np.arange(len(labels))
    elif isinstance(rows, ndarray):
        candidates = np.unique(rows)
    else:
        candidates = np.unique(np.fromiter(rows, dtype=np.int64))
    columns = []
    for number, label in enumerate(np.unique(labels[candidates])):
        members = candidates[labels[candidates] == label]
        if len(members) < per_class:
            raise ValueError(
                f"Class {label} has {len(members)} images, fewer than the {per_class} asked for."
            )
        columns.append(np.random.default_rng([seed, number]).permutation(members)[:per_class])
    if not columns:
        raise ValueError("There are no rows to draw from: give at least one.")
    return np.stack(columns, axis=1).reshape(-1).astype(np.int64)
