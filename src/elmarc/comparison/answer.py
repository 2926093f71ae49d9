"""The answer of a comparison in a few sentences: what terminal, ranking.txt and page begin with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from elmarc.comparison.records import Comparison, Contrast, Family, NotRun, SystemScore

SHOWN = 3  # names in a list before "and 4 more"
COST = "multiply_adds_per_clip"


def answer(comparison: Comparison) -> tuple[str, ...]:
    """Return the best system, what is not significantly different from it, MFCC, chance, and what to do next.

    Each pair of systems is spoken of once.
    """
    return (
        _best(comparison),
        *_ways(comparison),
        *_not_different(comparison),
        *_against_mfcc(comparison),
        _guessing(comparison),
        *comparison.design.advice,
        *not_run(comparison),
    )  # fmt: skip


def best_of_both(scores: Iterable[SystemScore]) -> str:
    """Name the best system without training beside the best trained one; "" where one of the two is missing.

    Parameters
    ----------
    scores : iterable of SystemScore
        Of one data set, from one comparison or several.
    """
    ranked = sorted(scores, key=lambda score: -score.accuracy)
    trained = next((score for score in ranked if score.is_trained), None)
    untrained = next((score for score in ranked if not score.is_trained), None)
    if trained is None or untrained is None:
        return ""
    return (
        f"Best without training: {untrained.label}, {_with_interval(untrained)}; "
        f"best trained: {trained.name}, {_with_interval(trained)}. The two are not tested against each other."
    )


def _best(comparison: Comparison) -> str:
    best = comparison.scores[0]
    share = f"{100 * comparison.confidence:.0f} %"
    interval = "no interval: too few groups of clips"
    if best.low is not None and best.high is not None:
        interval = f"{share} interval {100 * best.low:.1f} to {100 * best.high:.1f}"
    return f"{best.label} is best with {_percent(best.accuracy)} ({interval})."


def _ways(comparison: Comparison) -> tuple[str, ...]:
    sentence = best_of_both(comparison.scores)
    return (sentence,) if sentence else ()


def _not_different(comparison: Comparison) -> tuple[str, ...]:
    """Name what is not significantly different from the best, and the cheapest network among those.

    MFCC is not among them where it is not the best: the next sentence is about it.
    """
    best, classifier = comparison.scores[0], comparison.scores[0].system.classifier
    contrasts = [comparison.contrast(0, k) for k in comparison.members(classifier)[1:]]
    tested = [c for c in contrasts if c and c.low is not None and not comparison.scores[c.b].is_baseline]
    tied = [c for c in tested if not c.differs]
    n_worse = len(tested) - len(tied)
    if not tested:
        return ()
    noun = "networks and files" if any(comparison.scores[c.b].is_foreign for c in tested) else "networks"
    if not tied:
        return (f"All other {noun} with {classifier} ({n_worse}) are significantly worse.",)
    text = f"Not significantly different: {_listed(_behind(comparison, c) for c in tied)}"
    if n_worse:
        text += f"; all other {noun} with {classifier} ({n_worse}) are significantly worse"
    return (f"{text}.{_cheapest([best, *(comparison.scores[c.b] for c in tied)])}",)


def _behind(comparison: Comparison, contrast: Contrast) -> str:
    return f"{comparison.scores[contrast.b].label} ({_points(-contrast.difference)})"


def _cheapest(tied: Sequence[SystemScore]) -> str:
    known = [s for s in tied if s.cost.get(COST, 0.0) > 0]
    if len(known) < 2:
        return ""
    least = min(known, key=lambda s: s.cost[COST])
    most = max(known, key=lambda s: s.cost[COST])
    ratio = most.cost[COST] / least.cost[COST]
    if ratio < 1.05:
        return ""
    return (
        f" The cheapest network of these is {least.label}: {ratio:.1f} times fewer multiply-adds than "
        f"{most.label}."
    )


def _against_mfcc(comparison: Comparison) -> tuple[str, ...]:
    """Count the systems that are significantly better and worse than MFCC with the same classifier.

    That of the best system, or of the next best where it has no MFCC. Where MFCC is the best itself, the
    sentence before is about it.
    """
    of = {family.classifier: family for family in comparison.families if family.kind == "baseline"}
    family = next((of[name] for name in comparison.classifiers if name in of), None)
    if family is None or family.contrasts[0].low is None or family.contrasts[0].b == 0:
        return ()
    mfcc = comparison.scores[family.contrasts[0].b]
    return (f"Against {mfcc.label} ({_percent(mfcc.accuracy)}), {', '.join(_counts(comparison, family))}.",)


def _counts(comparison: Comparison, family: Family) -> Iterator[str]:
    """Yield how many networks and feature files are significantly better than MFCC, and what is worse."""
    scores = comparison.scores
    for noun, is_foreign in (("network", False), ("feature file", True)):
        own = [c for c in family.contrasts if scores[c.a].is_foreign is is_foreign]
        better = [c for c in own if c.differs and c.difference > 0]
        if better:
            names = _listed(scores[c.a].name for c in better)
            yield f"{len(better)} of {len(own)} {noun}s {_be(len(better))} significantly better ({names})"
        elif own:
            most = max(own, key=lambda c: c.difference)
            near = f" ({scores[most.a].name}: {_points(most.difference)})" if most.difference > 0 else ""
            yield f"no {noun} is significantly better{near}"
    worse = [scores[c.a].name for c in family.contrasts if c.differs and c.difference < 0]
    if worse:
        yield f"{len(worse)} {_be(len(worse))} significantly worse ({_listed(worse)})"


def _guessing(comparison: Comparison) -> str:
    chance, majority = _percent(comparison.chance), _percent(comparison.majority)
    if chance == majority:
        return f"Guessing gives {chance}."
    return f"Guessing gives {chance}, always saying the largest class {majority}."


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


def _points(difference: float) -> str:
    """Return a difference in words.

    >>> _points(0.0342), _points(-0.015), _points(0.0002)
    ('+3.4 points', '-1.5 points', 'level')
    """
    return "level" if abs(difference) < 0.0005 else f"{100 * difference:+.1f} points"


def _percent(accuracy: float) -> str:
    return f"{100 * accuracy:.1f} %"


def _with_interval(score: SystemScore) -> str:
    if score.low is None or score.high is None:
        return _percent(score.accuracy)
    return f"{_percent(score.accuracy)} ({100 * score.low:.1f} to {100 * score.high:.1f})"
