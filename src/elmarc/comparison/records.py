"""What a comparison says: one record, computed once and handed on to terminal, files and page.

Accuracies, differences and intervals lie in [0, 1] and [-1, 1]; whoever shows them turns them into percent.
A *unit* is what was drawn at random among the clips: a clip, or a group of clips that belong together.
"""

from __future__ import annotations

from dataclasses import dataclass

from elmarc.comparison.systems import System


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
        Letters: systems of one classifier that share one are not told apart. "" where the design tells
        nothing apart, see `Comparison.design`.
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
        Its interval (of this pair alone); None where the groups of clips are too few for any.
    standard_error : float
    df : float or None
        The degrees of freedom behind the standard error; None where there is no interval.
    p_value : float
        Adjusted for all contrasts of the family.
    differs : bool
        Whether p_value is at most 1 - confidence.
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


@dataclass(frozen=True)
class Family:
    """Contrasts that are corrected together: the chance of any false claim in a family is held.

    Parameters
    ----------
    name : str
        As in "systems with svm" or "networks against mfcc, with svm"; "networks and files against mfcc" where
        some features were made elsewhere.
    kind : {"pairs", "baseline"}
        All pairs of the members; or each member against the baseline, which is `b` of every contrast.
    method : str
        The test and the correction, in words that ranking.json and the page show.
    """

    name: str
    kind: str
    classifier: str
    members: tuple[int, ...]
    contrasts: tuple[Contrast, ...]
    method: str


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
        Whether the design can tell systems apart at all.
    detectable : float or None
        The least difference of accuracy that this design finds four times in five; None where it finds none.
    advice : tuple of str
        Sentences: what this design cannot do, and what would (how many seeds, how many clips).
    """

    n_seeds: int
    n_units: int
    grouped: bool
    can_tell: bool
    detectable: float | None
    advice: tuple[str, ...]


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

    @property
    def classifiers(self) -> tuple[str, ...]:
        """The classifiers, that of the best system first."""
        return tuple(dict.fromkeys(score.system.classifier for score in self.scores))

    def contrast(self, a: int, b: int) -> Contrast | None:
        """Return the contrast of two places, a before b, among all pairs; None where there is none."""
        found = (
            c
            for family in self.families
            if family.kind == "pairs"
            for c in family.contrasts
            if (c.a, c.b) == (a, b)
        )
        return next(found, None)

    def against_baseline(self, place: int) -> Contrast | None:
        """Return the contrast of a system with the MFCC baseline of its classifier."""
        found = (
            c
            for family in self.families
            if family.kind == "baseline"
            for c in family.contrasts
            if c.a == place
        )
        return next(found, None)
