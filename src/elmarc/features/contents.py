"""What each clip holds, as a hash: by it the store and a resumed run tell clips apart."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from elmarc._cores import n_cores
from elmarc._errors import AudioError
from elmarc._types import Waveform
from elmarc.audio.decode import content_hash
from elmarc.audio.oddities import Oddities
from elmarc.datasets.base import Clip

RACY_NS = 2 * 10**9  # a file as young as this may change once more and keep its times


class Signature(NamedTuple):
    """What the system says of a file; a file that has the same one still holds the same bytes."""

    size: int
    modified_ns: int
    changed_ns: int
    inode: int


@dataclass(frozen=True)
class Contents:
    """The hash of each clip's bytes, and of its segment, by clip id; `problems` says why a clip has none.

    `signatures` are of the files as they were before they were hashed; a file that was written just then has
    none, and is hashed again when it is read.
    """

    hashes: Mapping[str, str]
    problems: Mapping[str, AudioError]
    signatures: dict[Path, Signature] = field(default_factory=dict)

    def of(self, clip: Clip) -> str:
        """Return the hash of a clip, "" where its file cannot be read."""
        return self.hashes.get(clip.id, "")

    def hear(self, clip: Clip, *, sr: int) -> tuple[Waveform, Oddities]:
        """Return the clip's samples at a rate, which are those that were hashed, and what is odd about them.

        Raises
        ------
        AudioError
            The clip cannot be read, or its file has changed since it was hashed.
        """
        heard = clip.hear(sr=sr)
        if not self._unchanged(clip):
            raise AudioError(
                f"{clip}: the file has changed since the run began: run again when nothing writes to it"
            )
        return heard

    def _unchanged(self, clip: Clip) -> bool:
        known = self.signatures.get(clip.path)
        if known is not None and known == _signature(clip.path):
            return True
        answer, signature = _hash(clip.path)
        if not isinstance(answer, str) or clip.content(answer) != self.of(clip):
            return False
        if signature is not None:
            self.signatures[clip.path] = signature  # the next segment of a long file need not hash it again
        return True


def contents_of(clips: Iterable[Clip], *, n_workers: int | None = None) -> Contents:
    """Read the files of clips, in a thread a core where nothing is said, and return their hashes.

    A file of many segments is read once.
    """
    clips = list(clips)
    paths = list(dict.fromkeys(clip.path for clip in clips))
    with ThreadPoolExecutor(n_workers or n_cores()) as workers:
        files = dict(zip(paths, workers.map(_hash, paths), strict=True))
    pairs = [(clip, files[clip.path][0]) for clip in clips]
    return Contents(
        {clip.id: clip.content(answer) for clip, answer in pairs if isinstance(answer, str)},
        {clip.id: answer for clip, answer in pairs if isinstance(answer, AudioError)},
        {path: signature for path, (_, signature) in files.items() if signature is not None},
    )


def _hash(path: Path) -> tuple[str | AudioError, Signature | None]:
    try:
        before, now = _signature(path), time.time_ns()
        return content_hash(path), before if before and _is_old(before, now) else None
    except AudioError as problem:
        return problem, None


def _signature(path: Path) -> Signature | None:
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    return Signature(found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)


def _is_old(signature: Signature, now_ns: int) -> bool:
    """Tell whether any later change would show in the times, which some systems round to two seconds."""
    return now_ns - max(signature.modified_ns, signature.changed_ns) > RACY_NS
