"""Toy: short tunes, each in one of four rhythms on one of four instruments, made here and kept in a cache.

The same clips carry both labels, and neither tells anything of the other: the smallest data set on which
features of time and features of timbre rank differently.
"""

from __future__ import annotations

import io
import json
from itertools import product
from pathlib import Path
from typing import Any, Literal

import numpy as np
from scipy.io import wavfile

from elmarc._io import write_atomic
from elmarc._seeds import generator
from elmarc.audio.decode import content_hash
from elmarc.audio.length import InputLength
from elmarc.datasets import synthesis
from elmarc.datasets.base import Clip, Dataset
from elmarc.datasets.files import cache_dir
from elmarc.datasets.synthesis import INSTRUMENTS, RHYTHMS, SR, tune
from elmarc.errors import DatasetError

TARGETS = {"rhythm": tuple(RHYTHMS), "timbre": tuple(INSTRUMENTS)}
CLASSES = TARGETS["rhythm"]
N_VARIATIONS = 10
N_CLIPS = len(RHYTHMS) * len(INSTRUMENTS) * N_VARIATIONS
N_FOLDS = 5
CITATION = "Synthesised by elmarc"
LICENCE = "CC0-1.0"
URL = ""
INPUT_LENGTH = InputLength(frames_s=8.0, samples_s=8.0, fix_length="repeat-pad")  # the whole clip
MARKER = "checksums.json"


def load(
    audio_dir: str | Path | None = None,
    *,
    target: Literal["rhythm", "timbre"] | str | None = None,
    n_variations: int = N_VARIATIONS,
    seed: int = 0,
) -> Dataset:
    """Return the toy data set, synthesising what the cache lacks.

    Parameters
    ----------
    audio_dir : str, Path or None
        Where the wav files are kept; default: a folder of the user's cache.
    target : {"rhythm", "timbre"}
        Which of the two labels the clips carry; "rhythm" where nothing is said.
    n_variations : int
        Clips of each rhythm on each instrument, dealt to five folds in turn.
    seed : int
        The same seed gives the same bytes.

    Raises
    ------
    DatasetError
        The target is unknown, or the cache cannot be written.
    """
    target = target or "rhythm"
    if target not in TARGETS:
        raise DatasetError(f"toy: target {target!r} is unknown: expected rhythm or timbre")
    if n_variations < N_FOLDS:
        raise DatasetError(f"toy: {n_variations} variations do not fill {N_FOLDS} folds: ask for more")
    folder = Path(audio_dir) if audio_dir else cache_dir() / "toy" / f"{_recipe()}-seed{seed}"
    names = list(product(RHYTHMS, INSTRUMENTS, range(n_variations)))
    paths = {name: folder / f"{name[0]}_{name[1]}_{name[2]:02d}.wav" for name in names}
    try:
        _complete(folder, paths, seed)
    except OSError as problem:
        raise DatasetError(
            f"toy: cannot write its clips to {folder} ({problem.strerror}): "
            "set ELMARC_CACHE to a folder that can be written"
        ) from problem
    clips = tuple(
        Clip(path.name, path, rhythm if target == "rhythm" else timbre, fold=str(variation % N_FOLDS + 1))
        for (rhythm, timbre, variation), path in paths.items()
    )
    return Dataset(
        name=f"toy-{target}",
        clips=clips,
        classes=TARGETS[target],
        split_kind="folds",
        n_folds=N_FOLDS,
        input_length=INPUT_LENGTH,
        citation=CITATION,
        licence=LICENCE,
        url=URL,
        n_expected=len(paths),
    )


def _recipe() -> str:
    """Return a name for the synthesis as written, so that it never meets the clips of another."""
    return content_hash(synthesis.__file__)[:12]


def _complete(folder: Path, paths: dict[tuple[str, str, int], Path], seed: int) -> None:
    """Write the clips that are absent or altered; the marker comes last: its clips are all there."""
    checksums = _read_marker(folder / MARKER)
    fresh = {}
    for (rhythm, timbre, variation), path in paths.items():
        if not path.is_file() or content_hash(path) != checksums.get(path.name):
            wav = _wav(rhythm, timbre, variation, seed)
            write_atomic(path, wav, sync=False)
            fresh[path.name] = content_hash(path)
    if fresh:
        write_atomic(folder / MARKER, json.dumps(checksums | fresh, indent=1))


def _read_marker(path: Path) -> dict[str, Any]:
    """Return the checksums of an earlier run; a marker that is absent or damaged knows none."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _wav(rhythm: str, timbre: str, variation: int, seed: int) -> bytes:
    clip = tune(rhythm, timbre, generator(seed, "toy", rhythm, timbre, str(variation)))
    file = io.BytesIO()
    wavfile.write(file, SR, np.round(clip * 32767).astype("<i2"))
    return file.getvalue()
