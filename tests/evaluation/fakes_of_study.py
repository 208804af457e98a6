"""A model that costs nothing, refuses blank images, and has all that the study may ask for."""

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass
class Shy:
    """Nearest neighbour of pixels; probabilities fall with the distance."""

    seed: int = 0
    sharpness: float = 0.01
    masks_seen: int = 0

    def fit(self, images: Any, labels: Any, masks: Any = None, viewpoints: Any = None) -> "Shy":
        self.known, self.labels = images.reshape(len(images), -1).astype(float), np.asarray(labels)
        self.classes_ = np.unique(labels)
        return self

    def log_evidence(self, images: Any, masks: Any = None) -> np.ndarray:
        if (images.reshape(len(images), -1).max(1) == 0).any():
            raise ValueError("no ink")
        self.masks_seen += masks is not None
        flat = images.reshape(len(images), -1).astype(float)
        distance = np.sqrt(((flat[:, None] - self.known) ** 2).sum(-1))
        columns = [distance[:, self.labels == label].min(1) for label in self.classes_]
        return -self.sharpness * np.stack(columns, 1)

    def predict_proba(self, images: Any, masks: Any = None) -> np.ndarray:
        scores = np.exp(self.log_evidence(images, masks))
        return scores / scores.sum(1, keepdims=True)

    def predict(self, images: Any, masks: Any = None) -> np.ndarray:
        return self.classes_[self.predict_proba(images, masks).argmax(1)]
