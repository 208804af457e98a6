"""ETH-80 from either layout, its angles, and damage."""

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from compvis.data.eth80 import load_eth80
from compvis.data.folder import DataError, MissingDataError
from compvis.data.view_splits import fold_rows

NAMES = ("apple", "car")
# (class, published number of the object, zenith, azimuth)
KEYS = [(c, o, z, a) for c in NAMES for o in (1, 3, 12) for z, a in ((0, 0), (66, 27), (90, 338))]


def encode(pixels: np.ndarray, kind: str) -> bytes:
    sink = io.BytesIO()
    Image.fromarray(pixels).save(sink, kind, **({"quality": 95} if kind == "JPEG" else {}))
    return sink.getvalue()


def picture(key: tuple[str, int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """A smooth picture that tells its key, and its mask."""
    pixels = np.zeros((16, 16, 3), np.uint8)
    pixels[:] = (20 * key[1], key[2], key[3] // 2)
    mask = np.zeros((16, 16), bool)
    mask[4:12, 2 + key[1] % 5 : 14] = True
    return pixels, mask


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "eth80-cropped-close128.tgz"
    with tarfile.open(path, "w:gz") as sink:
        for c, o, z, a in KEYS[::-1]:
            pixels, mask = picture((c, o, z, a))
            stem = f"{c}{o}-{z:03d}-{a:03d}"
            files = {f"{c}{o}/{stem}.png": pixels, f"{c}{o}/maps/{stem}-map.png": np.uint8(255) * mask}
            for name, content in files.items():
                data = encode(content, "PNG")
                member = tarfile.TarInfo(f"eth80-cropped-close128/{name}")
                member.size = len(data)
                sink.addfile(member, io.BytesIO(data))
    return path


@pytest.fixture
def compact(tmp_path: Path) -> Path:
    (tmp_path / "compact").mkdir()
    path = tmp_path / "compact" / "eth80.npz"
    items = [encode(picture(key)[0], "JPEG") for key in KEYS]
    masks = np.stack([picture(key)[1] for key in KEYS])
    np.savez(
        path,
        jpeg=np.frombuffer(b"".join(items), np.uint8),
        jpeg_offsets=np.cumsum([0, *map(len, items)]),
        mask_packed=np.packbits(masks.reshape(len(KEYS), -1), axis=-1),
        class_names=np.array(NAMES),
        label=np.array([NAMES.index(key[0]) for key in KEYS], np.uint8),
        object=np.array([(1, 3, 12).index(key[1]) for key in KEYS], np.uint8),
        elevation=np.array([key[2] for key in KEYS], np.int16),
        azimuth=np.array([key[3] for key in KEYS], np.int16),
    )
    return path


@pytest.mark.parametrize("layout", ["archive", "unpacked", "compact"])
def test_every_layout_gives_the_same_views(layout: str, archive: Path, compact: Path, tmp_path: Path):
    root = compact.parent if layout == "compact" else archive.parent
    if layout == "unpacked":
        root = tmp_path / "unpacked"
        with tarfile.open(archive) as source:
            if hasattr(tarfile, "data_filter"):  # not before Python 3.11.4
                source.extraction_filter = tarfile.data_filter
            source.extractall(root)
    data = load_eth80(root)
    assert data.class_names == NAMES
    assert data.labels.tolist() == [0] * 9 + [1] * 9
    assert data.objects.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2] * 2
    assert data.elevation.tolist() == [90.0, 24.0, 0.0] * 6
    assert data.azimuth.tolist() == [0.0, 27.0, 338.0] * 6
    for row, key in enumerate(KEYS):
        pixels, mask = picture(key)
        assert np.abs(data.images[row].astype(int) - pixels).max() <= (4 if layout == "compact" else 0)
        np.testing.assert_array_equal(data.masks[row], mask)


def test_without_files_the_error_says_where_to_get_them(tmp_path: Path, empty_machine: Path):
    with pytest.raises(MissingDataError, match=r"no data folder is named.*eth80-cropped-close128\.tgz"):
        load_eth80()
    with pytest.raises(MissingDataError, match="holds no eth80"):
        load_eth80(tmp_path)


def test_damaged_files_are_one_clear_error(archive: Path, compact: Path):
    archive.write_bytes(archive.read_bytes()[:900])
    with pytest.raises(DataError, match=r"tgz is damaged, truncated"):
        load_eth80(archive.parent)
    arrays = dict(np.load(compact))
    for name, broken in (
        ("jpeg", arrays["jpeg"][:-50]),
        ("mask_packed", arrays["mask_packed"][:, :-3]),
        ("label", arrays["label"][:-1]),
        ("jpeg", np.zeros_like(arrays["jpeg"])),
    ):
        np.savez(compact, **(arrays | {name: broken}))
        with pytest.raises(DataError, match=r"eth80\.npz is damaged"):
            load_eth80(compact.parent)


def test_a_picture_without_its_map_is_refused(tmp_path: Path):
    folder = tmp_path / "eth80-cropped-close128" / "cow1"
    folder.mkdir(parents=True)
    (folder / "cow1-090-000.png").write_bytes(encode(picture(("cow", 1, 90, 0))[0], "PNG"))
    with pytest.raises(DataError, match="without a map"):
        load_eth80(tmp_path)


@pytest.fixture(scope="module")
def real():
    try:
        return load_eth80()
    except MissingDataError as missing:
        pytest.skip(str(missing))


def test_handles_of_real_cups_point_where_the_azimuth_says(real):
    """Seen from 45 degrees up, the handle (+x) lies towards (cos azimuth, sin azimuth) = (right, down)."""
    cups = np.flatnonzero((real.labels == real.class_names.index("cup")) & (real.elevation == 45))
    for row in cups:
        around = np.radians(real.azimuth[row])
        y, x = np.nonzero(real.masks[row])
        handle = [((v - v.mean()) ** 3).mean() / v.std() ** 3 for v in (x, y)]  # skewed towards the handle
        if abs(np.cos(around)) > 0.5:  # the cup itself tapers downwards, so only right and left are clean
            assert handle[0] * np.cos(around) > 0.1


def test_real_objects_are_divided_in_three_folds(real):
    for fold in range(3):
        assert [len(fold_rows(real, fold, part)) for part in ("learn", "validation", "test")] == [
            984,
            656,
            656,
        ]
        assert len(fold_rows(real, fold, "learn", views=12)) == 8 * 3 * 12
