"""ESC-10 and ESC-50 as they are found: class folders, or `audio/` with `meta/esc50.csv`.

A clip is named `fold-source-take.ogg`, or `fold-source-take-target.wav`; clips of one source are in one fold.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path, PurePath

from elmarc._names import expanded
from elmarc.datasets.base import Clip, OnMissing, Tags, present
from elmarc.datasets.files import clip_id, find_audio
from elmarc.datasets.rows import read_rows
from elmarc.errors import DatasetError

ESC50 = (
    "dog", "rooster", "pig", "cow", "frog", "cat", "hen", "insects", "sheep", "crow",
    "rain", "sea_waves", "crackling_fire", "crickets", "chirping_birds",
    "water_drops", "wind", "pouring_water", "toilet_flush", "thunderstorm",
    "crying_baby", "sneezing", "clapping", "breathing", "coughing",
    "footsteps", "laughing", "brushing_teeth", "snoring", "drinking_sipping",
    "door_wood_knock", "mouse_click", "keyboard_typing", "door_wood_creaks", "can_opening",
    "washing_machine", "vacuum_cleaner", "clock_alarm", "clock_tick", "glass_breaking",
    "helicopter", "chainsaw", "siren", "car_horn", "engine",
    "train", "church_bells", "airplane", "fireworks", "hand_saw",
)  # fmt: skip
ESC10 = (
    "dog", "rain", "sea_waves", "crying_baby", "clock_tick",
    "sneezing", "helicopter", "chainsaw", "rooster", "crackling_fire",
)  # fmt: skip
CITATION = "K. J. Piczak: ESC: Dataset for environmental sound classification. ACM Multimedia, 2015"
URL = "https://github.com/karolpiczak/ESC-50"
COLUMNS = ("filename", "fold", "category", "src_file", "esc10")
# ESC-10 numbers its folders 001 to 010, ESC-50 by group and place in it: 101 to 110, ..., 501 to 510
LABELS: Mapping[str, str] = {f"{i:03d}": label for i, label in enumerate(ESC10, 1)} | {
    f"{i // 10 + 1}{i % 10 + 1:02d}": label for i, label in enumerate(ESC50)
}
NAME = re.compile(r"(?P<fold>[1-5])-(?P<source>\d+)-[A-Z](-(?P<target>\d+))?$")


def clips(
    folder: Path, *, name: str, classes: tuple[str, ...], metadata: str | Path | None, on_missing: OnMissing
) -> tuple[tuple[Clip, ...], tuple[str, ...]]:
    """Return the clips of some of the classes, and notes.

    Parameters
    ----------
    folder : Path
        Of the class folders, or of `audio/` and `meta/`.
    name : {"esc10", "esc50"}
        Which of the two; ESC-10 is a part of ESC-50.
    classes : tuple of str
        The labels to keep.
    metadata : str, Path or None
        `esc50.csv`, where it lies elsewhere.
    on_missing : {"raise", "skip", "keep"}
        What to do about clips that are named but absent: refuse, leave out with a note, or keep.

    Raises
    ------
    DatasetError
        Neither layout is found, or every clip that the CSV file names is absent.
    """
    table = expanded(metadata) if metadata else _find_table(folder)
    if table:
        rows = _table_clips(folder, table, only_esc10=name == "esc10")
        return present(rows, source=str(table), on_missing=on_missing)
    found = [
        Clip(clip_id(path, folder), path, known.label, known.fold, known.group)
        for path in find_audio(folder)
        if (known := tags(path)) and known.label in classes
    ]
    if not found:
        raise DatasetError(
            f"{name}: no clips below {folder}: expected class folders such as `001 - Dog bark`, or audio/ "
            "with meta/esc50.csv"
        )
    return tuple(found), ()


def tags(path: PurePath) -> Tags | None:
    """Return label, fold and source of a clip from its name and folder, None if they do not tell.

    Parameters
    ----------
    path : PurePath
        At least the file and its folder.

    >>> tags(PurePath("001 - Dog bark/1-100032-A.ogg"))
    Tags(label='dog', fold='1', group='100032')
    >>> tags(PurePath("audio/5-9032-A-0.wav")).label
    'dog'
    """
    parts = NAME.match(path.stem)
    if not parts:
        return None
    number = int(parts["target"] or len(ESC50))
    label = ESC50[number] if number < len(ESC50) else LABELS.get(path.parent.name[:3])
    return Tags(label, parts["fold"], parts["source"]) if label else None


def _find_table(folder: Path) -> Path | None:
    near = (folder / "meta" / "esc50.csv", folder / "esc50.csv", folder.parent / "meta" / "esc50.csv")
    return next((path for path in near if path.is_file()), None)


def _table_clips(folder: Path, table: Path, *, only_esc10: bool) -> list[Clip]:
    audio = folder / "audio" if (folder / "audio").is_dir() else folder
    return [
        Clip(row["filename"], audio / row["filename"], row["category"], row["fold"], row["src_file"])
        for _, row in read_rows(table, needed=COLUMNS)
        if not only_esc10 or row["esc10"].lower() == "true"
    ]
