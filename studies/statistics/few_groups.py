"""Intervals and tests where clips come in few groups, or in unequal ones: several published methods.

Makes the tables of docs/lab/few-groups.md:

    python -m studies.statistics.few_groups [repetitions]

A clip is right where its latent number lies below a threshold, as in `studies.statistics.false_claims`. Half
of the variance is the difficulty, shared by both systems and all seeds; the rest is shared by a system's
seeds, or drawn for each of them, in equal parts. A group shares a tenth of each part, so that accuracies of
groups have a standard deviation of 12 points. With a class of its own, one system is 15, the other 25 points
worse on the largest group, and better elsewhere: equally good over all clips, but not in the mean over
groups.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtrit

from elmarc.comparison.multiple import infer_from
from elmarc.comparison.variance import accuracy_interval, cluster_df, moments

Floats = NDArray[np.float64]
SKILL, GAP, SPREAD = 0.6, 0.2, 0.02
SHARED = 0.1  # of the variance, by the clips of a group
OWN_CLASS = np.array([0.15, 0.25])
N_SEEDS, CLIPS_A_GROUP = 3, 20
N_GROUPS = (3, 5, 6, 10, 20, 50)
SHARES: dict[str, Callable[[int], Floats]] = {
    "equal": np.ones,
    "four to one": lambda n: np.geomspace(4, 1, n),
    "one holds half": lambda n: np.array([1.0, *np.full(n - 1, 1 / (n - 1))]),
}
DRAWS = 399  # of the wild bootstrap
AT_ONCE = 100
WEBB = np.sqrt([0.5, 1.0, 1.5])


def group_sizes(kind: str, n_groups: int) -> NDArray[np.intp]:
    """Return how many clips each group holds, the largest first."""
    shares = SHARES[kind](n_groups)
    return np.maximum(np.round(shares / shares.sum() * n_groups * CLIPS_A_GROUP), 1).astype(np.intp)


def latent(rng: np.random.Generator, n: int, sizes: NDArray[np.intp]) -> Floats:
    """Return what decides over right and wrong, (n, clips, systems, seeds)."""
    group = np.repeat(np.arange(len(sizes)), sizes)

    def normal(*width: int) -> Floats:
        own = rng.standard_normal((n, len(group), *width), dtype=np.float32)
        shared = rng.standard_normal((n, len(sizes), *width), dtype=np.float32)[:, group]
        return np.sqrt(np.float32(SHARED)) * shared + np.sqrt(np.float32(1 - SHARED)) * own

    return np.sqrt(0.5) * normal(1, 1) + 0.5 * (normal(2, 1) + normal(2, N_SEEDS))


def skills(sizes: NDArray[np.intp], *, own_class: bool, gap: float = 0.0) -> Floats:
    """Return the share of clips that each system has right, (clips, systems)."""
    found = np.full((sizes.sum(), 2), SKILL) - [0.0, gap]
    if own_class:
        found[: sizes[0]] -= OWN_CLASS
        found[sizes[0] :] += OWN_CLASS * sizes[0] / sizes[1:].sum()
    return found


def hits(drawn: Floats, skill: Floats, sizes: NDArray[np.intp]) -> Floats:
    """Return how many clips of each group are right, (n, groups, systems, seeds)."""
    right = drawn < ndtri(np.clip(skill, 1e-3, 1 - 1e-3))
    return np.add.reduceat(right.astype(np.float64), np.cumsum(sizes) - sizes, axis=1)


def covered(
    means: Floats, sizes: NDArray[np.intp], truth: float, rng: np.random.Generator
) -> dict[str, NDArray[Any]]:
    """Return by method which t-intervals hold the truth, from the mean of each group, (n, groups)."""
    n, shares = len(sizes), sizes / sizes.sum()
    value = means @ shares
    squares = ((means - value[:, None]) * shares) ** 2
    cr1, floor = np.sqrt(squares.sum(axis=1) * n / (n - 1)), 1.0 / sizes.sum()
    cr2 = np.sqrt(squares @ (1 / (1 - shares)))
    of_means = means.std(axis=1, ddof=1) / np.sqrt(n)

    def holds(at: Floats, error: Floats, df: float) -> NDArray[Any]:
        return np.abs(at - truth) <= stdtrit(df, 0.975) * np.maximum(error, floor)

    return {
        "floor of 1 / groups, t (before)": holds(value, np.maximum(cr1, 1 / n), n - 1),
        "CR1, t": holds(value, cr1, n - 1),
        "CR2, Satterthwaite (chosen)": holds(value, cr2, cluster_df(shares)),
        "t-test of groups' means": holds(means.mean(axis=1), of_means, n - 1),
        "wild bootstrap": wild_p(means - truth, shares, rng) > 0.05,
    }  # fmt: skip


def wild_p(away: Floats, shares: Floats, rng: np.random.Generator) -> Floats:
    """Return p-values of the wild cluster bootstrap with the null imposed and Webb's six weights."""
    signs = rng.choice([-1.0, 1.0], (DRAWS, len(shares))) * rng.choice(WEBB, (DRAWS, len(shares)))
    flat = away * shares
    value = flat @ signs.T  # (n, draws): sum over groups of weight times share times deviation
    squares = (flat**2) @ (signs**2).T - 2 * value * (flat * shares @ signs.T) + value**2 * (shares @ shares)
    size = np.abs(value) / np.sqrt(np.maximum(squares, 1e-24))
    own = flat.sum(axis=1)
    error = np.sqrt(np.maximum(((away - own[:, None]) ** 2) @ shares**2, 1e-24))
    return np.asarray((size >= (np.abs(own) / error)[:, None] - 1e-9).mean(axis=1))


def ranked(counts: Floats, sizes: NDArray[np.intp], truth: Floats) -> dict[str, float]:
    """Compare the systems of one repetition, (groups, systems, seeds), as `rank` does; {} for no answer."""
    n_clips = int(sizes.sum())
    table = counts.reshape(len(sizes), -1) / n_clips
    weights = np.broadcast_to(sizes[:, None] / n_clips, table.shape)
    own = moments(table, weights, [N_SEEDS] * 2, n_clips=n_clips)
    if np.isnan(own.units_df):
        return {}
    found = infer_from(own)
    low, high = accuracy_interval(found.accuracy, 0.95)
    estimate = found.pairs.estimate
    missed = replace(estimate, value=estimate.value - (truth[0] - truth[1]))
    return {
        "three seeds, accuracies": float(np.mean((low <= truth) & (truth <= high))),
        "three seeds, differences": float(missed.p_value()[0] > 0.05),
        "three seeds, false claims": float(found.pairs.p_value[0] <= 0.05),
        "three seeds, width of an accuracy's interval": float(np.mean(high - low)),
    }


def rates(kind: str, n_groups: int, *, own_class: bool, repetitions: int) -> dict[str, float]:
    """Return what the tables hold of one design, each a mean over the repetitions."""
    sizes = group_sizes(kind, n_groups)
    rng = np.random.default_rng([3, n_groups, len(kind), own_class])
    sums: dict[str, list[float]] = {}

    def add(name: str, value: float | Floats) -> None:
        sums.setdefault(name, []).append(float(np.mean(value)))

    for _ in range(repetitions // AT_ONCE):
        drawn = latent(rng, AT_ONCE, sizes)
        alike = skills(sizes, own_class=own_class)[None, :, :, None]
        means = hits(drawn[..., :1], alike, sizes)[..., 0] / sizes[:, None]
        for what, values, truth in (
            ("accuracies", means[..., 0], SKILL), ("differences", means[..., 0] - means[..., 1], 0.0),
        ):  # fmt: skip
            for method, holds in covered(values, sizes, truth, rng).items():
                add(f"{what}: {method}", holds)
        weights = SPREAD * rng.standard_normal((AT_ONCE, 1, 2, N_SEEDS))
        apart = skills(sizes, own_class=own_class, gap=GAP)[None, :, :, None]
        for counts in hits(drawn, alike + weights, sizes):
            for name, rate in ranked(counts, sizes, np.full(2, SKILL)).items():
                add(name, rate)
        for counts in hits(drawn, apart + weights, sizes):
            if each := ranked(counts, sizes, np.array([SKILL, SKILL - GAP])):
                add("three seeds, 20 points are significant", each["three seeds, false claims"])
    return {name: float(np.mean(values)) for name, values in sums.items()}


def tables(repetitions: int) -> Iterator[tuple[str, bool, dict[str, list[str]]]]:
    """Yield the sizes, whether there is a class of its own, and rows: one cell a number of groups."""
    for kind in SHARES:
        for own_class in (False, True):
            columns = [rates(kind, n, own_class=own_class, repetitions=repetitions) for n in N_GROUPS]
            names = list(dict.fromkeys(name for column in reversed(columns) for name in column))
            yield (
                kind,
                own_class,
                {
                    name: [f"{100 * column[name]:.1f}" if name in column else "-" for column in columns]
                    for name in names
                },
            )


def main(repetitions: int) -> None:
    """Print the tables as Markdown, in percent."""
    for kind, own_class, rows in tables(repetitions):
        print(f"\n### Sizes: {kind}{', a class of its own in the largest' if own_class else ''}\n")
        print(f"| groups | {' | '.join(map(str, N_GROUPS))} |\n|---|{'---|' * len(N_GROUPS)}")
        for name, cells in rows.items():
            print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
