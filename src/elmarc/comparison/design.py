"""What a design can detect: the least difference, and what it takes to detect smaller ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from scipy import special

from elmarc.comparison.contrasts import unadjusted
from elmarc.comparison.families import Inference
from elmarc.comparison.hits import HitTable
from elmarc.comparison.records import Design
from elmarc.comparison.variance import LEAST_GROUPS, n_alike

OFTEN = 0.8  # "four times in five"
WANTED = 0.05  # a difference worth detecting: 5 points
MOST_SEEDS = 10  # that anybody waits for; beyond, more clips help more
MORE_CLIPS = (1, 2, 3, 4, 6, 8, 10, 15, 20)
ONE_SEED = (
    "With one seed, other draws of the weights are unknown and no difference is tested: draw the weights "
    "three times (3 seeds)."
)


@dataclass(frozen=True)
class Power:
    """The parts of a typical pair's variance, from which those of other designs follow.

    Parameters
    ----------
    critical : float
        How many standard errors a difference must have to be significant, were its variance known.
    weights, noise, units : float
        Variance of the difference, for one seed: from the weights; from units by seeds; from units alone.
    n_seeds : float
        Seeds that were drawn.
    df : float
        Degrees of freedom that these seeds gave.
    groups_df : float
        Those of groups of clips, which more seeds do not raise; infinite for clips.
    """

    critical: float
    weights: float
    noise: float
    units: float
    n_seeds: float
    df: float
    groups_df: float = np.inf

    def detectable(self, n_seeds: float, more_units: float = 1.0) -> float:
        """Return the difference detected four times in five with so many seeds and times the units."""
        variance = self.weights / n_seeds + (self.noise / n_seeds + self.units) / more_units
        df = self.df * max(n_seeds - 1.0, 1.0) / max(self.n_seeds - 1.0, 1.0)
        df = min(df, max(self.df, self.groups_df * more_units))
        steps = special.stdtrit(df, np.array([special.ndtr(self.critical), OFTEN]))
        return float(steps.sum() * np.sqrt(variance))


def design_of(table: HitTable, found: Sequence[Inference], confidence: float) -> Design:
    """Describe what was drawn, what can be detected with it, and what it takes to detect more."""
    n_seeds = min(len(own) for own in table.columns)
    n_units = len(np.unique(table.units))
    grouped = n_units < len(table.units)
    can_tell = all(each.can_tell for each in found)
    tested = [each for each in found if len(each.own.accuracy) > 1 and each.can_tell]
    powers = [power_of(each, confidence, grouped=grouped) for each in tested]
    detectable = max((power.detectable(power.n_seeds) for power in powers), default=None)
    advice, more = "", None
    if any(np.isnan(each.own.units_df) for each in found):
        advice = _few_groups(table)
    elif not can_tell:
        advice, more = ONE_SEED, 3
    elif detectable is not None:
        weakest = max(powers, key=lambda power: power.detectable(power.n_seeds))
        advice, more = _advice(weakest, detectable, n_units, "groups of clips" if grouped else "clips")
    return Design(n_seeds, n_units, grouped, can_tell, detectable, (advice,) if advice else (), more)


def _few_groups(table: HitTable) -> str:
    """Return why groups of clips give no intervals and tests, and what would."""
    rows = table.judged.all(axis=0)
    weights = table.weights[rows].sum(axis=1)
    shares = np.bincount(np.unique(table.units[rows], return_inverse=True)[1], weights) / weights.sum()
    found = f"The clips come from {len(shares)} group{'s' if len(shares) > 1 else ''}"
    if n_alike(shares) < len(shares):
        share = f"{100 * shares.max():.0f} %"
        found += f", the largest with {share} of them, which tell as much as {n_alike(shares)} of like size"
    return (
        f"{found}: too few to estimate how accuracies vary between groups, so there are no intervals and no "
        f"tests. It takes {LEAST_GROUPS} groups of like size or more: add clips of other groups."
    )


def power_of(found: Inference, confidence: float, *, grouped: bool) -> Power:
    """Take the median over all pairs of each part of the variance; over the baseline's where that is all."""
    own, pairs = found.own, found.pairs if len(found.pairs.a) or not found.baseline else found.baseline
    both = np.stack([pairs.a, pairs.b])
    weights = np.maximum(found.seeds.value - own.interaction, 0.0)[both].sum(axis=0)
    noise = own.interaction[both].sum(axis=0)
    in_both = (own.interaction / own.n_seeds)[both].sum(axis=0)
    units = np.maximum(pairs.estimate.units_error**2 - in_both, 0.0)
    middle = [float(np.median(part)) for part in (weights, noise, units, own.n_seeds, pairs.estimate.df)]
    level = unadjusted(pairs.adjust, 1.0 - confidence)
    power = Power(-float(special.ndtri(level / 2.0)), *middle)
    return replace(power, groups_df=own.units_df) if grouped else power


def _advice(power: Power, detectable: float, n_units: int, noun: str) -> tuple[str, int | None]:
    """Return what it takes to detect smaller differences; and how many seeds, where these suffice."""
    wanted = WANTED if detectable > WANTED else detectable / 2.0
    seeds = range(max(round(power.n_seeds), 2), MOST_SEEDS + 1)
    enough = ((m, s) for m, s in product(MORE_CLIPS, seeds) if power.detectable(s, m) <= wanted)
    more, n_seeds = next(enough, (0, 0))
    if not more and power.detectable(MOST_SEEDS) < 0.9 * detectable:  # the goal is out of reach, not all
        wanted, more, n_seeds = power.detectable(MOST_SEEDS), 1, MOST_SEEDS
    ways = {
        0: f"it takes more than {MORE_CLIPS[-1] * n_units:,} {noun}: choose by cost",
        1: f"draw the weights {n_seeds} times ({n_seeds} seeds)",
    }
    way = ways.get(more, f"it takes about {more * n_units:,} {noun} and {n_seeds} seeds")
    detected = f"Differences of {_points(detectable)} points are detected four times in five"
    return f"{detected}; for {_points(wanted)} points, {way}.", n_seeds if more == 1 else None


def _points(difference: float) -> str:
    return f"{100 * difference:.1f}"
