"""Models and episodes that cost nothing, built by the experiments through their configs."""

import importlib.util
import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch

from compvis.data.contract import Episode
from compvis.tree import Node, ParseTree

ROOT = Path(__file__).parent.parent.parent


@dataclass(kw_only=True)
class Nearest:
    """Nearest neighbour of pixels, with all that a grammar offers besides."""

    seed: int = 0
    blur: float = 0.0
    classes_: np.ndarray = field(default_factory=lambda: np.zeros(0))

    def fit(self, images, labels):
        self.images, self.labels = images.astype(float), labels
        self.classes_ = np.unique(labels)
        return self

    def pretrain(self, images, labels, groups):
        self.pretrained = len(images)
        return self

    def predict(self, images):
        flat, known = images.reshape(len(images), -1).astype(float), self.images.reshape(len(self.images), -1)
        return self.labels[((flat[:, None] - known) ** 2).sum(-1).argmin(1)]

    def parse(self, image):
        ink = np.asarray(image) / 255.0
        label = str(self.predict(image[None])[0])
        return SimpleNamespace(
            image=ink,
            tree=tree(label),
            label=label,
            log_evidence=-1.0,
            scores=[],
            rendering=ink,
            residual=0 * ink,
            turn=0.0,
            left_out=ink > 0.9,
            alternatives=[],
            to_html=lambda: "<!doctype html>",
        )

    def sample(self, label, n, seed):
        like = self.images[self.labels == label][0] / 255.0
        noise = np.random.default_rng(seed).uniform(0, 0.1, (n, *like.shape))
        return torch.from_numpy(np.clip(like + noise, 0, 1)), [tree(str(label))] * n


def tree(label):
    points = torch.tensor([[1.0, 1], [2, 3], [4, 5], [6, 6]])
    leaf = Node("sub-stroke", primitive={"control_points": points, "width": torch.tensor(1.0)})
    return ParseTree(
        Node("any", children={"stroke[0]": Node("stroke", children={"substroke[0]": leaf})}), label=label
    )


def tiny_runs(n=3, way=4):
    """Episodes of random pictures; the test pictures are the training pictures with a little noise."""
    generator = np.random.default_rng(0)
    runs = []
    for number in range(n):
        train = generator.integers(0, 200, (way, 6, 6)).astype(np.uint8)
        order = generator.permutation(way)
        runs.append(
            Episode(f"run{number}", train, np.arange(way), train[order] + np.uint8(9), order.astype(np.int64))
        )
    return runs


def tiny_background():
    return SimpleNamespace(
        images=np.zeros((5, 6, 6), np.uint8), character_id=np.arange(5), alphabet=np.zeros(5, np.int64)
    )


def load(name):
    """The script of an experiment as a module."""
    spec = importlib.util.spec_from_file_location(f"experiment_{name}", ROOT / "experiments" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
