"""One thread for every test, whatever else the machine does.

Nothing of compvis may be imported here: this file is read before the type checker is put into the imports,
and modules that are loaded already stay unchecked (tests/test_types.py).
"""

import itertools
import os
from collections.abc import Callable

import numpy as np
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


def draw_lines(*lines: list[tuple[float, float]], size: int = 105, pen: float = 5.0) -> np.ndarray:
    """Ink of a round pen along polylines given as lists of (x, y)."""
    y, x = np.mgrid[:size, :size] + 0.5
    distance = np.full((size, size), np.inf)
    for line in lines:
        for (x0, y0), (x1, y1) in itertools.pairwise(line):
            squared = (x1 - x0) ** 2 + (y1 - y0) ** 2
            along = ((x - x0) * (x1 - x0) + (y - y0) * (y1 - y0)) / max(squared, 1e-9)
            along = np.clip(along, 0, 1)
            near = np.hypot(x - x0 - along * (x1 - x0), y - y0 - along * (y1 - y0))
            distance = np.minimum(distance, near)
    return (distance <= pen / 2).astype(np.float32)


@pytest.fixture(scope="session")
def draw() -> Callable[..., np.ndarray]:
    """:func:`draw_lines`."""
    return draw_lines
