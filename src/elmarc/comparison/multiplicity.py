"""Many contrasts at once: adjusted p-values of all pairs and of many against one, and tie letters."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

Floats = NDArray[np.float64]
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(64)  # to integrate over a normal number: exact to 1e-6
WEIGHTS /= WEIGHTS.sum()


def all_pairs(z: ArrayLike, n: int) -> Floats:
    """Return the chance that any two of n equal means lie `z` standard errors apart or more.

    The distribution of the studentized range with known variance (Tukey 1953); where variances differ it
    errs on the safe side (Hayter 1984).

    >>> all_pairs([1.96, 3.54], 2).round(3).tolist(), all_pairs(3.545, 20).round(3).tolist()
    ([0.05, 0.0], 0.05)
    """
    q = np.sqrt(2.0) * np.abs(np.asarray(z, dtype=np.float64))[..., None]
    inside = n * (special.ndtr(NODES + q) - special.ndtr(NODES)) ** (n - 1) @ WEIGHTS
    return np.asarray(np.clip(1.0 - inside, 0.0, 1.0))


def many_to_one(z: ArrayLike, shares: ArrayLike) -> Floats:
    """Return the chance that any of the means lies `z` standard errors from the baseline's or more.

    Parameters
    ----------
    z : any shape
    shares : np.ndarray [shape=(n,)]
        The part of each contrast's variance that is the baseline's own: the correlation of two contrasts is
        the square root of the product of their shares (Dunnett 1955).
    """
    at = np.abs(np.asarray(z, dtype=np.float64))[..., None, None]
    root = np.sqrt(np.clip(np.asarray(shares, dtype=np.float64), 0.0, 1.0 - 1e-9))[:, None]
    own = np.sqrt(1.0 - root**2)
    each = special.ndtr((root * NODES + at) / own) - special.ndtr((root * NODES - at) / own)
    return np.asarray(np.clip(1.0 - each.prod(axis=-2) @ WEIGHTS, 0.0, 1.0))


def letters(different: NDArray[np.bool_]) -> list[str]:
    """Return a compact letter display: two systems share a letter if and only if they are not different.

    `different` is symmetric, its systems sorted best first: then "a" marks those tied with the best.
    Insert-and-absorb algorithm of Piepho (J. Comput. Graph. Stat. 13, 2004).

    >>> letters(np.array([[0, 0, 1], [0, 0, 0], [1, 0, 0]], dtype=bool))
    ['a', 'ab', 'b']
    """
    n = len(different)
    columns = [frozenset(range(n))]
    for i, j in zip(*np.nonzero(np.triu(different)), strict=True):
        split = [part for c in columns for part in ([c - {i}, c - {j}] if {i, j} <= c else [c])]
        columns = [c for k, c in enumerate(split) if not _absorbed(c, k, split)]
    columns.sort(key=sorted)
    return ["".join(_letter(k) for k, c in enumerate(columns) if i in c) for i in range(n)]


def _absorbed(column: frozenset[int], k: int, columns: list[frozenset[int]]) -> bool:
    return any(column < other or (column == other and k > m) for m, other in enumerate(columns))


def _letter(k: int) -> str:
    return chr(ord("a") + k % 26) + "'" * (k // 26)
