"""MNIST from either layout, and the fixed protocol's rows."""

import gzip
import hashlib
import struct
from pathlib import Path

import numpy as np
import pytest

from compvis.data import mnist
from compvis.data.folder import DataError, PublicFile
from compvis.data.mnist import MNIST_LEARN, MNIST_TEST, MNIST_VALIDATE, load_mnist, mnist_test_rows

IMAGES = np.random.default_rng(1).integers(0, 256, (12, 28, 28), dtype=np.uint8)
LABELS = (np.arange(12) % 10).astype(np.uint8)


def idx(values: np.ndarray) -> bytes:
    header = struct.pack(f">HBB{values.ndim}I", 0, 8, values.ndim, *values.shape)
    return gzip.compress(header + values.tobytes())


@pytest.fixture
def published(tmp_path: Path) -> Path:
    for part in ("train", "t10k"):
        (tmp_path / f"{part}-images-idx3-ubyte.gz").write_bytes(idx(IMAGES))
        (tmp_path / f"{part}-labels-idx1-ubyte.gz").write_bytes(idx(LABELS))
    return tmp_path


@pytest.mark.parametrize("part", ["train", "test"])
def test_published_files_are_read(published: Path, part: str):
    digits = load_mnist(part, published)
    np.testing.assert_array_equal(digits.images, IMAGES)
    np.testing.assert_array_equal(digits.labels, LABELS)
    assert digits.name == f"mnist-{part}"
    assert digits.class_names == tuple("0123456789")


def test_compact_file_is_read(tmp_path: Path):
    np.savez(tmp_path / "mnist.npz", images=IMAGES, labels=LABELS)
    np.testing.assert_array_equal(load_mnist("train", tmp_path).images, IMAGES)
    with pytest.raises(DataError, match="t10k-images"):
        load_mnist("test", tmp_path)


def test_download_is_checked_and_read(published: Path, empty_machine: Path, monkeypatch: pytest.MonkeyPatch):
    served = tuple(
        PublicFile(
            f"mnist/{file.name}",
            ((published / file.name).as_uri(),),
            "md5:" + hashlib.md5((published / file.name).read_bytes()).hexdigest(),
        )
        for file in mnist.MNIST_FILES["train"]
    )
    monkeypatch.setitem(mnist.MNIST_FILES, "train", served)
    np.testing.assert_array_equal(load_mnist().images, IMAGES)
    assert len(list((empty_machine / "mnist").iterdir())) == 2


@pytest.mark.parametrize(
    "content",
    [
        idx(IMAGES)[:-200],
        gzip.compress(gzip.decompress(idx(IMAGES))[:-1]),
        gzip.compress(b"\0\0\x08\x03\0\0"),
        gzip.compress(b"\0\0"),
        b"<html>not found</html>",
        b"",
    ],
    ids=["cut gzip", "cut values", "cut header", "no header", "web page", "empty"],
)
def test_damaged_file_is_one_clear_error(published: Path, content: bytes):
    (published / "train-images-idx3-ubyte.gz").write_bytes(content)
    with pytest.raises(DataError, match=r"train-images-idx3-ubyte\.gz is damaged, truncated"):
        load_mnist("train", published)


def test_damaged_compact_file_is_one_clear_error(tmp_path: Path):
    np.savez(tmp_path / "mnist.npz", images=IMAGES, labels=LABELS)
    (tmp_path / "mnist.npz").write_bytes((tmp_path / "mnist.npz").read_bytes()[:500])
    with pytest.raises(DataError, match=r"mnist\.npz is damaged"):
        load_mnist("train", tmp_path)


def test_unknown_part_is_refused(published: Path):
    with pytest.raises(ValueError, match="'train' and 'test'"):
        load_mnist("validation", published)


def test_protocol_parts_are_disjoint_and_fixed():
    assert [*MNIST_LEARN, *MNIST_VALIDATE, *MNIST_TEST] == list(range(60_000))
    rows = mnist_test_rows()
    assert len(np.unique(rows)) == 2000
    assert set(rows) <= set(MNIST_TEST)
    assert mnist_test_rows(5).tolist() == [51301, 51749, 53775, 53966, 58937]
    assert set(mnist_test_rows(100)) < set(rows)
    for n in (0, 10_001):
        with pytest.raises(ValueError, match="1 to 10000"):
            mnist_test_rows(n)


@pytest.mark.usefixtures("real_data")
def test_real_training_digits():
    digits = load_mnist()
    assert digits.images.shape == (60_000, 28, 28)
    assert digits.labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert np.median(digits.images[:, 0, 0]) == 0  # paper is dark
