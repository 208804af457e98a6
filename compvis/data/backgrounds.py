"""Natural photographs to put behind things, and to cut textures and occluders from.

Source: the Berkeley Segmentation Data Set, Arbelaez, Maire, Fowlkes and Malik, "Contour detection and
hierarchical image segmentation", PAMI 33 (2011): the 200 training and 100 validation photographs, at half size;
free for research. Published as `BSR_bsds500.tgz` by
https://www2.eecs.berkeley.edu/Research/Projects/CS/vision/grouping/resources.html, without a checksum.

The photographs are divided once and for all, so that a model may be trained on backgrounds without having seen
those it is tested on: rows 0-149 to learn from, 150-299 to test with.
"""

import io
import tarfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from numpy import ndarray
from PIL import Image

from compvis.data.check import InputError
from compvis.data.encoded import decode_colour, encoded_items
from compvis.data.folder import compact_arrays, own_file, reading

BACKGROUNDS = {"learn": slice(0, 150), "test": slice(150, 300), "all": slice(0, 300)}
_ADDRESS = (
    "https://www2.eecs.berkeley.edu/Research/Projects/CS/vision/grouping/resources.html (BSR_bsds500.tgz)"
)
_PARTS = ("train", "val")


@dataclass(frozen=True, eq=False)
class Photographs:
    """Photographs of any sizes.

    Attributes:
        pictures: one (h, w, 3) uint8 RGB array each.
        name: which photographs these are.
    """

    pictures: tuple[ndarray, ...]
    name: str

    def __len__(self) -> int:
        return len(self.pictures)

    def crop(self, height: int, width: int, generator: np.random.Generator) -> UInt8[ndarray, "H W 3"]:
        """A random piece of a random photograph, of the wanted shape, scaled to the wanted size.

        It covers between half and all of the photograph's shorter extent, and may be mirrored.

        Raises:
            InputError: there are no photographs.
        """
        if not self.pictures:
            raise InputError("There are no photographs to cut from: give at least one.")
        photograph = self.pictures[int(generator.integers(len(self.pictures)))]
        whole = min(photograph.shape[0] / height, photograph.shape[1] / width)
        scale = whole * generator.uniform(0.5, 1.0)
        extent = scale * width, scale * height
        left, top = (
            generator.uniform(0.0, max(size - own, 0.0))
            for size, own in zip(photograph.shape[1::-1], extent, strict=True)
        )
        box = (left, top, left + extent[0], top + extent[1])
        piece = Image.fromarray(photograph).resize((width, height), Image.Resampling.BILINEAR, box=box)
        pixels = np.array(piece)
        return pixels[:, ::-1].copy() if generator.random() < 0.5 else pixels


def load_backgrounds(part: str = "all", root: Path | str | None = None) -> Photographs:
    """The photographs of one part.

    Args:
        part: `learn` (150), `test` (the other 150) or `all`.
        root: folder with `backgrounds.npz`, with `BSR_bsds500.tgz` or with the folder `BSR` it unpacks to;
            without it `COMPVIS_DATA` is looked into (`compvis.data.folder`).

    Raises:
        InputError: another part. MissingDataError: not on this machine. DataError: damaged or truncated.
    """
    if part not in BACKGROUNDS:
        raise InputError(f"Unknown part {part!r} of the photographs: choose {', '.join(BACKGROUNDS)}.")
    names = ["backgrounds.npz", "BSR_bsds500.tgz", "BSR"]
    path = own_file(names, root, "The set of background photographs", _ADDRESS)
    with reading(path):
        if path.suffix == ".npz":
            with compact_arrays(path) as arrays:
                items = encoded_items(arrays["jpeg"], arrays["jpeg_offsets"])[BACKGROUNDS[part]]
            pictures = [decode_colour(item) for item in items]
        else:
            pictures = [_half(item) for item in _published(path)[BACKGROUNDS[part]]]
        if not pictures:
            raise ValueError("it holds no photographs of this part")
    return Photographs(tuple(pictures), f"BSDS500 ({part})")


def _published(path: Path) -> list[bytes]:
    """The JPEG files of the training, then of the validation part, each by name."""
    found: dict[tuple[int, str], bytes] = {}
    if path.is_dir():
        for file in path.rglob("*.jpg"):
            if file.parent.name in _PARTS:
                found[_PARTS.index(file.parent.name), file.name] = file.read_bytes()
    else:
        try:
            with tarfile.open(path, "r:gz") as archive:
                for member in archive:
                    *_, folder, name = ("", *member.name.split("/"))
                    content = archive.extractfile(member) if name.endswith(".jpg") else None
                    if folder in _PARTS and content is not None:
                        found[_PARTS.index(folder), name] = content.read()
        except tarfile.TarError as error:
            raise ValueError(str(error)) from error
    return [found[key] for key in sorted(found)]


def _half(encoded: bytes) -> UInt8[ndarray, "h w 3"]:
    try:
        with Image.open(io.BytesIO(encoded)) as picture:
            size = (picture.width // 2, picture.height // 2)
            return np.array(picture.convert("RGB").resize(size, Image.Resampling.BOX))
    except OSError as error:
        raise ValueError(f"a photograph cannot be decoded: {error}") from error
