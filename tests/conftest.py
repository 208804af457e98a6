"""One thread for every test, whatever else the machine does.

Nothing of compvis may be imported here: this file is read before the type checker is put into the imports,
and modules that are loaded already stay unchecked (tests/test_types.py).
"""

import os

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("MPLBACKEND", "Agg")


@pytest.fixture(scope="session")
def model():
    """A grammar of drawn shapes, fitted on three images a class, integer labels; leave it as it is."""
    from api_shapes import build, draw_shapes

    return build().fit(*draw_shapes(3, seed=0))


@pytest.fixture(scope="session")
def named():
    """A grammar of drawn shapes, fitted on two images a class, string labels; leave it as it is."""
    from api_shapes import NAMES, build, draw_shapes

    images, labels = draw_shapes(2, seed=0)
    return build().fit(images, list(NAMES[labels]))
