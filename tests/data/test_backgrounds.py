"""Background photographs from either layout."""

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from compvis.data.backgrounds import Photographs, load_backgrounds
from compvis.data.check import InputError
from compvis.data.folder import DataError, MissingDataError


def jpeg(value: int, size: tuple[int, int] = (20, 12)) -> bytes:
    sink = io.BytesIO()
    Image.new("RGB", size, (value, 50, 50)).save(sink, "JPEG", quality=95)
    return sink.getvalue()


def test_compact_file_is_divided_in_two(tmp_path: Path):
    items = [jpeg(i % 250) for i in range(300)]
    path = tmp_path / "backgrounds.npz"
    joined = np.frombuffer(b"".join(items), np.uint8)
    np.savez(path, jpeg=joined, jpeg_offsets=np.cumsum([0, *map(len, items)]))
    learn, test, whole = (load_backgrounds(part, tmp_path) for part in ("learn", "test", "all"))
    assert (len(learn), len(test), len(whole)) == (150, 150, 300)
    np.testing.assert_array_equal(whole.pictures[150], test.pictures[0])
    assert learn.pictures[3].shape == (12, 20, 3)
    assert abs(int(learn.pictures[3][0, 0, 0]) - 3) < 5
    np.savez(path, jpeg=joined[:-20], jpeg_offsets=np.cumsum([0, *map(len, items)]))
    with pytest.raises(DataError, match=r"backgrounds\.npz is damaged"):
        load_backgrounds("all", tmp_path)


def test_published_archive_is_halved_and_ordered(tmp_path: Path):
    with tarfile.open(tmp_path / "BSR_bsds500.tgz", "w:gz") as sink:
        for folder, name, value in (
            ("val", "10", 200),
            ("train", "9", 100),
            ("test", "1", 0),
            ("train", "30", 50),
        ):
            content = jpeg(value)
            member = tarfile.TarInfo(f"BSR/BSDS500/data/images/{folder}/{name}.jpg")
            member.size = len(content)
            sink.addfile(member, io.BytesIO(content))
    photographs = load_backgrounds("all", tmp_path)
    assert [p.shape for p in photographs.pictures] == [(6, 10, 3)] * 3
    assert [round(int(p[0, 0, 0]) / 50) * 50 for p in photographs.pictures] == [50, 100, 200]
    with pytest.raises(DataError, match="no photographs of this part"):
        load_backgrounds("test", tmp_path)


def test_bad_requests_are_refused(tmp_path: Path):
    with pytest.raises(InputError, match="Unknown part 'train'"):
        load_backgrounds("train", tmp_path)
    with pytest.raises(MissingDataError, match="BSR_bsds500"):
        load_backgrounds("all", tmp_path)
    with pytest.raises(InputError, match="no photographs"):
        Photographs((), "none").crop(4, 4, np.random.default_rng(0))


def test_crops_have_the_wanted_size_and_come_from_inside():
    ramp = np.broadcast_to(np.arange(60, 120, dtype=np.uint8)[None, :, None], (30, 60, 3))
    photographs = Photographs((ramp,), "ramp")
    for seed in range(20):
        piece = photographs.crop(16, 24, np.random.default_rng(seed))
        assert piece.shape == (16, 24, 3)
        assert piece.min() >= 60
        assert 10 < np.ptp(piece[..., 0]) < 60
        np.testing.assert_array_equal(piece, photographs.crop(16, 24, np.random.default_rng(seed)))
