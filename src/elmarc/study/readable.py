"""Asked of the clips of a data set before any feature is computed: can they be read, and be split?"""

from __future__ import annotations

from dataclasses import replace

from elmarc.datasets.base import Clip, Dataset
from elmarc.errors import AudioError, DatasetError
from elmarc.evaluation.splits import dataset_splits
from elmarc.features.contents import Contents
from elmarc.study import copies
from elmarc.study import spec as cfg


def prepared(data: Dataset, contents: Contents, section: cfg.Data, *, heard: bool = True) -> Dataset:
    """Return a data set with notes on its copies, which are grouped where that is asked for.

    Parameters
    ----------
    data : Dataset
    contents : Contents
        Of its clips.
    section : Data
        Says whether copies are kept together.
    heard : bool
        Whether features are computed of its clips: those that can be read have to fill the folds then.

    Raises
    ------
    DatasetError
        They do not.
    """
    if section.keep_duplicates_together:
        data = copies.kept_together(data, contents)
        dataset_splits(data)
    clips = tuple(clip for clip in data.clips if not heard or _is_readable(clip, contents))
    same = copies.copies(clips, contents)
    n_left_out = len(data.clips) - len(clips)
    if not same and not n_left_out:
        return data
    try:
        parts = dataset_splits(replace(data, clips=clips))
    except DatasetError as problem:
        if not n_left_out:
            raise
        raise DatasetError(
            f"{problem} ({n_left_out} of {len(data.clips)} clips cannot be read and are left out)"
        ) from None
    notes = [*copies.class_notes(same), *copies.fold_notes(same, clips, parts)]
    return replace(data, notes=(*data.notes, *notes))


def _is_readable(clip: Clip, contents: Contents) -> bool:
    """Tell whether a file was hashed, and has a header that holds the clip."""
    try:
        return bool(contents.of(clip)) and clip.duration_s() > 0
    except AudioError:
        return False
