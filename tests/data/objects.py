"""Small made-up views of objects: coloured boxes whose place tells class, object and direction."""

import numpy as np

from compvis.data.views import ObjectViews

ZENITHS = (0, 45, 45, 68, 68, 90, 90, 90)
AZIMUTHS = (0, 0, 180, 90, 270, 0, 90, 225)


def make_views(classes: int = 2, objects: int = 7, side: int = 24, parts: bool = False) -> ObjectViews:
    """`classes` x `objects` x 8 views, each a bright textured box on blue; with parts, its two halves."""
    generator = np.random.default_rng(5)
    label, number, view = (a.reshape(-1) for a in np.indices((classes, objects, len(ZENITHS))))
    n = len(label)
    masks = np.zeros((n, side, side), bool)
    maps = np.zeros((n, side, side), np.int16)
    for row in range(n):
        top, left = 3 + label[row], 3 + number[row] % 4
        masks[row, top : side - 4, left : side - 5] = True
        maps[row, top : side // 2, left : side - 5] = 1
        maps[row, side // 2 : side - 4, left : side - 5] = 2
    images = np.broadcast_to(np.array([30, 50, 120], np.uint8), (n, side, side, 3)).copy()
    colour = generator.integers(120, 220, (n, 1, 1, 3))
    grain = generator.integers(-20, 20, (n, side, side, 1))
    images[masks] = (colour + grain)[masks].astype(np.uint8)
    return ObjectViews(
        images=images,
        labels=label.astype(np.int64),
        class_names=tuple(f"class{c}" for c in range(classes)),
        name="made-up",
        provenance="made up",
        masks=masks,
        objects=number.astype(np.int64),
        elevation=90.0 - np.array(ZENITHS)[view],
        azimuth=np.array(AZIMUTHS, float)[view],
        parts=maps if parts else None,
        part_names=("background", "top", "bottom") if parts else (),
    )
