"""What a model learns from and what it is asked: one form for handwriting and for photographs of objects."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Int64
from numpy import ndarray

from compvis.data.check import InputError
from compvis.data.contract import LabelledImages
from compvis.data.splits import few_shot
from compvis.data.views import ObjectViews
from compvis.evaluation.answering import fit_model
from compvis.evaluation.views import MASKS, choose_views, thin_rows

_OBJECTS = 3  # of each class at most, to learn from


@dataclass(frozen=True, eq=False)
class Task:
    """Rows of one data set to learn from and to answer.

    Attributes:
        data: the whole set; shifts may take donors from any of its rows.
        learn_rows: (k,) with labels. test_rows: (m,).
        masks: for views of objects, `always` given to `fit` and `predict`, `learning` to `fit` alone, or `never`.
            Handwriting has none.

    Raises:
        InputError: unknown masks.
    """

    data: LabelledImages
    learn_rows: Int64[ndarray, "k"]
    test_rows: Int64[ndarray, "m"]
    masks: str = "always"

    def __post_init__(self) -> None:
        if self.masks not in MASKS:
            raise InputError(f"Unknown masks {self.masks!r}: choose one of {', '.join(MASKS)}.")

    @property
    def chance(self) -> float:
        """Accuracy of guessing: one over the number of learned classes."""
        return 1.0 / len(np.unique(self.data.labels[self.learn_rows]))

    def lesson(self) -> dict[str, ndarray]:
        """The arguments of `fit`."""
        seen = self.data.subset(self.learn_rows)
        lesson = {"images": seen.images, "labels": seen.labels}
        if isinstance(seen, ObjectViews):
            lesson["viewpoints"] = np.stack([seen.azimuth, seen.elevation], 1)
            if self.masks != "never":
                lesson["masks"] = seen.masks
        return lesson

    def shown_masks(self, asked: LabelledImages) -> ndarray | None:
        """The masks that `predict` gets beside the images of `asked`, or None."""
        return asked.masks if isinstance(asked, ObjectViews) and self.masks == "always" else None

    def units(self, rows: Int64[ndarray, "m"]) -> Int64[ndarray, "m"]:
        """What intervals are over: the object of each row, or the row itself where images are independent."""
        return self.data.instances()[rows] if isinstance(self.data, ObjectViews) else rows

    def fit(self, make_model: Callable[[], Any]) -> tuple[Any, float]:
        """A new model that has learned, and the seconds it took."""
        return fit_model(make_model, **self.lesson())

    def without_classes(self, held_out: int, seed: int) -> "Task":
        """The task with some classes, drawn by the seed, left out of what is learned; all are still asked.

        Raises:
            InputError: fewer than two classes would be left.
        """
        classes = np.unique(self.data.labels[self.learn_rows])
        if not 0 <= held_out <= len(classes) - 2:
            raise InputError(f"Of {len(classes)} classes 0 to {len(classes) - 2} can be left out.")
        left_out = np.random.default_rng([seed, 7]).permutation(classes)[:held_out]
        kept = ~np.isin(self.data.labels[self.learn_rows], left_out)
        return replace(self, learn_rows=self.learn_rows[kept])


def draw_task(
    data: LabelledImages,
    learn_rows: Int64[ndarray, "k"],
    test_rows: Int64[ndarray, "m"],
    per_class: int,
    seed: int,
    masks: str = "always",
    max_test: int | None = None,
) -> Task:
    """Draw what to learn: `per_class` images of every class.

    Handwriting: as `few_shot`, the first `max_test` test rows. Views of objects: the images are spread evenly over
    as many of up to three objects as divide their number (`choose_views`), and about `max_test` test rows evenly.

    Raises:
        InputError, ValueError: as `choose_views` and `few_shot`.
    """
    if not isinstance(data, ObjectViews):
        chosen = few_shot(data.labels, per_class, seed, learn_rows)
        return Task(data, chosen, np.asarray(test_rows[:max_test], dtype=np.int64), masks)
    objects = next(count for count in range(min(_OBJECTS, per_class), 0, -1) if per_class % count == 0)
    chosen = choose_views(data, learn_rows, objects, per_class // objects, seed=seed)
    return Task(data, chosen, np.asarray(thin_rows(test_rows, max_test), dtype=np.int64), masks)
