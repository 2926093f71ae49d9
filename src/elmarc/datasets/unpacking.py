"""Unpack an archive of somebody else: nothing of it may land outside its folder."""

from __future__ import annotations

import shutil
import tarfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath, PureWindowsPath

from elmarc.errors import DatasetError


def unpack(archive: Path, folder: str) -> Path:
    """Unpack one folder of a zip or tar file beside it, whole or not at all.

    Parameters
    ----------
    archive : Path
        Its suffix does not matter.
    folder : str
        The folder in the archive to keep.

    Returns
    -------
    path : Path
        The folder, where the archive lies.

    Raises
    ------
    DatasetError
        The archive is damaged, lacks the folder, needs more space than there is, or holds a link, a device or
        a path that leads out of it.
    """
    place = archive.with_name(f".{archive.name}.unpacking")
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    try:
        _extract(archive, place)
        if not (place / folder).is_dir():
            raise DatasetError(f"{archive}: holds no folder {folder}: it is another archive than expected")
        return (place / folder).replace(archive.with_name(folder))
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error) as problem:
        raise DatasetError(
            f"{archive}: cannot be unpacked ({problem}): delete it, download again"
        ) from problem
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _extract(archive: Path, place: Path) -> None:
    room = _Room(archive)
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as held:
            for entry in held.infolist():
                room.check(entry.filename, entry.file_size)
            held.extractall(place)
        return
    with tarfile.open(archive) as held_tar:

        def safe(entry: tarfile.TarInfo, path: str) -> tarfile.TarInfo | None:
            if not (entry.isfile() or entry.isdir()):
                raise DatasetError(f"{archive}: holds a link or device, {entry.name}: it is not unpacked")
            room.check(entry.name, entry.size)
            return tarfile.data_filter(entry, path)

        held_tar.extractall(place, filter=safe)


class _Room:
    """What may be unpacked yet: names that stay inside, as many bytes as are free."""

    def __init__(self, archive: Path) -> None:
        self.archive, self.free = archive, shutil.disk_usage(archive.parent).free

    def check(self, name: str, size: int) -> None:
        parts = PurePosixPath(name.replace("\\", "/")).parts
        if ".." in parts or name.startswith(("/", "\\")) or PureWindowsPath(name).drive:
            raise DatasetError(
                f"{self.archive}: holds {name}, a path that leads out of it: it is not unpacked"
            )
        self.free -= size
        if self.free < 0:
            raise DatasetError(
                f"{self.archive}: holds more than there is space for: free some, or use another disk"
            )
