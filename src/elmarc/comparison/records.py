"""What a comparison says: one record, computed once and handed on to terminal, files and page.

Accuracies, differences and intervals lie in [0, 1] and [-1, 1]; whoever shows them turns them into percent.
A *unit* is what was drawn at random among the clips: a clip, or a group of clips that belong together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from elmarc.comparison.systems import System

TEST = "t-test on paired differences, variance over clips and seeds, degrees of freedom by Satterthwaite"


@dataclass(frozen=True)
class SystemScore:
    """One row of the ranking.

    Parameters
    ----------
    name : str
        The features, with as much as tells them from the others.
    accuracy : float
        Mean over folds and seeds.
    by_seed : tuple of float
        The accuracy of each seed, in the order of `seeds`.
    deviation : float or None
        Standard deviation over seeds; None for one seed.
    low, high : float or None
        Interval of the accuracy; None where the groups of clips are too few for any, see
        `Comparison.design`.
    ties : str
        Letters: systems of one classifier are not significantly different if and only if they share one.
        "" where nothing is tested, see `Comparison.design`.
    cost : dict
        n_parameters, multiply_adds_per_clip, s_per_clip: those known.
    """

    system: System
    name: str
    accuracy: float
    by_seed: tuple[float, ...]
    deviation: float | None
    low: float | None
    high: float | None
    macro_f1: float
    recalls: dict[str, float]
    seeds: tuple[int, ...]
    n_clips: int
    ties: str
    cost: dict[str, float]

    @property
    def label(self) -> str:
        """Name the features and the classifier."""
        return f"{self.name} + {self.system.classifier}"

    @property
    def is_baseline(self) -> bool:
        """Whether these are the MFCC baseline's features, which no network made."""
        return self.system.features == "mfcc"

    @property
    def is_trained(self) -> bool:
        """Whether the network was trained; no other classifier is called so."""
        return self.system.classifier == "trained"

    @property
    def is_foreign(self) -> bool:
        """Whether these features were made elsewhere and read from a file."""
        return self.system.is_foreign and not self.is_baseline


@dataclass(frozen=True)
class Contrast:
    """Two systems compared on the clips that both have judged; `a` and `b` are places in the ranking.

    Parameters
    ----------
    difference : float
        Accuracy of a minus that of b.
    low, high : float or None
        Its interval, corrected for all contrasts of the family; None where nothing is tested.
    standard_error : float
    df : float or None
        The degrees of freedom behind the standard error; None where there is no bound, and no interval.
    p_value : float
        Adjusted for all contrasts of the family.
    differs : bool
        Whether the difference is significant: its interval leaves out 0, p_value is below 1 - confidence.
    """

    a: int
    b: int
    difference: float
    low: float | None
    high: float | None
    standard_error: float
    df: float | None
    p_value: float
    differs: bool

    @property
    def turned(self) -> Contrast:
        """The same contrast as b minus a."""
        low, high = (None if end is None else -end for end in (self.high, self.low))
        return replace(self, a=self.b, b=self.a, difference=-self.difference, low=low, high=high)


@dataclass(frozen=True)
class Family:
    """Contrasts that are corrected together: the chance of any false claim in a family is held.

    Parameters
    ----------
    name : str
        As in "networks with svm" or "networks against mfcc, with svm"; "networks and files" where some
        features were made elsewhere.
    kind : {"pairs", "baseline"}
        All pairs of the members, the baseline apart; or each against the baseline, `b` of every contrast.
    corrected_over : str
        What p-values and intervals are corrected over, and by which method.
    """

    name: str
    kind: str
    classifier: str
    members: tuple[int, ...]
    contrasts: tuple[Contrast, ...]
    corrected_over: str

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
    """What was drawn, and what it can tell.

    Parameters
    ----------
    n_seeds : int
        The fewest seeds of a system.
    n_units : int
        Clips, or groups of clips.
    grouped : bool
        Whether units are groups.
    can_tell : bool
        Whether differences are tested at all.
    detectable : float or None
        The least difference of accuracy that this design detects four times in five; None where it can none.
    advice : tuple of str
        A sentence: what this design cannot detect, and what could (how many seeds, how many clips).
    more_seeds : int or None
        With how many seeds smaller differences are detected; None where seeds alone do not suffice.
    """

    n_seeds: int
    n_units: int
    grouped: bool
    can_tell: bool
    detectable: float | None
    advice: tuple[str, ...]
    more_seeds: int | None


@dataclass(frozen=True)
class NotRun:
    """Seeds of a system that could not be run, and why; `name` as in `SystemScore`."""

    name: str
    classifier: str
    seeds: tuple[int, ...]
    reason: str


@dataclass(frozen=True)
class Comparison:
    """Systems on one data set under one protocol, best first.

    Parameters
    ----------
    failed : tuple of NotRun
        What was asked for and has no score, or fewer seeds.
    chance : float
        Accuracy of guessing every class alike, 1 / n_classes.
    majority : float
        Accuracy of always saying the largest class.
    notes : tuple of str
        What the results say of clips and settings.
    """

    dataset: str
    protocol: str
    note: str
    scores: tuple[SystemScore, ...]
    families: tuple[Family, ...]
    design: Design
    confidence: float
    chance: float
    majority: float
    failed: tuple[NotRun, ...] = ()
    notes: tuple[str, ...] = ()

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
