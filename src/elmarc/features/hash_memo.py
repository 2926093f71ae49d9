"""A memo of the hashes of files, so that a file that has not changed is not read again at the next run.

It is an SQLite file in the cache folder, and may be deleted at any time. A hash holds for a path and a
signature: size, inode, and the times in nanoseconds of the last change of the bytes and of the file's entry.
The last cannot be set back by a program. As in git's index, the hash of a file that was written less than two
seconds before is not noted (`signatures.RACY_NS`). Each row has a checksum: one that is damaged, or that
another program wrote, is not used. A memo that cannot be read is made anew; one that cannot be written, or
that another process has locked, is done without.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

from elmarc.datasets.files import cache_dir
from elmarc.errors import ConfigError
from elmarc.features.signatures import Signature

VERSION = 1
SWITCH = "ELMARC_HASH_MEMO"
TABLE = "CREATE TABLE IF NOT EXISTS files (path BLOB PRIMARY KEY, signature, sha256, checksum) WITHOUT ROWID"
LOOK = "SELECT path, signature, sha256, checksum FROM files WHERE path IN ({})"
NOTE = "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?)"
N_ASKED = 500  # paths a query: older SQLite takes 999
USELESS = {sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}  # other tables, or damaged
Row = tuple[bytes, bytes, bytes, bytes]


class HashMemo:
    """Hashes by path and signature.

    Parameters
    ----------
    file : Path
        Where it lies; made when there is something to note.
    """

    def __init__(self, file: Path) -> None:
        self.file = file

    def known(self, signatures: Mapping[Path, Signature]) -> dict[Path, str]:
        """Return the sha256, in hex, of those files whose bytes are as they were when they were hashed.

        Parameters
        ----------
        signatures : mapping of Path to Signature
            As they are now.
        """
        asked = {_key(path): path for path in signatures}
        try:
            return {
                asked[key]: sha256.hex()
                for key, signature, sha256, checksum in self._rows(list(asked))
                if key in asked  # a damaged database may answer with another
                and (key, signature, sha256, checksum) == _row(key, signatures[asked[key]], sha256)
            }
        except sqlite3.Error:
            return {}

    def note(self, hashes: Mapping[Path, tuple[str, Signature]]) -> None:
        """Note the sha256, in hex, of files, and the signatures that they had before they were read."""
        rows = [_row(_key(path), signature, bytes.fromhex(sha)) for path, (sha, signature) in hashes.items()]
        try:
            self._write(rows)
        except sqlite3.Error as problem:
            if getattr(problem, "sqlite_errorcode", 0) & 0xFF in USELESS:
                self._write_anew(rows)
        except OSError:
            return

    def _rows(self, keys: list[bytes]) -> Iterator[Row]:
        if not keys or not self.file.is_file():
            return
        with closing(sqlite3.connect(f"{self.file.absolute().as_uri()}?mode=ro", uri=True)) as memo:
            for start in range(0, len(keys), N_ASKED):
                some = keys[start : start + N_ASKED]
                yield from memo.execute(LOOK.format(",".join("?" * len(some))), some)

    def _write(self, rows: list[Row]) -> None:
        if not rows or (self.file.exists() and not self.file.is_file()):
            return
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(self.file)) as memo, memo:
            memo.execute(TABLE)
            memo.executemany(NOTE, rows)

    def _write_anew(self, rows: list[Row]) -> None:
        try:
            for file in (self.file, self.file.with_name(f"{self.file.name}-journal")):
                file.unlink(missing_ok=True)
            self._write(rows)
        except (OSError, sqlite3.Error):
            return


def user_memo() -> HashMemo | None:
    """Return the memo in the user's cache folder; None where $ELMARC_HASH_MEMO is `off`.

    None on Windows too, where the system does not say when a file's entry was changed.

    Raises
    ------
    ConfigError
        The variable is neither `on` nor `off`.
    """
    wanted = os.environ.get(SWITCH, "on").lower()
    if wanted not in ("on", "off"):
        raise ConfigError(f"${SWITCH} is {wanted!r}: expected on or off")
    if wanted == "off" or os.name != "posix":
        return None
    return HashMemo(cache_dir() / f"hashes-{VERSION}.sqlite")


def _key(path: Path) -> bytes:
    return os.fsencode(path.absolute())


def _row(key: bytes, signature: Signature, sha256: bytes) -> Row:
    text = b"%d %d %d %d" % signature
    checksum = hashlib.blake2b(repr((VERSION, key, text, sha256)).encode(), digest_size=8)
    return key, text, sha256, checksum.digest()
