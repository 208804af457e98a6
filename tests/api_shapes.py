"""Drawn shapes and a small classifier, for the tests of the public interface."""

import numpy as np
from scipy.ndimage import gaussian_filter

import compvis

SIDE = 20
SMALL = {"match": {"points": 20, "modes": 10, "steps": 5}, "prior": {"warp_grid": 4}}
NAMES = np.array(["upright", "lying", "ring"])


def draw_shapes(per_class: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A vertical bar, a horizontal bar, a ring: uint8, white on black, grey at the edges."""
    generator = np.random.default_rng(seed)
    y, x = np.mgrid[:SIDE, :SIDE] + 0.5
    images, labels = [], []
    for label in range(3):
        for _ in range(per_class):
            cx, cy = 10 + generator.uniform(-1, 1, 2)
            lean = generator.uniform(-0.15, 0.15)
            u, v = x - cx + lean * (y - cy), y - cy + lean * (x - cx)
            shapes = (
                (abs(u) < 1.3) & (abs(v) < 7),
                (abs(v) < 1.3) & (abs(u) < 7),
                abs(np.hypot(u, v) - 5.5) < 1.2,
            )
            images.append(np.clip(300 * gaussian_filter(shapes[label].astype(np.float32), 0.5), 0, 255))
            labels.append(label)
    return np.array(images, dtype=np.uint8), np.array(labels)


def build(**changes) -> compvis.GrammarClassifier:
    return compvis.GrammarClassifier(**(SMALL | changes))
