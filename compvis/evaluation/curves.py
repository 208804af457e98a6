"""Learning curves of run records: error against images a class, or against any other cost that the records hold."""

from collections.abc import Callable, Sequence

import numpy as np

from compvis.evaluation.records import Result, group_results
from compvis.evaluation.scaling import LearningCurve

_FOLD = 10_000  # seeds of fold f are counted from f times this


def images_a_class(result: Result) -> int | None:
    """How many labelled images of a class a run learned from; None where its config does not say."""
    size, objects, views = (result.choice(key) for key in ("size.per_class", "objects", "views"))
    if size is not None:
        return int(size)
    return None if objects is None or views is None else int(objects) * int(views)


def learning_curves(
    results: Sequence[Result], spent: Callable[[Result], float | None] = images_a_class
) -> dict[str, list[LearningCurve]]:
    """Curves by data set, a curve a model, of runs on test images as they are.

    Args:
        spent: what stands on the x axis; runs of one number of images are one point, at the mean of what they
            spent. Runs without a value are left out.

    Returns:
        By data set (with what else sets its runs apart); models with one size have a curve of one point.
    """
    curves: dict[str, list[LearningCurve]] = {}
    usable = [run for run in results if spent(run) is not None and images_a_class(run) is not None]
    usable = [run for run in usable if "accuracy" in run.metrics]
    for setting, runs in _grouped(usable).items():
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
                        {_seed(run): 1 - float(run.metrics["accuracy"]) for run in there}
                        for _, there in points
                    ),
                    min(0.5 / _trials(run) for run in own),
                )
            )
    return curves


def _grouped(results: Sequence[Result]) -> dict[str, list[Result]]:
    groups: dict[str, list[Result]] = {}
    for run in results:
        named = [str(run.choice("data.name"))]
        of_objects, posed, masks = (run.choice(key) for key in ("objects", "viewpoints", "masks"))
        bands = run.choice("band"), run.choice("test_band")
        named += [] if bands in ((None, None), ("all", "all")) else ["views {} to {}".format(*bands)]
        named += [] if masks is None else [f"masks {masks}"]
        named += [] if of_objects is None else [f"{of_objects} object" + ("s" if of_objects > 1 else "")]
        named += [] if posed in (None, "always") else [f"viewpoints {posed}"]
        groups.setdefault(", ".join(named), []).append(run)
    return groups


def _seed(result: Result) -> int:
    """Of the draw: folds have seeds of their own."""
    fold = result.choice("fold")
    return result.seed + (0 if fold is None else (int(fold) + 1) * _FOLD)


def _trials(result: Result) -> int:
    if "trials" in result.metrics:
        return int(result.metrics["trials"])
    return sum(row.get("condition", "plain") == "plain" for row in result.rows) or 1
