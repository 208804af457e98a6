"""Numbers of a set of answers."""

import numpy as np
from jaxtyping import Bool, Float, Shaped
from numpy import ndarray


def accuracy(predicted: Shaped[ndarray, " n"], labels: Shaped[ndarray, " m"]) -> float:
    """Share of answers that equal the label, in [0, 1].

    Raises:
        ValueError: no answers, or not as many as labels.
    """
    return float(_correct(predicted, labels).mean())


def error_rate(predicted: Shaped[ndarray, " n"], labels: Shaped[ndarray, " m"]) -> float:
    """Share of wrong answers, in [0, 1]."""
    return 1.0 - accuracy(predicted, labels)


def expected_calibration_error(
    probabilities: Float[ndarray, "n classes"],
    labels: Shaped[ndarray, " n"],
    classes: Shaped[ndarray, " classes"],
    bins: int = 15,
) -> float:
    """Mean gap between confidence and accuracy over equally wide confidence bins, in [0, 1].

    Args:
        probabilities: rows sum to one, columns follow ``classes``.

    Source: Guo et al. 2017, On Calibration of Modern Neural Networks, equation 3.
    """
    if not np.allclose(probabilities.sum(1), 1.0, atol=1e-3):
        raise ValueError("Rows of probabilities must sum to one: pass predict_proba, not scores.")
    confidence = probabilities.max(1)
    correct = _correct(classes[probabilities.argmax(1)], labels)
    place = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    gap = 0.0
    for index in np.unique(place):
        inside = place == index
        gap += inside.mean() * abs(correct[inside].mean() - confidence[inside].mean())
    return float(gap)


def mean_log_loss(
    probabilities: Float[ndarray, "n classes"],
    labels: Shaped[ndarray, " n"],
    classes: Shaped[ndarray, " classes"],
) -> float:
    """Mean of -log p(label), nats; probabilities are floored at 1e-12, labels must be among ``classes``."""
    columns = {label: column for column, label in enumerate(classes.tolist())}
    unknown = sorted({label for label in labels.tolist() if label not in columns}, key=str)
    if unknown:
        raise ValueError(f"The labels {unknown} are not among the classes: fit on them first.")
    chosen = probabilities[np.arange(len(labels)), [columns[label] for label in labels.tolist()]]
    return float(-np.log(np.maximum(chosen, 1e-12)).mean())


def _correct(predicted: Shaped[ndarray, " n"], labels: Shaped[ndarray, " m"]) -> Bool[ndarray, " n"]:
    if len(predicted) == 0 or len(predicted) != len(labels):
        raise ValueError(
            f"{len(predicted)} answers to {len(labels)} images: give one answer an image, at least one."
        )
    return np.asarray(predicted) == np.asarray(labels)
