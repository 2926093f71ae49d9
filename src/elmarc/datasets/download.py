"""Download a data set: say its size, fetch its archive, check it, unpack it."""

from __future__ import annotations

import hashlib
import logging
import shutil
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from elmarc._choices import choose
from elmarc._names import expanded
from elmarc.datasets.opening import DATASETS, dataset_module, known_name
from elmarc.datasets.sources import Source, source_of
from elmarc.datasets.transfer import Progress, Resuming, size_of
from elmarc.datasets.unpacking import unpack
from elmarc.errors import DatasetError


class Offer(NamedTuple):
    """A data set that can be downloaded; a size of None is one that the server does not say."""

    name: str
    source: Source
    size: int | None
    to: Path
    licence: str

    @property
    def folder(self) -> Path:
        """Where its clips will lie: what `audio` takes."""
        return self.to / self.source.folder

    @property
    def here(self) -> int:
        """How many bytes an earlier attempt left."""
        return self._part.stat().st_size if self._part.is_file() else 0

    @property
    def _part(self) -> Path:
        return self.to / f"{self.source.file}.part"

    def __str__(self) -> str:
        """Return what has to be known before it is fetched."""
        size = "an unknown size" if self.size is None else f"{self.size / 1e6:,.1f} MB"
        here = f", {self.here / 1e6:,.1f} MB of them here already" if self.here else ""
        check = "" if self.source.md5 else "; no checksum is known, so what comes cannot be checked"
        places = f"from {self.source.url} to {self.folder}"
        return f"{self.name}: {size}{here}, {places}; licence: {self.licence}{check}"

    def fetch(self, *, progress: Progress = lambda *_: None, pause_s: float = 1.0) -> Path:
        """Fetch, check and unpack the archive; return the folder. An attempt that broke off is taken up.

        Raises
        ------
        DatasetError
            pooch is not installed, the disk is too small, the server does not give the file, its checksum is
            another, or the archive is damaged or unsafe.
        """
        archive = self.to / self.source.file
        was_there = archive.exists()
        _retrieve(
            self.source, archive, Resuming(self._part, name=self.name, progress=progress, pause_s=pause_s)
        )
        folder = unpack(archive, self.source.folder)
        if not was_there:
            archive.unlink()
        return folder


def offer(name: str, *, to: str | Path = ".") -> Offer:
    """Ask how large a data set is; nothing is fetched.

    Parameters
    ----------
    name : str
        One of DATASETS.
    to : str or Path
        The folder to unpack it in; made where it is absent.

    Raises
    ------
    DatasetError
        No archive of it is known, the server does not have it or wants a login, the disk is too small, or
        another file of its name is there.
    """
    known = known_name(name) or choose("data set", name, DATASETS)
    module = dataset_module(known)
    source = source_of(known, page=module.URL)
    place = expanded(to)
    if (place / source.folder).exists():
        raise DatasetError(
            f"{known}: {place / source.folder} is there already: use it as --audio, or move it"
        )
    archive = place / source.file
    if archive.exists() and _md5(archive) != source.md5:
        raise DatasetError(
            f"{known}: {archive} is there already, and is another file than would be fetched: move it, or "
            "name another folder with --to"
        )
    try:
        size = size_of(source.url, name=known)
    except DatasetError as problem:
        raise DatasetError(f"{problem}; see {module.URL}") from problem
    place.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(place).free
    if size is not None and size > free:
        raise DatasetError(f"{known}: has {size:,} bytes, and {place} has {free:,} free: use another disk")
    return Offer(known, source, size, place, module.LICENCE)


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()


def _retrieve(source: Source, archive: Path, downloader: Resuming) -> None:
    try:
        pooch = import_module("pooch")
    except ImportError as problem:
        raise DatasetError(f"{problem}: install it with pip install 'elmarc[data]'") from problem
    pooch.get_logger().setLevel(logging.WARNING)
    md5 = f"md5:{source.md5}" if source.md5 else None
    try:
        pooch.retrieve(source.url, md5, fname=archive.name, path=str(archive.parent), downloader=downloader)
    except ValueError as problem:
        raise DatasetError(
            f"{downloader.name}: what {source.url} sent has another checksum than the known md5 "
            f"{source.md5}, and was deleted: download it again; if that does not help, the source has changed"
        ) from problem
