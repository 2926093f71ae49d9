"""Which results are of the same architecture, untrained and trained."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from elmarc.comparison.records import System, by_system
from elmarc.errors import ConfigError
from elmarc.features.recipes import BASELINE
from elmarc.results import Result

Architecture: TypeAlias = tuple[str, str, str]  # features, size, filters


@dataclass(frozen=True)
class Way:
    """How architectures were scored: everything but the architecture and the seed.

    Parameters
    ----------
    classifier, recipe, protocol : str
        As in a result.
    """

    classifier: str
    recipe: str
    protocol: str

    @property
    def name(self) -> str:
        """As in "svm, 2018"; the protocol where it is not the honest one."""
        return ", ".join([self.classifier, self.recipe] + [self.protocol] * (self.protocol != "nested"))


Scored: TypeAlias = dict[Architecture, list[Result]]


def by_way(results: Sequence[Result]) -> dict[str, dict[Way, Scored]]:
    """Return the results of each data set and way of scoring, by architecture and seed.

    The MFCC baseline and features made elsewhere have no trained counterpart: they are left out.

    Parameters
    ----------
    results : sequence of Result
        Of any data sets.

    Raises
    ------
    ConfigError
        An architecture has several kinds of results under one way.
    """
    parts: dict[tuple[str, str], list[Result]] = defaultdict(list)
    for result in results:
        parts[result.dataset, result.protocol].append(result)
    found: dict[str, dict[Way, Scored]] = defaultdict(dict)
    for (dataset, protocol), own in sorted(parts.items()):
        for system, cells in by_system(own).items():
            if system.is_foreign or system.features == BASELINE:
                continue
            way = Way(system.classifier, system.recipe, protocol)
            scored = found[dataset].setdefault(way, {})
            if _architecture(system) in scored:
                raise ConfigError(
                    f"{dataset}: {system.features} + {way.name} has results of two definitions: give each "
                    "run a folder of its own, and name one of them"
                )
            scored[_architecture(system)] = cells
    return {dataset: ways for dataset, ways in found.items() if ways}


def _architecture(system: System) -> Architecture:
    return system.features, system.size, system.n_filters


def only_way(ways: Mapping[Way, Scored], *, dataset: str, side: str) -> tuple[Way, Scored]:
    """Return the one way of scoring that a trained side has.

    Parameters
    ----------
    ways : mapping of Way to results
        From `by_way`.
    dataset, side : str
        For the message.

    Raises
    ------
    ConfigError
        There are several.
    """
    if len(ways) != 1:
        names = "; ".join(sorted(way.name for way in ways))
        raise ConfigError(
            f"{dataset}: the {side} results are of several kinds ({names}), expected one: give a folder "
            "that holds one of them"
        )
    return next(iter(ways.items()))


def in_common(ways: Mapping[str, Scored]) -> tuple[list[Architecture], list[str]]:
    """Return the architectures that all have, by name, and notes on the others.

    Parameters
    ----------
    ways : mapping of name to results
        Of one data set.
    """
    every = set.intersection(*(set(scored) for scored in ways.values()))
    notes = []
    for name, scored in ways.items():
        if lacking := sorted(set().union(*ways.values()) - set(scored)):
            notes.append(
                f"{name} lacks {len(lacking)} architectures that others have, such as {lacking[0][0]}: they "
                "are left out"
            )
    return sorted(every), notes


def names_of(architectures: Sequence[Architecture]) -> list[str]:
    """Name architectures, adding size and filters only where that tells two apart.

    Parameters
    ----------
    architectures : sequence of (features, size, filters)

    Examples
    --------
    >>> names_of([("vgg", "small", ""), ("vgg", "large", ""), ("temporal", "small", "")])
    ['vgg (small)', 'vgg (large)', 'temporal']
    """
    names = [features for features, _, _ in architectures]
    for place in (1, 2):
        names = [
            f"{name} ({architecture[place]})" if names.count(name) > 1 and architecture[place] else name
            for name, architecture in zip(names, architectures, strict=True)
        ]
    return names


def check_clips(untrained: Sequence[Result], trained: Sequence[Result]) -> None:
    """Refuse sides that were judged on other clips under one name.

    Parameters
    ----------
    untrained, trained : sequence of Result
        Of one data set.

    Raises
    ------
    ConfigError
        The bytes, labels or folds of the clips differ.
    """
    keys = [{result.clips_key for result in side if result.clips_key} for side in (untrained, trained)]
    if keys[0] and keys[1] and keys[0] != keys[1]:
        raise ConfigError(
            f"{untrained[0].dataset}: both sides are of different clips, labels or folds: rank and train on "
            "the same"
        )
