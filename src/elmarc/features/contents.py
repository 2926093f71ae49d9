"""What each clip holds, as a hash: by it the store and a resumed run tell clips apart."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TypeAlias

from elmarc._resources import n_cores
from elmarc._types import Waveform
from elmarc.audio.decode import content_hash
from elmarc.audio.oddities import Oddities
from elmarc.audio.opening import opened, refuse_if_away
from elmarc.datasets.base import Clip
from elmarc.datasets.files import AUDIO_SUFFIXES
from elmarc.errors import AudioError
from elmarc.features.hash_memo import HashMemo, user_memo
from elmarc.features.signatures import Signature, signature_of

N_AT_ONCE = 2000  # files; what a run that is killed has hashed of them is lost
N_A_TASK = 100  # files that a thread only looks at: a task takes longer than a look
Hashed: TypeAlias = tuple[str | AudioError, Signature | None]


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

    def to_read(self, clips: Iterable[Clip]) -> dict[str, Clip]:
        """Return a clip for each content: of several copies, one whose name lets it be read.

        libsndfile goes by a file's ending where its bytes do not tell: MP3 that begins with something else.
        """
        chosen: dict[str, Clip] = {}
        for clip in clips:
            content = self.of(clip)
            if content and (content not in chosen or _ending_says(clip) > _ending_says(chosen[content])):
                chosen[content] = clip
        return chosen

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
        if known is not None and known == signature_of(clip.path):
            return True
        answer, signature = _hash(clip.path)
        if not isinstance(answer, str) or _content(clip, answer) != self.of(clip):
            return False
        if signature is not None:
            self.signatures[clip.path] = signature  # the next segment of a long file need not hash it again
        return True


def _ending_says(clip: Clip) -> int:
    """Return how much the ending of a file's name helps to read it."""
    ending = clip.path.suffix.lower()
    return 2 if ending == ".mp3" else 1 if ending in AUDIO_SUFFIXES else 0


def contents_of(clips: Iterable[Clip], *, n_workers: int | None = None) -> Contents:
    """Return the hashes of clips: of their files, which are read in a thread a core where nothing is said.

    A file of many segments is read once; one that has not changed since an earlier run is not read
    (`hash_memo.py`).

    Raises
    ------
    TransientError
        A file cannot be read at the moment.
    ConfigError
        $ELMARC_HASH_MEMO is neither on nor off.
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
    """Return the hash of a clip.

    Stores hold rows of segments that an earlier version sought and did not always find: those of formats that
    are decoded from the start now have another hash.
    """
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
    parts = [paths[start : start + N_A_TASK] for start in range(0, len(paths), N_A_TASK)]
    now = {path: signature for some in workers.map(_signatures, parts) for path, signature in some.items()}
    known: dict[Path, Hashed] = {path: (found, now[path]) for path, found in memo.known(now).items()}
    rest = [path for path in paths if path not in known]
    read = dict(zip(rest, workers.map(_hash, rest), strict=True))
    memo.note({path: (sha, old) for path, (sha, old) in read.items() if isinstance(sha, str) and old})
    return known | read


def _signatures(paths: Sequence[Path]) -> dict[Path, Signature]:
    return {path: signature for path in paths if (signature := signature_of(path))}


def _hash(path: Path) -> Hashed:
    try:
        before, now = signature_of(path), time.time_ns()
        return content_hash(path), before if before and before.is_old(now) else None
    except AudioError as problem:
        refuse_if_away(path, problem)
        return problem, None
