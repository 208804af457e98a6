"""Learning curves of run records: error against images a class, or against any other cost that the records hold."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from compvis.evaluation.records import Result, asked_of, by_draw, draw_of, group_results
from compvis.evaluation.scaling import LearningCurve


def images_a_class(result: Result) -> int | None:
    """How many labelled images of a class a run learned from; None where its config does not say."""
    size, objects, views = (result.choice(key) for key in ("size.per_class", "objects", "views"))
    if size is not None:
        return int(size)
    return None if objects is None or views is None else int(objects) * int(views)


def comparable_runs(
    results: Sequence[Result], spent: Callable[[Result], float | None] = images_a_class
) -> dict[str, list[Result]]:
    """Runs that answered test images as they are, by data set and what else sets runs apart; see `learning_curves`.

    One that asked about shifted images too counts where no run of its draw asked about plain ones alone.
    """
    groups: dict[str, list[Result]] = {}
    taken: set[tuple[Any, ...]] = set()
    for run in sorted(results, key=lambda run: run.choice("shift.name") not in (None, "none")):
        if "accuracy" not in run.metrics or spent(run) is None or images_a_class(run) is None:
            continue
        draw = (_setting(run), run.choice("model_name"), images_a_class(run), draw_of(run))
        if run.choice("shift.name") not in (None, "none") and draw in taken:
            continue
        taken.add(draw)
        groups.setdefault(draw[0], []).append(run)
    return groups


def learning_curves(
    results: Sequence[Result], spent: Callable[[Result], float | None] = images_a_class
) -> dict[str, list[LearningCurve]]:
    """Curves by data set, a curve a model, of runs on test images as they are.

    Args:
        spent: what stands on the x axis; runs of one number of images are one point, at the mean of what they
            spent. Runs without a value are left out.

    Returns:
        By data set (with what else sets its runs apart); models with one size have a curve of one point.

    Raises:
        ValueError: two runs of one model, setting and draw that disagree.
    """
    curves: dict[str, list[LearningCurve]] = {}
    for setting, runs in comparable_runs(results, spent).items():
        for (model,), own in sorted(group_results(runs, ["model_name"]).items()):
            sizes: dict[int, list[Result]] = {}
            for run in own:
                sizes.setdefault(images_a_class(run) or 0, []).append(run)
            points = sorted(
                ((float(np.mean([spent(run) or 0.0 for run in there])), there) for there in sizes.values()),
                key=lambda point: point[0],
            )
            curves.setdefault(setting, []).append(
                LearningCurve(
                    str(model),
                    tuple(x for x, _ in points),
                    tuple(
                        {draw: 1 - float(run.metrics["accuracy"]) for draw, run in by_draw(there).items()}
                        for _, there in points
                    ),
                    min(0.5 / _trials(run) for run in own),
                )
            )
    return curves


def _setting(run: Result) -> str:
    named = [asked_of(run)]
    of_objects, posed, masks = (run.choice(key) for key in ("objects", "viewpoints", "masks"))
    bands = run.choice("band"), run.choice("test_band")
    named += [] if bands in ((None, None), ("all", "all")) else ["views {} to {}".format(*bands)]
    named += [] if masks is None else [f"masks {masks}"]
    named += [] if of_objects is None else [f"{of_objects} object" + ("s" if of_objects > 1 else "")]
    named += [] if posed in (None, "always") else [f"viewpoints {posed}"]
    return ", ".join(named)


def _trials(result: Result) -> int:
    if "trials" in result.metrics:
        return int(result.metrics["trials"])
    return sum(row.get("condition", "plain") == "plain" for row in result.rows) or 1
