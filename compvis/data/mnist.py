"""MNIST: 28x28 handwritten digits, bright ink (255) on dark paper (0), anti-aliased.

Source: LeCun, Cortes and Burges, http://yann.lecun.com/exdb/mnist/ (60,000 training and 10,000 test digits;
the writers of the two parts differ).

The fixed protocol here uses the 60,000 training digits alone: the first 40,000 to learn from, the next 10,000
to choose by, and rows drawn once and for all from the last 10,000 to report on.
"""

import gzip
import struct
from pathlib import Path

import numpy as np
from jaxtyping import Int64, UInt8
from numpy import ndarray

from compvis.data.contract import LabelledImages
from compvis.data.folder import PublicFile, compact_arrays, compact_file, public_files, reading

MNIST_LEARN = range(0, 40_000)
MNIST_VALIDATE = range(40_000, 50_000)
MNIST_TEST = range(50_000, 60_000)
TEST_ROWS_SEED = 1998  # the year of the paper; never to be changed, results hang on it

_MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
_PROVENANCE = "MNIST, LeCun, Cortes and Burges 1998, http://yann.lecun.com/exdb/mnist/"


def _published(name: str, md5: str) -> PublicFile:
    return PublicFile(f"mnist/{name}", tuple(mirror + name for mirror in _MIRRORS), f"md5:{md5}")


MNIST_FILES = {
    "train": (
        _published("train-images-idx3-ubyte.gz", "f68b3c2dcbeaaa9fbdd348bbdeb94873"),
        _published("train-labels-idx1-ubyte.gz", "d53e105ee54ea40749a09fcbcd1e9432"),
    ),
    "test": (
        _published("t10k-images-idx3-ubyte.gz", "9fb629c4189551a2d022fa330f9573f3"),
        _published("t10k-labels-idx1-ubyte.gz", "ec29112dd5afa0611ce80d1b7f02629c"),
    ),
}


def load_mnist(part: str = "train", root: Path | str | None = None) -> LabelledImages:
    """The 60,000 training or the 10,000 test digits, in published order.

    Args:
        part: `train` or `test`, the two published parts.
        root: folder with `mnist.npz` (`images (n,28,28)`, `labels (n,)`, the training part only) or with the
            published `.gz` files; without it `COMPVIS_DATA` and then the cache are looked into
            (`compvis.data.folder`).

    Raises:
        ValueError: another part. DataError: files missing, damaged or not the published ones.
    """
    if part not in MNIST_FILES:
        raise ValueError(f"MNIST has the parts 'train' and 'test', not {part!r}.")
    compact = compact_file("mnist.npz", root) if part == "train" else None
    if compact is not None:
        with compact_arrays(compact) as arrays:
            images, labels = arrays["images"], arrays["labels"]
    else:
        images, labels = (_read_idx(path) for path in public_files(MNIST_FILES[part], root))
    return LabelledImages(
        images,
        labels.astype(np.int64),
        tuple(str(digit) for digit in range(10)),
        f"mnist-{part}",
        _PROVENANCE,
    )


def mnist_test_rows(n: int = 2000) -> Int64[ndarray, "n"]:
    """`n` fixed rows of `MNIST_TEST`, ascending: the digits results are reported on.

    The order is one permutation by seed `TEST_ROWS_SEED`, so fewer rows are always among more rows.

    Raises:
        ValueError: more rows than `MNIST_TEST` has, or none.
    """
    if not 1 <= n <= len(MNIST_TEST):
        raise ValueError(f"Ask for 1 to {len(MNIST_TEST)} test rows, not {n}.")
    order = np.random.default_rng(TEST_ROWS_SEED).permutation(len(MNIST_TEST))
    return np.sort(order[:n]).astype(np.int64) + MNIST_TEST.start


def _read_idx(path: Path) -> UInt8[ndarray, "..."]:
    """One gzipped IDX file: two zero bytes, type (8 = uint8), rank, big-endian sizes, values."""
    with reading(path), gzip.open(path, "rb") as source:
        content = source.read()
        if len(content) < 4 or content[:3] != b"\0\0\x08":
            raise ValueError("not an IDX file of bytes")
        rank = content[3]
        if len(content) < 4 + 4 * rank:
            raise ValueError("the header is incomplete")
        shape = struct.unpack_from(f">{rank}I", content, 4)
        values = np.frombuffer(content, np.uint8, offset=4 + 4 * rank)
        if values.size != int(np.prod(shape, dtype=np.int64)):
            raise ValueError(f"{values.size} values do not fill {shape}")
        return values.reshape(shape).copy()
