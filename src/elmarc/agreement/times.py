"""What untrained scores and training took."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from elmarc.agreement.matching import Scored
from elmarc.agreement.records import Foreteller
from elmarc.results import Result

WORK = ("extract_s", "classify_s", "train_s")
FRESH = ("s_per_clip", "train_s")  # one of them is known where features were computed, not read from a store


def training(scored: Scored) -> tuple[float, ...]:
    """Return the seconds of each architecture, all seeds together; empty where any is unknown.

    Parameters
    ----------
    scored : dict of architecture to results
        Of the trained side.
    """
    seconds = tuple(sum(_seconds(result) for result in cells) for cells in scored.values())
    return seconds if all(seconds) else ()


def timed(foreteller: Foreteller, chosen: Mapping[str, Scored]) -> Foreteller:
    """Return a foreteller with what its scores took.

    Classifiers of one run share their features: what the first of them waited for counts for each.

    Parameters
    ----------
    foreteller : Foreteller
        Of an untrained score or short training.
    chosen : mapping of str to results
        Of all ways of scoring.
    """
    total = 0.0
    for architecture, cells in chosen[foreteller.name].items():
        for cell in cells:
            alike = [
                result
                for scored in chosen.values()
                for result in scored[architecture]
                if _work(result) == _work(cell)
            ]
            made = [r.timings["extract_s"] for r in [cell, *alike] if _is_fresh(r)]
            if not made:
                return foreteller
            total += max(made) + cell.timings.get("classify_s", 0.0) + cell.timings.get("train_s", 0.0)
    return replace(foreteller, seconds=total)


def _work(result: Result) -> tuple[int, str, bool]:
    return result.seed, result.definition_key, "train_s" in result.timings


def _is_fresh(result: Result) -> bool:
    return "extract_s" in result.timings and any(name in result.timings for name in FRESH)


def _seconds(result: Result) -> float:
    return sum(result.timings.get(name, 0.0) for name in WORK)
