"""A fitted model's answers with their confidence, one row an image; what the study's protocols do with a model."""

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
from jaxtyping import Bool, Int64, UInt8
from numpy import ndarray


def judge_images(
    model: Any,
    images: UInt8[ndarray, "m H W *c"],
    labels: Int64[ndarray, " m"],
    masks: Bool[ndarray, "m H W"] | None = None,
    batch: int = 50,
    evidence: bool = False,
) -> Iterator[dict[str, Any]]:
    """Ask for the probabilities of every image, `batch` images a call.

    Args:
        evidence: also ask a model that has `log_evidence` for it.

    Yields:
        Rows ``label``, ``predicted`` (None on failure), ``correct``, ``failure`` (message or None), ``confidence``
        (the largest probability), ``margin`` (the label's probability minus the largest other one; None where the
        label was never learned), ``evidence`` (the largest, in the model's nats, or None), ``seconds`` (of the
        probabilities). An image on which a model fails, or whose probabilities are not finite, is
        wrong and has no confidence.
    """
    if batch < 1:
        raise ValueError(f"batch must be at least 1, not {batch}.")
    for start in range(0, len(images), batch):
        part = slice(start, start + batch)
        shown = None if masks is None else masks[part]
        started = time.perf_counter()
        judged = _probabilities(model, images[part], shown)
        seconds = (time.perf_counter() - started) / len(judged)
        strongest = _evidence(model, images[part], judged, shown) if evidence else [None] * len(judged)
        for label, (row, failure), nats in zip(labels[part].tolist(), judged, strongest, strict=True):
            yield {
                "label": label,
                **_answer(model.classes_, row, label),
                "failure": failure,
                "evidence": nats,
                "seconds": seconds,
            }


def _answer(classes: ndarray, row: ndarray | None, label: int) -> dict[str, Any]:
    if row is None:
        return {"predicted": None, "correct": False, "confidence": None, "margin": None}
    best = int(row.argmax())
    own = np.flatnonzero(classes == label)
    margin = float(row[own[0]] - np.delete(row, own[0]).max()) if len(own) else None
    predicted = classes[best].item()
    return {
        "predicted": predicted,
        "correct": predicted == label,
        "confidence": float(row[best]),
        "margin": margin,
    }


def _probabilities(
    model: Any, images: ndarray, masks: ndarray | None
) -> list[tuple[ndarray | None, str | None]]:
    beside = {} if masks is None else {"masks": masks}
    try:
        return [
            (row, None) if np.isfinite(row).all() else (None, "The model's probabilities are not finite.")
            for row in model.predict_proba(images, **beside)
        ]
    except ValueError as error:
        if len(images) == 1:
            return [(None, str(error))]
    # Find out which image it was.
    single = np.arange(len(images))[:, None]
    return [_probabilities(model, images[one], None if masks is None else masks[one])[0] for one in single]


def _evidence(
    model: Any, images: ndarray, judged: list[tuple[ndarray | None, str | None]], masks: ndarray | None
) -> list[float | None]:
    """The largest evidence of the images that were answered; None where there is none."""
    answered = np.array([row is not None for row, _ in judged])
    strongest: list[float | None] = [None] * len(judged)
    if not hasattr(model, "log_evidence") or not answered.any():
        return strongest
    beside = {} if masks is None else {"masks": masks[answered]}
    values = np.asarray(model.log_evidence(images[answered], **beside)).max(1)
    for place, value in zip(np.flatnonzero(answered).tolist(), values.tolist(), strict=True):
        strongest[place] = value
    return strongest
