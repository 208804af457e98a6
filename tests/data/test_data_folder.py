"""Finding, fetching and checking files, against files served from a temporary folder."""

import hashlib
import zipfile
from pathlib import Path

import numpy as np
import pytest

from compvis.data import folder
from compvis.data.folder import DataError, PublicFile, compact_file, public_files, reading, unpack_images

CONTENT = b"ink on paper" * 1000


def serve(tmp_path: Path, checksum: str = "", content: bytes = CONTENT) -> PublicFile:
    source = tmp_path / "server" / "drawings.zip"
    source.parent.mkdir(exist_ok=True)
    source.write_bytes(content)
    expected = checksum or "sha256:" + hashlib.sha256(CONTENT).hexdigest()
    return PublicFile("set/drawings.zip", (source.as_uri(),), expected)


@pytest.mark.parametrize("algorithm", ["md5", "sha256"])
def test_download_once_then_use_the_cache(empty_machine: Path, tmp_path: Path, algorithm: str):
    file = serve(tmp_path, f"{algorithm}:{hashlib.new(algorithm, CONTENT).hexdigest()}")
    (path,) = public_files([file], None)
    assert path == empty_machine / "set" / "drawings.zip"
    assert path.read_bytes() == CONTENT
    (tmp_path / "server" / "drawings.zip").unlink()
    assert public_files([file], None) == [path]


def test_second_address_serves_when_the_first_fails(empty_machine: Path, tmp_path: Path):
    file = serve(tmp_path)
    missing = (tmp_path / "nowhere.zip").as_uri()
    (path,) = public_files([PublicFile(file.path, (missing, *file.urls), file.checksum)], None)
    assert path.read_bytes() == CONTENT


@pytest.mark.parametrize("content", [b"something else", CONTENT[:-1]], ids=["other", "truncated"])
def test_another_file_is_refused_and_leaves_nothing(empty_machine: Path, tmp_path: Path, content: bytes):
    with pytest.raises(DataError, match="not the published file"):
        public_files([serve(tmp_path, content=content)], None)
    assert list(empty_machine.rglob("*.zip*")) == []


def test_incomplete_transfer_is_named(empty_machine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    file, honest = serve(tmp_path), folder.urlopen

    def promise_more(url: str, timeout: float):
        response = honest(url, timeout=timeout)
        response.headers.replace_header("Content-Length", str(len(CONTENT) + 1))
        return response

    monkeypatch.setattr(folder, "urlopen", promise_more)
    with pytest.raises(DataError, match=f"Only {len(CONTENT)} of {len(CONTENT) + 1} bytes"):
        public_files([file], None)
    assert list(empty_machine.rglob("*.zip*")) == []


def test_no_address_answers(empty_machine: Path, tmp_path: Path):
    file = PublicFile("a.gz", ((tmp_path / "nowhere.gz").as_uri(),), "md5:0")
    with pytest.raises(DataError, match=r"Could not download a\.gz"):
        public_files([file], None)


def test_cached_file_that_changed_is_refused(empty_machine: Path, tmp_path: Path):
    (path,) = public_files([serve(tmp_path)], None)
    path.write_bytes(CONTENT[:100])
    with pytest.raises(DataError, match="delete it and load again"):
        public_files([serve(tmp_path)], None)


def test_named_folder_is_never_downloaded_into(empty_machine: Path, tmp_path: Path):
    file, root = serve(tmp_path), tmp_path / "mine"
    root.mkdir()
    with pytest.raises(DataError, match=r"lacks drawings\.zip"):
        public_files([file], root)
    (root / "drawings.zip").write_bytes(b"repacked")
    assert public_files([file], root) == [root / "drawings.zip"]
    (root / "set").mkdir()
    (root / "set" / "drawings.zip").write_bytes(b"in its folder")
    assert public_files([file], str(root)) == [root / "set" / "drawings.zip"]


def test_compact_file_prefers_root_over_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for name in ("given", "environment"):
        (tmp_path / name).mkdir()
        np.savez(tmp_path / name / "mnist.npz", images=np.zeros(1))
    monkeypatch.setenv("COMPVIS_DATA", str(tmp_path / "environment"))
    assert compact_file("mnist.npz", tmp_path / "given") == tmp_path / "given" / "mnist.npz"
    assert compact_file("mnist.npz", None) == tmp_path / "environment" / "mnist.npz"
    assert compact_file("other.npz", None) is None
    monkeypatch.delenv("COMPVIS_DATA")
    assert compact_file("mnist.npz", None) is None


def test_named_folder_must_exist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(DataError, match="given as root does not exist"):
        compact_file("mnist.npz", tmp_path / "typo")
    monkeypatch.setenv("COMPVIS_DATA", str(tmp_path / "typo"))
    with pytest.raises(DataError, match="COMPVIS_DATA does not exist"):
        compact_file("mnist.npz", None)


def test_reading_a_truncated_archive_is_one_clear_error(tmp_path: Path):
    whole, cut = tmp_path / "whole.zip", tmp_path / "cut.zip"
    with zipfile.ZipFile(whole, "w") as archive:
        archive.writestr("a.txt", CONTENT)
    cut.write_bytes(whole.read_bytes()[:200])
    with pytest.raises(DataError, match=r"cut\.zip is damaged, truncated"), reading(cut):
        zipfile.ZipFile(cut)


def test_unpacking_inverts_packing():
    bits = np.random.default_rng(0).integers(0, 2, (4, 7, 5), dtype=np.uint8)
    images = unpack_images(np.packbits(bits.reshape(4, -1), axis=-1), 7, 5)
    assert images.dtype == np.uint8
    np.testing.assert_array_equal(images, bits * 255)
