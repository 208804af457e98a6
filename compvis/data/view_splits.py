"""Divisions of views of objects: folds over objects, bands of elevation, views spread over the sphere.

Objects are divided once and for all, class by class: of the first seven objects, two are for choosing in every
fold and never tested; of the other five each fold tests two and learns from three, and each is tested in at
least one of the three folds. No object that anything was chosen by is therefore ever in a report.
"""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float64, Int64
from numpy import ndarray

from compvis.data.check import InputError
from compvis.data.views import ObjectViews, view_directions

FOLDS = 3
OBJECTS = 7
FOLD_SEED = 2003  # the year of ETH-80; never to be changed, results hang on it
SIDE_LIMIT = 30.0  # degrees above the horizon: zenith angles of 60 and more are side views
# Places in a class's permuted objects: the first two validate; of the other five these are tested.
_TESTED = ((2, 3), (4, 5), (6, 2))


def fold_rows(
    data: ObjectViews,
    fold: int,
    part: str,
    views: int | None = None,
    band: str = "all",
    seed: int = 0,
) -> Int64[ndarray, "_"]:
    """Rows of one part of a fold.

    Args:
        data: the whole set, with objects 0 to 6 in every class (others are left out).
        fold: 0, 1 or 2.
        part: `learn` (3 objects a class), `validation` (2) or `test` (2).
        views: how many views of each object, spread over the sphere (`spread_views`); all by default.
        band: `side` (elevation up to 30 degrees), `above` (the others) or `all`.
        seed: of the choice of views; the division of objects has no seed.

    Returns:
        Ascending row numbers of `data`; with `views`, object by object, each object's views as they were
        chosen, so that the first k of each are the choice of k views.

    Raises:
        InputError: an unknown fold, part or band, a class without seven objects, or too few views.
    """
    chosen = np.isin(np.arange(len(data)), np.concatenate(list(_members(data, fold, part))))
    rows = np.flatnonzero(chosen & in_band(data.elevation, band))
    if views is None:
        return rows.astype(np.int64)
    instance = data.instances()
    picked = []
    for number in np.unique(instance[rows]):
        own = rows[instance[rows] == number]
        places = spread_views(data.elevation[own], data.azimuth[own], views, [seed, int(number)])
        picked.append(own[places])
    return np.concatenate(picked).astype(np.int64)


def object_rows(data: ObjectViews, first: int, last: int, band: str = "all") -> Int64[ndarray, "_"]:
    """Rows of the objects numbered `first` to `last` (included) in every class, ascending: for sets that have many.

    Raises:
        InputError: a class without all of these objects, or an unknown band.
    """
    wanted = np.arange(first, last + 1)
    for label, name in enumerate(data.class_names):
        if not len(wanted) or not np.isin(wanted, data.objects[data.labels == label]).all():
            raise InputError(f"Class {name} of {data.name} has no objects {first} to {last}: choose others.")
    return np.flatnonzero(np.isin(data.objects, wanted) & in_band(data.elevation, band)).astype(np.int64)


def in_band(elevation: Float64[ndarray, "n"], band: str) -> ndarray:
    """Which views belong to a band: (n,) bool.

    Raises:
        InputError: an unknown band.
    """
    if band == "all":
        return np.ones(len(elevation), dtype=bool)
    if band == "side":
        return elevation <= SIDE_LIMIT
    if band == "above":
        return elevation > SIDE_LIMIT
    raise InputError(f"Unknown band {band!r}: choose all, side or above.")


def spread_views(
    elevation: Float64[ndarray, "n"], azimuth: Float64[ndarray, "n"], views: int, seed: int | list[int]
) -> Int64[ndarray, "k"]:
    """Places of `views` directions spread over the sphere by farthest-point selection.

    The first is drawn by the seed, each next one has the largest angle to its nearest predecessor (of equals,
    the first in an order drawn by the seed). Fewer views are a prefix of more.

    Args:
        elevation, azimuth: (n,) candidates, degrees.

    Raises:
        InputError: fewer candidates than views, or no view asked for.
    """
    if not 1 <= views <= len(elevation):
        raise InputError(
            f"There are {len(elevation)} views to choose from: ask for 1 to that many, not {views}."
        )
    order = np.random.default_rng(seed).permutation(len(elevation))
    directions = view_directions(elevation, azimuth)[order]
    # Rounded, so that mirror images count as equally far on every machine.
    nearness = np.round(directions @ directions.T, 9)
    places, nearest = [0], nearness[0].copy()
    nearest[0] = np.inf
    while len(places) < views:
        place = int(nearest.argmin())
        places.append(place)
        nearest = np.maximum(nearest, nearness[place])
        nearest[place] = np.inf
    return order[places].astype(np.int64)


def _members(data: ObjectViews, fold: int, part: str) -> Iterator[Int64[ndarray, "_"]]:
    """Rows of a part, class by class."""
    if fold not in range(FOLDS):
        raise InputError(f"There are folds 0 to {FOLDS - 1}, not {fold}.")
    if part not in ("learn", "validation", "test"):
        raise InputError(f"Unknown part {part!r}: choose learn, validation or test.")
    for label in range(len(data.class_names)):
        objects = np.unique(data.objects[data.labels == label])
        if not np.array_equal(objects[:OBJECTS], np.arange(OBJECTS)):
            raise InputError(
                f"Class {data.class_names[label]} of {data.name} lacks some of the objects 0 to {OBJECTS - 1}: "
                "folds need the whole set."
            )
        order = np.random.default_rng([FOLD_SEED, label]).permutation(OBJECTS)
        tested = [int(order[place]) for place in _TESTED[fold]]
        members = {
            "validation": order[:2],
            "test": np.array(tested),
            "learn": np.setdiff1d(order[2:], tested),
        }
        yield np.flatnonzero((data.labels == label) & np.isin(data.objects, members[part]))
