"""Find out what is meant by a name or a path, and open it."""

from __future__ import annotations

from importlib import import_module
from os.path import exists, isdir  # say no to a name that is too long, where Path raises
from pathlib import Path
from typing import Any, Protocol, cast

from elmarc._choices import did_you_mean
from elmarc._names import expanded
from elmarc.datasets import folder, hugging_face, lists, mirdata, table
from elmarc.datasets.base import Dataset, OnMissing
from elmarc.datasets.objects import from_object, refuse
from elmarc.errors import DatasetError

RECORDED = (  # each the name of its module, whose clips lie in a folder of the user's
    "gtzan",
    "ballroom",
    "extended_ballroom",
    "urbansound8k",
    "esc10",
    "esc50",
)
DATASETS = (*RECORDED, "toy")
PACKAGES = (*mirdata.PACKAGES, "hf")


class NamedDataset(lists.Source, Protocol):
    """What the module of a recorded data set offers."""

    N_CLIPS: int

    def load(
        self, audio_dir: str | Path, *, metadata: str | Path | None = None, on_missing: OnMissing = "skip"
    ) -> Dataset:
        """Open the data set."""
        ...


def dataset_module(name: str) -> NamedDataset:
    """Return the module of one of DATASETS: its constants, and `load`; imported when it is asked for."""
    return cast("NamedDataset", import_module(f"elmarc.datasets.{name}"))


def open_dataset(
    data: Any,
    *,
    audio: str | Path | None = None,
    target: str | None = None,
    metadata: str | Path | None = None,
    label: str | None = None,
    fold_column: str | None = None,
    group: str | None = None,
    split: str | None = None,
    config: str | None = None,
    on_missing: OnMissing | None = None,
) -> Dataset:
    """Open a data set.

    Parameters
    ----------
    data : str, Path or object
        One of DATASETS, a folder with one sub-folder a class, a CSV file (see `table.load`) or a DataFrame
        like it; "mirdata:NAME", "soundata:NAME" or "hf:NAME"; or a data set that one of these packages has
        loaded. A `Dataset` is returned as it is.
    audio : str, Path or None
        Where the clips of a named data set, of mirdata's or soundata's, or of a CSV file lie.
    target : {"rhythm", "timbre"} or None
        The label of `toy`.
    metadata : str, Path or None
        The CSV file of UrbanSound8K or ESC, where it does not lie with the clips.
    label, group : str or None
        The attribute or column that holds them in a data set of another package, where elmarc does not know.
    fold_column : str or None
        The same of folds; or the column of a CSV file, where it is not `fold`.
    split, config : str or None
        For "hf:NAME": one split alone, and which configuration of the data set.
    on_missing : {"raise", "skip", "keep"} or None
        What to do about clips that are named but absent. By default a CSV file has to be right, while a named
        data set may be incomplete: its absent clips are left out, and a note says so.

    Raises
    ------
    DatasetError
        Nothing is found under this name, or it is laid out in another way than expected.
    """
    own = {"label": label, "group": group, "split": split, "config": config}
    if package_name(data) or not isinstance(data, str | Path):
        refuse(data, target=target, metadata=metadata)
        options = own | {"fold_column": fold_column, "on_missing": on_missing}
        return _open_object(data, audio, options)
    refuse(data, **own)
    name = known_name(str(data))
    if name == "toy":
        from elmarc.datasets import toy  # what makes the clips takes half a second to import

        return toy.load(audio, target=target)
    if target is not None:
        raise DatasetError(f"{data}: target {target!r} was asked for, but only toy has targets: leave it out")
    if name and (audio is not None or not exists(data)):
        if audio is None:
            raise DatasetError(
                f"{name}: where do its clips lie? Name their folder: open_dataset({name!r}, audio=DIR)"
            )
        return dataset_module(name).load(audio, metadata=metadata, on_missing=on_missing or "skip")
    return _open_path(expanded(data), audio, fold_column, on_missing or "raise")


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
        Put before each line as it stands.
    name : str or None
        The data set whose labels and folds these are; None: a clip's label is the folder it lies in.
    files : str, Path or None
        One list, to be cut into folds.
    train, validation, test : str, Path or None
        Three lists.
    metadata : str, Path or None
        The CSV file of UrbanSound8K or ESC.
    on_missing : {"raise", "skip", "keep"}
        What to do about clips that are named but absent: refuse, leave out with a note, or keep.

    Raises
    ------
    DatasetError
        The lists do not make a split, cannot be read, or name absent clips.
    """
    parts = {lists.ALL: files, "train": train, "validation": validation, "test": test}
    given = {part: path for part, path in parts.items() if path is not None}
    if set(given) not in ({lists.ALL}, {"train", "validation", "test"}):
        raise DatasetError(f"found lists {sorted(given)}: expected files, or train, validation and test")
    known = known_name(name) if name else ""
    if name and known not in RECORDED:
        raise _unknown(name)
    source = dataset_module(known) if known else None
    return lists.load(
        audio, given, name=name or "lists", source=source, metadata=metadata, on_missing=on_missing
    )


def _open_path(
    path: Path, audio: str | Path | None, fold_column: str | None, on_missing: OnMissing
) -> Dataset:
    if path.suffix.lower() == ".csv":
        return table.load(path, audio_dir=audio, fold_column=fold_column, on_missing=on_missing)
    if isdir(path):
        return folder.load(path)
    if exists(path):
        raise DatasetError(
            f"{path}: expected a folder with one sub-folder a class, or a .csv file path,label"
        )
    raise _unknown(str(path))


def package_name(data: object) -> tuple[str, str] | None:
    """Return the package and the name in it, where that is what the data are called by.

    >>> package_name("mirdata:gtzan_genre"), package_name("clips")
    (('mirdata', 'gtzan_genre'), None)
    """
    package, colon, name = str(data).partition(":") if isinstance(data, str) else ("", "", "")
    return (package, name) if colon and name and package in PACKAGES else None


def _open_object(data: Any, audio: str | Path | None, options: dict[str, Any]) -> Dataset:
    """Open what another package holds, or loads by its name."""
    config = options.pop("config")
    package, name = package_name(data) or ("", "")
    if package != "hf":
        refuse(data, config=config)
    if package == "hf":
        refuse(data, audio=audio)
        held = hugging_face.load(name, config=config)
        return from_object(held, name=Path(name).name if exists(name) else name, **options)
    if package:
        return from_object(mirdata.initialize(package, name, data_home=audio), **options)
    return from_object(data, audio=audio, **options)


def known_name(text: str) -> str:
    """Return the data set meant by a spelling, "" if none is.

    >>> known_name("ESC-10"), known_name("Extended Ballroom"), known_name("my clips")
    ('esc10', 'extended_ballroom', '')
    """
    plain = text.lower().translate(str.maketrans("", "", "-_ "))
    return next((name for name in DATASETS if name.replace("_", "") == plain), "")


def _unknown(data: str) -> DatasetError:
    expected = f": expected {', '.join(DATASETS)}, a folder or a CSV file"
    hint = did_you_mean(data, DATASETS) or expected
    return DatasetError(f"{data}: no such data set, folder or CSV file{hint}")
