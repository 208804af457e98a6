"""ETH-80: photographs of toys, cups and fruit from all over the upper half of the view sphere, with masks.

Source: Leibe and Schiele, "Analyzing appearance and contour based methods for object categorization", CVPR
2003; 8 categories of 10 objects, 41 views each, cropped to the object and scaled to 128x128 pixels; free for
research. The archive is `eth80-cropped-close128.tgz` of http://datasets.d2.mpi-inf.mpg.de/eth80/, no checksum of
which is published, so it is never downloaded here.

Angles. The published names (`cow3-066-117.png`) give a zenith angle (0 = from straight above, 90 = horizontal)
and an azimuth. Contact sheets of all objects show one convention for all eight categories, and it is that of
`compvis.data.views`: at azimuth 0 an animal's head, a car's bonnet and a cup's handle point to the picture's
right (+x); at 90 they point at the viewer; at 180 to the left; at 270 away. Apples, pears and tomatoes have no
front but turn the same way: their spots wander to the left as azimuth grows. Elevation here is 90 - zenith. The
camera's distance differs between pictures, for each was cropped to its object.

The masks are kept as published: most fit to the pixel, a few (a cow, a pear, an apple among the first seven
objects) lie some pixels beside the object.
"""

import re
import tarfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy import ndarray

from compvis.data.encoded import decode_colour, decode_numbers, encoded_items
from compvis.data.folder import compact_arrays, own_file, reading, unpack_images
from compvis.data.views import ObjectViews

SIDE = 128
VIEWS = 41
CLASS_NAMES = ("apple", "car", "cow", "cup", "dog", "horse", "pear", "tomato")
_ARCHIVE = "eth80-cropped-close128"
_ADDRESS = "http://datasets.d2.mpi-inf.mpg.de/eth80/ (eth80-cropped-close128.tgz)"
_PROVENANCE = "ETH-80, Leibe and Schiele 2003, http://datasets.d2.mpi-inf.mpg.de/eth80/"
_PICTURE = re.compile(
    r"(?:.*/)?(?P<key>(?P<class>[a-z]+)(?P<object>\d+)/)(?P<map>maps/)?[a-z]+\d+-(?P<zenith>\d+)-(?P<azimuth>\d+)"
    r"(?:-map)?\.png"
)


def load_eth80(root: Path | str | None = None) -> ObjectViews:
    """All photographs, by class, object, zenith and azimuth, in ascending order.

    Args:
        root: folder with `eth80.npz`, with the published `eth80-cropped-close128.tgz`, or with the folder it
            unpacks to; without it `COMPVIS_DATA` is looked into (`compvis.data.folder`).

    Returns:
        Views whose `objects` count the objects of a class from 0, in ascending order of the published numbers.
        The published archive holds ten a class, a compact file may hold fewer.

    Raises:
        MissingDataError: not on this machine. DataError: damaged, truncated or of another layout.
    """
    path = own_file(["eth80.npz", f"{_ARCHIVE}.tgz", _ARCHIVE], root, "ETH-80", _ADDRESS)
    with reading(path):
        return _from_compact(path) if path.suffix == ".npz" else _from_published(path)


def _from_compact(path: Path) -> ObjectViews:
    with compact_arrays(path) as arrays:
        images = np.stack(
            [decode_colour(item) for item in encoded_items(arrays["jpeg"], arrays["jpeg_offsets"])]
        )
        masks = unpack_images(arrays["mask_packed"], *images.shape[1:3]) > 0
        numbers = {
            name: arrays[name].astype(np.int64) for name in ("label", "object", "elevation", "azimuth")
        }
        names = tuple(str(name) for name in arrays["class_names"])
    return _views(images, masks, **numbers, names=names)


def _from_published(path: Path) -> ObjectViews:
    pictures: dict[tuple[str, int, int, int], ndarray] = {}
    masks: dict[tuple[str, int, int, int], ndarray] = {}
    for name, content in _members(path):
        found = _PICTURE.fullmatch(name)
        if found is None or found["class"] not in CLASS_NAMES:
            continue
        key = (found["class"], int(found["object"]), int(found["zenith"]), int(found["azimuth"]))
        if found["map"]:
            masks[key] = decode_numbers(content) > 127
        else:
            pictures[key] = decode_colour(content)
    keys = sorted(pictures.keys() & masks.keys())
    if not keys or len(keys) < max(len(pictures), len(masks)):
        raise ValueError("pictures without a map, or maps without a picture")
    published = sorted({key[:2] for key in keys})
    first = {name: min(i for i, (other, _) in enumerate(published) if other == name) for name, _ in published}
    names = tuple(sorted(first))
    label = np.array([names.index(key[0]) for key in keys])
    number = np.array([published.index(key[:2]) - first[key[0]] for key in keys])
    angles = np.array([key[2:] for key in keys])
    stacked = np.stack([pictures[key] for key in keys]), np.stack([masks[key] for key in keys])
    return _views(*stacked, label, number, angles[:, 0], angles[:, 1], names)


def _members(path: Path) -> Iterator[tuple[str, bytes]]:
    """Names and contents of the PNG files of the archive or of the folder it unpacks to."""
    if path.is_dir():
        for file in path.rglob("*.png"):
            yield file.relative_to(path).as_posix(), file.read_bytes()
        return
    try:
        with tarfile.open(path, "r:gz") as archive:
            for member in archive:
                content = archive.extractfile(member) if member.name.endswith(".png") else None
                if content is not None:
                    yield member.name, content.read()
    except tarfile.TarError as error:
        raise ValueError(str(error)) from error


def _views(
    images: ndarray,
    masks: ndarray,
    label: ndarray,
    object: ndarray,
    elevation: ndarray,
    azimuth: ndarray,
    names: tuple[str, ...],
) -> ObjectViews:
    """Rows in order; what the files call elevation is a zenith angle."""
    order = np.lexsort((azimuth, elevation, object, label))
    return ObjectViews(
        images=images[order],
        labels=label[order].astype(np.int64),
        class_names=names,
        name="eth80",
        provenance=_PROVENANCE,
        masks=masks[order],
        objects=object[order].astype(np.int64),
        elevation=90.0 - elevation[order],
        azimuth=azimuth[order] % 360.0,
    )
