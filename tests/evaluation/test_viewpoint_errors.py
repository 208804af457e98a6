"""Errors of viewpoints in a free frame."""

import numpy as np
import pytest

from compvis.data.check import InputError
from compvis.evaluation.viewpoint_errors import free_frame_errors

TRUTH = np.array([[0.0, 10.0], [80.0, 30.0], [200.0, 5.0], [310.0, 60.0]])


def test_a_turned_or_mirrored_frame_is_no_error_and_a_wrong_picture_is():
    turned, mirrored = TRUTH + np.array([73, 0]), TRUTH * np.array([-1, 1]) + np.array([40, 0])
    np.testing.assert_allclose(free_frame_errors(turned, TRUTH), 0, atol=1e-4)
    np.testing.assert_allclose(free_frame_errors(mirrored, TRUTH), 0, atol=1e-4)
    assert (free_frame_errors(turned, TRUTH, free=False) > 30).all()
    turned[2, 0] += 180
    errors = free_frame_errors(turned, TRUTH)
    np.testing.assert_allclose(errors[[0, 1, 3]], 0, atol=1e-4)
    assert errors[2] == pytest.approx(170, abs=1)
    with pytest.raises(InputError, match="n, 2"):
        free_frame_errors(TRUTH[:0], TRUTH[:0])
