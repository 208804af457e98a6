"""Pictures kept as encoded files (JPEG, PNG) in one ragged array of bytes."""

import io
import itertools

import numpy as np
from jaxtyping import Int64, UInt8
from numpy import ndarray
from PIL import Image


def encoded_items(values: UInt8[ndarray, "bytes"], offsets: Int64[ndarray, "n1"]) -> list[bytes]:
    """Item i is `values[offsets[i]:offsets[i+1]]`.

    Raises:
        ValueError: offsets that do not ascend from 0 to the length of `values`.
    """
    if len(offsets) < 1 or offsets[0] != 0 or offsets[-1] != len(values) or (np.diff(offsets) < 0).any():
        raise ValueError("the offsets do not fit the values")
    return [values[start:end].tobytes() for start, end in itertools.pairwise(offsets.tolist())]


def decode_colour(encoded: bytes) -> UInt8[ndarray, "H W 3"]:
    """An encoded picture as RGB.

    Raises:
        ValueError: bytes that are no picture, or a truncated one.
    """
    return _decode(encoded, "RGB")


def decode_numbers(encoded: bytes) -> UInt8[ndarray, "H W"]:
    """An encoded single-channel picture (grey, or a palette's numbers) as it is.

    Raises:
        ValueError: as `decode_colour`, or a picture with several channels.
    """
    return _decode(encoded, None)


def _decode(encoded: bytes, mode: str | None) -> ndarray:
    try:
        with Image.open(io.BytesIO(encoded)) as picture:
            pixels = np.array(picture if mode is None else picture.convert(mode))
    except OSError as error:  # Pillow's UnidentifiedImageError and its truncation errors are among them
        raise ValueError(f"a picture cannot be decoded: {error}") from error
    if mode is None and pixels.ndim != 2:
        raise ValueError("a picture that should hold numbers has several channels")
    return pixels.astype(np.uint8)
