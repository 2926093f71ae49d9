"""The answer of a comparison in plain sentences: what terminal, ranking.txt and page begin with."""

from __future__ import annotations

from collections.abc import Sequence

from elmarc.comparison.records import Comparison, Contrast, Family, NotRun, SystemScore

SHOWN = 3  # names in a list before "and 4 more"
COST = "multiply_adds_per_clip"


def answer(comparison: Comparison) -> tuple[str, ...]:
    """Say what was found: the best, what ties with it, MFCC, guessing, and what this design cannot tell."""
    return (
        _best(comparison),
        *_lead(comparison),
        *_ties(comparison),
        *_against_mfcc(comparison),
        _guessing(comparison),
        *comparison.design.advice,
        *not_run(comparison),
    )  # fmt: skip


def _best(comparison: Comparison) -> str:
    best = comparison.scores[0]
    share = f"{100 * comparison.confidence:.0f} %"
    interval = "no interval: too few groups of clips"
    if best.low is not None and best.high is not None:
        interval = f"{share} interval {100 * best.low:.1f} to {100 * best.high:.1f}"
    return f"{best.label} is best with {_percent(best.accuracy)} ({interval})."


def _lead(comparison: Comparison) -> tuple[str, ...]:
    """Say how far ahead of the next system of its classifier the best one is, and whether that is chance."""
    best = comparison.scores[0]
    places = [
        k for k, s in enumerate(comparison.scores) if k and s.system.classifier == best.system.classifier
    ]
    contrast = comparison.contrast(0, places[0]) if places else None
    if contrast is None:
        return ()
    name = comparison.scores[contrast.b].label
    if contrast.differs:
        return (f"It is {_points(contrast)} points better than {name}, the next: more than chance.",)
    return (f"It is {_points(contrast)} points ahead of {name}, the next, which may be chance.",)


def _ties(comparison: Comparison) -> tuple[str, ...]:
    """Name what is not told apart from the best, and the cheapest among those."""
    if not comparison.design.can_tell:
        return ()
    best = comparison.scores[0]
    own = [s for s in comparison.scores[1:] if s.system.classifier == best.system.classifier]
    tied = [s for s in own if set(s.ties) & set(best.ties)]
    if not own:
        return ()
    if not tied:
        return (f"Every other system with {best.system.classifier} is worse than it, by more than chance.",)
    return (f"Not told apart from it: {_names(tied)}.", *_cheapest([best, *tied]))


def _cheapest(tied: Sequence[SystemScore]) -> tuple[str, ...]:
    known = [s for s in tied if s.cost.get(COST, 0.0) > 0]
    if len(known) < 2:
        return ()
    least = min(known, key=lambda s: s.cost[COST])
    most = max(known, key=lambda s: s.cost[COST])
    ratio = most.cost[COST] / least.cost[COST]
    return (
        f"The cheapest network of these is {least.label}: {least.cost[COST] / 1e6:,.0f} million "
        f"multiply-adds a clip, {ratio:.1f} times fewer than {most.label}.",
    )


def _against_mfcc(comparison: Comparison) -> tuple[str, ...]:
    if not comparison.design.can_tell:
        return ()
    families = [family for family in comparison.families if family.kind == "baseline"]
    return tuple(text for family in families for text in _baseline(comparison, family))


def _baseline(comparison: Comparison, family: Family) -> tuple[str, ...]:
    """Say which networks and which files of features are better than MFCC, and whether any is worse."""
    scores, name = comparison.scores, f"MFCC + {family.classifier}"
    networks = [c for c in family.contrasts if not scores[c.a].is_foreign]
    files = [c for c in family.contrasts if scores[c.a].is_foreign]
    said = [
        _better(comparison, found, noun, name)
        for noun, found in (("network", networks), ("feature file", files))
        if found
    ]
    worse = [scores[c.a] for c in family.contrasts if c.differs and c.difference < 0]
    return (*said, f"Worse than {name}: {_names(worse)}.") if worse else tuple(said)


def _better(comparison: Comparison, contrasts: Sequence[Contrast], noun: str, name: str) -> str:
    scores = comparison.scores
    better = [scores[c.a] for c in contrasts if c.differs and c.difference > 0]
    ahead = [c for c in contrasts if c.difference > 0]
    if better:
        verb = "beats" if len(better) == 1 else "beat"
        return f"{len(better)} of {len(contrasts)} {noun}s {verb} {name}: {_names(better)}."
    if ahead:
        most = max(ahead, key=lambda c: c.difference)
        return (
            f"No {noun} is shown to beat {name}: {scores[most.a].name} is {_points(most)} points ahead, "
            "which may be chance."
        )
    return f"No {noun} beats {name}."


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


def _names(scores: Sequence[SystemScore]) -> str:
    names = ", ".join(score.label for score in scores[:SHOWN])
    return names + (f" and {len(scores) - SHOWN} more" if len(scores) > SHOWN else "")


def _points(contrast: Contrast) -> str:
    return f"{100 * abs(contrast.difference):.1f}"


def _percent(accuracy: float) -> str:
    return f"{100 * accuracy:.1f} %"
