"""The data sets of labelled images by name; a new one is one file beside this and one line here."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from compvis.data.contract import LabelledImages
from compvis.data.digits import load_digits_small
from compvis.data.eth80 import load_eth80
from compvis.data.mnist import load_mnist
from compvis.data.omniglot import load_omniglot_background
from compvis.data.views import ObjectViews


def _load_omniglot_characters(root: Path | str | None = None) -> LabelledImages:
    return load_omniglot_background(root).labelled()


DATASETS: dict[str, Callable[..., LabelledImages]] = {
    "digits-8x8": load_digits_small,
    "mnist-train": partial(load_mnist, "train"),
    "mnist-test": partial(load_mnist, "test"),
    "omniglot-background": _load_omniglot_characters,
}
# Colour pictures of objects, with masks and directions.
OBJECT_VIEWS: dict[str, Callable[..., ObjectViews]] = {
    "eth80": load_eth80,
}
