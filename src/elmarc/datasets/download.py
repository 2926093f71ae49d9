"""Download a data set with pooch: show its size, fetch the archive, check its md5, unpack it."""

from __future__ import annotations

import logging
import shutil
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from importlib import import_module
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple, TypeAlias
from urllib.parse import urlsplit

from elmarc._choices import choose
from elmarc._names import expanded
from elmarc.datasets.named import DATASETS, NAMED, Archive, known_name
from elmarc.errors import DatasetError

Progress: TypeAlias = Callable[[int, int], object]  # bytes so far, of how many
TIMEOUT_S = 30
BY_HAND = "or download it in another way, unpack it, and name its folder with --audio"


class Offer(NamedTuple):
    """A data set that can be downloaded; `size` is None where the server does not state it."""

    name: str
    archive: Archive
    size: int | None
    to: Path
    licence: str

    @property
    def folder(self) -> Path:
        """Where its clips will lie: the value of `audio`."""
        return self.to / self.archive.folder

    def __str__(self) -> str:
        """Return what to know before it is downloaded."""
        size = "an unknown size" if self.size is None else f"{self.size / 1e6:,.1f} MB"
        return f"{self.name}: {size}, from {self.archive.url} to {self.folder}; licence: {self.licence}"

    def fetch(self, *, progress: Progress = lambda *_: None) -> Path:
        """Download, check and unpack the archive; return the folder.

        All is done in a hidden folder next to it, which is renamed at the end: what was interrupted is never
        taken for whole, and a finished download is used by the next attempt.
        """
        pooch, place = _pooch(), self.to / f".{self.archive.folder}.download"
        try:
            path = pooch.retrieve(
                self.archive.url,
                f"md5:{self.archive.md5}",
                fname=PurePosixPath(urlsplit(self.archive.url).path).name,
                path=place,
                downloader=pooch.HTTPDownloader(_Bar(progress), chunk_size=1 << 16, timeout=TIMEOUT_S),
            )
            folder = unpack(Path(path), self.archive.folder)
            folder.replace(self.folder)
        except OSError as problem:  # those of requests are
            raise DatasetError(f"{self.name}: not downloaded ({problem}): try again, {BY_HAND}") from problem
        except ValueError as problem:  # pooch's, for a checksum
            shutil.rmtree(place, ignore_errors=True)
            raise DatasetError(
                f"{self.name}: what {self.archive.url} sent has another checksum than the known md5 "
                f"{self.archive.md5}, and was deleted: download it again; if that does not help, the source "
                "has changed"
            ) from problem
        shutil.rmtree(place, ignore_errors=True)
        return self.folder


def offer(name: str, *, to: str | Path = ".") -> Offer:
    """Ask the server how large one of DATASETS is; the folder to unpack it in is made where it is absent."""
    known = known_name(name) or choose("data set", name, DATASETS)
    facts, place = NAMED[known], expanded(to)
    if facts.layout is None:
        raise DatasetError(f"{known}: is made where it is used: there is nothing to download")
    if facts.archive is None:
        raise DatasetError(
            f"{known}: no archive of it is known: see {facts.url}, and name the folder of its "
            "clips with --audio"
        )
    folder = place / facts.archive.folder
    if folder.exists():
        raise DatasetError(f"{known}: {folder} is there already: use it as --audio, or move it")
    size = _size(known, facts.archive.url)
    place.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(place).free
    if size is not None and size > free:
        raise DatasetError(f"{known}: has {size:,} bytes, and {place} has {free:,} free: use another disk")
    return Offer(known, facts.archive, size, place, facts.licence)


def _size(name: str, url: str) -> int | None:
    """Return how many bytes a server has of a file, None where it does not state it."""
    _pooch()
    requests = import_module("requests")  # pooch needs it
    try:
        with requests.get(url, stream=True, timeout=TIMEOUT_S) as answer:
            answer.raise_for_status()
    except OSError as problem:
        raise DatasetError(
            f"{name}: cannot be downloaded ({problem}): try again later, see {NAMED[name].url}, {BY_HAND}"
        ) from problem
    if answer.headers.get("Content-Type", "").startswith("text/html"):
        raise DatasetError(
            f"{name}: {url} is a web page, not the archive: it may want a login, or have moved; see "
            f"{NAMED[name].url}, {BY_HAND}"
        )
    length = answer.headers.get("Content-Length")
    return int(length) if length else None


def _pooch() -> Any:
    try:
        pooch = import_module("pooch")
    except ImportError as problem:
        raise DatasetError(f"{problem}: install it with pip install 'elmarc[data]'") from problem
    pooch.get_logger().setLevel(logging.WARNING)
    return pooch


class _Bar:
    """A progress bar as pooch wants it."""

    total = 0

    def __init__(self, progress: Progress) -> None:
        self.progress, self.n_bytes = progress, 0

    def update(self, n_bytes: int) -> None:
        self.n_bytes += n_bytes
        self.progress(self.n_bytes, self.total)

    def reset(self) -> None:  # before pooch adds the total once more
        self.n_bytes = 0

    def close(self) -> None:
        pass


def unpack(archive: Path, folder: str) -> Path:
    """Unpack a zip or tar file into a new folder next to it; return the path of its part `folder`.

    pooch's own processors do not filter what tar files write on Python 3.11. A full disk is an OSError.
    """
    place = Path(tempfile.mkdtemp(dir=archive.parent))
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as files:
                files.extractall(place)  # leaves out "..", drives and the first slash of names
        else:
            with tarfile.open(archive) as files_of_tar:
                files_of_tar.extractall(place, filter="data")  # refuses what leads out, and devices
        if (place / folder).is_dir():
            return place / folder
        problem = f"it holds no folder {folder}"
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error) as error:
        problem = str(error)
    except BaseException:
        shutil.rmtree(place, ignore_errors=True)
        raise
    shutil.rmtree(place, ignore_errors=True)
    raise DatasetError(f"{archive}: cannot be unpacked ({problem}): delete it, and download it again")
