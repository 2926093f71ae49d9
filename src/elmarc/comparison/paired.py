"""Paired tests and intervals for systems judged on the same clips: the mathematics, free of result records.

Conventions
-----------
A *unit* is what is resampled: a clip, or a group of clips that belong together (one singer, one recording).
`values[i, k]` is the share that unit i adds to the accuracy of system k, so a column sums to an accuracy.
Random numbers come from raw bits of named streams, so equal seeds give equal numbers on every platform.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special, stats

from elmarc._seeds import generator, uniform

Floats = NDArray[np.float64]
CHUNK = 4_000_000  # random numbers held at a time: 32 MB
TOLERANCE = 1e-9  # two sums of shares this close are the same sum, rounded otherwise


def holm(p_values: ArrayLike) -> Floats:
    """Return p-values adjusted for many comparisons (Holm 1979): the family-wise error stays below alpha.

    >>> holm([0.01, 0.04, 0.03]).tolist()
    [0.03, 0.06, 0.06]
    """
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    steps = p[order] * np.arange(len(p), 0, -1)
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted


def mcnemar(only_a: ArrayLike, only_b: ArrayLike) -> Floats:
    """Return the exact two-sided p-value of McNemar's test (1947), elementwise.

    `only_a` counts the clips that A alone has right, `only_b` those that B alone has right.

    >>> float(mcnemar(9, 1).round(4))
    0.0215
    """
    a, b = np.asarray(only_a), np.asarray(only_b)
    return np.asarray(np.minimum(1.0, 2.0 * stats.binom.cdf(np.minimum(a, b), a + b, 0.5)))


@dataclass(frozen=True)
class Noise:
    """Chance beyond the clips: a standard error for each system, estimated in pools of systems."""

    sd: Floats  # (systems,)
    pool: NDArray[np.intp]  # (systems,): which estimate `sd` comes from
    df: Floats  # (pools,): degrees of freedom of each estimate

    def draw(self, n: int, seed: int, name: str) -> Floats:
        """Return Student-t numbers, (n, systems): those of one pool share their denominator."""
        size = n, len(self.sd)
        normal = special.ndtri(uniform(seed, "weights", name, size=size[0] * size[1])).reshape(size)
        u = uniform(seed, "spread", name, size=n * len(self.df)).reshape(n, -1)
        scale = np.sqrt(self.df / special.chdtri(self.df, u))
        return np.asarray(self.sd * normal * scale[:, self.pool])


def sign_flip_test(
    values: Floats, pairs: NDArray[np.intp], *, n_resamples: int = 9999, seed: int = 0,
    noise: Noise | None = None,
) -> Floats:  # fmt: skip
    """Return a two-sided p-value for each pair of columns: is the difference of their sums more than chance?

    Under the null hypothesis the two systems may swap their outcomes on any unit, so the sign of each unit's
    difference is a coin toss. All sign patterns are tried where there are at most `n_resamples`, else that
    many are drawn and the observed one is counted among them.

    Parameters
    ----------
    values : shares, (units, systems)
    pairs : column indices, (pairs, 2)
    noise : a second source of chance, added to each system's sum
    """
    a, b = pairs.T
    observed = np.abs(values.sum(axis=0)[a] - values.sum(axis=0)[b]) - TOLERANCE
    exhaustive = noise is None and 2 ** min(len(values), 62) <= n_resamples
    patterns = _all_signs(len(values)) if exhaustive else _random_signs(len(values), n_resamples, seed)
    extreme, total = np.zeros(len(pairs)), 0
    for number, signs in enumerate(patterns):
        sums = signs @ values
        if noise is not None:
            sums += noise.draw(len(signs), seed, str(number))
        extreme += (np.abs(sums[:, a] - sums[:, b]) >= observed).sum(axis=0)
        total += len(signs)
    return extreme / total if exhaustive else (extreme + 1) / (total + 1)


def _all_signs(n: int) -> Iterator[Floats]:
    bits = (np.arange(2**n)[:, None] >> np.arange(n)) & 1
    yield 1.0 - 2.0 * bits.astype(np.float64)


def _random_signs(n: int, n_resamples: int, seed: int) -> Iterator[Floats]:
    bits = generator(seed, "sign flips").bit_generator
    words = -(-n // 64)
    for size in _chunks(n_resamples, n):
        raw = np.asarray(bits.random_raw(size * words), dtype="<u8").view(np.uint8).reshape(size, -1)
        yield 1.0 - 2.0 * np.unpackbits(raw, axis=1, count=n).astype(np.float64)


def bootstrap_counts(n: int, n_resamples: int, *, seed: int, name: str = "clips") -> Iterator[Floats]:
    """Yield how often each of n units was drawn, in blocks of rows; each row sums to n."""
    for number, size in enumerate(_chunks(n_resamples, n)):
        drawn = (uniform(seed, "bootstrap", name, str(number), size=size * n) * n).astype(np.intp)
        drawn += np.repeat(np.arange(size) * n, n)
        yield np.bincount(drawn, minlength=size * n).reshape(size, n).astype(np.float64)


def _chunks(n_rows: int, width: int) -> Iterator[int]:
    most = max(1, CHUNK // max(width, 1))
    for start in range(0, n_rows, most):
        yield min(most, n_rows - start)


def interval(replicates: Floats, *, confidence: float = 0.95) -> tuple[Floats, Floats]:
    """Return the lower and upper end of the percentile interval along the first axis."""
    tail = (1.0 - confidence) / 2.0
    low, high = np.nanquantile(replicates, [tail, 1.0 - tail], axis=0)
    return low, high


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
