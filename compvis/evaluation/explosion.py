"""The combinatorial explosion under control: how learning pays when more and more of a scene is free to vary.

Yuille & Liu 2021, "Deep Nets: What have they ever done for vision?", IJCV 129, section 4: images needed by a learner
that must see combinations grow with their number; a learner of causes need not see them.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Int64
from numpy import ndarray

from compvis.data.check import InputError
from compvis.data.scene_source import SceneSource
from compvis.evaluation.answering import fit_model
from compvis.evaluation.judging import judge_images


def choose_subjects(
    source: SceneSource, subjects: Int64[ndarray, "k"], per_class: int, seed: int
) -> Int64[ndarray, "_"]:
    """Subjects of `per_class` scenes of every class: one of every class, then a second one of every class, and so on.

    A class with fewer subjects than scenes has them again. Fewer scenes are a prefix of more.

    Raises:
        InputError: `per_class` below 1.
    """
    if per_class < 1:
        raise InputError(f"Draw at least 1 scene of every class, not {per_class}.")
    labels = np.array([source.label(int(subject)) for subject in subjects])
    columns = []
    for number, label in enumerate(np.unique(labels)):
        order = np.random.default_rng([seed, number]).permutation(subjects[labels == label])
        columns.append(np.resize(order, per_class))
    return np.stack(columns, 1).reshape(-1).astype(np.int64)


def check_apart(learn: SceneSource, learned: Sequence[int], test: SceneSource, asked: Sequence[int]) -> None:
    """Raise InputError where something that is asked about was learned."""
    shared = {learn.name(one) for one in learned} & {test.name(one) for one in asked}
    if shared:
        raise InputError(
            f"{len(shared)} of the tested scenes' subjects are learned, e.g. {min(shared)}: choose other objects to "
            "learn from (learn_source), or scenes of the data set's own rows."
        )


def run_scenes(
    make_model: Callable[[], Any],
    learn: SceneSource,
    learn_subjects: Sequence[int],
    test: SceneSource,
    test_subjects: Sequence[int],
    free: Sequence[str],
    seed: int,
    masks: bool,
    batch: int = 50,
) -> list[dict[str, Any]]:
    """Learn scenes in which some factors are free, answer other subjects' scenes in which the same ones are.

    Args:
        free: names of the factors that vary, in learning and in testing alike; none is the constrained control.
        seed: of the learned scenes; the tested ones are the same for all models and seeds.
        masks: whether `fit` and `predict_proba` get them.

    Returns:
        Rows ``place``, ``subject``, ``label``, ``predicted``, ``correct``, ``failure``, ``seconds``,
        ``fit_seconds``.
    """
    images, shown, labels = learn.draw_set(learn_subjects, free, seed, "learn")
    model, fit_seconds = fit_model(make_model, images, labels, **({"masks": shown} if masks else {}))
    asked, asked_masks, wanted = test.draw_set(test_subjects, free, 0, "test")
    judged = judge_images(model, asked, wanted, asked_masks if masks else None, batch)
    kept = ("label", "predicted", "correct", "failure", "seconds")
    return [
        {
            "place": place,
            "subject": int(test_subjects[place]),
            **{key: answer[key] for key in kept},
            "fit_seconds": fit_seconds,
        }
        for place, answer in enumerate(judged)
    ]


def summarise_scenes(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """``trials``, ``errors``, ``failures``, ``accuracy``, ``fit_seconds``, ``seconds_per_image``.

    Raises:
        ValueError: no rows.
    """
    if not rows:
        raise ValueError("There are no scenes to summarise: the test set is empty.")
    errors = sum(not row["correct"] for row in rows)
    return {
        "trials": len(rows),
        "errors": errors,
        "failures": sum(row["failure"] is not None for row in rows),
        "accuracy": 1 - errors / len(rows),
        "fit_seconds": float(np.mean([row["fit_seconds"] for row in rows])),
        "seconds_per_image": float(np.mean([row["seconds"] for row in rows])),
    }
