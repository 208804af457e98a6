"""A parse of a seven in two strokes, made by hand."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import torch

from compvis.tree import Node, ParseTree


@dataclass
class FakeAlternative:
    label: Any
    log_evidence: float


@dataclass
class FakeParse:
    image: np.ndarray
    tree: ParseTree
    label: Any
    log_evidence: float
    scores: list
    rendering: np.ndarray
    residual: np.ndarray
    alternatives: list = field(default_factory=list)


def leaf(*points, width=2.5):
    values = {"offsets": torch.zeros(4, 2), "log_width": torch.tensor(0.1)}
    primitive = {
        "control_points": torch.tensor(points, dtype=torch.float32),
        "width": torch.tensor(width),
        "darkness": torch.tensor(0.9),
    }
    return Node("sub-stroke", values, primitive=primitive)


def draw(leaves, size=28):
    """Nearest-point silhouette: slow, obvious and only for looking at."""
    rows, columns = np.mgrid[0:size, 0:size] + 0.5
    ink = np.zeros((size, size))
    t = np.linspace(0, 1, 80)[:, None]
    for node in leaves:
        a, b, c, d = node.primitive["control_points"].numpy()
        points = (1 - t) ** 3 * a + 3 * (1 - t) ** 2 * t * b + 3 * (1 - t) * t**2 * c + t**3 * d
        away = np.sqrt((columns[..., None] - points[:, 0]) ** 2 + (rows[..., None] - points[:, 1]) ** 2).min(
            -1
        )
        ink = np.maximum(ink, np.clip(0.5 + node.primitive["width"].item() / 2 - away, 0, 1))
    return ink


@pytest.fixture
def parse():
    top = leaf((6, 7), (10, 6), (16, 6), (21, 7))
    upper = leaf((21, 7), (19, 11), (16, 15), (14, 17))
    lower = leaf((14, 17), (13, 20), (12, 22), (11, 24))
    bar = leaf((10, 15), (13, 15), (16, 14), (19, 14), width=2.0)
    strokes = {
        "stroke[0]": Node("7/template[0]/stroke[0]", {"affine": torch.full((2, 3), 0.05)},
                          {"substroke[0]": top, "substroke[1]": upper, "substroke[2]": lower}),
        "stroke[1]": Node("7/template[0]/stroke[1]", {"affine": torch.zeros(2, 3)}, {"substroke[0]": bar}),
    }  # fmt: skip
    root = Node("class 7", {"affine": torch.zeros(2, 3), "warp": torch.full((16, 2), 0.1)}, strokes, choice=0)
    tree = ParseTree(root, label="7")
    rendering = draw([top, upper, lower, bar])
    image = np.clip(np.roll(rendering, 1, axis=0) * 0.7 + rendering * 0.6, 0, 1)
    image[24:26, 4:7] = 1.0
    scores = [
        ("image", "likelihood", -210.25), ("character", "class", -2.3), ("character", "affine", 3.1),
        ("character", "warp", 12.5), ("character/stroke[0]", "affine", 4.0),
        ("character/stroke[1]", "affine", 4.5),
        *((address, "offsets", 6.5 + i) for i, (address, _) in enumerate(tree.leaves())),
    ]  # fmt: skip
    alternatives = [
        FakeAlternative("7", -160.2),
        FakeAlternative("1", -162.9),
        FakeAlternative("<b>&2", -190.0),
    ]
    return FakeParse(image, tree, "7", -160.2, scores, rendering, image - rendering, alternatives)
