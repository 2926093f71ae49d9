"""Records of a comparison, computed once and handed on to terminal, files and page.

A *system* is everything about a result but its seed. Accuracies lie in [0, 1], differences in [-1, 1].
A *unit* is what was drawn at random among the clips: a clip, or a group of clips that belong together.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from elmarc.errors import ConfigError
from elmarc.frontends import frontends_of
from elmarc.results import Result

TEST = "t-test on paired differences, variance over clips and seeds, degrees of freedom by Satterthwaite"


@dataclass(frozen=True)
class System:
    """A network of one size and definition, or other features, with one classifier."""

    features: str
    classifier: str
    size: str = ""
    n_filters: str = ""
    recipe: str = ""
    definition: str = ""  # canonical JSON without seeds
    is_foreign: bool = False  # features read from a file
    is_fitted: bool = False  # features fitted to the training clips


def system_of(result: Result) -> System:
    """Return the system that a result is one seed of."""
    definition = json.dumps(_without_seeds(result.definition), sort_keys=True)
    filters = "" if result.n_filters is None else str(result.n_filters)
    return System(
        result.features,
        result.classifier,
        result.size or "",
        filters,
        result.recipe,
        definition,
        is_foreign="file" in result.definition.get("features", ()),
        is_fitted="fitted" in result.definition.get("features", ()),
    )


def _without_seeds(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_seeds(item) for key, item in value.items() if key != "seed"}
    return [_without_seeds(item) for item in value] if isinstance(value, list) else value


def by_system(results: Sequence[Result]) -> dict[System, list[Result]]:
    """Return each system's results, by seed; they must be of one data set and protocol."""
    where = sorted({(r.dataset, r.protocol) for r in results})
    if len(where) != 1:
        raise ConfigError(f"compare() takes one data set and protocol, found {where}: use comparisons()")
    if len({result.clips_key for result in results if result.clips_key}) > 1:
        raise ConfigError(
            f"results for {where[0][0]} are of different clips, or of clips that changed in between: compare "
            "those of one run"
        )
    cells: dict[System, dict[int, Result]] = defaultdict(dict)
    for result in results:
        seen = cells[system_of(result)].setdefault(result.seed, result)
        if seen.predictions != result.predictions:
            raise ConfigError(
                f"two different results for {result.features} + {result.classifier}, seed {result.seed}, on "
                f"{result.dataset}: keep one of the two runs in the folder"
            )
    return {system: [by_seed[s] for s in sorted(by_seed)] for system, by_seed in cells.items()}


def system_names(systems: Sequence[System]) -> list[str]:
    """Name each system by its features; size, filters, ... are added where two would have the same name."""
    names = [s.features for s in systems]
    variants = {
        definition: f"definition {k + 1}"
        for k, definition in enumerate(sorted({s.definition for s in systems}))
    }
    for extra in ("size", "n_filters", "recipe", "definition"):
        values: dict[tuple[str, str], set[str]] = defaultdict(set)
        for name, s in zip(names, systems, strict=True):
            values[name, s.classifier].add(getattr(s, extra))
        for k, s in enumerate(systems):
            value = getattr(s, extra)
            if len(values[names[k], s.classifier]) > 1 and value:
                names[k] += f" ({variants[value] if extra == 'definition' else value})"
    return names


@dataclass(frozen=True)
class SystemScore:
    """One row of the ranking.

    `ties` are letters: systems of one classifier are not significantly different if and only if they share
    one; "" where nothing is tested.
    """

    system: System
    name: str  # the features, with as much as distinguishes them from the others
    accuracy: float  # mean over folds and seeds
    by_seed: tuple[float, ...]  # accuracies, in the order of `seeds`
    deviation: float | None  # standard deviation over seeds; None for one seed
    low: float | None  # interval of the accuracy; None where the groups of clips are too few
    high: float | None
    macro_f1: float
    recalls: dict[str, float]
    seeds: tuple[int, ...]
    n_clips: int
    ties: str
    cost: dict[str, float]  # n_parameters, multiply_adds_per_clip, s_per_clip: those known

    @property
    def label(self) -> str:
        """Name the features and the classifier."""
        return f"{self.name} + {self.system.classifier}"

    @property
    def is_baseline(self) -> bool:
        """Whether these are the features of the MFCC baseline."""
        return self.system.features == "mfcc"

    @property
    def is_trained(self) -> bool:
        """Whether the network was trained."""
        return self.system.classifier == "trained"

    @property
    def is_foreign(self) -> bool:
        """Whether these features were read from a file."""
        return self.system.is_foreign and not self.is_baseline

    @property
    def noun(self) -> str:
        """What sentences call it: "network", "rival" (other features of elmarc's) or "feature file"."""
        if self.is_foreign:
            return "feature file"
        return "rival" if self.system.features in frontends_of(None) and not self.is_baseline else "network"


@dataclass(frozen=True)
class Contrast:
    """The difference of two systems, by their places in the ranking, on their common clips.

    Interval and p-value are corrected for all contrasts of the family; there is no interval where nothing is
    tested. `differs`: the difference is significant, so 0 is outside the interval.
    """

    a: int
    b: int
    difference: float  # accuracy of a minus that of b
    low: float | None
    high: float | None
    standard_error: float
    df: float | None  # degrees of freedom; None where they are infinite or nothing is tested
    p_value: float
    differs: bool

    @property
    def turned(self) -> Contrast:
        """The same contrast as b minus a."""
        low, high = (None if end is None else -end for end in (self.high, self.low))
        return replace(self, a=self.b, b=self.a, difference=-self.difference, low=low, high=high)


@dataclass(frozen=True)
class Family:
    """Contrasts that are corrected together: the familywise error rate is 1 - confidence.

    `kind`: "pairs", all pairs of the members but the baseline; or "baseline", each against the baseline,
    which is `b` of every contrast.
    """

    name: str  # such as "networks with svm", "networks against mfcc, with svm"
    kind: str
    classifier: str
    members: tuple[int, ...]
    contrasts: tuple[Contrast, ...]
    corrected_over: str  # and by which method

    @property
    def method(self) -> str:
        """The test and the correction, in words that ranking.json shows."""
        return method([self])


def method(families: Sequence[Family]) -> str:
    """Return how the contrasts of families were tested."""
    over = " and over ".join(dict.fromkeys(family.corrected_over for family in families))
    return f"{TEST}; p-values and intervals corrected over {over}"


@dataclass(frozen=True)
class Design:
    """What was drawn, and what can be detected with it."""

    n_seeds: int  # the fewest of a system
    n_units: int  # clips, or groups of clips
    grouped: bool  # whether units are groups
    can_tell: bool  # whether differences are tested at all
    detectable: float | None  # the least difference detected with 80 % power; None: none
    advice: tuple[str, ...]  # what this design detects, and how many seeds or clips smaller differences take
    more_seeds: int | None  # that detect smaller differences; None where seeds alone do not suffice


@dataclass(frozen=True)
class NotRun:
    """Seeds of a system that could not be run, and why; `name` as in `SystemScore`."""

    name: str
    classifier: str
    seeds: tuple[int, ...]
    reason: str


@dataclass(frozen=True)
class Comparison:
    """Systems on one data set under one protocol, best first."""

    dataset: str
    protocol: str
    note: str  # on the protocol
    scores: tuple[SystemScore, ...]
    families: tuple[Family, ...]
    design: Design
    confidence: float
    chance: float  # accuracy of guessing every class alike, 1 / n_classes
    majority: float  # accuracy of always predicting the largest class
    failed: tuple[NotRun, ...] = ()  # cells without a result
    notes: tuple[str, ...] = ()  # on clips and settings

    @property
    def classifiers(self) -> tuple[str, ...]:
        """The classifiers, that of the best system first."""
        return tuple(dict.fromkeys(score.system.classifier for score in self.scores))

    @cached_property
    def _contrasts(self) -> dict[tuple[int, int], Contrast]:
        every = [c for family in self.families for c in family.contrasts]
        return {(c.a, c.b): c for c in every} | {(c.b, c.a): c.turned for c in every}

    def contrast(self, a: int, b: int) -> Contrast | None:
        """Return the one contrast of two places, a minus b; None where they are not compared."""
        return self._contrasts.get((a, b))

    def against_baseline(self, place: int) -> Contrast | None:
        """Return the contrast of a system with the MFCC baseline of its classifier."""
        classifier = self.scores[place].system.classifier
        baseline = (k for k in self.members(classifier) if self.scores[k].is_baseline)
        return self.contrast(place, next(baseline, place))

    def method(self, classifier: str) -> str:
        """Return how the systems of a classifier were tested against each other."""
        return method([family for family in self.families if family.classifier == classifier])

    def members(self, classifier: str) -> list[int]:
        """Return the places of the systems of a classifier, best first."""
        return [k for k, score in enumerate(self.scores) if score.system.classifier == classifier]

    def tied(self, place: int) -> list[int]:
        """Return the places of the systems that are tested and not significantly different from one."""
        of_place = ((k, self.contrast(place, k)) for k in range(len(self.scores)))
        return [k for k, c in of_place if c is not None and c.low is not None and not c.differs]
