"""Do part numbers mean the same part in every picture? Predicted part maps against true part maps.

Protocol. A model numbers the parts of a category; nobody has told it their names. On *matching* objects each
number gets, once and for all, the name of the true part on which most of its pixels lie (several numbers may have
one name). On *report* objects, which are others, the named map is compared with the true one.

* ``iou``: of each picture, the mean over the true parts that it shows of intersection over union of the named and
  the true pixels. A part predicted outside the figure counts in the union.
* ``consistency``: of all pixels of figures that a part is predicted for, the share on which its name is the true part.
* ``named``: share of the figures' pixels that a part is predicted for.

All are means over categories, and within one over pictures (``iou``) or pixels. A picture that was taken for another
category has no right pixel, unless the category was told. Intervals are by a bootstrap over objects, within categories.

Everything is computed from one small table a picture, the *overlap*: entry (i, j) counts the pixels of predicted
part i - 1 and true part j - 1 of the category, 0 being none.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64, Int16, Int64, Integer
from numpy import ndarray
from scipy.ndimage import distance_transform_edt

from compvis.data.check import InputError
from compvis.data.views import ObjectViews
from compvis.evaluation.statistics import Interval

SPLITS = ("learn", "validation", "test")
LEAST_SHARE = 0.05  # of an object's pixels, that each true part of its category must have
_RESAMPLES = 9999
_BOOTSTRAP_SEED = 0


def divide_objects(
    data: ObjectViews, counts: Mapping[str, Mapping[str, int]]
) -> dict[str, Int64[ndarray, "_"]]:
    """Rows of the objects to learn from, to choose by and to report on.

    Objects that lack a true part of their category (`whole_objects`), like stools among chairs, are left out.

    Args:
        counts: of every class, how many objects each of `SPLITS` has; the objects are taken in the order of their
            numbers.

    Returns:
        Ascending row numbers by the names of `SPLITS`.

    Raises:
        InputError: a class without counts, a count below one, or more objects than there are.
    """
    rows: dict[str, list[int]] = {name: [] for name in SPLITS}
    for label, name in enumerate(data.class_names):
        wanted = counts.get(name, {})
        if set(wanted) != set(SPLITS) or min(wanted.values(), default=0) < 1:
            raise InputError(f"Say how many objects of {name} to use for each of {', '.join(SPLITS)}.")
        own = whole_objects(data, label)
        if sum(wanted.values()) > len(own):
            raise InputError(
                f"There are {len(own)} objects of {name} with all parts, not {sum(wanted.values())}."
            )
        start = 0
        for split in SPLITS:
            chosen = own[start : start + wanted[split]]
            start += wanted[split]
            rows[split] += np.flatnonzero((data.labels == label) & np.isin(data.objects, chosen)).tolist()
    return {split: np.sort(np.array(found, dtype=np.int64)) for split, found in rows.items()}


def whole_objects(data: ObjectViews, label: int) -> Int64[ndarray, "_"]:
    """Numbers of a class's objects that have all true parts: each at least `LEAST_SHARE` of the object's pixels.

    Raises:
        InputError: as `category_parts`.
    """
    names, parts = category_parts(data)[label], true_maps(data)
    whole = []
    for number in np.unique(data.objects[data.labels == label]).tolist():
        seen = parts[(data.labels == label) & (data.objects == number)]
        share = np.array([(seen == name).sum() for name in names]) / max((seen > 0).sum(), 1)
        whole += [number] * bool((share >= LEAST_SHARE).all())
    return np.array(whole, dtype=np.int64)


def first_views(data: ObjectViews, rows: Int64[ndarray, "n"], views: int) -> Int64[ndarray, "k"]:
    """The first `views` rows of every object.

    Raises:
        InputError: an object with fewer rows, or no view asked for.
    """
    instance, chosen = data.instances()[rows], []
    for number in np.unique(instance):
        own = rows[instance == number]
        if not 1 <= views <= len(own):
            raise InputError(f"An object of {data.name} has {len(own)} views, not {views}.")
        chosen.append(own[:views])
    return np.sort(np.concatenate(chosen)).astype(np.int64)


def true_maps(data: ObjectViews) -> Int16[ndarray, "n H W"]:
    """The set's true part maps.

    Raises:
        InputError: a set without.
    """
    if data.parts is None:
        raise InputError(f"{data.name} has no part maps: choose a set whose parts have names.")
    return data.parts


def category_parts(data: ObjectViews) -> list[list[int]]:
    """Of every class, the numbers in ``data.part_names`` of the true parts that its pictures show, ascending.

    Raises:
        InputError: a set without named true parts.
    """
    parts = true_maps(data)
    return [
        np.setdiff1d(np.unique(parts[data.labels == label]), [0]).tolist()
        for label in range(len(data.class_names))
    ]


def fill_figure(parts: Integer[ndarray, "H W"], figure: Bool[ndarray, "H W"]) -> Int64[ndarray, "H W"]:
    """A part map brought to a known figure: pixels of the figure without a part get the nearest part's number.

    Args:
        parts: -1 is none. Parts outside the figure are taken away; where none is inside, nothing is filled.
    """
    inside = np.where(figure, parts, -1).astype(np.int64)
    if (inside < 0).all():
        return inside
    nearest: Any = distance_transform_edt(inside < 0, return_distances=False, return_indices=True)
    return np.where(figure, inside[tuple(nearest)], -1)


def overlap_table(
    predicted: Integer[ndarray, "H W"], true: Integer[ndarray, "H W"], names: Sequence[int]
) -> Int64[ndarray, "p t"]:
    """Numbers of pixels of each predicted part (-1 none) and each true part (0 none, else one of `names`).

    Raises:
        ValueError: a true part without a name.
    """
    columns = {0: 0, **{name: place + 1 for place, name in enumerate(names)}}
    try:
        column = np.vectorize(columns.__getitem__, otypes=[np.int64])(true)
    except KeyError as missing:
        raise ValueError(f"True part {missing} is none of the category's {list(names)}.") from None
    shape = (int(predicted.max()) + 2, len(names) + 1)
    pairs = (predicted.astype(np.int64) + 1) * shape[1] + column
    return np.bincount(pairs.ravel(), minlength=shape[0] * shape[1]).reshape(shape)


def name_parts(tables: Sequence[Int64[ndarray, "_ t"]]) -> Int64[ndarray, "p"]:
    """The true part (column - 1) of every predicted part: where most of its pixels lie, over all tables.

    A part that covers no true part in any table gets the name that most pixels have.

    Raises:
        InputError: no table, or one without a predicted pixel on a true part.
    """
    total = add_tables(tables)[1:, 1:]
    if not total.any():
        raise InputError(
            "Parts cannot be named: no predicted part lies on a true one in the matching pictures."
        )
    seen = total.any(1)
    return np.where(seen, total.argmax(1), total.sum(0).argmax()).astype(np.int64)


def name_table(table: Int64[ndarray, "p t"], names: Int64[ndarray, "_"]) -> Int64[ndarray, "t t"]:
    """The overlap of named parts: rows of one name added. A part that was never matched counts as none."""
    named = np.zeros((table.shape[1],) * 2, np.int64)
    named[0] = table[0]
    for part, row in enumerate(table[1:]):
        named[names[part] + 1 if part < len(names) else 0] += row
    return named


def add_tables(tables: Sequence[Int64[ndarray, "_ t"]]) -> Int64[ndarray, "p t"]:
    """The sum of overlaps of one category, as tall as the tallest."""
    if not tables:
        raise InputError("Parts cannot be named without matching pictures of their category.")
    total = np.zeros((max(len(table) for table in tables), tables[0].shape[1]), np.int64)
    for table in tables:
        total[: len(table)] += table
    return total


def picture_iou(named: Int64[ndarray, "t t"]) -> float:
    """Mean intersection over union of the true parts that a picture shows (protocol: see the module)."""
    shared = named.diagonal()[1:]
    union = named[1:].sum(1) + named[:, 1:].sum(0) - shared
    shown = named[:, 1:].any(0)
    return float((shared[shown] / union[shown]).mean())


def summarise_parts(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Metrics of every method, from the rows of a run.

    Args:
        rows: ``method``, ``uses`` (``match``, ``report`` or ``both``), ``object``, ``category``, ``predicted`` (a
            category, None where it was told), ``overlap`` (of the parse as the true category), ``named`` (whether its
            parts have their true names already), ``names`` (true parts of the category), ``figure`` (pixels),
            ``failure``. An object that is matched and reported gets its names from the other objects.

    Returns:
        ``parts``: by method, ``all`` and every category: ``iou``, ``consistency``, ``named``, each as [estimate,
        low, high] (95%, by a bootstrap over objects), ``objects``, ``pictures``, ``recognised`` (share of pictures
        whose category was found). Methods that recognise categories themselves appear twice, once with
        ``, category told``. ``failures``. ``names``: by category, the name of every part of method ``grammar``.
    """
    methods: dict[str, Any] = {}
    for method in dict.fromkeys(row["method"] for row in rows):
        own = [row for row in rows if row["method"] == method]
        scored = _score_rows(own)
        if any(score["predicted"] is not None for score in scored):
            methods[method] = _summarise(scored, told=False)
            method = f"{method}, category told"
        methods[method] = _summarise(scored, told=True)
    return {
        "parts": methods,
        "failures": sum(row["failure"] is not None for row in rows),
        "names": part_names(rows),
    }


def part_names(rows: Sequence[Mapping[str, Any]], method: str = "grammar") -> dict[str, list[str]]:
    """By category, the name of every predicted part of a method, matched on all matching rows."""
    found = {}
    matched = [row for row in rows if row["method"] == method and _matches(row)]
    for category in dict.fromkeys(row["category"] for row in matched):
        own = [row for row in matched if row["category"] == category]
        names = name_parts([np.array(row["overlap"]) for row in own])
        found[category] = [own[0]["names"][place] for place in names.tolist()]
    return found


def _score_rows(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Every report row's object, category, prediction and counts."""
    scores = []
    for row in rows:
        if row["uses"] == "match":
            continue
        base = {key: row[key] for key in ("object", "category", "predicted")}
        if row["failure"] is not None:
            scores.append(base | {"iou": 0.0, "right": 0, "given": row["figure"], "figure": row["figure"]})
            continue
        named = np.array(row["overlap"])
        if row["named"]:
            named = name_table(named, np.arange(named.shape[1] - 1))
        else:
            others = [
                np.array(other["overlap"])
                for other in rows
                if _matches(other)
                and other["category"] == row["category"]
                and other["object"] != row["object"]
            ]
            named = name_table(named, name_parts(others))
        counts = {"right": named[1:, 1:].trace(), "given": named[1:, 1:].sum(), "figure": named[:, 1:].sum()}
        scores.append(base | {"iou": picture_iou(named)} | {key: int(value) for key, value in counts.items()})
    return scores


def _matches(row: Mapping[str, Any]) -> bool:
    return row["uses"] != "report" and row["failure"] is None


def _summarise(scores: Sequence[Mapping[str, Any]], told: bool) -> dict[str, Any]:
    found = {}
    known = [
        score if told or score["predicted"] == score["category"] else {**score, "iou": 0.0, "right": 0}
        for score in scores
    ]
    categories = list(dict.fromkeys(score["category"] for score in known))
    for category in ["all", *categories]:
        own = [score for score in known if category in ("all", score["category"])]
        found[category] = {
            "iou": _interval(own, lambda score: (score["iou"], 1)),
            "consistency": _interval(own, lambda score: (score["right"], score["given"])),
            "named": _interval(own, lambda score: (score["given"], score["figure"])),
            "objects": len({(score["category"], score["object"]) for score in own}),
            "pictures": len(own),
            "recognised": None if told else float(np.mean([s["predicted"] == s["category"] for s in own])),
        }
    return found


def _interval(
    scores: Sequence[Mapping[str, Any]], share: Callable[[Mapping[str, Any]], tuple[float, float]]
) -> list[float]:
    """[estimate, low, high] of a mean over categories of sums of shares' numerators over denominators."""
    groups: dict[str, dict[int, list[tuple[float, float]]]] = {}
    for score in scores:
        groups.setdefault(score["category"], {}).setdefault(score["object"], []).append(share(score))
    sums = [np.array([np.sum(one, axis=0) for one in own.values()], dtype=float) for own in groups.values()]
    interval = ratio_interval(sums, np.random.default_rng(_BOOTSTRAP_SEED))
    return [interval.estimate, interval.low, interval.high]


def ratio_interval(
    groups: Sequence[Float64[ndarray, "_ 2"]], generator: np.random.Generator, level: float = 0.95
) -> Interval:
    """Mean over groups of a ratio of sums, with a percentile interval by drawing rows within each group.

    Args:
        groups: of each category, numerator and denominator of every object.

    Source: Efron & Tibshirani 1993, An Introduction to the Bootstrap, chapter 13.

    Raises:
        ValueError: a group of fewer than two objects, or with nothing in its denominators.
    """
    if any(len(group) < 2 or group[:, 1].sum() <= 0 for group in groups) or not groups:
        raise ValueError(
            "An interval over objects needs at least two objects of every category, with pixels."
        )
    draws = []
    for group in groups:
        drawn = group[generator.integers(len(group), size=(_RESAMPLES, len(group)))].sum(1)
        draws.append(drawn[:, 0] / np.maximum(drawn[:, 1], 1e-12))
    estimate = float(np.mean([group[:, 0].sum() / group[:, 1].sum() for group in groups]))
    low, high = np.quantile(np.mean(draws, axis=0), [(1 - level) / 2, (1 + level) / 2])
    objects = sum(len(group) for group in groups)
    return Interval(
        estimate, float(low), float(high), level, objects, "bootstrap over objects within categories"
    )
