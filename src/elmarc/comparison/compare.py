"""Compare systems: from results to scores, intervals, tests, letters, and the power of the design.

Systems are compared on one data set under one protocol, within each classifier, on the clips that both have
predictions for. Each pair is tested once, and every output shows that verdict. docs/statistics.md explains
the methods.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
from scipy import special

from elmarc.comparison.multiple import Contrasts, Inference, infer, letters, unadjusted
from elmarc.comparison.records import (
    Comparison,
    Contrast,
    Design,
    Family,
    NotRun,
    System,
    SystemScore,
    by_system,
    system_names,
)
from elmarc.comparison.variance import (
    LEAST_GROUPS,
    HitTable,
    accuracy_interval,
    fold_weights,
    hit_table,
    n_alike,
)
from elmarc.results import Failure, Prediction, Result

DIGITS = 9  # of what is reported: sums in another order differ past it


def compare(results: Sequence[Result], *, confidence: float = 0.95) -> Comparison:
    """Compare the systems of one data set and protocol.

    Parameters
    ----------
    results : sequence of Result
        Any number of seeds for each system.
    confidence : float
        Of intervals, in (0, 1); two systems differ where the interval of their difference excludes 0.

    Raises
    ------
    ConfigError
        The results are of several data sets or protocols, contradict each other, or share no clip.
    """
    cells = by_system(results)
    systems = sorted(
        cells, key=lambda s: (-_mean(cells[s], "accuracy"), s.features, s.classifier, s.definition)
    )
    names = system_names(systems)
    scores = [_score(system, name, cells[system]) for system, name in zip(systems, names, strict=True)]
    table = hit_table([[cell.predictions for cell in cells[system]] for system in systems])
    inferences = []
    families: list[Family] = []
    for classifier in dict.fromkeys(s.classifier for s in systems):
        members = tuple(k for k, s in enumerate(systems) if s.classifier == classifier)
        baseline = next((i for i, k in enumerate(members) if scores[k].is_baseline), None)
        inference = infer(table.of(members), baseline)
        inferences.append(inference)
        nouns = {scores[k].noun for k in members}
        more = {"rival": " and rivals", "feature file": " and files"}
        who = "networks" + "".join(word for noun, word in more.items() if noun in nouns)
        own = _families(classifier, members, inference, confidence, who)
        _fill(scores, members, inference, own, confidence)
        families += own
    about = results[0].dataset, results[0].protocol, results[0].protocol_note
    largest = max(results, key=lambda r: (len(r.predictions), r.seed))
    return Comparison(
        *about,
        tuple(scores),
        tuple(families),
        _design(table, inferences, confidence),
        confidence,
        *guessing(largest.predictions, len(largest.classes)),
        notes=tuple(dict.fromkeys(note for result in results for note in result.notes)),
    )


def comparisons(
    results: Iterable[Result], *, failed: Sequence[Failure] = (), **options: Any
) -> list[Comparison]:
    """Compare within each data set and protocol; data sets by name, `nested` before `paper`.

    Each comparison names those of the `failed` cells that belong to it.
    """
    parts: dict[tuple[str, str], list[Result]] = defaultdict(list)
    for result in results:
        parts[result.dataset, result.protocol].append(result)
    compared = [compare(parts[key], **options) for key in sorted(parts)]
    return [replace(each, failed=_not_run(each, failed)) for each in compared]


def _not_run(comparison: Comparison, failed: Sequence[Failure]) -> tuple[NotRun, ...]:
    """Return the failed cells of a comparison by system, sizes named where there are several."""
    own = [f for f in failed if (f.dataset, f.protocol) == (comparison.dataset, comparison.protocol)]
    sizes = {(s.system.features, s.system.size) for s in comparison.scores}
    sizes |= {(f.features, f.size) for f in own}
    seeds: dict[tuple[str, str, str], list[int]] = defaultdict(list)
    for f in own:
        alone = [size for features, size in sizes if features == f.features] == [f.size]
        seeds[f.features if alone else f"{f.features} ({f.size})", f.classifier, f.reason].append(f.seed)
    return tuple(
        NotRun(name, classifier, tuple(sorted(numbers)), reason)
        for (name, classifier, reason), numbers in seeds.items()
    )


def _mean(cells: Sequence[Result], name: str) -> float:
    return round(float(np.mean([getattr(cell, name) for cell in cells])), DIGITS)


def _score(system: System, name: str, cells: Sequence[Result]) -> SystemScore:
    """Return a system's row; interval and letters are filled in later."""
    by_seed = tuple(cell.accuracy for cell in cells)
    deviation = round(float(np.std(by_seed, ddof=1)), DIGITS) if len(cells) > 1 else None
    classes = [c for c in cells[0].classes if all(c in cell.recalls for cell in cells)]
    recalls = {c: round(float(np.mean([cell.recalls[c] for cell in cells])), DIGITS) for c in classes}
    return SystemScore(
        system=system, name=name, accuracy=_mean(cells, "accuracy"), by_seed=by_seed, deviation=deviation,
        low=0.0, high=1.0, macro_f1=_mean(cells, "macro_f1"), recalls=recalls,
        seeds=tuple(cell.seed for cell in cells), n_clips=min(len(cell.predictions) for cell in cells),
        ties="", cost=_cost(cells),
    )  # fmt: skip


def _cost(cells: Sequence[Result]) -> dict[str, float]:
    cost = dict(cells[0].cost or {})
    seconds = [cell.timings["s_per_clip"] for cell in cells if cell.timings.get("s_per_clip")]
    return cost | ({"s_per_clip": float(np.median(seconds))} if seconds else {})


def _fill(
    scores: list[SystemScore],
    members: Sequence[int],
    inference: Inference,
    families: Sequence[Family],
    confidence: float,
) -> None:
    """Put intervals and letters into the rows of one classifier's systems."""
    low, high = accuracy_interval(inference.accuracy, confidence)
    different = np.zeros((len(members), len(members)), dtype=bool)
    for contrast in (c for family in families for c in family.contrasts):
        a, b = members.index(contrast.a), members.index(contrast.b)
        different[a, b] = different[b, a] = contrast.differs
    ties = letters(different) if inference.can_tell else [""] * len(members)
    for k, place in enumerate(members):
        lower, upper = (None if np.isnan(end[k]) else round(float(end[k]), DIGITS) for end in (low, high))
        scores[place] = replace(scores[place], low=lower, high=upper, ties=ties[k])


def _families(
    classifier: str, members: tuple[int, ...], inference: Inference, confidence: float, who: str
) -> list[Family]:
    """Return the families of one classifier that have any pair."""
    families = []
    if pairs := _contrasts(inference.pairs, members, confidence):
        over = f"all pairs of {who} by the studentized range (Tukey-Kramer)"
        rest = tuple(k for k in members if any(k in (c.a, c.b) for c in pairs))
        families.append(Family(f"{who} with {classifier}", "pairs", classifier, rest, pairs, over))
    if inference.baseline and (pairs := _contrasts(inference.baseline, members, confidence)):
        over = f"all {who} against the baseline (Dunnett)"
        name = f"{who} against mfcc, with {classifier}"
        families.append(Family(name, "baseline", classifier, members, pairs, over))
    return families


def _contrasts(tested: Contrasts, members: Sequence[int], confidence: float) -> tuple[Contrast, ...]:
    if not len(tested.a):
        return ()
    estimate = tested.estimate
    half = tested.half_width(confidence)
    ends = estimate.value - half, estimate.value + half
    columns = estimate.value, *ends, estimate.standard_error, estimate.df, tested.p_value
    rows = np.stack(columns, axis=1).round(DIGITS).tolist()
    rows = [[number if np.isfinite(number) else None for number in row] for row in rows]
    return tuple(
        Contrast(
            members[a], members[b], value, low, high, error, df, p,
            differs=low is not None and not low <= 0.0 <= high,
        )
        for a, b, (value, low, high, error, df, p) in zip(tested.a, tested.b, rows, strict=True)
    )  # fmt: skip


POWER = 0.8
GOAL = 0.05  # a difference worth detecting: 5 points
MOST_SEEDS = 10  # beyond, more clips help more
MORE_CLIPS = (1, 2, 3, 4, 6, 8, 10, 15, 20)
ONE_SEED = (
    "With one seed, the variance between draws of the weights is unknown and no difference is tested: draw "
    "the weights three times (3 seeds)."
)


@dataclass(frozen=True)
class Power:
    """The parts of a typical pair's variance, from which those of other designs follow."""

    critical: float  # value in standard errors, for known variance
    weights: float  # variance of the difference for one seed that comes from the weights,
    noise: float  # from units by seeds,
    units: float  # and from units alone
    n_seeds: float  # that were drawn
    df: float  # degrees of freedom with these seeds
    groups_df: float = np.inf  # over groups of clips, which more seeds do not raise; infinite for clips

    def detectable(self, n_seeds: float, more_units: float = 1.0) -> float:
        """Return the difference detected with 80 % power, for so many seeds and times the units."""
        variance = self.weights / n_seeds + (self.noise / n_seeds + self.units) / more_units
        df = self.df * max(n_seeds - 1.0, 1.0) / max(self.n_seeds - 1.0, 1.0)
        df = min(df, max(self.df, self.groups_df * more_units))
        steps = special.stdtrit(df, np.array([special.ndtr(self.critical), POWER]))
        return float(steps.sum() * np.sqrt(variance))


def _design(table: HitTable, inferences: Sequence[Inference], confidence: float) -> Design:
    """Describe what was drawn, what can be detected with it, and what it takes to detect more."""
    n_seeds = min(len(own) for own in table.columns)
    n_units = len(np.unique(table.units))
    grouped = n_units < len(table.units)
    can_tell = all(each.can_tell for each in inferences)
    tested = [each for each in inferences if len(each.own.accuracy) > 1 and each.can_tell]
    powers = [_power(each, confidence, grouped=grouped) for each in tested]
    detectable = max((power.detectable(power.n_seeds) for power in powers), default=None)
    advice, more = "", None
    if any(np.isnan(each.own.units_df) for each in inferences):
        advice = _few_groups(table)
    elif not can_tell:
        advice, more = ONE_SEED, 3
    elif detectable is not None:
        weakest = max(powers, key=lambda power: power.detectable(power.n_seeds))
        advice, more = _advice(weakest, detectable, n_units, "groups of clips" if grouped else "clips")
    return Design(n_seeds, n_units, grouped, can_tell, detectable, (advice,) if advice else (), more)


def _few_groups(table: HitTable) -> str:
    """Return why there are no intervals and tests, and what it takes."""
    rows = table.evaluated.all(axis=0)
    weights = table.weights[rows].sum(axis=1)
    shares = np.bincount(np.unique(table.units[rows], return_inverse=True)[1], weights) / weights.sum()
    text = f"The clips come from {len(shares)} group{'s' if len(shares) > 1 else ''}"
    if n_alike(shares) < len(shares):
        share = f"{100 * shares.max():.0f} %"
        text += f", the largest with {share} of them, which count as {n_alike(shares)} of equal size"
    return (
        f"{text}: too few to estimate how accuracies vary between groups, so there are no intervals and no "
        f"tests. It takes {LEAST_GROUPS} groups of equal size or more: add clips of other groups."
    )


def _power(inference: Inference, confidence: float, *, grouped: bool) -> Power:
    """Return the median over all pairs (or those with the baseline) of each part of the variance."""
    own, pairs = inference.own, inference.pairs
    if not len(pairs.a) and inference.baseline:
        pairs = inference.baseline
    both = np.stack([pairs.a, pairs.b])
    weights = np.maximum(inference.seeds.value - own.interaction, 0.0)[both].sum(axis=0)
    noise = own.interaction[both].sum(axis=0)
    in_both = (own.interaction / own.n_seeds)[both].sum(axis=0)
    units = np.maximum(pairs.estimate.units_error**2 - in_both, 0.0)
    middle = [float(np.median(part)) for part in (weights, noise, units, own.n_seeds, pairs.estimate.df)]
    level = unadjusted(pairs.adjust, 1.0 - confidence)
    power = Power(-float(special.ndtri(level / 2.0)), *middle)
    return replace(power, groups_df=own.units_df) if grouped else power


def _advice(power: Power, detectable: float, n_units: int, noun: str) -> tuple[str, int | None]:
    """Return what it takes to detect smaller differences; and how many seeds, where these suffice."""
    wanted = GOAL if detectable > GOAL else detectable / 2.0
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
    detected = f"Differences of {100 * detectable:.1f} points are detected with 80 % power"
    return f"{detected}; for {100 * wanted:.1f} points, {way}.", n_seeds if more == 1 else None


@dataclass(frozen=True)
class Score:
    """The accuracy of one set of predictions in [0, 1], its interval over clips, chance and majority.

    There is no interval where the groups of clips are too few: `low` and `high` are None.
    """

    accuracy: float
    low: float | None
    high: float | None
    confidence: float
    chance: float
    majority: float


def score_alone(
    predictions: Sequence[Prediction], *, n_classes: int, confidence: float = 0.95, widening: float = 1.0
) -> Score:
    """Return the accuracy of one system's held-out predictions with its interval.

    Every fold has the same weight, clips of a group count as one draw, and `widening` is a factor of the
    standard error over clips.
    """
    estimate = infer(hit_table([[predictions]])).accuracy
    ends = accuracy_interval(estimate, confidence, widening=widening)
    low, high = (None if np.isnan(end[0]) else float(end[0]) for end in ends)
    return Score(float(estimate.value[0]), low, high, confidence, *guessing(predictions, n_classes))


def guessing(predictions: Sequence[Prediction], n_classes: int) -> tuple[float, float]:
    """Return the accuracy of random guesses, and that of always predicting the largest class."""
    shares: Counter[str] = Counter()
    for prediction, weight in zip(predictions, fold_weights(predictions).tolist(), strict=True):
        shares[prediction.label] += weight
    return 1.0 / n_classes, float(np.round(max(shares.values()), 9))
