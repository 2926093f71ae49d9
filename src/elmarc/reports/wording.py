"""Numbers, headings and legends as text, the same in every table, figure and page."""

from __future__ import annotations

from collections.abc import Sequence

from elmarc.comparison.records import Comparison, Contrast, SystemScore

CORRECTED = {"pairs": "all pairs", "baseline": "all against MFCC"}  # kinds of families


def percent(accuracy: float, deviation: float | None = None) -> str:
    """Return an accuracy in [0, 1] in %, with its deviation over seeds where there is one.

    >>> percent(0.8425, 0.006)
    '84.2 ± 0.6'
    """
    spread = "" if deviation is None else f" ± {100 * deviation:.1f}"
    return f"{100 * accuracy:.1f}{spread}"


def interval(low: float | None, high: float | None) -> str:
    """Return an interval of accuracies in %, "none" where there is none.

    >>> interval(0.8, 0.8825), interval(None, None)
    ('80.0-88.2', 'none')
    """
    return "none" if low is None or high is None else f"{100 * low:.1f}-{100 * high:.1f}"


def cells(score: SystemScore) -> dict[str, str]:
    """Return what tables of text show of a system, by column."""
    return {
        "accuracy": percent(score.accuracy, score.deviation),
        "interval": interval(score.low, score.high),
        "macro-F1": percent(score.macro_f1),
        "ties": score.ties,
    }


def points(difference: float | None) -> str:
    """Return a difference of accuracies in points, with more decimals where it would be rounded to 0.

    >>> points(0.0312), points(-0.0002), points(0.0), points(None)
    ('+3.1', '-0.02', '0.0', '')
    """
    if difference is None:
        return ""
    if not difference:
        return "0.0"
    texts = (f"{100 * difference:+.{n}f}" for n in (1, 2, 3))
    return next((text for text in texts if float(text)), f"{100 * difference:+.0e}")


def span(contrast: Contrast) -> str:
    """Return the ends of a contrast's interval, in points; "" where nothing is tested."""
    ends = (points(end).lstrip("+") for end in (contrast.low, contrast.high))
    return "" if contrast.low is None else " to ".join(ends)


def levels(comparison: Comparison) -> dict[str, float]:
    """Return the baseline accuracies, chance and the largest class: one where both round to the same."""
    chance, majority = comparison.chance, comparison.majority
    if percent(chance) == percent(majority):
        return {"chance, largest class": chance}
    return {"chance": chance, "largest class": majority}


def several_seeds(comparison: Comparison) -> bool:
    """Return whether any system has more than one seed."""
    return any(score.deviation is not None for score in comparison.scores)


def heading(comparison: Comparison) -> str:
    """Return data set, protocol, clips and seeds in one line."""
    protocol = comparison.protocol + (f" ({comparison.note})" if comparison.note else "")
    return f"{comparison.dataset}: {protocol}, {extent(comparison)}"


def extent(comparison: Comparison) -> str:
    """Return the number of clips, groups of clips and seeds in words."""
    clips = _span([score.n_clips for score in comparison.scores], "clip")
    groups = f" in {comparison.design.n_units} groups" if comparison.design.grouped else ""
    return f"{clips}{groups}, {_span([len(score.seeds) for score in comparison.scores], 'seed')}"


def _span(numbers: Sequence[int], noun: str) -> str:
    low, high = min(numbers), max(numbers)
    return (f"{low}-{high}" if low != high else str(low)) + f" {noun}" + ("" if high == 1 else "s")


def legend(comparison: Comparison) -> list[str]:
    """Return sentences that explain a table."""
    several = several_seeds(comparison)
    mean = ": mean ± standard deviation over seeds" if several else ""
    drawn = ("groups of clips" if comparison.design.grouped else "clips") + (" and seeds" if several else "")
    lines = [f"Accuracy in %{mean}. Interval: {100 * comparison.confidence:.0f} %, over {drawn}."]
    if has_ties(comparison):
        kinds = {family.kind for family in comparison.families}
        over = [name for kind, name in CORRECTED.items() if kind in kinds]
        how = f" (t-tests, corrected for {' and for '.join(over)})" if over else ""
        lines.append(f"Systems of one classifier that share a letter are not significantly different{how}.")
    return lines


def caption(comparison: Comparison) -> str:
    """Return one line on what the table of the terminal shows."""
    parts = [f"Interval: {100 * comparison.confidence:.0f} %."]
    if several_seeds(comparison):
        parts.insert(0, "±: over seeds.")
    if has_ties(comparison):
        parts.append("Same letter: not significantly different.")
    return " ".join(parts)


def has_ties(comparison: Comparison) -> bool:
    """Return whether anything is tested, so that there are letters."""
    return any(score.ties for score in comparison.scores)


def clock(seconds: float) -> str:
    """Return a time as minutes and seconds, with at most three decimals.

    >>> clock(0), clock(83.5), clock(3600)
    ('0:00', '1:23.5', '60:00')
    """
    minutes, rest = divmod(round(seconds * 1000), 60_000)
    whole, thousandths = divmod(rest, 1000)
    decimals = f".{thousandths:03d}".rstrip("0") if thousandths else ""
    return f"{minutes}:{whole:02d}{decimals}"
