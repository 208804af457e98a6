"""One model against many distribution shifts: answers under every condition, and what is lost of its accuracy.

Accuracy lost is counted above chance, on the same images: lost = (clean - shifted) / (clean - chance), so that 0 is no
loss and 1 is guessing. Models of different clean accuracy are compared at equal clean accuracy where their sizes
allow (Taori et al. 2020, NeurIPS, section 3, "effective robustness").
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Int64
from numpy import ndarray

from compvis.data.check import InputError
from compvis.data.contract import LabelledImages
from compvis.data.shifts.contract import Shift, apply_shift
from compvis.evaluation.judging import judge_images
from compvis.evaluation.statistics import Interval, cluster_bootstrap_interval
from compvis.evaluation.tasks import Task

PLAIN = "plain"


@dataclass(frozen=True, eq=False)
class Condition:
    """Images to ask about.

    Attributes:
        group: the shift, or the other data set; `plain` for test images as they are.
        name: the group with its severity.
        data, rows: the images before the shift. shift: None for none.
    """

    group: str
    name: str
    data: LabelledImages
    rows: Int64[ndarray, "m"]
    shift: Shift | None = None


def list_conditions(
    task: Task,
    shifts: Mapping[str, Sequence[Shift]],
    others: Mapping[str, tuple[LabelledImages, Int64[ndarray, "_"]]] | None = None,
) -> list[Condition]:
    """The plain test images, every severity of every shift, and other data sets with the same classes.

    Raises:
        InputError: two conditions of one name, or another set with classes that the task does not have.
    """
    conditions = [Condition(PLAIN, PLAIN, task.data, task.test_rows)]
    for group, levels in shifts.items():
        conditions += [
            Condition(group, f"{group}-{level.severity:g}", task.data, task.test_rows, level)
            for level in levels
        ]
    for group, (data, rows) in (others or {}).items():
        if data.class_names != task.data.class_names:
            raise InputError(f"{data.name} has other classes than {task.data.name}: choose another data set.")
        conditions.append(Condition(f"to {group}", f"to {group}", data, rows))
    names = [condition.name for condition in conditions]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(f"There are two conditions {', '.join(twice)}: give severities that differ.")
    return conditions


def run_matrix(
    make_model: Callable[[], Any],
    task: Task,
    conditions: Sequence[Condition],
    done: Collection[tuple[Any, ...]] = (),
    batch: int = 50,
) -> Iterator[dict[str, Any]]:
    """Fit one model and answer every condition; images that a shift cannot change are left out of it.

    Args:
        done: (condition, row) pairs that are recorded already; with none open the model is not fitted.

    Yields:
        Rows ``group``, ``condition``, ``severity`` and ``achieved`` (the shift's, None without one), ``row``,
        ``unit`` (what intervals are over), ``label``, ``predicted``, ``correct``, ``failure``, ``confidence``,
        ``seconds``, ``fit_seconds``.
    """
    model, fit_seconds = None, 0.0
    for condition in conditions:
        name = condition.name
        rows = np.array([row for row in condition.rows.tolist() if (name, row) not in done], dtype=np.int64)
        achieved: list[float | None] = [None] * len(rows)
        if condition.shift is None:
            asked = condition.data.subset(rows)
        else:
            shifted = apply_shift(condition.shift, condition.data, rows)
            rows, asked = shifted.parent_rows, shifted.as_data(condition.data)
            achieved = shifted.achieved.tolist()
        if not len(rows):
            continue
        if model is None:
            model, fit_seconds = task.fit(make_model)
        units = task.units(rows) if condition.data is task.data else rows
        judged = judge_images(model, asked.images, asked.labels, task.shown_masks(asked), batch)
        for place, answer in enumerate(judged):
            kept = {key: answer[key] for key in _KEPT}
            yield {
                "group": condition.group,
                "condition": name,
                "severity": None if condition.shift is None else float(condition.shift.severity),
                "achieved": achieved[place],
                "row": int(rows[place]),
                "unit": int(units[place]),
                **kept,
                "fit_seconds": fit_seconds,
            }


_KEPT = ("label", "predicted", "correct", "failure", "confidence", "seconds")


def summarise_matrix(rows: Sequence[Mapping[str, Any]], chance: float) -> dict[str, Any]:
    """Accuracy and loss of every condition, and the mean loss over shifts.

    Returns:
        ``accuracy`` (plain), ``chance``, ``failures``, ``conditions`` (by name: ``group``, ``images``,
        ``failures``, ``accuracy``, ``clean`` of the same images, ``lost``), ``groups`` (by shift: mean ``lost`` over
        its severities), ``mean_lost`` (over shifts, each counting once), ``fit_seconds``, ``seconds_per_image``.

    Raises:
        ValueError: no plain answers.
    """
    plain = {row["row"]: bool(row["correct"]) for row in rows if row["group"] == PLAIN}
    if not plain:
        raise ValueError("There are no plain answers to compare with: the test set is empty.")
    clean_all = float(np.mean(list(plain.values())))
    conditions: dict[str, dict[str, Any]] = {}
    for name in dict.fromkeys(row["condition"] for row in rows):
        own = [row for row in rows if row["condition"] == name]
        paired = [plain[row["row"]] for row in own if row["row"] in plain]
        same = own[0]["severity"] is not None or own[0]["group"] == PLAIN
        clean = float(np.mean(paired)) if same and paired else clean_all
        accuracy = float(np.mean([row["correct"] for row in own]))
        conditions[name] = {
            "group": own[0]["group"],
            "images": len(own),
            "failures": sum(row["failure"] is not None for row in own),
            "accuracy": accuracy,
            "clean": clean,
            "lost": relative_loss(clean, accuracy, chance),
        }
    groups = group_losses(conditions)
    return {
        "accuracy": clean_all,
        "chance": chance,
        "failures": sum(condition["failures"] for condition in conditions.values()),
        "conditions": conditions,
        "groups": groups,
        "mean_lost": float(np.mean(list(groups.values()))) if groups else None,
        "fit_seconds": float(np.mean([row["fit_seconds"] for row in rows])),
        "seconds_per_image": float(np.mean([row["seconds"] for row in rows])),
    }


def relative_loss(clean: float, shifted: float, chance: float) -> float | None:
    """(clean - shifted) / (clean - chance); None where the clean accuracy is not above chance."""
    return (clean - shifted) / (clean - chance) if clean > chance else None


def group_losses(conditions: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    """Mean loss of each shift over its severities; the plain images and shifts without a loss are left out."""
    losses: dict[str, list[float]] = {}
    for condition in conditions.values():
        if condition["group"] != PLAIN and condition["lost"] is not None:
            losses.setdefault(condition["group"], []).append(condition["lost"])
    return {group: float(np.mean(values)) for group, values in losses.items()}


def condition_interval(rows: Sequence[Mapping[str, Any]], seed: int = 0) -> Interval:
    """Accuracy of one condition's rows, of one run or several, with a bootstrap interval over units.

    Raises:
        ValueError: rows of fewer than two units.
    """
    units: dict[int, list[float]] = {}
    for row in rows:
        units.setdefault(row["unit"], []).append(float(row["correct"]))
    groups = [np.array(values) for values in units.values()]
    return cluster_bootstrap_interval(groups, np.random.default_rng(seed), resamples=2000)


def matched_accuracy(points: Sequence[tuple[float, float]], clean: float) -> float | None:
    """Shifted accuracy that a model would have at another clean accuracy, from its (clean, shifted) pairs.

    Straight between the pairs in logits, as accuracies under shift nearly are (Taori et al. 2020, figure 1).

    Returns:
        None where `clean` is outside of what the pairs cover.
    """
    ordered = sorted(points)
    if not ordered or not ordered[0][0] <= clean <= ordered[-1][0]:
        return None
    x, y = (_logit(np.array(values)) for values in zip(*ordered, strict=True))
    return float(1 / (1 + np.exp(-np.interp(_logit(np.array([clean])), x, y)[0])))


def _logit(p: ndarray) -> ndarray:
    clipped = np.clip(p, 1e-4, 1 - 1e-4)
    return np.log(clipped / (1 - clipped))
