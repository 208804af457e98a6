"""Models of 3D objects put to the test: learn few objects from few directions, answer all views of others.

Rows are one image under one condition, plain or shifted, so that whoever records them can stop and go on.
Views of one object are not independent: intervals are over objects.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Int64
from numpy import ndarray

from compvis.data.check import InputError
from compvis.data.shifts.contract import Shift, apply_shift
from compvis.data.shifts.viewpoint import view_novelty
from compvis.data.view_splits import in_band, spread_views
from compvis.data.views import ObjectViews
from compvis.evaluation.answering import answer_images, fit_model
from compvis.evaluation.statistics import Interval, cluster_bootstrap_interval
from compvis.evaluation.viewpoint_errors import free_frame_errors

MASKS = ("always", "learning", "never")
VIEWPOINTS = ("always", "some", "never")
_KNOWN = 4  # with some viewpoints, one in so many pictures of a class has one
PLAIN = "plain"
_BOOTSTRAP_SEED = 0


@runtime_checkable
class ViewClassifier(Protocol):
    """What the models of photographs have in common."""

    def fit(self, images: Any, labels: Any, masks: Any = None, viewpoints: Any = None) -> Any:
        """Learn from labelled photographs; viewpoints are (n, 2) degrees, azimuth and elevation."""
        ...

    def predict(self, images: Any, masks: Any = None) -> Any:
        """One label an image."""
        ...


def choose_views(
    data: ObjectViews, rows: Int64[ndarray, "n"], objects: int, views: int, band: str = "all", seed: int = 0
) -> Int64[ndarray, "k"]:
    """Rows to learn from: some views of some objects of every class.

    Args:
        rows: the candidates.
        objects: how many of each class's candidate objects, drawn by the seed; fewer are a part of more.
        views: how many views of each, spread over the band (`spread_views`); fewer are a part of more.
        band: `all`, `side` or `above` (`in_band`).
        seed: of both choices.

    Returns:
        Row numbers of `data`, object by object.

    Raises:
        InputError: a class with too few objects, an object with too few views, or an unknown band.
    """
    inside = rows[in_band(data.elevation[rows], band)]
    instance = data.instances()
    chosen = []
    for label in np.unique(data.labels[rows]).tolist():
        own = np.unique(instance[inside[data.labels[inside] == label]])
        if not 1 <= objects <= len(own):
            raise InputError(
                f"Class {data.class_names[label]} of {data.name} has {len(own)} objects to learn from: "
                f"ask for 1 to that many, not {objects}."
            )
        for number in np.random.default_rng([seed, label]).permutation(own)[:objects].tolist():
            seen = inside[instance[inside] == number]
            places = spread_views(data.elevation[seen], data.azimuth[seen], views, [seed, number])
            chosen.append(seen[places])
    return np.concatenate(chosen).astype(np.int64)


def thin_rows(rows: Int64[ndarray, "n"], most: int | None) -> Int64[ndarray, "k"]:
    """At most `most` of the rows, evenly spaced, so that every object keeps its share; all where it is None."""
    return rows if most is None else rows[:: -(-len(rows) // most)]


def run_views(
    make_model: Callable[[], ViewClassifier],
    data: ObjectViews,
    learn_rows: Int64[ndarray, "k"],
    test_rows: Int64[ndarray, "m"],
    shifts: Sequence[Shift] = (),
    masks: str = "always",
    done: Collection[tuple[Any, ...]] = (),
    batch: int = 50,
    viewpoints: str = "always",
) -> Iterator[dict[str, Any]]:
    """Fit one model and answer the test rows, first as they are, then under every shift.

    Args:
        shifts: severities of one shift or of several; images that a shift cannot change are left out. A shift
            has the same stream for every model and run.
        masks: `always` gives masks to `fit` and `predict`, `learning` to `fit` alone, `never` to neither. Under
            a shift a mask is what is still seen of the object.
        viewpoints: `always` gives them to `fit`, `some` one in four pictures of every class, the others' being NaN,
            `never` none.
        done: (condition, row) pairs that are recorded already; with none open the model is not fitted.

    Yields:
        Rows ``condition`` (``plain`` or shift and severity), ``row`` of `data`, ``object`` (`instances`),
        ``elevation``, ``azimuth``, ``novelty`` (degrees to the nearest learned direction of the class),
        ``achieved`` (the shift's, None when plain), ``label``, ``predicted``, ``correct``, ``failure``,
        ``seconds``, ``fit_seconds``, ``view_error`` (median angle in degrees between the viewpoints that the model
        inferred for its pictures of the row's class and the true ones; None where it inferred none).

    Raises:
        InputError: unknown masks or viewpoints, two shifts of one name and severity, or a class that was not learned.
    """
    if masks not in MASKS:
        raise InputError(f"Unknown masks {masks!r}: choose one of {', '.join(MASKS)}.")
    if viewpoints not in VIEWPOINTS:
        raise InputError(f"Unknown viewpoints {viewpoints!r}: choose one of {', '.join(VIEWPOINTS)}.")
    conditions: dict[str, Shift | None] = {PLAIN: None}
    for shift in shifts:
        name = f"{shift.name}-{shift.severity:g}"
        if name in conditions:
            raise InputError(f"There are two shifts {name}: give severities that differ.")
        conditions[name] = shift
    model, fit_seconds, view_error = None, 0.0, {}
    for name, shift in conditions.items():
        rows = np.array([row for row in test_rows.tolist() if (name, row) not in done], dtype=np.int64)
        achieved: list[float | None] = [None] * len(rows)
        if shift is None:
            asked = data.subset(rows)
        else:
            shifted = apply_shift(shift, data, rows)
            rows, asked, achieved = shifted.parent_rows, shifted.as_data(data), shifted.achieved.tolist()
        if not len(rows):
            continue
        if model is None:
            lesson = _lesson(data.subset(learn_rows), masks, viewpoints)
            model, fit_seconds = fit_model(make_model, **lesson)
            view_error = _view_errors(model, data.subset(learn_rows), lesson.get("viewpoints"))
        shown = asked.masks if masks == "always" else None
        novelty, instance = view_novelty(data, rows, learn_rows), data.instances()[rows]
        answers = answer_images(model, asked.images, asked.labels, np.arange(len(rows)), batch, shown)
        for place, answer in enumerate(answers):
            yield {
                "condition": name,
                "row": int(rows[place]),
                "object": int(instance[place]),
                "elevation": float(asked.elevation[place]),
                "azimuth": float(asked.azimuth[place]),
                "novelty": float(novelty[place]),
                "achieved": achieved[place],
                **answer,
                "fit_seconds": fit_seconds,
                "view_error": view_error.get(int(asked.labels[place])),
            }


def summarise_views(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Every condition's accuracy with its 95% interval over objects, and the costs.

    Returns:
        ``conditions`` (by name: `summarise_condition`), ``accuracy`` of the plain images (of the first condition
        where there are none), ``failures`` of all, ``seconds_per_image``, ``fit_seconds``, ``view_errors`` (by
        label, of those where viewpoints were inferred).

    Raises:
        ValueError: no rows.
    """
    if not rows:
        raise ValueError("There are no answers to summarise: the test set is empty.")
    conditions = {name: summarise_condition(own) for name, own in group_conditions(rows).items()}
    first = conditions.get(PLAIN, next(iter(conditions.values())))
    return {
        "conditions": conditions,
        "accuracy": first["accuracy"],
        "failures": sum(condition["failures"] for condition in conditions.values()),
        "seconds_per_image": float(np.mean([row["seconds"] for row in rows])),
        "fit_seconds": float(np.mean([row["fit_seconds"] for row in rows])),
        "view_errors": {
            str(row["label"]): row["view_error"] for row in rows if row.get("view_error") is not None
        },
    }


def summarise_condition(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Counts and accuracy of one condition's rows, of one run or of several.

    Returns:
        ``images``, ``objects``, ``errors``, ``failures`` (counted among the errors), ``accuracy``,
        ``accuracy_low``, ``accuracy_high`` (95%, over objects), ``achieved`` (mean, None when plain).
    """
    interval = object_interval(rows)
    achieved = [row["achieved"] for row in rows if row["achieved"] is not None]
    return {
        "images": len(rows),
        "objects": len({row["object"] for row in rows}),
        "errors": sum(not row["correct"] for row in rows),
        "failures": sum(row["failure"] is not None for row in rows),
        "accuracy": interval.estimate,
        "accuracy_low": interval.low,
        "accuracy_high": interval.high,
        "achieved": float(np.mean(achieved)) if achieved else None,
    }


def object_interval(rows: Sequence[Mapping[str, Any]], level: float = 0.95) -> Interval:
    """Accuracy with a bootstrap interval over objects; all rows of an object are drawn together.

    Rows of several runs may be joined: an object that several folds or seeds tested stays one object. Classes
    are not held fixed in the resamples, which errs towards wide intervals.

    Raises:
        ValueError: rows of fewer than two objects.
    """
    correct: dict[int, list[float]] = {}
    for row in rows:
        correct.setdefault(row["object"], []).append(float(row["correct"]))
    groups = [np.array(values) for values in correct.values()]
    return cluster_bootstrap_interval(groups, np.random.default_rng(_BOOTSTRAP_SEED), level)


def object_difference(
    pairs: Sequence[tuple[Sequence[Mapping[str, Any]], Sequence[Mapping[str, Any]]]], level: float = 0.95
) -> Interval:
    """Accuracy of one model minus another's on the same plain images, with a bootstrap interval over tested objects.

    Args:
        pairs: the rows of both models' runs on one draw, for every draw; rows that only one answered do not count.

    Raises:
        ValueError: common rows of fewer than two objects.
    """
    differences: dict[int, list[float]] = {}
    for first, second in pairs:
        others = {row["row"]: row for row in second if row["condition"] == PLAIN}
        for row in first:
            if row["condition"] == PLAIN and row["row"] in others:
                difference = float(row["correct"]) - float(others[row["row"]]["correct"])
                differences.setdefault(row["object"], []).append(difference)
    groups = [np.array(values) for values in differences.values()]
    return cluster_bootstrap_interval(groups, np.random.default_rng(_BOOTSTRAP_SEED), level)


def group_conditions(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """Rows by condition, in order of first appearance."""
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        groups.setdefault(row["condition"], []).append(row)
    return groups


def score_views(
    make_model: Callable[[], ViewClassifier],
    data: ObjectViews,
    draws: Sequence[Int64[ndarray, "_"]],
    test_rows: Int64[ndarray, "m"],
    masks: str = "always",
) -> float:
    """Mean accuracy on the plain test rows of models fitted on each draw: one setting's score in a search."""
    scores = []
    for learn_rows in draws:
        rows = list(run_views(make_model, data, learn_rows, test_rows, masks=masks))
        scores.append(np.mean([row["correct"] for row in rows]))
    return float(np.mean(scores))


def _lesson(seen: ObjectViews, masks: str, viewpoints: str) -> dict[str, ndarray]:
    """The arguments of `fit`."""
    given = {"masks": seen.masks} if masks != "never" else {}
    if viewpoints != "never":
        pairs = np.stack([seen.azimuth, seen.elevation], 1)
        if viewpoints == "some":
            for label in np.unique(seen.labels):
                own = np.flatnonzero(seen.labels == label)
                pairs[own[np.arange(len(own)) % _KNOWN > 0]] = np.nan
        given["viewpoints"] = pairs
    return {"images": seen.images, "labels": seen.labels, **given}


def _view_errors(model: Any, seen: ObjectViews, given: ndarray | None) -> dict[int, float]:
    """Median error of the inferred viewpoints by label; the frame is free in classes of which none was given."""
    found = getattr(model, "viewpoints_", None)
    truth = np.stack([seen.azimuth, seen.elevation], 1)
    known = np.zeros(len(truth), bool) if given is None else np.isfinite(given[:, 0])
    if found is None or known.all():
        return {}
    errors = {}
    for label in np.unique(seen.labels[~known]).tolist():
        own = seen.labels == label
        asked = own & ~known
        free = not known[own].any()
        errors[label] = float(np.median(free_frame_errors(found[asked], truth[asked], free)))
    return errors
