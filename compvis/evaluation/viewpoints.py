"""How well a parse finds from where an object is seen: errors, kinds of confusion, calibration, intervals over objects.

A viewpoint is azimuth, elevation and roll in degrees (:mod:`compvis.geometry`); the pictures' true roll is 0. Two
errors are reported. The *geodesic* error is the angle of the turn between the two camera rotations, the measure of
PASCAL3D+ (Tulsiani and Malik, "Viewpoints and keypoints", CVPR 2015, section 4). The *direction* error is the angle
between the two directions to the viewer, whatever the roll. As there, the summary is the median and the share within
30 degrees.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64, Int64
from numpy import ndarray
from scipy.stats import spearmanr

from compvis.data.check import InputError
from compvis.data.shifts.contract import Shift, apply_shift
from compvis.data.views import ObjectViews
from compvis.evaluation.statistics import Interval, cluster_bootstrap
from compvis.geometry.cameras import viewpoint_rotation
from compvis.geometry.rotations import angle_between

RIGHT = 30.0  # degrees
# Apples, pears and tomatoes have no front.
FRONTED = ("car", "cow", "cup", "dog", "horse")
KINDS = ("right", "near for far", "left for right", "turned round", "elsewhere")
_BOOTSTRAP_SEED = 0


@runtime_checkable
class ParsedView(Protocol):
    """What is read of a parse of a photograph."""

    @property
    def label(self) -> Any: ...
    @property
    def log_evidence(self) -> float: ...
    @property
    def viewpoint(self) -> tuple[float, float, float]: ...
    @property
    def proposal(self) -> tuple[float, float, float]: ...
    @property
    def viewpoint_spread(self) -> float: ...
    @property
    def parts(self) -> Int64[ndarray, "H W"]: ...
    @property
    def hidden(self) -> Bool[ndarray, "H W"]: ...


@dataclass(frozen=True)
class Condition:
    """How test photographs are shown.

    Attributes:
        masks: whether the parser is told what is seen of the object.
        shift: what is done to the photographs first; None leaves them.
    """

    masks: bool
    shift: Shift | None = None


def viewpoint_errors(
    found: Float[ndarray, "n 3"], true: Float[ndarray, "n 3"]
) -> tuple[Float64[ndarray, "n"], Float64[ndarray, "n"]]:
    """Geodesic and direction errors, degrees in [0, 180], of viewpoints (azimuth, elevation, roll) in degrees."""
    turns = [viewpoint_rotation(*torch.from_numpy(np.asarray(v, float)).unbind(-1)) for v in (found, true)]
    # The third row of a camera's rotation looks from the viewer to the object.
    a, b = (turn[:, 2].numpy() for turn in turns)
    direction = np.degrees(np.arctan2(np.linalg.norm(np.cross(a, b), axis=1), (a * b).sum(1)))
    return angle_between(*turns).numpy(), direction


def confusion_kind(found: Float[ndarray, "3"], true: Float[ndarray, "3"]) -> str:
    """Which of :data:`KINDS` a found viewpoint is: the true one or a relative of it, within 30 degrees of direction.

    The frame is that of ETH-80's objects (head or bonnet along +x, mirror plane z = 0). At the horizon *near for far*
    (azimuth negated: an animal that walks away for one that comes) has the very outline of the truth for an object
    far away, so only what is inside the figure can tell them apart. *Left for right* (azimuth 180 minus the true
    one) mirrors the picture: head for tail, where the ends look alike. *Turned round* is both (azimuth plus 180).
    """
    azimuth, elevation, _ = true
    relatives = np.array([[a, elevation, 0.0] for a in (azimuth, -azimuth, 180 - azimuth, 180 + azimuth)])
    _, error = viewpoint_errors(np.repeat(np.asarray(found, float)[None], len(relatives), 0), relatives)
    if error[0] <= RIGHT:
        return KINDS[0]
    return KINDS[int(error.argmin())] if error.min() <= RIGHT else KINDS[-1]


def handle_shows(azimuth: Float[ndarray, "n"], elevation: Float[ndarray, "n"]) -> Bool[ndarray, "n"]:
    """Whether a cup of ETH-80 is seen with its handle, as its pictures show.

    The handle points to the viewer at azimuth 90. At 243 to 297 degrees the cup hides it from all elevations below
    80; at 225 and 315 a rim of it shows; from straight above it always shows. So: more than 40 degrees away from 270.
    """
    away = np.abs((np.asarray(azimuth) - 270 + 180) % 360 - 180)
    return (away > 40) | (np.asarray(elevation) >= 80)


def has_viewpoint(data: ObjectViews, rows: Int64[ndarray, "n"]) -> Bool[ndarray, "n"]:
    """Whether a picture says from where it is seen: of a category with a front, and a cup only where its handle shows.

    Categories are known by their names (:data:`FRONTED`); where none of a set's names is, every picture counts.
    """
    names = np.array(data.class_names)[data.labels[rows]]
    if not set(FRONTED) & set(data.class_names):
        return np.ones(len(rows), dtype=bool)
    shows = handle_shows(data.azimuth[rows], data.elevation[rows])
    return np.isin(names, FRONTED) & ((names != "cup") | shows)


def run_parses(
    model: Any,
    data: ObjectViews,
    rows: Int64[ndarray, "m"],
    conditions: Mapping[str, Condition],
    done: Collection[tuple[Any, ...]] = (),
    keep: Callable[[str, int, ParsedView], None] | None = None,
) -> Iterator[dict[str, Any]]:
    """Parse every photograph under every condition: freely, and as its true category.

    Args:
        model: learned; ``parse(image, mask=..., label=..., alternatives=...)`` gives a :class:`ParsedView`.
        done: (condition, row) pairs that are recorded already.
        keep: called with condition, row and the free parse.

    Yields:
        Rows ``condition``, ``row`` of ``data``, ``object`` (``instances``), ``category``, ``elevation``,
        ``azimuth``, ``achieved`` (the shift's, None without), ``label``, ``predicted``, ``correct``, ``failure``,
        ``seconds`` (of the free parse), ``evidence`` (its, nats), ``hidden`` (share of the drawn object that is not
        seen), ``viewpoint``, ``proposal`` (before refinement), ``geodesic``, ``direction``, ``proposal_direction``
        (errors, degrees), ``spread`` (degrees), ``kind`` (:func:`confusion_kind`); and of the parse as the true
        category the same with ``given_`` before their names. A failure has None for all that a parse says.

    Raises:
        InputError: a condition's shift cannot be applied to ``data``.
    """
    instance = data.instances()
    for name, condition in conditions.items():
        own = np.array([row for row in rows.tolist() if (name, row) not in done], dtype=np.int64)
        achieved: list[float | None] = [None] * len(own)
        if condition.shift is None:
            asked = data.subset(own)
        else:
            shifted = apply_shift(condition.shift, data, own)
            own, asked, achieved = shifted.parent_rows, shifted.as_data(data), shifted.achieved.tolist()
        for place, row in enumerate(own.tolist()):
            label = int(asked.labels[place])
            mask = asked.masks[place] if condition.masks else None
            parse, given, failure, seconds = _parse(model, asked.images[place], mask, label)
            if parse is not None and keep is not None:
                keep(name, row, parse)
            true = np.array([data.azimuth[row], data.elevation[row], 0.0])
            yield {
                "condition": name,
                "row": row,
                "object": int(instance[row]),
                "category": data.class_names[label],
                "elevation": float(data.elevation[row]),
                "azimuth": float(data.azimuth[row]),
                "achieved": achieved[place],
                "label": label,
                "predicted": None if parse is None else parse.label,
                "correct": parse is not None and parse.label == label,
                "failure": failure,
                "seconds": seconds,
                "evidence": None if parse is None else float(parse.log_evidence),
                "hidden": None
                if parse is None
                else float(parse.hidden.sum() / max((parse.parts >= 0).sum(), 1)),
                **_describe(parse, true, ""),
                **_describe(given, true, "given_"),
            }


def summarise_parses(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Every condition's viewpoint errors and calibration, over all its rows and by category.

    Returns:
        ``conditions`` (by name: `summarise_viewpoints` of all rows, and ``categories`` of each category's),
        ``failures``, ``seconds_per_parse``.

    Raises:
        ValueError: no rows.
    """
    if not rows:
        raise ValueError("There are no parses to summarise: the test set is empty.")
    conditions: dict[str, Any] = {}
    for name in dict.fromkeys(row["condition"] for row in rows):
        own = [row for row in rows if row["condition"] == name]
        conditions[name] = summarise_viewpoints(own)
        conditions[name]["categories"] = {
            category: summarise_viewpoints([row for row in own if row["category"] == category])
            for category in sorted({row["category"] for row in own})
        }
    return {
        "conditions": conditions,
        "failures": sum(row["failure"] is not None for row in rows),
        "seconds_per_parse": float(np.mean([row["seconds"] for row in rows])),
    }


def summarise_viewpoints(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Viewpoint errors of some rows of one condition; failures count as 180 degrees.

    Returns:
        ``images``, ``objects``, ``failures``, ``accuracy``; for the free parse and, with ``given_`` before it, for the
        parse as the true category: ``median`` and ``within_30`` of the direction error, each [estimate, low, high] (95%
        by a bootstrap over objects; low and high are None for a single object), ``geodesic_median``,
        ``proposal_median``, ``kinds`` (counts), and of the spread ``correlation`` (Spearman's, with the direction
        error; None where it has none) and ``within_2_spreads`` (share of direction errors up to two spreads).
    """
    found: dict[str, Any] = {
        "images": len(rows),
        "objects": len({row["object"] for row in rows}),
        "failures": sum(row["failure"] is not None for row in rows),
        "accuracy": float(np.mean([row["correct"] for row in rows])),
    }
    for before in ("", "given_"):
        error = np.array([_or_worst(row[f"{before}direction"]) for row in rows])
        groups = [error[[r["object"] == o for r in rows]] for o in dict.fromkeys(r["object"] for r in rows)]
        answered = [row for row in rows if row[f"{before}direction"] is not None]
        found |= {
            f"{before}median": _interval(groups, lambda e: float(np.median(e))),
            f"{before}within_30": _interval(groups, lambda e: float(np.mean(e <= RIGHT))),
            f"{before}geodesic_median": _median(rows, f"{before}geodesic"),
            f"{before}proposal_median": _median(rows, f"{before}proposal_direction"),
            f"{before}kinds": {kind: sum(r[f"{before}kind"] == kind for r in answered) for kind in KINDS},
            **{f"{before}{name}": value for name, value in _calibration(answered, before).items()},
        }
    return found


def _parse(
    model: Any, image: ndarray, mask: ndarray | None, label: int
) -> tuple[ParsedView | None, ParsedView | None, str | None, float]:
    """The free parse, the parse as the true category, why they failed, and the seconds of the first."""
    started = perf_counter()
    try:
        parse = model.parse(image, mask=mask, alternatives=0)
        seconds = perf_counter() - started
        given = parse if parse.label == label else model.parse(image, mask=mask, label=label, alternatives=0)
    except InputError as error:
        return None, None, str(error), perf_counter() - started
    return parse, given, None, seconds


def _describe(parse: ParsedView | None, true: Float64[ndarray, "3"], before: str) -> dict[str, Any]:
    names = ("viewpoint", "proposal", "geodesic", "direction", "proposal_direction", "spread", "kind")
    if parse is None:
        return {before + name: None for name in names}
    found = np.array([parse.viewpoint, parse.proposal])
    geodesic, direction = viewpoint_errors(found, np.repeat(true[None], 2, 0))
    values = (
        found[0].tolist(),
        found[1].tolist(),
        float(geodesic[0]),
        float(direction[0]),
        float(direction[1]),
        float(parse.viewpoint_spread),
        confusion_kind(found[0], true),
    )
    return {before + name: value for name, value in zip(names, values, strict=True)}


def _interval(groups: list[Float[ndarray, "_"]], statistic: Callable[[ndarray], float]) -> list[float | None]:
    if len(groups) < 2:
        return [statistic(groups[0]), None, None]
    interval: Interval = cluster_bootstrap(groups, statistic, np.random.default_rng(_BOOTSTRAP_SEED))
    return [interval.estimate, interval.low, interval.high]


def _median(rows: Sequence[Mapping[str, Any]], name: str) -> float:
    return float(np.median([_or_worst(row[name]) for row in rows]))


def _or_worst(error: float | None) -> float:
    return 180.0 if error is None else error


def _calibration(rows: Sequence[Mapping[str, Any]], before: str) -> dict[str, float | None]:
    error = np.array([row[f"{before}direction"] for row in rows])
    spread = np.array([row[f"{before}spread"] for row in rows])
    varies = len(rows) > 2 and np.ptp(error) > 0 and np.ptp(spread) > 0
    return {
        "correlation": float(spearmanr(spread, error).statistic) if varies else None,  # pyright: ignore
        "within_2_spreads": float(np.mean(error <= 2 * spread)) if len(rows) else None,
    }
