"""How often equally good networks are called different, intervals hold, and differences are found.

Makes the tables of docs/statistics.md with the very functions that `compare` calls:

    python -m studies.statistics.false_claims [repetitions]

A clip is right where `0.7 * difficulty + 0.71 * noise` lies below a threshold (all normal, variance 1): the
difficulty belongs to the clip and is shared by all systems and seeds; the noise is drawn for each clip,
system and seed. The threshold is the quantile of the skill, which is 60 % plus the spread of weights times a
normal number for each system and seed. With groups, five clips share half the variance of both.

All rows of one number of clips are counted on the same draws, so their errors of simulation go together.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.special import ndtri

from elmarc.comparison.multiple import infer_from
from elmarc.comparison.variance import Moments, accuracy_interval, moments

SKILL = 0.6
SPREADS = (0.0, 0.01, 0.02, 0.05, 0.1)
SEEDS = (1, 2, 3, 5)
CLIPS = (160, 400, 2000)
SYSTEMS = (2, 10, 20)
GROUP = 5
LOADING = np.float32(0.7)
CONFIDENCE = 0.95
WORDS = {
    "pairs": "False claims: any pair of equally good systems called different",
    "baseline": "False claims: any system called different from one that is as good",
    "accuracy": "Coverage: intervals of accuracies that hold the true one",
    "difference": "Coverage: intervals of differences that hold the true one",
}
Rows = Iterator[tuple[tuple[Any, ...], dict[str, float]]]


class Draws:
    """Everything random of one repetition: latent values of clips, and the skills that the weights give."""

    def __init__(self, rng: np.random.Generator, n_clips: int, grouped: bool) -> None:
        self.rng, self.n_clips, self.grouped = rng, n_clips, grouped
        noise = self._normal(SYSTEMS[-1] * SEEDS[-1]) * np.sqrt(1 - LOADING**2)
        self.heard = (noise + LOADING * self._normal(1)).reshape(n_clips, SYSTEMS[-1], SEEDS[-1])
        self.weights = rng.standard_normal((SYSTEMS[-1], SEEDS[-1]))

    def _normal(self, width: int) -> np.ndarray:
        drawn = self.rng.standard_normal((self.n_clips, width), dtype=np.float32)
        if not self.grouped:
            return drawn
        shared = self.rng.standard_normal((self.n_clips // GROUP, width), dtype=np.float32)
        return np.sqrt(np.float32(0.5)) * (drawn + np.repeat(shared, GROUP, axis=0))

    def right(self, spread: float | np.ndarray, skills: float | np.ndarray = SKILL) -> tuple[Any, Any]:
        """Return right or wrong, (clips, systems, seeds), and the accuracies that these weights have."""
        skill = np.clip(np.transpose(skills + np.transpose(self.weights) * spread), 1e-3, 1 - 1e-3)
        return self.heard < ndtri(skill).astype(np.float32), skill

    def moments(self, right: np.ndarray) -> Moments:
        """Take right or wrong, (clips, systems, seeds), apart as `compare` does; groups are summed first."""
        n_clips, n_systems, n_seeds = right.shape
        hits = right.reshape(n_clips, -1)
        if self.grouped:
            hits = hits.reshape(-1, GROUP, n_systems * n_seeds).sum(axis=1)
        hits = hits / n_clips
        weights = np.full_like(hits, 1.0 / len(hits))
        return moments(hits, weights, [n_seeds] * n_systems, n_clips=n_clips)


def first(found: Moments, n: int) -> Moments:
    """Return the moments of the first n systems."""
    parts = {
        name: getattr(found, name)[:n] for name in ("accuracy", "between", "interaction", "n_seeds", "fixed")
    }
    return replace(found, covariance=found.covariance[:n, :n], **parts)


def level(own: Moments, skill: np.ndarray) -> dict[str, float]:
    """Compare equally good systems: any false claim, and the shares of intervals that hold the truth."""
    found = infer_from(own, baseline=1)
    one_seed = skill.shape[1] == 1
    truth = skill[:, 0] if one_seed else np.full(len(skill), SKILL)  # one seed speaks of its own weights
    low, high = accuracy_interval(found.accuracy, CONFIDENCE)
    pairs, baseline = infer_from(own).pairs, found.baseline
    missed = replace(pairs.estimate, value=pairs.estimate.value - (truth[pairs.a] - truth[pairs.b]))
    return {
        "pairs": float((pairs.p_value <= 1 - CONFIDENCE).any()),
        "baseline": float(baseline is not None and (baseline.p_value <= 1 - CONFIDENCE).any()),
        "accuracy": float(np.mean((low <= truth) & (truth <= high))),
        "difference": float(np.mean(missed.p_value() > 1 - CONFIDENCE)),
    }


def levels(repetitions: int) -> Rows:
    """Yield (groups, clips, systems, seeds, spread) and the rates of each row."""
    for grouped in (False, True):
        for n_clips in CLIPS:
            sums: dict[tuple[Any, ...], dict[str, float]] = defaultdict(lambda: defaultdict(float))
            for repetition in range(repetitions):
                draws = Draws(np.random.default_rng([1, grouped, n_clips, repetition]), n_clips, grouped)
                named: list[tuple[str, Any]] = [*((f"{100 * s:.0f}", s) for s in SPREADS), ("mixed", mixed())]
                for name, spread in named:
                    right, skill = draws.right(spread)
                    for n_seeds in SEEDS:
                        everything = draws.moments(right[:, :, :n_seeds])
                        for n in SYSTEMS:
                            for key, value in level(first(everything, n), skill[:n, :n_seeds]).items():
                                sums[grouped, n_clips, n, n_seeds, name][key] += value / repetitions
            yield from sums.items()


def mixed() -> np.ndarray:
    """Return spreads of which the first is 10 points, the others 1 and 2 in turn."""
    return np.array([0.1, *np.resize([0.01, 0.02], SYSTEMS[-1] - 1)])


def power(draws: Draws, gap: float, n_systems: int, n_seeds: int) -> dict[str, float]:
    """Let one system be worse by `gap`: is it told from the best, from each other one, from a named one?"""
    skills = np.full(SYSTEMS[-1], SKILL)
    skills[n_systems - 1] -= gap
    right, _ = draws.right(0.02, skills)
    found = infer_from(draws.moments(right[:, :n_systems, :n_seeds]))
    last = found.pairs.b == n_systems - 1
    told = found.pairs.p_value[last] <= 1 - CONFIDENCE
    best = int(np.argmax(found.accuracy.value[:-1]))
    return {"best": float(told[best]), "all": float(told.mean()), "named": float(told[0])}


def powers(repetitions: int) -> Rows:
    """Yield (points, systems, seeds) and how often the difference is found; 400 clips, spread 2 points."""
    sums: dict[tuple[Any, ...], dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for repetition in range(repetitions):
        draws = Draws(np.random.default_rng([2, repetition]), 400, grouped=False)
        for gap, n_systems, n_seeds in ((g, k, s) for g in (0.1, 0.2) for k in SYSTEMS for s in SEEDS[1:]):
            for key, value in power(draws, gap, n_systems, n_seeds).items():
                sums[f"{100 * gap:.0f}", n_systems, n_seeds][key] += value / repetitions
    yield from sums.items()


def print_powers(rows: Rows) -> None:
    print("| points apart | systems | seeds | told from the best | from each other | from one named |")
    print("|---|---|---|---|---|---|")
    for key, rates in rows:
        print(
            f"| {' | '.join(map(str, key))} | "
            + " | ".join(f"{100 * r:.1f} %" for r in rates.values())
            + " |"
        )


def print_levels(rows: list[tuple[tuple[Any, ...], dict[str, float]]], what: str) -> None:
    """Print one rate of every design: a row for groups, clips, systems and seeds, a column a spread."""
    spreads = list(dict.fromkeys(key[-1] for key, _ in rows))
    print(f"| groups | clips | systems | seeds | {' | '.join(spreads)} |")
    print("|---|---|---|---|" + "---|" * len(spreads))
    designs: dict[tuple[Any, ...], list[str]] = defaultdict(list)
    for (*design, _), rates in rows:
        designs[tuple(design)].append(f"{100 * rates[what]:.1f}")
    for (grouped, *design), cells in sorted(designs.items()):
        print("| " + " | ".join(["yes" if grouped else "no", *map(str, design), *cells]) + " |")


def main(repetitions: int) -> None:
    """Print every table as Markdown, in percent."""
    print_powers(powers(repetitions))
    rows = list(levels(repetitions))
    for what, words in WORDS.items():
        print(f"\n{words}\n")
        print_levels(rows, what)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
