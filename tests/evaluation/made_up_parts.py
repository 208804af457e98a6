"""Pictures of chairs and towers that show the number of each pixel's part, and a model that can read it."""

import numpy as np

from compvis.data.views import ObjectViews


def views(objects: int = 6, each: int = 3) -> ObjectViews:
    """Stools of a plate above legs and towers of one part; sizes differ."""
    images, parts, labels, numbers = [], [], [], []
    for label in (0, 1):
        for number in range(objects):
            for view in range(each):
                own = np.zeros((16, 16), np.int16)
                if label == 0:
                    own[4:7, 3 : 10 + view] = 1
                    own[7 : 11 + number % 3, 4:6] = 2
                else:
                    own[2:14, 6 : 9 + view] = 3
                parts.append(own)
                images.append(np.repeat(40 * own[..., None], 3, 2).astype(np.uint8))
                labels.append(label)
                numbers.append(number)
    owners = np.stack(parts)
    n = len(owners)
    return ObjectViews(
        np.stack(images), np.array(labels), ("chair", "table"), "made", "made",
        masks=owners > 0, objects=np.array(numbers), elevation=np.zeros(n), azimuth=np.zeros(n),
        parts=owners, part_names=("background", "plate", "legs", "shaft"),
    )  # fmt: skip


class Knowing:
    """Numbers true parts by 7 less the part.

    Args:
        wrong, swapped: numbers of the calls in which another category comes first, or parts change places.
    """

    def __init__(self, wrong=frozenset(), swapped=frozenset(), seed=0):
        self.wrong, self.swapped, self.asked = wrong, swapped, 0

    def fit(self, images, labels, masks, viewpoints, objects):
        assert len(images) == len(labels) == len(masks) == len(viewpoints) == len(objects)
        return self

    def parse(self, image, mask, alternatives, steps):
        assert alternatives == 1
        number, self.asked = self.asked, self.asked + 1
        true = image[..., 0].astype(int) // 40
        label = int(true.max() == 3)
        parts = np.where(mask, 7 - true, -1)
        if number in self.swapped:
            parts = np.where(mask, parts.max() + parts[mask].min() - parts, -1)
        own, other = Answer(label, parts), Answer(1 - label, np.where(mask, 0, -1))
        first, second = (other, own) if number in self.wrong else (own, other)
        first.alternatives = (second,)
        return first


class Answer:
    def __init__(self, label, parts):
        self.label, self.parts, self.alternatives = label, parts, ()
