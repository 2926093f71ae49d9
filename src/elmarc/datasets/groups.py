"""The one rule for groups: clips of a group stay together, and a clip without one stands alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def units(groups: Sequence[str | None]) -> NDArray[np.intp]:
    """Number what must not be torn apart: a group, or a single clip.

    Parameters
    ----------
    groups : sequence of n_clips str or None
        "" or None: the clip belongs to no group.

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
