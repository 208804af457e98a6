"""Learning curves of run records: error against images a class, or against any other cost that the records hold."""

from collections.abc import Callable, Sequence

import numpy as np

from compvis.evaluation.records import Result, by_draw, group_results
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
    """Runs that answered test images as they are, by data set and what else sets runs apart; see `learning_curves`."""
    groups: dict[str, list[Result]] = {}
    for run in results:
        plain = "accuracy" in run.metrics and run.choice("shift.name") in (None, "none")
        if plain and spent(run) is not None and images_a_class(run) is not None:
            groups.setdefault(_setting(run), []).append(run)
    return groups


def learning_curves(
    results: Sequence[Result], spent: Callable[[Result], float | None] = images_a_class
) -> dict[str, list[LearningCurve]]:
    """Curves by data set, a curve a model, of runs on test images as they are; runs that ask about shifted ones too
    are left out.

    Args:
        spent: what stands on the x axis; runs of one number of images are one point, at the mean of what they
            spent. Runs without a value are left out.

    Returns:
        By data set (with what else sets its runs apart); models with one size have a curve of one point.

    Raises:
        ValueError: two runs of one model, setting and draw.
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
    named = [str(run.choice("data.name"))]
    of_objects, posed, masks = (run.choice(key) for key in ("objects", "viewpoints", "masks"))
    bands, most = (run.choice("band"), run.choice("test_band")), run.choice("max_test")
    named += [] if bands in ((None, None), ("all", "all")) else ["views {} to {}".format(*bands)]
    named += [] if masks is None else [f"masks {masks}"]
    named += [] if of_objects is None else [f"{of_objects} object" + ("s" if of_objects > 1 else "")]
    named += [] if posed in (None, "always") else [f"viewpoints {posed}"]
    named += [] if most is None else [f"at most {most} images asked"]
    return ", ".join(named)


def _trials(result: Result) -> int:
    if "trials" in result.metrics:
        return int(result.metrics["trials"])
    return sum(row.get("condition", "plain") == "plain" for row in result.rows) or 1
