"""How models are put to the test, through ``fit`` and ``predict`` alone.

A protocol yields one row a trial, so that whoever records them can stop and go on. It never shows a model a
label of a test image nor how the labels of a run are distributed. An image on which a model fails with a
clear error is counted as wrong *and* as a failure; it is never given a score.
"""

import inspect
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Int64, UInt8
from numpy import ndarray

from compvis.data.check import check_device
from compvis.evaluation.answering import answer_images, fit_model
from compvis.evaluation.statistics import wilson_interval


@runtime_checkable
class Classifier(Protocol):
    """What grammar and baselines have in common (columns of ``predict_proba`` follow ``classes_``)."""

    def fit(self, images: Any, labels: Any) -> Any:
        """Learn from labelled images."""
        ...

    def predict(self, images: Any) -> Any:
        """One label an image."""
        ...


@runtime_checkable
class EpisodeLike(Protocol):
    """A few-shot trial, as `compvis.data` hands it out."""

    name: str
    train_images: UInt8[ndarray, "k H W"]
    train_labels: Int64[ndarray, " k"]
    test_images: UInt8[ndarray, "m H W"]
    test_labels: Int64[ndarray, " m"]


@runtime_checkable
class LabelledLike(Protocol):
    """Labelled images, as `compvis.data` hands them out."""

    images: UInt8[ndarray, "n H W"]
    labels: Int64[ndarray, " n"]


def build_factory(
    model: Callable[..., Classifier], seed: int, device: str | None = None
) -> Callable[[], Classifier]:
    """A maker of unfitted models that start from ``seed``, and work on ``device``, where their signature has these.

    Of a grammar it has neither: its yaml takes them from the run. A ``device`` that the model was given stays.

    Raises:
        InputError: a device that is not there.
    """
    given: dict[str, Any] = {"seed": seed}
    if device is not None:
        check_device(device)
        given["device"] = getattr(model, "keywords", {}).get("device", device)
    taken = inspect.signature(model).parameters
    return partial(model, **{name: value for name, value in given.items() if name in taken})


def run_episodes(
    make_model: Callable[[], Classifier],
    episodes: Sequence[EpisodeLike],
    done: Collection[tuple[Any, ...]] = (),
    batch: int = 1,
) -> Iterator[dict[str, Any]]:
    """Fit a fresh model in every episode and answer its test images.

    Args:
        make_model: a new, unfitted model at each call.
        done: (episode name, trial index) pairs that are recorded already; an episode without open trials is
            not even fitted.
        batch: images per call of ``predict``. A model answers each image by itself, so this is a matter of
            speed.

    Yields:
        Rows ``episode``, ``trial``, ``label``, ``predicted`` (None on failure), ``correct``, ``failure``
        (message or None), ``fit_seconds`` (the fit's, shared equally by the episode's trials), ``seconds``
        (the answer's).
    """
    for episode in episodes:
        open_trials = [t for t in range(len(episode.test_labels)) if (episode.name, t) not in done]
        if not open_trials:
            continue
        model, fit_seconds = fit_model(make_model, episode.train_images, episode.train_labels)
        share = fit_seconds / len(episode.test_labels)
        answers = answer_images(model, episode.test_images, episode.test_labels, np.array(open_trials), batch)
        for trial, answer in zip(open_trials, answers, strict=True):
            yield {"episode": episode.name, "trial": trial, **answer, "fit_seconds": share}


def run_subset(
    make_model: Callable[[], Classifier],
    train: LabelledLike,
    test: LabelledLike,
    test_rows: Int64[ndarray, " m"],
    done: Collection[tuple[Any, ...]] = (),
    batch: int = 50,
) -> Iterator[dict[str, Any]]:
    """Fit one model on a training subset and answer the test images.

    Args:
        test_rows: where each test image stands in its data set, so that runs can be paired image by image.
        done: (row,) tuples that are recorded already; with none open the model is not fitted.

    Yields:
        Rows ``row``, ``label``, ``predicted``, ``correct``, ``failure``, ``fit_seconds`` (of the whole fit,
        the same in every row), ``seconds`` (the answer's).
    """
    places = np.array([i for i, row in enumerate(test_rows.tolist()) if (row,) not in done], dtype=np.int64)
    if not len(places):
        return
    model, fit_seconds = fit_model(make_model, train.images, train.labels)
    for place, answer in zip(
        places, answer_images(model, test.images, test.labels, places, batch), strict=True
    ):
        yield {"row": int(test_rows[place]), **answer, "fit_seconds": fit_seconds}


def summarise_trials(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Trials, errors, failures and mean seconds a trial, from the rows of either protocol.

    Returns:
        ``trials``, ``errors``, ``failures`` (counted among the errors), ``accuracy``, ``error`` in [0, 1],
        ``seconds_per_image`` and ``fit_seconds`` (means over rows).
    """
    if not rows:
        raise ValueError("There are no trials to summarise: the test set is empty.")
    errors = sum(not row["correct"] for row in rows)
    return {
        "trials": len(rows),
        "errors": errors,
        "failures": sum(row["failure"] is not None for row in rows),
        "accuracy": 1 - errors / len(rows),
        "error": errors / len(rows),
        "seconds_per_image": float(np.mean([row["seconds"] for row in rows])),
        "fit_seconds": float(np.mean([row["fit_seconds"] for row in rows])),
    }


def summarise_episodes(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """`summarise_trials` with the error's 95% Wilson interval over trials and the seconds of a whole trial.

    Returns:
        Besides: ``error_low``, ``error_high``, ``seconds_per_trial`` (the answer and its share of the fit).
    """
    summary = summarise_trials(rows)
    interval = wilson_interval(summary["errors"], summary["trials"])
    return summary | {
        "error_low": interval.low,
        "error_high": interval.high,
        "seconds_per_trial": summary["seconds_per_image"] + summary["fit_seconds"],
    }


def score_subsets(
    make_model: Callable[[], Classifier], trains: Sequence[LabelledLike], test: LabelledLike, batch: int = 50
) -> float:
    """Mean accuracy on ``test`` of models fitted on each training subset: one setting's score in a search."""
    numbers = np.arange(len(test.labels))
    results = [list(run_subset(make_model, train, test, numbers, batch=batch)) for train in trains]
    return float(np.mean([summarise_trials(rows)["accuracy"] for rows in results]))


def score_episodes(
    make_model: Callable[[], Classifier], episodes: Sequence[EpisodeLike], batch: int = 20
) -> float:
    """Accuracy over all trials of some episodes: one setting's score in a search."""
    return summarise_trials(list(run_episodes(make_model, episodes, batch=batch)))["accuracy"]
