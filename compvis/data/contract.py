"""What every data set hands out: labelled images, and few-shot episodes.

Images are uint8, grey or RGB, in the polarity each loader states. All the sets of handwriting here are bright
ink (255) on dark paper (0); nothing inverts them on the way. Photographs are colour (`compvis.data.views`).
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from jaxtyping import Shaped
from numpy import ndarray

Kind = TypeVar("Kind", bound="LabelledImages")


@dataclass(frozen=True)
class LabelledImages:
    """Images of one size with a class number each.

    Attributes:
        images: (n, H, W) grey or (n, H, W, 3) RGB, uint8, in the polarity the loader states.
        labels: (n,) int64, indices into `class_names`.
        class_names: one name per class number; a subset keeps them all, so that numbers keep their meaning.
        name: which set this is.
        provenance: where the images come from, by whom, in one line.

    Raises:
        ValueError: arrays that do not belong together, or labels without a name.
    """

    images: ndarray
    labels: ndarray
    class_names: tuple[str, ...]
    name: str
    provenance: str

    def __post_init__(self) -> None:
        _check_pair(self.images, self.labels, f"data set {self.name}")
        if len(self.labels) and not 0 <= self.labels.min() <= self.labels.max() < len(self.class_names):
            raise ValueError(
                f"Data set {self.name} has labels {self.labels.min()} to {self.labels.max()} but "
                f"{len(self.class_names)} class names: number the classes from 0 and name each."
            )

    def __len__(self) -> int:
        return len(self.labels)

    def subset(self: Kind, indices: Shaped[ndarray, "k"] | Iterable[int]) -> Kind:
        """The images at `indices` (integers in any order, or a boolean mask), with the same class names."""
        if not isinstance(indices, ndarray):
            indices = np.fromiter(indices, dtype=np.int64)
        return replace(self, **{name: getattr(self, name)[indices] for name in self._by_row()})

    def _by_row(self) -> tuple[str, ...]:
        """Names of the attributes that have one entry a row."""
        return ("images", "labels")


@dataclass(frozen=True)
class Episode:
    """One few-shot trial: learn from k labelled images, answer m others.

    Attributes:
        name: which trial this is.
        train_images, train_labels: (k, H, W) or (k, H, W, 3) uint8 and (k,) int64; labels count from 0 within
            the episode.
        test_images, test_labels: (m, H, W) or (m, H, W, 3) uint8 and (m,) int64, of the same classes.

    Raises:
        ValueError: arrays that do not belong together, or a test class without a training image.
    """

    name: str
    train_images: ndarray
    train_labels: ndarray
    test_images: ndarray
    test_labels: ndarray

    def __post_init__(self) -> None:
        _check_pair(self.train_images, self.train_labels, f"the training part of episode {self.name}")
        _check_pair(self.test_images, self.test_labels, f"the test part of episode {self.name}")
        unseen = np.setdiff1d(self.test_labels, self.train_labels)
        if len(unseen):
            raise ValueError(f"Episode {self.name} tests classes {unseen.tolist()} without a training image.")


def _check_pair(images: ndarray, labels: ndarray, what: str) -> None:
    if images.dtype != np.uint8 or not (images.ndim == 3 or (images.ndim == 4 and images.shape[-1] == 3)):
        raise ValueError(
            f"The images of {what} must be uint8 (n, H, W) or (n, H, W, 3), not {images.dtype} {images.shape}."
        )
    if labels.dtype != np.int64 or labels.shape != (len(images),):
        raise ValueError(
            f"The labels of {what} must be int64 ({len(images)},), not {labels.dtype} {labels.shape}."
        )
