"""What an agreement found in plain sentences, and how its numbers are put into words everywhere."""

from __future__ import annotations

import math
from collections.abc import Sequence

from elmarc.agreement.correlation import FEWEST, LEAST, Estimate
from elmarc.agreement.records import Agreement, Foreteller
from elmarc.agreement.regret import Loss


def answer(agreement: Agreement) -> tuple[str, ...]:
    """Return the best untrained score, the best accuracies, the regret and limits, controls, time, notes.

    Parameters
    ----------
    agreement : Agreement
    """
    return (
        *_best(agreement),
        _accuracies(agreement),
        *_partial(agreement.best),
        _ceilings(agreement),
        _regret(agreement),
        *_short(agreement),
        *_control(agreement),
        *_time(agreement),
        *(f"{note[0].upper()}{note[1:]}." for note in agreement.notes),
    )


def estimate_text(estimate: Estimate | None) -> str:
    """Return a correlation with its interval; "" where there is none.

    >>> estimate_text(Estimate(0.714, 0.45, 0.87, 30)), estimate_text(Estimate(-0.5, None, None, 8))
    ('0.71 (0.45 to 0.87)', '-0.50')
    """
    if estimate is None or not math.isfinite(estimate.value):
        return ""
    if estimate.low is None:
        return f"{estimate.value:.2f}"
    return f"{estimate.value:.2f} ({estimate.low:.2f} to {estimate.high:.2f})"


def loss_text(loss: Loss) -> str:
    """Return a loss in points with its interval.

    >>> loss_text(Loss(0.021, 0.0, 0.0404))
    '2.1 (0.0 to 4.0)'
    """
    return f"{100 * loss.value:.1f} ({100 * loss.low:.1f} to {100 * loss.high:.1f})"


def _accuracies(agreement: Agreement) -> str:
    """Name the best architecture without training beside the best trained one."""
    names, untrained = agreement.architectures, [f for f in agreement.foretellers if f.kind == "untrained"]
    best = max(untrained, key=lambda f: max(f.scores))
    return (
        f"Best without training: {names[best.scores.index(max(best.scores))]} ({best.name}), "
        f"{100 * max(best.scores):.1f} %; best trained: "
        f"{names[agreement.trained.index(max(agreement.trained))]}, {100 * max(agreement.trained):.1f} %."
    )


def _best(agreement: Agreement) -> tuple[str, ...]:
    best, n = agreement.best, len(agreement.architectures)
    ranking, found = f"The untrained ranking ({best.name})", best.spearman
    if not math.isfinite(found.value):
        return (f"{ranking} tells nothing: all untrained scores, or all trained ones, are equal.",)
    if found.low is None or found.high is None:
        text = (
            f"{ranking} and the trained one have a Spearman correlation of {found.value:.2f} over {n} "
            f"architectures: too few to say how sure that is. Intervals need {LEAST}."
        )
    else:
        verb = "is not shown to foretell"
        if found.low > 0:
            verb = "foretells"
        elif found.high < 0:
            verb = "runs against"
        text = (
            f"{ranking} {verb} the trained one: Spearman {found.value:.2f} "
            f"({100 * agreement.confidence:.0f} % interval {found.low:.2f} to {found.high:.2f}) over {n} "
            "architectures."
        )
    n_scores = sum(f.kind == "untrained" for f in agreement.foretellers)
    chosen = (
        f"It was chosen as the best of {n_scores} untrained scores, which no interval counts: expect less."
    )
    return (text, chosen) if n_scores > 1 else (text,)


def _partial(best: Foreteller) -> tuple[str, ...]:
    partial, equal = best.partial, f"architectures of equal {_names(best.given)}" if best.given else ""
    if partial is not None and partial.n < FEWEST + partial.n_given:
        left = f"the degrees of freedom of {partial.n} architectures are n - k - 2 = {partial.df}"
        needed = f"It takes {FEWEST + partial.n_given} architectures"
        return (f"Among {equal}, no correlation is computed: {left}. {needed}.",)
    said = estimate_text(partial)
    return (f"Among {equal}: {said}.",) if said else ()


def _ceilings(agreement: Agreement) -> str:
    trained, untrained = estimate_text(agreement.trained_ceiling), estimate_text(agreement.best.ceiling)
    if not trained:
        return "How well training agrees with itself is not known: that needs two trained seeds or more."
    said = f"One trained seed and another correlate by {trained}"
    return f"{said}; one untrained seed and another by {untrained}." if untrained else f"{said}."


def _regret(agreement: Agreement) -> str:
    one, three = (loss_text(agreement.best.regrets[k].expected) for k in (1, 3))
    return (
        f"To train only what comes first untrained loses {one} points of accuracy; the first three, {three}."
    )


def _short(agreement: Agreement) -> tuple[str, ...]:
    shorts = [f for f in agreement.foretellers if f.kind == "short" and estimate_text(f.spearman)]
    return tuple(f"Short training: {estimate_text(f.spearman)}." for f in shorts)


def _control(agreement: Agreement) -> tuple[str, ...]:
    known = [f for f in agreement.foretellers if f.kind == "control" and math.isfinite(f.spearman.value)]
    if not known:
        return ()
    most = max(known, key=lambda f: abs(f.spearman.value))
    return (f"The control that correlates most is the {most.name}: {estimate_text(most.spearman)}.",)


def _time(agreement: Agreement) -> tuple[str, ...]:
    times = agreement.times_sooner(agreement.best)
    return (
        ()
        if times is None
        else (f"Training all architectures took {times:.1f} times as long as this ranking.",)
    )


def _names(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]
