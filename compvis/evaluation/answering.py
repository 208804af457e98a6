"""Fitting a fresh model and collecting its answers, timed; what every protocol does with a model."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from jaxtyping import Bool, Int64, Shaped, UInt8
from numpy import ndarray


def fit_model(
    make_model: Callable[[], Any],
    images: UInt8[ndarray, "k H W *c"],
    labels: Int64[ndarray, " k"],
    **beside: ndarray,
) -> tuple[Any, float]:
    """A new model that has learned, and the seconds it took.

    Args:
        beside: further arguments of its ``fit``, such as masks.
    """
    started = time.perf_counter()
    model = make_model()
    model.fit(images, labels, **beside)
    return model, time.perf_counter() - started


def answer_images(
    model: Any,
    images: UInt8[ndarray, "m H W *c"],
    labels: Int64[ndarray, " m"],
    places: Int64[ndarray, " p"],
    batch: int,
    masks: Bool[ndarray, "m H W"] | None = None,
) -> Iterator[dict[str, Any]]:
    """One row for each of the images at ``places``, ``batch`` images a call of ``predict``.

    Yields:
        Rows ``label``, ``predicted`` (None on failure), ``correct``, ``failure`` (message or None), ``seconds``.
    """
    if batch < 1:
        raise ValueError(f"batch must be at least 1, not {batch}.")
    for start in range(0, len(places), batch):
        chosen = places[start : start + batch]
        started = time.perf_counter()
        answers = _predict(model, images[chosen], None if masks is None else masks[chosen])
        seconds = (time.perf_counter() - started) / len(chosen)
        for label, (predicted, failure) in zip(labels[chosen].tolist(), answers, strict=True):
            correct = failure is None and predicted == label
            yield {
                "label": label,
                "predicted": predicted,
                "correct": correct,
                "failure": failure,
                "seconds": seconds,
            }


def _predict(
    model: Any, images: UInt8[ndarray, "b H W *c"], masks: Bool[ndarray, "b H W"] | None
) -> list[tuple[Any, str | None]]:
    beside = {} if masks is None else {"masks": masks}
    try:
        return [(_plain(label), None) for label in model.predict(images, **beside)]
    except ValueError as error:
        if len(images) == 1:
            return [(None, str(error))]
    # Find out which image it was.
    single = np.arange(len(images))[:, None]
    return [_predict(model, images[one], None if masks is None else masks[one])[0] for one in single]


def _plain(label: Shaped[ndarray, ""] | Any) -> Any:
    return label.item() if hasattr(label, "item") else label
