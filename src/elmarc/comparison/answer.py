"""The answer of a comparison in four lines, and the details that files and page add to it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from elmarc.comparison.records import Comparison, Family, NotRun, SystemScore

SHOWN = 3  # names in a list before "and 4 more"
COST = "multiply_adds_per_clip"
LEAST_SAVING = 1.05  # cheaper by less is not cheaper


def answer(comparison: Comparison) -> tuple[str, ...]:
    """Return at most four lines: the best system, what is as good and cheapest, MFCC, chance."""
    return _best(comparison), *_not_different(comparison), *_against_mfcc(comparison), _chance(comparison)


def details(comparison: Comparison) -> tuple[str, ...]:
    """Return sentences on trained systems, each network against MFCC, the design, and failed cells."""
    both = best_of_both(comparison.scores)
    return (
        *((both,) if both else ()),
        *_each_against_mfcc(comparison),
        *comparison.design.advice,
        *not_run(comparison),
    )


def best_of_both(scores: Iterable[SystemScore]) -> str:
    """Name the best system without training and the best trained one; "" where one of the two is missing.

    Features that are fitted to the training clips count as neither.

    Parameters
    ----------
    scores : iterable of SystemScore
        Of one data set, from one comparison or several.
    """
    ranked = sorted(scores, key=lambda score: -score.accuracy)
    trained = next((score for score in ranked if score.is_trained), None)
    untrained = next((s for s in ranked if not s.is_trained and not s.system.is_fitted), None)
    if trained is None or untrained is None:
        return ""
    return (
        f"Best without training: {untrained.label}, {_with_interval(untrained)}; "
        f"best trained: {trained.name}, {_with_interval(trained)}. The two are not tested against each other."
    )


def p_value(p: float) -> str:
    """Return a p-value as it is written in text.

    >>> p_value(0.0002), p_value(0.0341), p_value(1.0)
    ('p < 0.001', 'p = 0.034', 'p > 0.999')
    """
    if p < 0.001:
        return "p < 0.001"
    return "p > 0.999" if p > 0.999 else f"p = {p:.3f}"


def _best(comparison: Comparison) -> str:
    best = comparison.scores[0]
    interval = "no interval: too few groups of clips"
    if best.low is not None and best.high is not None:
        share = f"{100 * comparison.confidence:.0f} % CI"
        interval = f"{share} {100 * best.low:.1f} to {100 * best.high:.1f}"
    return f"Best: {best.label}, {_percent(best.accuracy)} ({interval})"


def _not_different(comparison: Comparison) -> Iterator[str]:
    """Yield which systems are not significantly different from the best, and the cheapest of them all.

    Only those with the best one's classifier are tested against it. MFCC has a line of its own.
    """
    best = comparison.scores[0]
    rivals = [k for k in comparison.members(best.system.classifier)[1:] if comparison.contrast(0, k)]
    if rivals and not comparison.design.can_tell:
        reason = "too few groups of clips" if best.low is None else "one seed only, take three (--seeds 3)"
        yield f"Differences are not tested: {reason}"
        return
    others = [k for k in rivals if not comparison.scores[k].is_baseline]
    tied = [comparison.scores[k] for k in others if k in comparison.tied(0)]
    if tied:
        names = _listed(score.name for score in tied)
        yield f"Not significantly different: {names}{_cheapest(best, *tied)}"
    elif others:
        yield f"All other systems with {best.system.classifier} are significantly worse"


def _cheapest(*tied: SystemScore) -> str:
    costs = {score.name: score.cost[COST] for score in tied if score.cost.get(COST, 0.0) > 0}
    if len(costs) < 2 or max(costs.values()) < LEAST_SAVING * min(costs.values()):
        return ""
    return f"; the cheapest is {min(costs, key=lambda name: costs[name])}"


def _baseline_family(comparison: Comparison) -> Family | None:
    """Return the comparisons with MFCC of the first classifier that has any."""
    of = {family.classifier: family for family in comparison.families if family.kind == "baseline"}
    return next((of[name] for name in comparison.classifiers if name in of), None)


def _against_mfcc(comparison: Comparison) -> Iterator[str]:
    """Yield how much better than MFCC the best is; where it has none, the best of the next classifier."""
    family = _baseline_family(comparison)
    if family is None or family.contrasts[0].b == 0:
        return
    contrast = min(family.contrasts, key=lambda contrast: contrast.a)
    mfcc = comparison.scores[contrast.b]
    is_best = contrast.a == 0
    who = "the best" if is_best else comparison.scores[contrast.a].label
    by = f"{abs(100 * contrast.difference):.1f} points {'better' if contrast.difference > 0 else 'worse'}"
    if by.startswith("0.0 "):
        by = "level"
    verdict = "not tested"
    if contrast.low is not None:
        verdict = f"{'' if contrast.differs else 'not significant, '}{p_value(contrast.p_value)}"
    name = "MFCC" if is_best else f"MFCC + {family.classifier}"
    yield f"{name}: {_percent(mfcc.accuracy)}; {who} is {by} ({verdict})"


def _each_against_mfcc(comparison: Comparison) -> Iterator[str]:
    """Yield how many networks, rivals and feature files are significantly better and worse than MFCC."""
    family = _baseline_family(comparison)
    if family is None or family.contrasts[0].low is None or family.contrasts[0].b == 0:
        return
    mfcc = comparison.scores[family.contrasts[0].b]
    counts = ", ".join(_counts(comparison, family))
    yield f"Against {mfcc.label} ({_percent(mfcc.accuracy)}), {counts}."


def _counts(comparison: Comparison, family: Family) -> Iterator[str]:
    scores = comparison.scores
    for noun in ("network", "rival", "feature file"):
        own = [c for c in family.contrasts if scores[c.a].noun == noun]
        better = [c for c in own if c.differs and c.difference > 0]
        if better:
            names = _listed(scores[c.a].name for c in better)
            yield f"{len(better)} of {len(own)} {noun}s {_be(len(better))} significantly better ({names})"
        elif own:
            yield f"no {noun} is significantly better"
    worse = [scores[c.a].name for c in family.contrasts if c.differs and c.difference < 0]
    if worse:
        yield f"{len(worse)} {_be(len(worse))} significantly worse ({_listed(worse)})"


def _chance(comparison: Comparison) -> str:
    chance, majority = _percent(comparison.chance), _percent(comparison.majority)
    return f"Chance: {chance}" + ("" if chance == majority else f" (always the largest class: {majority})")


def not_run(comparison: Comparison) -> tuple[str, ...]:
    """Name the networks that could not be run, each with the reason."""
    ranked = {score.name for score in comparison.scores}
    systems: dict[tuple[str, str], list[NotRun]] = {}
    for failed in comparison.failed:
        systems.setdefault((failed.name, failed.reason), []).append(failed)
    return tuple(
        f"{name if name not in ranked else ' and '.join(map(_cell, some))} could not be run: "
        f"{reason.removeprefix(f'{name}: ').rstrip('.')}."
        for (name, reason), some in systems.items()
    )


def _cell(failed: NotRun) -> str:
    seeds = ", ".join(map(str, failed.seeds))
    return f"{failed.name} + {failed.classifier} (seed{'s' * (len(failed.seeds) > 1)} {seeds})"


def _listed(names: Iterable[str]) -> str:
    every = list(names)
    return ", ".join(every[:SHOWN]) + (f" and {len(every) - SHOWN} more" if len(every) > SHOWN else "")


def _be(n: int) -> str:
    return "is" if n == 1 else "are"


def _percent(accuracy: float) -> str:
    return f"{100 * accuracy:.1f} %"


def _with_interval(score: SystemScore) -> str:
    if score.low is None or score.high is None:
        return _percent(score.accuracy)
    return f"{_percent(score.accuracy)} ({100 * score.low:.1f} to {100 * score.high:.1f})"
