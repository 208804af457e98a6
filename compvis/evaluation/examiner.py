"""The examiner: plays against a model by choosing the scene, and looks for its worst answer.

It is handed a callable that judges pictures and a source of scenes with named factors; it knows no model. An answer is
as bad as its margin: the label's probability minus the largest other one.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy import ndarray

from compvis.data.check import InputError
from compvis.data.factors import FactorSpace
from compvis.evaluation.search import SEARCHERS

Judge = Callable[[ndarray, ndarray, ndarray], Sequence[Mapping[str, Any]]]
"""Called as judge(images, labels, masks); gives a row an image, as `compvis.evaluation.judging.judge_images`."""

_REFUSED = -1.0  # the margin of a refused image: as wrong as can be


@runtime_checkable
class Scenes(Protocol):
    """What the examiner draws with; see `compvis.data.scene_source.SceneSource`."""

    space: FactorSpace

    def label(self, subject: int) -> int:
        """Class number of a subject."""
        ...

    def render(self, subject: int, values: Mapping[str, float]) -> Any:
        """A picture with `image` and `mask`."""
        ...


@dataclass(frozen=True)
class Examination:
    """What a search found about one subject.

    Attributes:
        renders: pictures drawn. wrong: how many were answered wrong, refused ones among them.
        first_failure: number of the first wrong one, from 1; None where the answer survived.
        worst_margin, worst_values, worst_predicted: of the worst answer; a refused image is as wrong as can be.
        refused: images that the model refused.
        misread: values of the worst image that was answered, and answered wrong; None where there was none.
    """

    renders: int
    wrong: int
    first_failure: int | None
    worst_margin: float
    worst_values: dict[str, float]
    worst_predicted: Any
    refused: int
    misread: dict[str, float] | None


def examine(
    judge: Judge,
    scenes: Scenes,
    subject: int,
    strategy: str,
    budget: int,
    seed: int = 0,
    free: Sequence[str] | None = None,
    stop: bool = True,
) -> Examination:
    """Search for the worst scene of one subject.

    Args:
        strategy: one of `SEARCHERS`. The random points of a subject are the same for every model.
        budget: most pictures drawn.
        free: the factors that may be changed; all by default.
        stop: at the first wrong answer.

    Raises:
        InputError: an unknown strategy, factor, or a budget below 1.
    """
    if strategy not in SEARCHERS:
        raise InputError(f"Unknown strategy {strategy!r}: choose one of {', '.join(SEARCHERS)}.")
    space = scenes.space.only(free)
    searcher = SEARCHERS[strategy](space.rest_point(), budget, seed * 1_000_003 + subject)
    renders = wrong = refused = 0
    first: int | None = None
    worst: tuple[float, dict[str, float], Any] = (np.inf, {}, None)
    misread: tuple[float, dict[str, float] | None] = (np.inf, None)
    while renders < budget and not (stop and first is not None):
        points = searcher.ask()[: budget - renders]
        values = [space.values(point) for point in points]
        rows = judge_scenes(judge, scenes, [subject] * len(values), values)
        margins = np.array([_margin(row) for row in rows])
        searcher.tell(points, margins)
        for place, row in enumerate(rows):
            if not row["correct"] and first is None:
                first = renders + place + 1
        wrong += sum(not row["correct"] for row in rows)
        refused += sum(row["failure"] is not None for row in rows)
        renders += len(rows)
        for margin, one, row in zip(margins.tolist(), values, rows, strict=True):
            if not row["correct"] and row["failure"] is None and margin < misread[0]:
                misread = (margin, one)
        lowest = int(margins.argmin())
        if margins[lowest] < worst[0]:
            worst = (float(margins[lowest]), values[lowest], rows[lowest]["predicted"])
    return Examination(renders, wrong, first, *worst, refused, misread[1])


def judge_scenes(
    judge: Judge, scenes: Scenes, subjects: Sequence[int], values: Sequence[Mapping[str, float]]
) -> Sequence[Mapping[str, Any]]:
    """Draw scenes and have them judged."""
    pictures = [scenes.render(subject, one) for subject, one in zip(subjects, values, strict=True)]
    labels = np.array([scenes.label(subject) for subject in subjects], dtype=np.int64)
    return judge(np.stack([p.image for p in pictures]), labels, np.stack([p.mask for p in pictures]))


def hazard_map(
    judge: Judge, scenes: Scenes, subjects: Sequence[int], pair: tuple[str, str], steps: int
) -> dict[str, Any]:
    """Accuracy over a grid of two factors, the others at rest.

    Returns:
        ``factors`` (the pair), ``x``, ``y`` (the values) and ``accuracy``, a row an x.

    Raises:
        InputError: an unknown factor, or fewer than two steps.
    """
    if steps < 2:
        raise InputError(f"A hazard map needs at least 2 steps a side, not {steps}.")
    space = scenes.space.only(pair)
    line = np.linspace(0, 1, steps)
    points = [space.values(np.array([x, y])) for x in line for y in line]
    cells = [
        float(
            np.mean([row["correct"] for row in judge_scenes(judge, scenes, subjects, [one] * len(subjects))])
        )
        for one in points
    ]
    first, second = space.factors
    return {
        "factors": list(pair),
        "x": [first.value(place) for place in line],
        "y": [second.value(place) for place in line],
        "accuracy": [cells[start : start + steps] for start in range(0, len(cells), steps)],
    }


def summarise_examinations(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Worst-case, average and clean figures of one model, from rows a subject and strategy.

    Args:
        rows: the fields of `Examination` with ``subject``, ``strategy`` and ``clean_correct``.

    Returns:
        ``subjects``, ``clean_accuracy``, and by strategy ``survived`` (share of all subjects that were right at rest
        and in every render), ``median_renders`` to the first failure (of those that fail), ``wrong_share`` (mean
        share of renders answered wrong), ``refused``. ``hard``: of subjects that random search fails in at most 1%
        of its renders, how many there are, and the median renders of each strategy (survivors count with their
        budget).
    """
    if not rows:
        raise ValueError("There are no examinations to summarise: the list of subjects is empty.")
    by_strategy: dict[str, dict[int, Mapping[str, Any]]] = {}
    for row in rows:
        by_strategy.setdefault(row["strategy"], {})[row["subject"]] = row
    clean = {row["subject"]: bool(row["clean_correct"]) for row in rows}
    found = {}
    for strategy, own in by_strategy.items():
        failed = [row["first_failure"] for row in own.values() if row["first_failure"] is not None]
        alive = [row["clean_correct"] and row["first_failure"] is None for row in own.values()]
        found[strategy] = {
            "survived": float(np.mean(alive)),
            "median_renders": float(np.median(failed)) if failed else None,
            "wrong_share": float(np.mean([row["wrong"] / row["renders"] for row in own.values()])),
            "refused": sum(row["refused"] for row in own.values()),
        }
    random = by_strategy.get("random", {})
    hard = [s for s, row in random.items() if clean[s] and row["wrong"] <= 0.01 * row["renders"]]
    medians = {
        strategy: float(np.median([own[s]["first_failure"] or own[s]["renders"] for s in hard if s in own]))
        for strategy, own in by_strategy.items()
        if any(s in own for s in hard)
    }
    return {
        "subjects": len(clean),
        "clean_accuracy": float(np.mean(list(clean.values()))),
        "strategies": found,
        "hard": {"subjects": len(hard), "median_renders": medians},
    }


def _margin(row: Mapping[str, Any]) -> float:
    return _REFUSED if row["margin"] is None else float(row["margin"])
