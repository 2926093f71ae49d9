"""Content hashes of clips, by which the store and a resumed run recognise them.

A memo in the cache folder, an SQLite file that may be deleted at any time, spares reading files that have
not changed since an earlier run. A hash holds for a path and a file signature: size, inode, and the times in
nanoseconds of the last change of the bytes and of the directory entry; a program cannot set back the latter.
As in git's index, the hash of a file that was written in the last two seconds is not remembered.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple, TypeAlias

from elmarc._resources import n_cores
from elmarc._types import Waveform
from elmarc.audio.decode import content_hash
from elmarc.audio.issues import Issues
from elmarc.audio.opening import opened, refuse_if_away
from elmarc.datasets.base import Clip
from elmarc.datasets.folder import AUDIO_SUFFIXES, cache_dir
from elmarc.errors import AudioError, ConfigError

N_AT_ONCE = 2000  # files, whose hashes are lost when a run is killed
N_STATS = 100  # files in a task that only looks at their signatures
RACY_NS = 2 * 10**9  # a younger file may change once more and keep its times, which some systems round
MEMO_SWITCH = "ELMARC_HASH_MEMO"
MEMO_VERSION = 1
N_QUERIED = 500  # paths in a query: older SQLite takes 999
UNUSABLE = {sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}  # other tables, or damaged


class Signature(NamedTuple):
    """Size, times and inode of a file: two files with the same one hold the same bytes."""

    size: int
    modified_ns: int
    changed_ns: int
    inode: int


Hashed: TypeAlias = tuple[str | AudioError, Signature | None]


@dataclass(frozen=True)
class Contents:
    """Content hashes by clip id; `problems` says why a clip has none.

    `signatures` are those of the files before they were hashed. A file that had just been written has none,
    and is hashed again when it is read.
    """

    hashes: Mapping[str, str]
    problems: Mapping[str, AudioError]
    signatures: dict[Path, Signature] = field(default_factory=dict)

    def of(self, clip: Clip) -> str:
        """Return the hash of a clip, "" where its file cannot be read."""
        return self.hashes.get(clip.id, "")

    def to_read(self, clips: Iterable[Clip]) -> dict[str, Clip]:
        """Return a clip for each content: of several copies, the one whose suffix helps libsndfile most.

        libsndfile needs it where the bytes are ambiguous: MP3 that begins with something else.
        """
        chosen: dict[str, Clip] = {}
        for clip in clips:
            content = self.of(clip)
            if content and (content not in chosen or _rank(clip) > _rank(chosen[content])):
                chosen[content] = clip
        return chosen

    def load(self, clip: Clip, *, sr: int) -> tuple[Waveform, Issues]:
        """Return a clip's samples and issues.

        Raises an AudioError where the clip cannot be read, or its file has changed since it was hashed.
        """
        samples = clip.load_with_issues(sr=sr)
        if not self._is_unchanged(clip):
            raise AudioError(
                f"{clip}: the file has changed since the run began: run again when nothing writes to it"
            )
        return samples

    def _is_unchanged(self, clip: Clip) -> bool:
        signature = self.signatures.get(clip.path)
        if signature is not None and signature == signature_of(clip.path):
            return True
        file_hash, signature = _hash(clip.path)
        if not isinstance(file_hash, str) or _content(clip, file_hash) != self.of(clip):
            return False
        if signature is not None:
            self.signatures[clip.path] = signature  # the next segment of a long file need not hash it again
        return True


def _rank(clip: Clip) -> int:
    suffix = clip.path.suffix.lower()
    return 2 if suffix == ".mp3" else 1 if suffix in AUDIO_SUFFIXES else 0


def contents_of(clips: Iterable[Clip], *, n_workers: int | None = None) -> Contents:
    """Return the content hashes of clips, read in `n_workers` threads (None: one per core).

    A file of many segments is read once; one that has not changed since an earlier run is not read. Raises a
    TransientError where a file cannot be read at the moment.
    """
    clips = list(clips)
    paths = list(dict.fromkeys(clip.path for clip in clips))
    files: dict[Path, Hashed] = {}
    memo = user_memo()
    with ThreadPoolExecutor(n_workers or n_cores()) as workers:
        for start in range(0, len(paths), N_AT_ONCE):
            files |= _hash_all(paths[start : start + N_AT_ONCE], workers, memo)
    pairs = [(clip, files[clip.path][0]) for clip in clips]
    return Contents(
        {clip.id: _content(clip, answer) for clip, answer in pairs if isinstance(answer, str)},
        {clip.id: answer for clip, answer in pairs if isinstance(answer, AudioError)},
        {path: signature for path, (_, signature) in files.items() if signature is not None},
    )


def _content(clip: Clip, file_hash: str) -> str:
    """Return the hash of a clip, which depends on its segment and on how that is decoded."""
    content = clip.content(file_hash)
    if not clip.start or _seeks_exactly(clip.path, file_hash):
        return content
    return hashlib.sha256(f"{content} decoded from the start".encode()).hexdigest()


@lru_cache(maxsize=N_AT_ONCE)
def _seeks_exactly(path: Path, file_hash: str) -> bool:
    try:
        with opened(path) as sound:
            return sound.seeks_exactly
    except AudioError:  # it has no rows
        return True


def _hash_all(paths: Sequence[Path], workers: Executor, memo: HashMemo | None) -> dict[Path, Hashed]:
    if memo is None:
        return dict(zip(paths, workers.map(_hash, paths), strict=True))
    parts = [paths[start : start + N_STATS] for start in range(0, len(paths), N_STATS)]
    now = {path: signature for part in workers.map(_signatures, parts) for path, signature in part.items()}
    known: dict[Path, Hashed] = {path: (sha, now[path]) for path, sha in memo.known(now).items()}
    unknown = [path for path in paths if path not in known]
    read = dict(zip(unknown, workers.map(_hash, unknown), strict=True))
    memo.note({path: (sha, old) for path, (sha, old) in read.items() if isinstance(sha, str) and old})
    return known | read


def _hash(path: Path) -> Hashed:
    """Return the hash of a file's bytes, and its signature before they were read unless it is too young."""
    try:
        before, now = signature_of(path), time.time_ns()
        is_old = before is not None and now - max(before.modified_ns, before.changed_ns) > RACY_NS
        return content_hash(path), before if is_old else None
    except AudioError as problem:
        refuse_if_away(path, problem)
        return problem, None


def _signatures(paths: Sequence[Path]) -> dict[Path, Signature]:
    return {path: signature for path in paths if (signature := signature_of(path))}


def signature_of(path: Path) -> Signature | None:
    """Return a file's signature; None where there is no such file."""
    try:
        stat = os.stat(path)
    except (OSError, ValueError):
        return None
    return Signature(stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino)


class HashMemo:
    """Hashes of files by path and signature, in an SQLite file. Its errors never end a run."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def known(self, signatures: Mapping[Path, Signature]) -> dict[Path, str]:
        """Return the sha256, in hex, of the files that were noted with the same signature.

        Each row has a checksum over path, signature and hash, so that damage never gives a wrong answer.
        """
        keys = {_key(path): path for path in signatures}
        known: dict[Path, str] = {}
        with suppress(sqlite3.Error):
            for key, sha256, checksum in self._rows(list(keys)):
                path = keys.get(key)
                if path is not None and checksum == _checksum(key, signatures[path], sha256):
                    known[path] = sha256.hex()
        return known

    def note(self, hashes: Mapping[Path, tuple[str, Signature]]) -> None:
        """Note the sha256, in hex, of files, and the signatures that they had before they were read."""
        rows = []
        for path, (sha256, signature) in hashes.items():
            key, digest = _key(path), bytes.fromhex(sha256)
            rows.append((key, digest, _checksum(key, signature, digest)))
        with suppress(OSError, sqlite3.Error):
            if not rows or (self.file.exists() and not self.file.is_file()):
                return
            try:
                self._write(rows)
            except sqlite3.Error as problem:
                if getattr(problem, "sqlite_errorcode", 0) & 0xFF not in UNUSABLE:
                    raise
                for file in (self.file, self.file.with_name(f"{self.file.name}-journal")):
                    file.unlink(missing_ok=True)
                self._write(rows)

    def _rows(self, keys: list[bytes]) -> Iterator[tuple[bytes, bytes, bytes]]:
        if not keys or not self.file.is_file():
            return
        with closing(sqlite3.connect(f"{self.file.absolute().as_uri()}?mode=ro", uri=True)) as memo:
            for start in range(0, len(keys), N_QUERIED):
                part = keys[start : start + N_QUERIED]
                places = ",".join("?" * len(part))
                yield from memo.execute(
                    f"SELECT path, sha256, checksum FROM files WHERE path IN ({places})", part
                )

    def _write(self, rows: list[tuple[bytes, bytes, bytes]]) -> None:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(self.file)) as memo, memo:
            memo.execute(
                "CREATE TABLE IF NOT EXISTS files (path BLOB PRIMARY KEY, sha256, checksum) WITHOUT ROWID"
            )
            memo.executemany("INSERT OR REPLACE INTO files (path, sha256, checksum) VALUES (?, ?, ?)", rows)


def user_memo() -> HashMemo | None:
    """Return the memo in the user's cache folder; None where $ELMARC_HASH_MEMO is `off`.

    None on Windows too, where the system does not tell when a directory entry was changed.
    """
    setting = os.environ.get(MEMO_SWITCH, "on").lower()
    if setting not in ("on", "off"):
        raise ConfigError(f"${MEMO_SWITCH} is {setting!r}: expected on or off")
    if setting == "off" or os.name != "posix":
        return None
    return HashMemo(cache_dir() / f"hashes-{MEMO_VERSION}.sqlite")


def _key(path: Path) -> bytes:
    return os.fsencode(path.absolute())


def _checksum(key: bytes, signature: Signature, sha256: bytes) -> bytes:
    text = repr((MEMO_VERSION, key, b"%d %d %d %d" % signature, sha256))
    return hashlib.blake2b(text.encode(), digest_size=8).digest()
