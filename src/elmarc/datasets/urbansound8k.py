"""UrbanSound8K: city sounds of at most 4 s, in ten official folds."""

from __future__ import annotations

from pathlib import Path

from elmarc._names import expanded
from elmarc.audio.length import InputLength
from elmarc.datasets.base import Clip, Dataset, OnMissing, Tagger, Tags, present
from elmarc.datasets.files import existing_folder
from elmarc.datasets.rows import read_rows
from elmarc.errors import DatasetError

CLASSES: tuple[str, ...] = (
    "air_conditioner", "car_horn", "children_playing", "dog_bark", "drilling", "engine_idling", "gun_shot",
    "jackhammer", "siren", "street_music",
)  # fmt: skip
N_CLIPS = 8732
CITATION = (
    "J. Salamon, C. Jacoby, J. P. Bello: A dataset and taxonomy for urban sound research. ACM Multimedia, "
    "2014"
)
LICENCE = "CC BY-NC 3.0"
URL = "https://urbansounddataset.weebly.com/urbansound8k.html"
INPUT_LENGTH = InputLength(frames_s=4.0, samples_s=4.0, fix_length="repeat-pad")
METADATA = "UrbanSound8K.csv"
COLUMNS = ("slice_file_name", "fsID", "fold", "classID")


def load(
    audio_dir: str | Path, *, metadata: str | Path | None = None, on_missing: OnMissing = "skip"
) -> Dataset:
    """Open UrbanSound8K: its folder, or the `audio` folder with `fold1` to `fold10` in it.

    Parameters
    ----------
    audio_dir : str or Path
        The folder of the data set, or its folder `audio`.
    metadata : str, Path or None
        UrbanSound8K.csv; default: beside the clips, or in the folder `metadata`.
    on_missing : {"raise", "skip", "keep"}
        What to do about clips that are named but absent: refuse, leave out with a note, or keep.

    Raises
    ------
    DatasetError
        The CSV file or every clip that it names is absent.
    """
    folder = existing_folder(audio_dir, name="urbansound8k")
    audio = folder / "audio" if (folder / "audio").is_dir() else folder
    table = find_metadata(folder, metadata)
    clips = [
        Clip(f"fold{tags.fold}/{name}", audio / f"fold{tags.fold}" / name, tags.label, tags.fold, tags.group)
        for name, tags in read_metadata(table).items()
    ]
    found, notes = present(clips, source=str(table), on_missing=on_missing)
    return Dataset(
        name="urbansound8k",
        clips=found,
        classes=CLASSES,
        split_kind="folds",
        input_length=INPUT_LENGTH,
        citation=CITATION,
        licence=LICENCE,
        url=URL,
        notes=notes,
        n_expected=N_CLIPS,
        audio_dir=audio,
    )


def tagger(audio_dir: str | Path, *, metadata: str | Path | None = None) -> Tagger:
    """Return what tells the label, fold and group of a clip from its file name: the CSV file."""
    rows = read_metadata(find_metadata(expanded(audio_dir), metadata))
    return lambda path: rows.get(path.name)


def read_metadata(table: str | Path) -> dict[str, Tags]:
    """Return label, fold and group (the recording a slice was cut from) by file name.

    Parameters
    ----------
    table : str or Path
        UrbanSound8K.csv.

    Raises
    ------
    DatasetError
        The file is not UrbanSound8K.csv.
    """
    by_number, rows = {str(number): name for number, name in enumerate(CLASSES)}, {}
    for line, row in read_rows(expanded(table), needed=COLUMNS):
        number = row["classid"]
        if number not in by_number:
            raise DatasetError(f"{table}, line {line}: classID {number[:20]!r} is unknown: expected 0 to 9")
        rows[row["slice_file_name"]] = Tags(by_number[number], row["fold"], row["fsid"])
    return rows


def find_metadata(folder: Path, metadata: str | Path | None) -> Path:
    """Return where UrbanSound8K.csv lies.

    Parameters
    ----------
    folder : Path
        The folder of the clips; the CSV file may lie in it, in its folder `metadata`, or beside it.
    metadata : str, Path or None
        The CSV file itself, where it is named.

    Raises
    ------
    DatasetError
        It is nowhere near the clips.
    """
    if metadata is not None:
        return expanded(metadata)
    near = [place / sub / METADATA for place in (folder, folder.parent) for sub in ("", "metadata")]
    for path in near:
        if path.is_file():
            return path
    raise DatasetError(
        f"urbansound8k: no {METADATA} in {folder}, its folder `metadata` or beside it: put it there, or "
        "name it as metadata"
    )
