"""Checks, before any work, that no output replaces a file that is read or that elmarc did not write.

Files that elmarc wrote are replaced; they are recognised by how they begin.
"""

from __future__ import annotations

import csv
import os
import re
import tempfile
import zipfile
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from elmarc.cli import console
from elmarc.errors import ConfigError

if TYPE_CHECKING:
    from elmarc.datasets.base import Clip
    from elmarc.features.store import FeatureStore
    from elmarc.study.spec import Experiment


def check_writable(folder: Path, *, option: str) -> None:
    """Make a folder where there is none, and try to write a file in it.

    Raises
    ------
    ConfigError
        The folder, which `option` named, cannot be made or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as problem:
        reason = problem.strerror or os.strerror(problem.errno or 0)
        if isinstance(problem, FileExistsError | NotADirectoryError):
            reason = "a file lies where a folder is needed"
        raise ConfigError(
            f"{folder}: cannot be written ({reason}): name another folder with {option}"
        ) from None


def check_store(store: FeatureStore) -> None:
    """Note, once, where a store cannot be written: a run goes on without it.

    Raises
    ------
    ConfigError
        A file lies where it would be.
    """
    try:
        check_writable(store.root, option="--store")
    except ConfigError as problem:
        if any(path.exists() and not path.is_dir() for path in (store.root, *store.root.parents)):
            raise
        console.note(f"{problem}; the run goes on, and new features are not stored")
        store.was_refused = True


def check_ending(path: Path, endings: Collection[str]) -> None:
    """Refuse a file whose name does not end with one of the formats. Raises ConfigError."""
    if path.suffix.lower() not in endings:
        raise ConfigError(f"{path}: its ending says the format: use one of {', '.join(endings)}")


def check_output(
    path: Path, form: str, *, option: str, force: bool = False, read: Iterable[Path] = ()
) -> None:
    """Refuse a file that cannot be written, that the command reads, or that elmarc did not write.

    Parameters
    ----------
    path : Path
        What is to be written.
    form : str
        One of FORMS.
    option : str
        By which it was named.
    force : bool
        Whether what elmarc did not write may be replaced; what is read may not.
    read : iterable of Path
        What the command reads.

    Raises
    ------
    ConfigError
        It is a folder or one of these files, or its folder cannot be written.
    """
    if path.is_dir():
        raise ConfigError(f"{path}: is a folder: name a file with {option}")
    check_writable(path.parent, option=option)
    check_not_read(path, read, option=option)
    if not force and os.path.lexists(path) and not is_ours(path, form):
        raise ConfigError(
            f"{path}: is there already, and is no {form} that elmarc wrote: name another file with {option}, "
            "or add --force to replace it"
        )


def check_not_read(output: Path, read: Iterable[Path], *, option: str) -> None:
    """Refuse to write a file that is read, under whatever name or link. Raises ConfigError."""
    for path in read if output.exists() else ():
        try:
            is_same = output.samefile(path)
        except (OSError, ValueError):  # it does not exist
            continue
        if is_same:
            raise ConfigError(
                f"{output}: is read by this command, and would be overwritten: name another file with "
                f"{option}"
            )


def check_results_folder(folder: Path, names: Iterable[str], *, read: Iterable[Path] = ()) -> None:
    """Refuse a folder in which a run would replace what no run wrote, or what it reads.

    Parameters
    ----------
    folder : Path
        May be absent.
    names : iterable of str
        What is written beside the cells, as patterns for `Path.glob`.
    read : iterable of Path
        What the run reads.

    Raises
    ------
    ConfigError
        Names the first such file.
    """
    there = [path for name in names for path in sorted(folder.glob(name)) if not path.is_dir()]
    known = list(read) if there else []
    for path in there:
        check_not_read(path, known, option="--output")
    has_results = any(folder.glob("cells/*/*.json")) or is_ours(folder / "agreement.json", AGREEMENT)
    if there and not has_results:
        raise ConfigError(
            f"{there[0]}: is there already, and no run of elmarc wrote it: name another folder with "
            "--output, or move that file"
        )


def files_read(config: Experiment, clips: Iterable[Clip]) -> Iterator[Path]:
    """Yield the files that the features of a configuration are made from: lists, code, clips."""
    code = (getattr(config.network, "factory", None) or "").rpartition(":")[0]
    named = [*config.data.model_dump(exclude_none=True).values(), config.features_file, code]
    yield from (Path(value) for value in named if isinstance(value, str | Path))
    yield from (clip.path for clip in clips)


def is_ours(path: Path, form: str) -> bool:
    """Return whether elmarc wrote a file of one of FORMS; an empty file counts: it holds nothing to lose."""
    try:
        return path.is_file() and (not path.stat().st_size or FORMS[form](path))
    except Exception:  # whatever readers raise: a file that cannot be read is somebody else's
        return False


def _is_matrix(path: Path, beside: list[str], arrays: set[str]) -> bool:
    """Return whether a table begins with these columns, or a zip holds these arrays."""
    if path.suffix.lower() in (".npz", ".pt"):
        with zipfile.ZipFile(path) as archive:
            parts = {name.removesuffix(".npy") for name in archive.namelist()}
            pickle = next((name for name in parts if name.endswith("/data.pkl")), None)
            text = archive.read(pickle) if pickle else b""  # not unpickled
        return arrays <= parts or all(name.encode() in text for name in arrays)
    names = _columns(path)
    first, features = names[: len(beside)], names[len(beside) :]
    return first == beside and bool(features) and all("/" in name for name in features)


def _columns(path: Path) -> list[str]:
    """Return the names of a table's columns."""
    if path.suffix.lower() == ".parquet":
        import pyarrow.parquet as pq

        return list(pq.read_schema(path).names)
    with path.open(encoding="utf-8", newline="") as file:
        return next(csv.reader(file))


def _is_features(path: Path) -> bool:
    return _is_matrix(path, ["id", "label", "fold", "group"], {"X", "ids", "columns", "labels", "folds"})


def _is_frames(path: Path) -> bool:
    return _is_matrix(path, ["id", "time_s"], {"X", "ids", "columns", "times_s", "offsets"})


def _is_model(path: Path) -> bool:
    from elmarc.model.file import MAGIC

    return _head(path).startswith(MAGIC)


def _is_predictions(path: Path) -> bool:
    if path.suffix.lower() == ".txt":
        return re.match(rb"(Selection\tView\t|\d+\.\d{6}\t\d+\.\d{6}\t)", _head(path)) is not None
    if path.suffix.lower() == ".json":
        return re.match(rb'\{\n "(clips|windows)": \[\n  \{\n   "file": "', _head(path)) is not None
    names = _columns(path)
    own = [name for name in names if not name.startswith("p_")]
    known = (["file", "label", "probability"], ["file", "start", "end", "label", "probability"])
    is_ours = own in known or (own[-1:] == ["unknown"] and own[:-1] in known)
    return len(own) < len(names) and names[: len(own)] == own and is_ours


def _is_picture(path: Path) -> bool:
    from elmarc.reports.figures import CREATOR

    head = _head(path)
    return f"Software\0{CREATOR}".encode() in head or f"<dc:title>{CREATOR}<".encode() in head


def _is_page(path: Path) -> bool:
    return b'\n<p class="brand">elmarc</p>\n' in _head(path, 10**6)


def _is_agreement(path: Path) -> bool:
    return re.match(rb'\{\n "version": \d+,\n "agreements": \[', _head(path)) is not None


def _head(path: Path, n_bytes: int = 4096) -> bytes:
    with path.open("rb") as file:
        return file.read(n_bytes)


FEATURES, FRAMES, MODEL = "file of features", "file of features over time", "model file"
PREDICTIONS, PICTURE, PAGE = "file of predictions", "picture", "report page"
AGREEMENT = "file of agreements"
FORMS: dict[str, Callable[[Path], bool]] = {
    FEATURES: _is_features,
    FRAMES: _is_frames,
    MODEL: _is_model,
    PREDICTIONS: _is_predictions,
    PICTURE: _is_picture,
    PAGE: _is_page,
    AGREEMENT: _is_agreement,
}
