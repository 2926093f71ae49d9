"""ESC-50: environmental sounds of 5 s, in five official folds."""

from __future__ import annotations

from pathlib import Path

from elmarc.audio.length import STUDY_LENGTH, InputLength
from elmarc.datasets import esc
from elmarc.datasets.base import Dataset, OnMissing, Tagger
from elmarc.datasets.files import existing_folder

CLASSES: tuple[str, ...] = esc.ESC50
N_CLIPS = 2000
CITATION = esc.CITATION
LICENCE = "CC BY-NC 3.0"
URL = esc.URL
INPUT_LENGTH = InputLength(frames_s=STUDY_LENGTH.frames_s, samples_s=5.0, fix_length="repeat-pad")


def load(
    audio_dir: str | Path, *, metadata: str | Path | None = None, on_missing: OnMissing = "skip"
) -> Dataset:
    """Open the folder of the class folders, or that of `audio/` and `meta/`.

    Parameters
    ----------
    audio_dir : str or Path
        The folder of the class folders, or that of `audio/` and `meta/`.
    metadata : str, Path or None
        `esc50.csv`, where it lies elsewhere.
    on_missing : {"raise", "skip", "keep"}
        What to do about clips that are named but absent: refuse, leave out with a note, or keep.

    Raises
    ------
    DatasetError
        The folder is laid out in another way, or holds no clip.
    """
    folder = existing_folder(audio_dir, name="esc50")
    clips, notes = esc.clips(folder, name="esc50", classes=CLASSES, metadata=metadata, on_missing=on_missing)
    return Dataset(
        name="esc50",
        clips=clips,
        classes=CLASSES,
        split_kind="folds",
        input_length=INPUT_LENGTH,
        citation=CITATION,
        licence=LICENCE,
        url=URL,
        notes=notes,
        n_expected=N_CLIPS,
        audio_dir=folder,
    )


def tagger(audio_dir: str | Path, *, metadata: str | Path | None = None) -> Tagger:
    """Return what tells label, fold and source of a clip from its path: its name and folder."""
    return esc.tags
