"""Shapes and types are really checked while the tests run."""

import importlib
import pkgutil

import jaxtyping
import numpy as np
import pytest

import compvis
from compvis.evaluation.metrics import expected_calibration_error


def test_a_wrong_shape_is_refused():
    with pytest.raises(jaxtyping.TypeCheckError, match="probabilities"):
        expected_calibration_error(np.ones(3), np.zeros(3), np.zeros(1))


def test_a_wrong_plain_type_is_refused():
    arrays = (np.ones((3, 1)), np.zeros(3), np.zeros(1))
    with pytest.raises(jaxtyping.TypeCheckError, match="bins"):
        expected_calibration_error(*arrays, bins="many")


@pytest.mark.parametrize("room", [module.name for module in pkgutil.iter_modules(compvis.__path__)])
def test_every_room_goes_through_the_checker(room):
    module = importlib.import_module(f"compvis.{room}")
    assert type(module.__spec__.loader).__module__.startswith("jaxtyping"), (
        f"compvis.{room} was imported before the checker: no conftest.py may import it while it is loaded first"
    )
