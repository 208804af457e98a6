"""Small made-up data: coloured boxes seen from known directions, and grey strokes."""

import numpy as np

from compvis.data.contract import LabelledImages
from compvis.data.views import ObjectViews

ZENITHS = (0, 45, 45, 68, 68, 90, 90, 90)
AZIMUTHS = (0, 0, 180, 90, 270, 0, 90, 225)


def make_views(classes: int = 2, objects: int = 7, side: int = 24, parts: bool = False) -> ObjectViews:
    """`classes` x `objects` x 8 views, each a bright textured box on blue; with parts, three layers of it."""
    generator = np.random.default_rng(5)
    label, number, view = (a.reshape(-1) for a in np.indices((classes, objects, len(ZENITHS))))
    n = len(label)
    masks = np.zeros((n, side, side), bool)
    maps = np.zeros((n, side, side), np.int16)
    for row in range(n):
        top, left = 3 + label[row], 3 + number[row] % 4
        masks[row, top : side - 4, left : side - 5] = True
        maps[row, top:9, left : side - 5] = 1
        maps[row, 9:15, left : side - 5] = 2
        maps[row, 15 : side - 4, left : side - 5] = 3
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
        part_names=("background", "top", "middle", "bottom") if parts else (),
    )


def make_ink(side: int = 32) -> LabelledImages:
    """Twenty grey pictures of one stroke each, 3 pixels wide, of two classes: upright and lying."""
    images = np.zeros((20, side, side), np.uint8)
    for row in range(20):
        place = 6 + row
        images[row, 5:27, place : place + 3] = 255
        if row % 2:
            images[row] = images[row].T
    return LabelledImages(images, np.arange(20) % 2, ("upright", "lying"), "made-up ink", "made up")
