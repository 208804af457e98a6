"""Confidence against correctness: reliability, selective prediction, classes that were never learned."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray


@dataclass(frozen=True, eq=False)
class Reliability:
    """Accuracy by confidence.

    Attributes:
        confidence, accuracy: (b,) means of each bin that has answers. share: (b,) of the answers in it.
        error: expected calibration error, in [0, 1].
    """

    confidence: Float[ndarray, "b"]
    accuracy: Float[ndarray, "b"]
    share: Float[ndarray, "b"]
    error: float


def reliability(confidence: Float[ndarray, "n"], correct: Bool[ndarray, "n"], bins: int = 15) -> Reliability:
    """The reliability diagram and the expected calibration error over equally wide bins.

    Source: Guo et al. 2017, On Calibration of Modern Neural Networks, equations 1 to 3.

    Raises:
        ValueError: no answers, or confidences outside [0, 1].
    """
    _check(confidence, correct)
    if confidence.min() < 0 or confidence.max() > 1:
        raise ValueError("Confidences must be probabilities in [0, 1], not scores.")
    place = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    inside = [place == number for number in np.unique(place)]
    mean_confidence = np.array([confidence[own].mean() for own in inside])
    accuracy = np.array([correct[own].mean() for own in inside])
    share = np.array([own.mean() for own in inside])
    return Reliability(mean_confidence, accuracy, share, float(share @ np.abs(accuracy - mean_confidence)))


def risk_coverage(
    confidence: Float[ndarray, "n"], correct: Bool[ndarray, "n"]
) -> tuple[Float[ndarray, "n"], Float[ndarray, "n"]]:
    """Error among the most confident answers, against the share of images answered.

    Answers of equal confidence are answered together: each gets the mean risk of its group, so that the order of
    the images does not matter.

    Returns:
        coverage (n,), ascending to 1, and risk (n,).

    Source: El-Yaniv & Wiener 2010, JMLR 11, section 2.
    """
    _check(confidence, correct)
    order = np.argsort(-confidence, kind="stable")
    ranked, wrong = confidence[order], (~correct[order]).astype(float)
    starts = np.flatnonzero(np.r_[True, ranked[1:] != ranked[:-1]])
    sizes = np.diff(np.r_[starts, len(ranked)])
    wrong = np.repeat(np.add.reduceat(wrong, starts) / sizes, sizes)
    count = np.arange(1, len(ranked) + 1)
    return count / len(ranked), np.cumsum(wrong) / count


def area_under_risk(confidence: Float[ndarray, "n"], correct: Bool[ndarray, "n"]) -> float:
    """Mean risk over all coverages (AURC); smaller is better (Geifman et al. 2019, ICLR)."""
    return float(risk_coverage(confidence, correct)[1].mean())


def excess_risk(confidence: Float[ndarray, "n"], correct: Bool[ndarray, "n"]) -> float:
    """AURC above that of an oracle that puts all wrong answers last: 0 is ideal, whatever the accuracy."""
    _check(confidence, correct)
    answered, right = np.arange(1, len(correct) + 1), int(correct.sum())
    oracle = float((np.maximum(answered - right, 0) / answered).mean())
    return area_under_risk(confidence, correct) - oracle


def detection_auroc(known: Float[ndarray, "n"], unknown: Float[ndarray, "m"]) -> float:
    """Probability that a known class's image scores above an unknown one's; ties count half. 0.5 is chance.

    Raises:
        ValueError: no image on one of the sides.
    """
    if not len(known) or not len(unknown):
        raise ValueError("Detection of unknown classes needs images of known and of unknown ones.")
    values = np.concatenate([known, unknown])
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]
    above = ranks[: len(known)].sum() - len(known) * (len(known) + 1) / 2
    return float(above / (len(known) * len(unknown)))


def summarise_confidence(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Accuracy, calibration, selective prediction and detection of unknown classes, of one run's rows.

    Args:
        rows: of `compvis.evaluation.judging.judge_images`, with ``known``: whether the label's class was learned.

    Returns:
        Of known classes: ``trials``, ``errors``, ``failures`` (of all images; counted among the errors, answered last
        in ``aurc`` and ``excess_aurc``, left out of ``ece`` and of detection), ``accuracy``, ``ece``, ``aurc``,
        ``excess_aurc``. Of known against unknown, None where there are none: ``unknown_images``, ``auroc_confidence``,
        ``auroc_evidence``.

    Raises:
        ValueError: no image of a known class was answered.
    """
    known = [row for row in rows if row["known"]]
    answered = [row for row in known if row["failure"] is None]
    if not answered:
        raise ValueError("No image of a learned class was answered: there is nothing to summarise.")
    confidence = np.array([row["confidence"] for row in answered])
    correct = np.array([row["correct"] for row in answered])
    ranked, right = ranked_answers(rows)
    errors = sum(not row["correct"] for row in known)
    unknown = [row for row in rows if not row["known"]]
    return {
        "trials": len(known),
        "errors": errors,
        "failures": sum(row["failure"] is not None for row in rows),
        "accuracy": 1 - errors / len(known),
        "ece": reliability(confidence, correct).error,
        "aurc": area_under_risk(ranked, right),
        "excess_aurc": excess_risk(ranked, right),
        "unknown_images": len(unknown),
        "auroc_confidence": _detection(answered, unknown, "confidence"),
        "auroc_evidence": _detection(answered, unknown, "evidence"),
        "seconds_per_image": float(np.mean([row["seconds"] for row in rows])),
    }


def ranked_answers(rows: Sequence[Mapping[str, Any]]) -> tuple[Float[ndarray, "n"], Bool[ndarray, "n"]]:
    """Confidence and correctness of a run's known images, for risk and coverage: refused ones have confidence 0."""
    known = [row for row in rows if row["known"]]
    confidence = [0.0 if row["failure"] is not None else float(row["confidence"]) for row in known]
    return np.array(confidence), np.array([bool(row["correct"]) for row in known])


def _detection(
    known: Sequence[Mapping[str, Any]], unknown: Sequence[Mapping[str, Any]], score: str
) -> float | None:
    sides = [[row[score] for row in side if row[score] is not None] for side in (known, unknown)]
    return detection_auroc(np.array(sides[0]), np.array(sides[1])) if all(sides) else None


def _check(confidence: ndarray, correct: ndarray) -> None:
    if len(confidence) == 0 or len(confidence) != len(correct):
        raise ValueError(f"{len(confidence)} confidences of {len(correct)} answers: give one an answer.")
    if not np.isfinite(confidence).all():
        raise ValueError("Confidences must be finite: leave failed images out and report their number.")
