import itertools
from collections.abc import Callable

import numpy as np
import pytest


@pytest.fixture
def draw() -> Callable[..., np.ndarray]:
    """Ink of a round pen along polylines given as lists of (x, y)."""

    def draw_lines(*lines: list[tuple[float, float]], size: int = 105, pen: float = 5.0) -> np.ndarray:
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

    return draw_lines
