"""GTZAN: 30 s excerpts of ten musical genres, in the fault-filtered lists of the study."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources
from pathlib import Path, PurePath

from elmarc.audio.length import STUDY_LENGTH, InputLength
from elmarc.datasets.base import Clip, Dataset, OnMissing, Tagger, Tags, present
from elmarc.datasets.files import existing_folder, find_audio

CLASSES: tuple[str, ...] = (
    "blues",
    "classical",
    "country",
    "disco",
    "hiphop",
    "jazz",
    "metal",
    "pop",
    "reggae",
    "rock",
)
N_CLIPS = 930  # of 1,000: the lists leave faulty ones out
CITATION = (
    "G. Tzanetakis, P. Cook: Musical genre classification of audio signals. IEEE Trans. Speech and Audio "
    "Processing 10(5), 2002; lists: C. Kereliuk, B. L. Sturm, J. Larsen: Deep learning and music "
    "adversaries. IEEE Trans. Multimedia 17(11), 2015"
)
LICENCE = "none stated; excerpts of commercial recordings, for research"
URL = "http://marsyas.info/downloads/datasets.html"
INPUT_LENGTH = InputLength(frames_s=29.94, samples_s=STUDY_LENGTH.samples_s, fix_length="crop")  # 1404 frames
LISTS = {"train": "gtzan_train_filtered.txt", "validation": "gtzan_valid_filtered.txt",
         "test": "gtzan_test_filtered.txt"}  # fmt: skip


def load(
    audio_dir: str | Path, *, metadata: str | Path | None = None, on_missing: OnMissing = "skip"
) -> Dataset:
    """Open the folder of GTZAN's clips, named `genre.NNNNN` with any audio suffix, in any sub-folders.

    Parameters
    ----------
    audio_dir : str or Path
        The folder of the clips.
    metadata : None
        Not used: the clips' names or folders tell everything.
    on_missing : {"raise", "skip", "keep"}
        What to do about clips that are named but absent: refuse, leave out with a note, or keep.

    Raises
    ------
    DatasetError
        None of the listed clips lies below the folder.
    """
    folder = existing_folder(audio_dir, name="gtzan")
    clips, notes = present(list(_listed(folder)), source="gtzan: fault-filtered lists", on_missing=on_missing)
    return Dataset(
        name="gtzan",
        clips=clips,
        classes=CLASSES,
        split_kind="lists",
        input_length=INPUT_LENGTH,
        citation=CITATION,
        licence=LICENCE,
        url=URL,
        notes=notes,
        n_expected=N_CLIPS,
        audio_dir=folder,
    )


def tagger(audio_dir: str | Path, *, metadata: str | Path | None = None) -> Tagger:
    """Return what tells the label of a clip from its path: its name."""
    return tags


def tags(path: PurePath) -> Tags | None:
    """Return the label of a clip, None if its name is not `genre.NNNNN`.

    >>> tags(PurePath("rock/rock.00099.wav"))
    Tags(label='rock', fold=None, group=None)
    """
    genre, dot, _ = path.name.partition(".")
    return Tags(genre) if dot and genre in CLASSES else None


def _listed(folder: Path) -> Iterator[Clip]:
    files = {path.stem: path for path in find_audio(folder)}
    for part, name in LISTS.items():
        for line in resources.files("elmarc.datasets").joinpath("splits", name).read_text().splitlines():
            listed = PurePath(line)
            path = files.get(listed.stem, folder / listed)
            yield Clip(listed.with_suffix("").as_posix(), path, listed.parent.name, part)
