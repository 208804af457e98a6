"""Failures fed back: an examiner finds scenes that a model gets wrong, they join its lesson, and again.

What is found is found on subjects to learn from, never on tested ones; what it is worth is measured on others, beside
the worth of as many random scenes. A model that has `partial_fit` adds what was found to what it knows (a grammar: an
alternative under its Or-rule); one that has not learns everything anew.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy import ndarray

from compvis.data.check import InputError
from compvis.data.scene_source import SceneSource
from compvis.evaluation.examiner import examine
from compvis.evaluation.judging import judge_images

FEEDS = ("failures", "random")


@dataclass(frozen=True, eq=False)
class Lesson:
    """Pictures to learn from: images (n, H, W) or (n, H, W, 3), labels (n,), masks (n, H, W)."""

    images: ndarray
    labels: ndarray
    masks: ndarray

    def joined(self, other: "Lesson") -> "Lesson":
        """This lesson with another one after it."""
        return Lesson(
            np.concatenate([self.images, other.images]),
            np.concatenate([self.labels, other.labels]),
            np.concatenate([self.masks, other.masks]),
        )

    def arguments(self, masks: bool) -> dict[str, ndarray]:
        """Of `fit`."""
        return {"images": self.images, "labels": self.labels, **({"masks": self.masks} if masks else {})}


def run_feedback(
    make_model: Callable[[], Any],
    lesson: Lesson,
    pool: Sequence[int],
    source: SceneSource,
    tests: Mapping[str, Lesson],
    rounds: int,
    budget: int,
    feed: str,
    seed: int,
    masks: bool,
    free: Sequence[str] | None = None,
) -> Iterator[dict[str, Any]]:
    """Learn, then let the examiner teach for some rounds.

    Args:
        pool: subjects to find failures of, `len(pool) / rounds` of them a round, each once.
        tests: what the model is asked after every round, by name.
        budget: renders of one subject. feed: `failures` (of CMA-ES) or, as the control, as many `random` scenes of the
            same subjects.

    Yields:
        After the first fit and every round a row ``round``, ``images`` (learned so far), ``added``, ``renders``,
        ``how`` (`fit` or `partial_fit`), ``seconds`` of learning, ``accuracy`` by name of test, ``failures`` (refused
        images of the tests).

    Raises:
        InputError: an unknown feed, or a pool smaller than the number of rounds.
    """
    if feed not in FEEDS or rounds < 1 or len(pool) < rounds:
        raise InputError(
            f"Feed {' or '.join(FEEDS)} for 1 or more rounds with a subject each, not {feed!r} for {rounds}."
        )
    space = source.space.only(free)
    model, seconds = _learn(make_model, None, lesson, None, masks)
    yield _row(0, lesson, 0, 0, "fit", seconds, model, tests, masks)
    for turn, part in enumerate(np.array_split(np.array(pool), rounds), 1):

        def judge(images: Any, labels: Any, shown: Any, model: Any = model) -> list[dict[str, Any]]:
            return list(judge_images(model, images, labels, shown if masks else None))

        found: list[tuple[int, dict[str, float]]] = []
        renders = 0
        for subject in part.tolist():
            examined = examine(judge, source, subject, "cmaes", budget, seed, free)
            renders += examined.renders
            if examined.misread is None:  # a scene that the model cannot even read teaches it nothing
                continue
            generator = np.random.default_rng([seed, 17, subject])
            drawn = space.values(generator.random(len(space)))
            found.append((subject, examined.misread if feed == "failures" else drawn))
        how = "none"
        seconds = 0.0
        if found:
            news = _draw(source, found)
            lesson = lesson.joined(news)
            how = "partial_fit" if hasattr(model, "partial_fit") else "fit"
            model, seconds = _learn(make_model, model, lesson, news, masks)
        yield _row(turn, lesson, len(found), renders, how, seconds, model, tests, masks)


def summarise_feedback(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """First and last accuracy by test, images added, and points gained an image added (None where none was).

    Raises:
        ValueError: no rows.
    """
    if not rows:
        raise ValueError("There are no rounds to summarise: run at least one.")
    added = sum(row["added"] for row in rows)
    gained = {name: rows[-1]["accuracy"][name] - value for name, value in rows[0]["accuracy"].items()}
    return {
        "first": rows[0]["accuracy"],
        "last": rows[-1]["accuracy"],
        "added": added,
        "renders": sum(row["renders"] for row in rows),
        "gain_per_image": {name: value / added if added else None for name, value in gained.items()},
        "seconds": sum(row["seconds"] for row in rows),
        "repair_seconds": sum(row["seconds"] for row in rows[1:]),
    }


def draw_lesson(
    source: SceneSource, subjects: Sequence[int], free: Sequence[str], seed: int, name: str
) -> Lesson:
    """A scene of each subject as a lesson; see `SceneSource.draw_set`."""
    images, masks, labels = source.draw_set(subjects, free, seed, name)
    return Lesson(images, labels, masks)


def _learn(
    make_model: Callable[[], Any], model: Any, lesson: Lesson, news: Lesson | None, masks: bool
) -> tuple[Any, float]:
    started = time.perf_counter()
    if news is not None and hasattr(model, "partial_fit"):
        model.partial_fit(**news.arguments(masks))
    else:
        model = make_model()
        model.fit(**lesson.arguments(masks))
    return model, time.perf_counter() - started


def _draw(source: SceneSource, found: Sequence[tuple[int, Mapping[str, float]]]) -> Lesson:
    pictures = [source.render(subject, values) for subject, values in found]
    labels = np.array([source.label(subject) for subject, _ in found], dtype=np.int64)
    return Lesson(np.stack([p.image for p in pictures]), labels, np.stack([p.mask for p in pictures]))


def _row(
    turn: int, lesson: Lesson, added: int, renders: int, how: str, seconds: float, model: Any,
    tests: Mapping[str, Lesson], masks: bool,
) -> dict[str, Any]:  # fmt: skip
    accuracy, refused = {}, 0
    for name, test in tests.items():
        rows = list(judge_images(model, test.images, test.labels, test.masks if masks else None))
        accuracy[name] = float(np.mean([row["correct"] for row in rows]))
        refused += sum(row["failure"] is not None for row in rows)
    return {
        "round": turn, "images": len(lesson.labels), "added": added, "renders": renders, "how": how,
        "seconds": seconds, "accuracy": accuracy, "failures": refused,
    }  # fmt: skip
