import numpy as np
import pytest

from compvis.evaluation.metrics import accuracy, error_rate, expected_calibration_error, mean_log_loss


def test_accuracy_and_error():
    assert accuracy(np.array([1, 2, 3, 4]), np.array([1, 2, 3, 0])) == 0.75
    assert error_rate(np.array(["a", "b"]), np.array(["a", "a"])) == 0.5


def test_calibration_error_by_hand():
    classes = np.array([3, 7])
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.4, 0.6], [0.4, 0.6]])
    labels = np.array([3, 7, 7, 7])
    # confidence 0.9 is right half the time, 0.6 always: (0.4 + 0.4) / 2
    assert expected_calibration_error(probabilities, labels, classes) == pytest.approx(0.4)
    assert expected_calibration_error(np.eye(2)[[0, 1]], classes, classes) == 0.0


def test_log_loss_by_hand():
    classes = np.array([0, 1])
    probabilities = np.array([[0.5, 0.5], [0.0, 1.0]])
    assert mean_log_loss(probabilities, np.array([0, 1]), classes) == pytest.approx(np.log(2) / 2)
    assert mean_log_loss(probabilities, np.array([0, 0]), classes) == pytest.approx(
        (np.log(2) - np.log(1e-12)) / 2
    )


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: accuracy(np.array([1]), np.array([1, 2])), "one answer"),
        (lambda: accuracy(np.array([]), np.array([])), "at least one"),
        (lambda: mean_log_loss(np.ones((1, 1)), np.array([5]), np.array([0])), "fit on them"),
        (
            lambda: expected_calibration_error(np.array([[2.0, 1.0]]), np.array([0]), np.array([0, 1])),
            "sum to one",
        ),
    ],
)
def test_bad_input_gets_one_clear_error(call, message):
    with pytest.raises(ValueError, match=message):
        call()
