"""Where data files are found, and how they are fetched once.

A loader looks in this order:

1. `root`, a folder the caller names: a compact file (`mnist.npz`, `omniglot.npz`, ...) or the set's public
   files as published. Nothing is ever downloaded into it.
2. the folder named by the environment variable `COMPVIS_DATA`, for compact files.
3. the cache, `COMPVIS_CACHE` or `~/.cache/compvis`: public files, downloaded when missing and checked against
   their published checksum on every load.

Compact layout: `.npz` files without pickled objects; *packed* arrays hold binary images as `numpy.packbits`
along the last axis of (n, H*W); *ragged* ones are values plus offsets, item i being
`values[offsets[i]:offsets[i+1]]`.
"""

import gzip
import hashlib
import http.client
import os
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.error import URLError
from urllib.request import urlopen

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

_CHUNK = 1 << 18
_TIMEOUT_SECONDS = 30.0


class DataError(RuntimeError):
    """A data file is missing, damaged or not the one published; the message says what to do about it."""


class MissingDataError(DataError):
    """A data set is not on this machine and cannot be fetched for the user."""


@dataclass(frozen=True)
class PublicFile:
    """One published file.

    Attributes:
        path: its place under the cache folder, like `mnist/train-images-idx3-ubyte.gz`.
        urls: where it can be had, tried in order.
        checksum: `md5:<hex>` or `sha256:<hex>`.
    """

    path: str
    urls: tuple[str, ...]
    checksum: str

    @property
    def name(self) -> str:
        return PurePosixPath(self.path).name


def compact_file(name: str, root: Path | str | None) -> Path | None:
    """The compact file `name` in `root` (or else in the folder `COMPVIS_DATA`), None where there is none.

    Raises:
        DataError: the folder that was named does not exist.
    """
    folder = _named_folder(root)
    if folder is None or not (folder / name).is_file():
        return None
    return folder / name


def public_files(files: Sequence[PublicFile], root: Path | str | None) -> list[Path]:
    """Local paths of published files: in `root` where given, else in the cache, fetched when missing.

    Files in `root` are the user's own, who may have made them: what is in them is not compared with what was published.

    Raises:
        DataError: missing from `root`, not to be had from any of its addresses, or of another checksum there.
    """
    if root is None:
        return [_cached(file) for file in files]
    folder = _named_folder(root)
    assert folder is not None
    found = [next((p for p in (folder / f.path, folder / f.name) if p.is_file()), None) for f in files]
    missing = [file.name for file, path in zip(files, found, strict=True) if path is None]
    if missing:
        raise DataError(
            f"{folder} lacks {', '.join(missing)}: put the file(s) there, or name no folder to download them."
        )
    return [path for path in found if path is not None]


def cache_folder() -> Path:
    """Where downloads are kept: `COMPVIS_CACHE`, or `~/.cache/compvis`."""
    named = os.environ.get("COMPVIS_CACHE")
    return Path(named).expanduser() if named else Path.home() / ".cache" / "compvis"


def download(urls: Sequence[str], destination: Path, checksum: str) -> None:
    """Fetch the first of `urls` that can be had to `destination`.

    The file appears there whole and checked, or not at all; progress goes to the standard error stream.

    Raises:
        DataError: no address could be read, or what arrived is not the published file.
    """
    destination.parent.mkdir(parents=True, exist_ok=True)
    failures: list[str] = []
    for url in urls:
        handle, name = tempfile.mkstemp(dir=destination.parent, prefix=f".{destination.name}-")
        os.close(handle)
        partial = Path(name)
        try:
            _fetch(url, partial, destination.name)
            _verify(partial, checksum, f"What arrived from {url}", "try again later")
            os.replace(partial, destination)
            return
        except (URLError, OSError, http.client.HTTPException, DataError) as error:
            failures.append(str(error) if isinstance(error, DataError) else f"{url}: {error}")
        finally:
            partial.unlink(missing_ok=True)
    raise DataError(f"Could not download {destination.name}: {'; '.join(failures)}")


def own_file(names: Sequence[str], root: Path | str | None, what: str, source: str) -> Path:
    """The first of `names` (files or folders) in `root`, else in the folder `COMPVIS_DATA`.

    For sets that are published without a checksum, or only to those who ask: they are never downloaded.

    Args:
        what: the set, `source`: where a user can have it; both for the message.

    Raises:
        MissingDataError: no folder is named, or it holds none of the files.
        DataError: the folder that was named does not exist.
    """
    folder = _named_folder(root)
    if folder is not None:
        for name in names:
            if (folder / name).exists():
                return folder / name
    where = "no data folder is named" if folder is None else f"{folder} holds no {' or '.join(names)}"
    raise MissingDataError(
        f"{what} is not on this machine ({where}): get it from {source} and name its folder as root or in "
        "COMPVIS_DATA."
    )


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn the many errors of reading a damaged or truncated file into one `DataError` naming it."""
    try:
        yield
    except (
        EOFError,
        KeyError,
        ValueError,
        IndexError,
        SyntaxError,
        gzip.BadGzipFile,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        raise DataError(
            f"{path} is damaged, truncated or of another layout ({error}): delete it and fetch it again."
        ) from error


@contextmanager
def compact_arrays(path: Path) -> Iterator[Mapping[str, np.ndarray]]:
    """The arrays of a compact file, each read when it is asked for; damage is one `DataError`."""
    with reading(path), path.open("rb") as source, np.load(source, allow_pickle=False) as arrays:
        yield arrays


def unpack_images(packed: np.ndarray, height: int, width: int) -> np.ndarray:
    """Binary images (..., H, W) uint8, 0 or 255, of a packed array (..., ceil(H*W/8)).

    Raises:
        ValueError: packed images of another size.
    """
    if packed.shape[-1] != (height * width + 7) // 8:
        raise ValueError(f"{packed.shape[-1]} bytes cannot hold a packed image of {height} x {width} pixels")
    bits = np.unpackbits(packed, axis=-1, count=height * width)
    bits *= 255
    return bits.reshape(*packed.shape[:-1], height, width)


def _named_folder(root: Path | str | None) -> Path | None:
    named = root if root is not None else os.environ.get("COMPVIS_DATA") or None
    if named is None:
        return None
    folder = Path(named).expanduser()
    if not folder.is_dir():
        origin = "given as root" if root is not None else "named by COMPVIS_DATA"
        raise DataError(f"The data folder {folder} {origin} does not exist: create it or name another.")
    return folder


def _cached(file: PublicFile) -> Path:
    path = cache_folder() / file.path
    if path.is_file():
        _verify(path, file.checksum, str(path), "delete it and load again")
    else:
        download(file.urls, path, file.checksum)
    return path


def _fetch(url: str, destination: Path, title: str) -> None:
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with (
        urlopen(url, timeout=_TIMEOUT_SECONDS) as response,
        destination.open("wb") as sink,
        Progress(*columns, console=Console(stderr=True), transient=True) as progress,
    ):
        length = response.headers.get("Content-Length")
        task = progress.add_task(title, total=int(length) if length else None)
        while chunk := response.read(_CHUNK):
            sink.write(chunk)
            progress.advance(task, len(chunk))
        arrived = sink.tell()
    if length and arrived != int(length):
        raise DataError(f"Only {arrived} of {length} bytes arrived from {url}: try again later.")


def _verify(path: Path, checksum: str, what: str, remedy: str) -> None:
    algorithm, _, expected = checksum.partition(":")
    digest = hashlib.new(algorithm, usedforsecurity=False)
    with path.open("rb") as source:
        while chunk := source.read(_CHUNK):
            digest.update(chunk)
    if digest.hexdigest() != expected:
        raise DataError(
            f"{what} is not the published file ({algorithm} {digest.hexdigest()}, not {expected}): {remedy}."
        )
