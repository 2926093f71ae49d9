"""What each clip holds, as a hash: by it the store and a resumed run tell clips apart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from elmarc._cores import n_cores
from elmarc._errors import AudioError
from elmarc.audio.decode import content_hash
from elmarc.datasets.base import Clip


@dataclass(frozen=True)
class Contents:
    """The hash of each clip's bytes, and of its segment, by clip id; `problems` says why a clip has none."""

    hashes: Mapping[str, str]
    problems: Mapping[str, AudioError]

    def of(self, clip: Clip) -> str:
        """Return the hash of a clip, "" where its file cannot be read."""
        return self.hashes.get(clip.id, "")


def contents_of(clips: Iterable[Clip], *, n_workers: int | None = None) -> Contents:
    """Read the files of clips, in a thread a core where nothing is said, and return their hashes.

    A file of many segments is read once.
    """
    clips = list(clips)
    paths = list(dict.fromkeys(clip.path for clip in clips))
    with ThreadPoolExecutor(n_workers or n_cores()) as workers:
        files = dict(zip(paths, workers.map(_hash, paths), strict=True))
    pairs = [(clip, files[clip.path]) for clip in clips]
    return Contents(
        {clip.id: clip.content(answer) for clip, answer in pairs if isinstance(answer, str)},
        {clip.id: answer for clip, answer in pairs if isinstance(answer, AudioError)},
    )


def _hash(path: Path) -> str | AudioError:
    try:
        return content_hash(path)
    except AudioError as problem:
        return problem
