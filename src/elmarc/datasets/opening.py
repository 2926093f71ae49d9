"""Open a data set: a folder, a CSV file, a name, list files, or what another package holds in memory."""

from __future__ import annotations

from os.path import exists, isdir, isfile  # False for a name that is too long, where Path raises
from pathlib import Path, PurePath
from typing import Any

from elmarc._choices import did_you_mean
from elmarc._names import expanded
from elmarc.datasets import folder, packages, table
from elmarc.datasets.base import Dataset, OnMissing, Tags, present, sorted_labels
from elmarc.datasets.named import DATASETS, NAMED, known_name, open_named
from elmarc.errors import DatasetError

COLUMNS = ("label", "fold", "group")
TAKES = {  # the options of each kind of data: any other would be ignored in silence
    "Dataset": (),
    "hf": ("split", "config", *COLUMNS),
    "loaded hf": ("split", *COLUMNS),
    "mirdata": ("audio", *COLUMNS),
    "loaded mirdata": COLUMNS,
    "toy": ("audio", "target"),
    "named": ("audio", "metadata"),
    "csv": ("audio", "fold"),
    "DataFrame": ("audio", "fold"),
    "folder": (),
}


def open_dataset(
    data: Any,
    *,
    audio: str | Path | None = None,
    target: str | None = None,
    metadata: str | Path | None = None,
    label: str | None = None,
    fold: str | None = None,
    group: str | None = None,
    split: str | None = None,
    config: str | None = None,
    on_missing: OnMissing | None = None,
) -> Dataset:
    """Open a data set.

    Parameters
    ----------
    data : str, Path or object
        One of DATASETS, a folder with one sub-folder per class, a CSV file (see `table.load`) or a DataFrame
        like it; "mirdata:NAME", "soundata:NAME" or "hf:NAME"; or a data set that one of these packages has
        loaded. A `Dataset` is returned as it is.
    audio : str, Path or None
        Where the clips of a named data set, of mirdata's or soundata's, or of a CSV file lie.
    target : {"rhythm", "timbre"} or None
        The label of `toy`.
    metadata : str, Path or None
        The CSV file of UrbanSound8K or ESC, where it does not lie with the clips.
    label, fold, group : str or None
        The attribute or column that holds them, where elmarc does not know; of a CSV file, `fold` alone.
    split, config : str or None
        For "hf:NAME": one split alone, and which configuration of the data set.
    on_missing : {"raise", "skip", "keep"} or None
        What to do about clips that are named but absent. By default a CSV file has to be right, while a named
        data set may be incomplete: its absent clips are left out, and a note says so.

    Raises
    ------
    DatasetError
        Nothing has this name, it is not laid out as expected, or an option does not belong to it.
    """
    kind, name = _kind(data, has_audio=audio is not None)
    columns = {"label": label, "fold": fold, "group": group}
    options = columns | {
        "audio": audio,
        "target": target,
        "metadata": metadata,
        "split": split,
        "config": config,
    }
    for option, value in options.items():
        if value is not None and option not in TAKES[kind]:
            what = data if isinstance(data, str | Path) else f"a {type(data).__name__}"
            raise DatasetError(f"{option}: {what} does not take it: leave it out")
    missing: OnMissing = on_missing or "raise"
    if kind in ("hf", "loaded hf"):
        loaded = packages.load_hugging_face(name, config=config) if name else data
        name = Path(name).name if exists(name) else name
        return packages.from_hugging_face(loaded, name=name, split=split, on_missing=missing, **columns)
    if kind in ("mirdata", "loaded mirdata"):
        loaded = packages.load_mirdata(data, data_home=audio) if name else data
        return packages.from_mirdata(loaded, on_missing=missing, **columns)
    if kind == "toy":
        from elmarc.datasets import toy  # SciPy's filters take half a second to import

        return toy.load(audio, target=target)
    if kind == "named":
        if audio is None:
            raise DatasetError(
                f"{name}: where do its clips lie? Name their folder: --audio DIR, in Python "
                f"open_dataset({name!r}, audio=DIR)"
            )
        return open_named(name, audio, metadata=metadata, on_missing=on_missing or "skip")
    if kind == "csv":
        return table.load(data, audio_dir=audio, fold=fold, on_missing=missing)
    if kind == "DataFrame":
        return table.from_frame(data, audio_dir=audio, fold=fold, on_missing=missing)
    if isinstance(data, Dataset):
        return data
    path = expanded(data)
    if isdir(path):
        return folder.load(path)
    if exists(path):
        raise DatasetError(
            f"{path}: expected a folder with one sub-folder per class, or a .csv file path,label"
        )
    raise _unknown(str(path))


def _kind(data: Any, *, has_audio: bool) -> tuple[str, str]:
    """Return the kind of data, a key of TAKES, and its name, "" where it has none."""
    if not isinstance(data, str | Path):
        if isinstance(data, Dataset):
            return "Dataset", ""
        if packages.is_mirdata(data):
            return "loaded mirdata", ""
        if packages.is_hugging_face(data):
            return "loaded hf", ""
        if hasattr(data, "itertuples"):
            return "DataFrame", ""
        raise DatasetError(
            f"found a {type(data).__name__}: expected a name, a folder, a CSV file, a DataFrame, or a data "
            "set of mirdata, soundata or Hugging Face"
        )
    if package := packages.package_name(data):
        return "hf" if package[0] == "hf" else "mirdata", package[1]
    name = known_name(str(data))
    if name == "toy" or (name and (has_audio or not exists(data))):
        return "toy" if name == "toy" else "named", name
    return "csv" if expanded(data).suffix.lower() == ".csv" else "folder", ""


def open_lists(
    audio: str,
    *,
    name: str | None = None,
    files: str | Path | None = None,
    train: str | Path | None = None,
    validation: str | Path | None = None,
    test: str | Path | None = None,
    metadata: str | Path | None = None,
    on_missing: OnMissing = "raise",
) -> Dataset:
    """Open the clips of the study's list files: three fixed lists, or one (`files`) to be cut into folds.

    Parameters
    ----------
    audio : str
        Put before each line as it stands, so a folder ends in a slash; "" where lines are whole paths.
    name : str or None
        The data set whose labels and folds these are; None: a clip's label is the folder it lies in.
    files, train, validation, test : str, Path or None
        One list, or three.
    metadata : str, Path or None
        The CSV file of UrbanSound8K.
    on_missing : {"raise", "skip", "keep"}
        What to do about clips that are named but absent: refuse, leave out with a note, or keep.

    Raises
    ------
    DatasetError
        The lists do not make a split, cannot be read, or name absent clips.
    """
    paths = {"files": files, "train": train, "validation": validation, "test": test}
    lists = {part: path for part, path in paths.items() if path is not None}
    if set(lists) not in ({"files"}, {"train", "validation", "test"}):
        raise DatasetError(f"found lists {sorted(lists)}: expected files, or train, validation and test")
    facts = NAMED.get(known_name(name)) if name else None
    if name and (facts is None or facts.layout is None):
        raise _unknown(name)
    tagger = facts.layout.tagger(audio, metadata) if facts and facts.layout else _folder_tags
    clips = table.read_lists(audio, lists, name=name or "lists", tagger=tagger)
    source = ", ".join(map(str, lists.values()))
    if audio and not audio.endswith("/") and isfile(Path(audio, clips[0].id)):
        source += f" (end the audio path in a slash: {audio}/)"
    there, notes = present(clips, source=source, on_missing=on_missing)
    described: dict[str, Any] = {
        "name": name or "lists",
        "clips": there,
        "split_kind": "lists" if files is None else "folds" if there[0].fold else "none",
        "notes": notes,
        "n_expected": len(clips),
    }
    if facts:
        return facts.dataset(**described, n_folds=10)
    return Dataset(classes=sorted_labels(clip.label for clip in there), **described)


def _folder_tags(path: PurePath) -> Tags | None:
    return Tags(path.parent.name) if path.parent.name else None


def is_data_set(data: Any) -> bool:
    """Return whether `open_dataset` opens this, such as a path; not so a sequence of clips."""
    if isinstance(data, str | Path | Dataset) or packages.is_mirdata(data) or packages.is_hugging_face(data):
        return True
    return hasattr(data, "itertuples") and {"path", "label"} <= set(data.columns)


def _unknown(data: str) -> DatasetError:
    parent = Path(data).parent
    nearby = parent.glob("*") if isdir(parent) else ()  # False for a name that is too long
    beside = [str(path) for path in nearby if path.is_dir() or path.suffix == ".csv"]
    hint = did_you_mean(data, [*DATASETS, *beside])
    return DatasetError(
        f"{data}: no such data set, folder or CSV file"
        + (hint or f": expected {', '.join(DATASETS)}, a folder or a CSV file")
    )
