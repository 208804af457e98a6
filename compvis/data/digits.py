"""The 8x8 digits that come with scikit-learn: 1,797 images, bright ink (255) on dark paper (0).

Source: the test part of "Optical Recognition of Handwritten Digits", Alpaydin and Kaynak 1998, UCI Machine
Learning Repository (CC BY 4.0): 32x32 bitmaps, each 4x4 block counted to 0..16.
"""

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

from compvis.data.contract import LabelledImages


def load_digits_small(root: Path | str | None = None) -> LabelledImages:
    """All 1,797 digits in scikit-learn's order; counts 0..16 become 0..255.

    Needs no file: `root` is there because every loader of `DATASETS` takes it.
    """
    del root
    values, labels = load_digits(return_X_y=True)
    return LabelledImages(
        np.rint(values.reshape(-1, 8, 8) * (255.0 / 16.0)).astype(np.uint8),
        labels.astype(np.int64),
        tuple(str(digit) for digit in range(10)),
        "digits-8x8",
        "Optical Recognition of Handwritten Digits, Alpaydin and Kaynak 1998, by way of scikit-learn",
    )
