"""What the file of each clip holds, as a hash: by it the store and a resumed run tell clips apart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from elmarc._cores import n_cores
from elmarc._errors import AudioError
from elmarc.audio.decode import content_hash
from elmarc.datasets.base import Clip


@dataclass(frozen=True)
class Contents:
    """The sha256 of each clip's bytes, by clip id; `problems` says why a clip has none."""

    hashes: Mapping[str, str]
    problems: Mapping[str, AudioError]

    def of(self, clip: Clip) -> str:
        """Return the hash of a clip, "" where its file cannot be read."""
        return self.hashes.get(clip.id, "")


def contents_of(clips: Iterable[Clip], *, n_workers: int | None = None) -> Contents:
    """Read the files of clips, in a thread a core where nothing is said, and return their hashes."""
    clips = list(clips)
    with ThreadPoolExecutor(n_workers or n_cores()) as workers:
        found = list(workers.map(_hash, clips))
    pairs = [(clip.id, answer) for clip, answer in zip(clips, found, strict=True)]
    return Contents(
        {name: answer for name, answer in pairs if isinstance(answer, str)},
        {name: answer for name, answer in pairs if isinstance(answer, AudioError)},
    )


def _hash(clip: Clip) -> str | AudioError:
    try:
        return content_hash(clip.path)
    except AudioError as problem:
        return problem
