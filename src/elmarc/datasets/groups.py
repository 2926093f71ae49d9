"""The one rule for groups: clips of a group stay together, and a clip without one stands alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def group_name(value: object) -> str | None:
    """Return the name of a clip's group; None where a cell is empty: None, NaN, pandas' NA, or blank.

    >>> [group_name(value) for value in ("rex", 7, None, float("nan"), " ")]
    ['rex', '7', None, None, None]
    """
    try:
        is_empty = value is None or bool(value != value)
    except TypeError:  # pandas' NA is neither equal to itself nor not
        is_empty = True
    return None if is_empty else str(value).strip() or None


def units(groups: Sequence[str | None]) -> NDArray[np.intp]:
    """Number what must not be torn apart: a group, or a single clip.

    Parameters
    ----------
    groups : sequence of n_clips str or None
        As in `Clip`, `FeatureMatrix` and `Prediction`: "" or None is a clip without a group.

    Returns
    -------
    np.ndarray [shape=(n_clips,)]
        From 0; equal for clips of one group. Clips without a group come first, in their order, then the
        groups in the order of their names.

    Examples
    --------
    >>> units(["rex", "", "rex", "ada", ""]).tolist()
    [3, 0, 3, 2, 1]
    """
    alone = [f"\0{i:09d}" for i in range(len(groups))]
    names = [group or own for group, own in zip(groups, alone, strict=True)]
    _, numbers = np.unique(np.asarray(names, dtype=str), return_inverse=True)
    return numbers.astype(np.intp)


def n_units(groups: Sequence[str | None]) -> int:
    """Return how many units there are.

    >>> n_units(["rex", "", "rex", "ada", ""])
    4
    """
    return int(units(groups).max(initial=-1)) + 1


def torn_notes(groups: Sequence[str | None], folds: Sequence[str | None], *, where: str) -> list[str]:
    """Return a note where folds that come with a data set split a group.

    Parameters
    ----------
    groups, folds : sequences of n_clips str or None
        The group and the fold or list of each clip.
    where : str
        What the note begins with.

    Examples
    --------
    >>> torn_notes(["rex", "rex", "", ""], ["1", "2", "1", "2"], where="a.csv")
    ["a.csv: 1 of 1 groups have clips in several folds, such as 'rex': scores may be too high"]
    """
    pairs = {(group, fold) for group, fold in zip(groups, folds, strict=True) if group}
    counts = Counter(group for group, _ in pairs)
    torn = sorted(group for group, n_folds in counts.items() if n_folds > 1)
    if not torn:
        return []
    found = f"{len(torn)} of {len(counts)} groups have clips in several folds, such as {torn[0]!r}"
    return [f"{where}: {found}: scores may be too high"]
