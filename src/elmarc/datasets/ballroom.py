"""Ballroom: 30 s excerpts of dances, told apart by their rhythm and tempo."""

from __future__ import annotations

from pathlib import Path, PurePath

from elmarc.audio.length import STUDY_LENGTH
from elmarc.datasets.base import Dataset, OnMissing, Tagger, Tags
from elmarc.datasets.files import existing_folder
from elmarc.datasets.folder import class_folder_clips
from elmarc.errors import DatasetError

CLASSES: tuple[str, ...] = (
    "ChaChaCha",
    "Jive",
    "Quickstep",
    "Rumba",
    "Samba",
    "Tango",
    "VienneseWaltz",
    "Waltz",
)
N_CLIPS = 698
CITATION = (
    "F. Gouyon, A. Klapuri, S. Dixon, M. Alonso, G. Tzanetakis, C. Uhle, P. Cano: An experimental comparison "
    "of audio tempo induction algorithms. IEEE Trans. Audio, Speech, Language Processing 14(5), 2006"
)
LICENCE = "none stated; excerpts from ballroomdancers.com, for research"
URL = "http://mtg.upf.edu/ismir2004/contest/tempoContest/node5.html"
INPUT_LENGTH = STUDY_LENGTH


def load(
    audio_dir: str | Path, *, metadata: str | Path | None = None, on_missing: OnMissing = "skip"
) -> Dataset:
    """Open the folder of the dances' folders; those of one dance (Rumba-American, ...) are one class.

    The study makes ten stratified folds, not shuffled.

    Parameters
    ----------
    audio_dir : str or Path
        The folder of the dances' folders.
    metadata, on_missing
        Not used: no file names the clips.

    Raises
    ------
    DatasetError
        The folder has no folder of a dance with clips.
    """
    folder = existing_folder(audio_dir, name="ballroom")
    clips = class_folder_clips(folder, label_of=label_of)
    if not clips:
        raise DatasetError(f"ballroom: no clips below {folder}: expected folders {', '.join(CLASSES)}")
    return Dataset(
        name="ballroom",
        clips=clips,
        classes=CLASSES,
        n_folds=10,
        input_length=INPUT_LENGTH,
        citation=CITATION,
        licence=LICENCE,
        url=URL,
        n_expected=N_CLIPS,
        audio_dir=folder,
    )


def tagger(audio_dir: str | Path, *, metadata: str | Path | None = None) -> Tagger:
    """Return what tells the label of a clip from its path: the folder it lies in."""
    return tags


def tags(path: PurePath) -> Tags | None:
    """Return the label of a clip, None if its folder is no dance."""
    label = label_of(path.parent.name)
    return Tags(label) if label else None


def label_of(folder_name: str) -> str | None:
    """Return the dance of a folder.

    >>> label_of("Rumba-American")
    'Rumba'
    """
    dance = folder_name.partition("-")[0]
    return dance if dance in CLASSES else None
