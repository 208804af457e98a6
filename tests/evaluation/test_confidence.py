import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from compvis.evaluation.confidence import (
    area_under_risk,
    detection_auroc,
    excess_risk,
    reliability,
    risk_coverage,
    summarise_confidence,
)
from compvis.evaluation.metrics import expected_calibration_error


def test_reliability_agrees_with_the_calibration_error_of_probabilities():
    generator = np.random.default_rng(0)
    probabilities = generator.dirichlet(np.ones(4), 500)
    labels = generator.integers(4, size=500)
    wanted = expected_calibration_error(probabilities, labels, np.arange(4))
    found = reliability(probabilities.max(1), probabilities.argmax(1) == labels)
    assert found.error == pytest.approx(wanted)
    assert found.share.sum() == pytest.approx(1)
    with pytest.raises(ValueError, match="probabilities"):
        reliability(np.array([1.2]), np.array([True]))


def test_risk_falls_where_confidence_knows_and_ties_have_no_order():
    confidence = np.array([0.9, 0.8, 0.7, 0.6])
    coverage, risk = risk_coverage(confidence, np.array([True, True, False, False]))
    np.testing.assert_allclose(coverage, [0.25, 0.5, 0.75, 1.0])
    np.testing.assert_allclose(risk, [0, 0, 1 / 3, 1 / 2])
    tied = np.full(4, 0.5)
    for correct in ([True, False, True, False], [False, False, True, True]):
        np.testing.assert_allclose(risk_coverage(tied, np.array(correct))[1], 0.5)


def test_excess_risk_is_zero_for_the_ideal_order_alone():
    correct = np.array([True] * 7 + [False] * 3)
    ideal, worst = np.linspace(1, 0, 10), np.linspace(0, 1, 10)
    assert excess_risk(ideal, correct) == pytest.approx(0)
    assert excess_risk(worst, correct) > 0.3
    assert area_under_risk(ideal, np.ones(10, bool)) == 0
    assert excess_risk(ideal, np.zeros(10, bool)) == pytest.approx(0)


def test_detection_agrees_with_scikit_learn_ties_included():
    generator = np.random.default_rng(1)
    known, unknown = generator.integers(0, 6, 80) / 5, generator.integers(0, 5, 50) / 5
    wanted = roc_auc_score(np.r_[np.ones(80), np.zeros(50)], np.r_[known, unknown])
    assert detection_auroc(known, unknown) == pytest.approx(wanted)
    with pytest.raises(ValueError, match="unknown"):
        detection_auroc(known, unknown[:0])


def row(known, correct, confidence, evidence=None, failure=None):
    return {"known": known, "correct": correct, "confidence": confidence, "evidence": evidence,
            "failure": failure, "seconds": 0.1}  # fmt: skip


def test_failures_are_errors_without_confidence():
    rows = [row(True, True, 0.9, 5.0), row(True, False, 0.4, 1.0), row(True, False, None, None, "no ink")]
    summary = summarise_confidence([*rows, row(False, False, 0.6, -3.0)])
    assert (summary["trials"], summary["errors"], summary["failures"]) == (3, 2, 1)
    assert summary["auroc_confidence"] == 0.5
    assert summary["auroc_evidence"] == 1.0
    assert summarise_confidence(rows)["auroc_confidence"] is None
    # The refused image is answered last, and wrong: risks are 0, 1/2 and 2/3.
    assert summary["aurc"] == pytest.approx((0 + 1 / 2 + 2 / 3) / 3)
    with pytest.raises(ValueError, match="nothing to summarise"):
        summarise_confidence(rows[2:])
