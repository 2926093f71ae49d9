"""A shard: rows of features in one safetensors file that says what they are and whether they are whole.

The header holds the content hashes of the clips, in the order of the rows, and a checksum of the definition's
key, of these hashes and of the rows. So a flipped bit, a row of another order and a file that was moved to
another definition's folder are told from what was written. Shards of the first form have their clips in a
JSON file beside them and no checksum; they are still read, and checked for what can be checked.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from elmarc._io import write_atomic
from elmarc._names import special
from elmarc._types import FeatureArray
from elmarc.audio.oddities import Oddities
from elmarc.errors import StoreError

PATTERN = "shard-*.safetensors"
FIRST_FORM = "shard-*.json"  # beside shards of the first form
ASIDE = ".damaged"  # put behind the name of a shard that is not read any more


def write(
    folder: Path,
    clips: Sequence[str],
    rows: FeatureArray,
    oddities: Mapping[str, Oddities] | None = None,
) -> Path:
    """Write rows [shape=(n_clips, n_features)] of clips, named by their content, as a new shard.

    `oddities` are by clip what `elmarc.audio.oddities` has of it, where anything is odd.
    """
    X = np.ascontiguousarray(rows, dtype="<f4")
    names = json.dumps(list(clips))
    odd = json.dumps({clip: dict(found) for clip, found in oddities.items()}) if oddities else ""
    metadata = {"clips": names, "sha256": _checksum(folder.name, names, X, odd)}
    metadata |= {"oddities": odd} if odd else {}
    path = folder / f"shard-{uuid.uuid4().hex}.safetensors"
    write_atomic(path, save({"X": X}, metadata=metadata))
    return path


def clips_of(path: Path) -> list[str]:
    """Return the clips of a shard, by content, in the order of its rows; reads its header alone.

    Raises
    ------
    StoreError
        It is damaged.
    """
    return _names(path, _header(path).get("clips") or _first_form(path))


def oddities_of(path: Path) -> dict[str, Oddities]:
    """Return what is odd about a shard's clips, by clip; its checksum holds for it too, and `read` compares.

    Raises
    ------
    StoreError
        It is damaged.
    """
    try:
        found = json.loads(_header(path).get("oddities", "{}"))
        return {
            str(clip): {str(kind): str(what) for kind, what in odd.items()} for clip, odd in found.items()
        }
    except (ValueError, AttributeError, RecursionError):
        raise _damaged(path, "what is odd about its clips cannot be read") from None


def read(path: Path, *, n_features: int | None = None) -> tuple[list[str], FeatureArray]:
    """Return the clips of a shard and their rows [shape=(n_clips, n_features)].

    Parameters
    ----------
    path : Path
    n_features : int or None
        How many columns there have to be; None where any number will do.

    Raises
    ------
    StoreError
        It is damaged: it cannot be read, is not what was written, or holds numbers that are not finite.
    """
    _check_regular(path)
    try:
        with safe_open(path, "np") as file:
            metadata, X = file.metadata() or {}, file.get_tensor("X")
    except (OSError, SafetensorError, TypeError, ValueError) as problem:
        raise _damaged(path, f"it cannot be read: {problem}") from None
    text = metadata.get("clips") or _first_form(path)
    names = _names(path, text)
    if "clips" in metadata and metadata.get("sha256") != _checksum(
        path.parent.name, text, X, metadata.get("oddities", "")
    ):
        raise _damaged(path, "its checksum is another than when it was written")
    if X.dtype != np.float32 or X.ndim != 2 or len(X) != len(names):
        raise _damaged(path, f"found {X.dtype} {X.shape} for {len(names)} clips")
    if n_features is not None and X.shape[1] != n_features:
        raise _damaged(path, f"found {X.shape[1]} features a clip, expected {n_features}")
    if not np.isfinite(X).all():
        raise _damaged(path, "some of its numbers are not finite")
    return names, X


def regular_text(path: Path) -> str:
    """Return the text of a file. Raises OSError where it is a pipe or device, ValueError where no UTF-8."""
    if what := special(path):
        raise OSError(f"{path}: is {what}")
    return path.read_text(encoding="utf-8")


def set_aside(path: Path) -> Path:
    """Rename a damaged shard, so that it is not read again; where that is not allowed, leave it."""
    aside = path.with_name(path.name + ASIDE)
    try:
        path.rename(aside)
    except OSError:
        return path
    return aside


def _check_regular(path: Path) -> None:
    """Refuse a pipe, which whoever opens it would wait for, and what leads nowhere."""
    try:
        what = special(path)
    except OSError as problem:
        what = problem.strerror or "nowhere to be found"
    if what:
        raise _damaged(path, f"it cannot be read: {what}")


def _header(path: Path) -> dict[str, str]:
    _check_regular(path)
    try:
        with safe_open(path, "np") as file:
            return file.metadata() or {}
    except (OSError, SafetensorError, ValueError) as problem:
        raise _damaged(path, f"it cannot be read: {problem}") from None


def _first_form(path: Path) -> str:
    try:
        manifest = json.loads(regular_text(path.with_suffix(".json")))
        return json.dumps(manifest["clips"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise _damaged(path, "it does not say which clips it holds") from None


def _names(path: Path, text: str) -> list[str]:
    try:
        names = json.loads(text)
    except (ValueError, RecursionError):
        names = None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise _damaged(path, "it does not say which clips it holds")
    if len(set(names)) < len(names):
        raise _damaged(path, "it names a clip twice")
    return names


def _checksum(key: str, names: str, X: FeatureArray, odd: str) -> str:
    parts = [key, names, X.dtype.str, X.shape, *([odd] if odd else [])]
    digest = hashlib.sha256(json.dumps(parts).encode())
    digest.update(np.ascontiguousarray(X).data)
    return digest.hexdigest()


def _damaged(path: Path, what: str) -> StoreError:
    return StoreError(f"{path}: damaged shard: {what}")
