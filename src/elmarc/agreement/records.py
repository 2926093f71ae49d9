"""What an agreement says: one record a data set, computed once and handed on to terminal, files and page."""

from __future__ import annotations

from dataclasses import dataclass

from elmarc.agreement.correlation import Estimate
from elmarc.agreement.regret import Regret

PARAMETERS, COST, FEATURES = "number of parameters", "multiply-adds", "number of features"


@dataclass(frozen=True)
class Foreteller:
    """A number of each architecture, and how well it foretells the trained accuracy.

    Parameters
    ----------
    name : str
        As in "svm, 2018", "number of parameters" or "short training".
    kind : {"untrained", "short", "control"}
        An accuracy with random weights; one after little training; or a number that needs no listening.
    scores : tuple of float
        Of each architecture, in the order of `Agreement.architectures`.
    errors : tuple of float
        Standard errors of the scores over seeds and clips; 0 for controls.
    spearman, kendall : Estimate
        Rank correlation with the trained accuracy.
    partial : Estimate or None
        Spearman's correlation given the covariates in `given`; None where there are none.
    given : tuple of str
        Those of parameters, multiply-adds and number of features that are known, without the foreteller.
    regrets : dict of int to Regret
        By how many of the first are trained.
    ceiling : Estimate or None
        Spearman's correlation of one seed with another; None for controls and for one seed.
    seconds : float or None
        What the scores took; None where nothing is known, as with features that came from the store.
    """

    name: str
    kind: str
    scores: tuple[float, ...]
    errors: tuple[float, ...]
    spearman: Estimate
    kendall: Estimate
    partial: Estimate | None
    given: tuple[str, ...]
    regrets: dict[int, Regret]
    ceiling: Estimate | None
    seconds: float | None


@dataclass(frozen=True)
class Agreement:
    """How well untrained scores and controls foretell trained accuracies on one data set.

    Parameters
    ----------
    dataset : str
        Its name.
    trained_name : str
        Classifier and recipe of the trained side.
    architectures : tuple of str
        Those that both sides have, by name.
    trained : tuple of float
        Their trained accuracies, means over folds and seeds.
    trained_errors : tuple of float
        Standard errors over seeds and clips.
    foretellers : tuple of Foreteller
        Untrained scores, best first; then short training and controls.
    trained_ceiling : Estimate or None
        Spearman's correlation of one trained seed with another; None for one seed.
    trained_seconds : tuple of float
        What training took for each architecture, all seeds together; empty where nothing is known.
    n_seeds : tuple of int
        The fewest seeds, untrained and trained.
    n_units : int
        Clips that all have judged, or groups of clips.
    grouped : bool
        Whether units are groups.
    confidence : float
        Of the intervals.
    notes : tuple of str
        What was left out, and why.
    """

    dataset: str
    trained_name: str
    architectures: tuple[str, ...]
    trained: tuple[float, ...]
    trained_errors: tuple[float, ...]
    foretellers: tuple[Foreteller, ...]
    trained_ceiling: Estimate | None
    trained_seconds: tuple[float, ...]
    n_seeds: tuple[int, int]
    n_units: int
    grouped: bool
    confidence: float
    notes: tuple[str, ...]

    @property
    def best(self) -> Foreteller:
        """The untrained score that correlates most with the trained accuracy."""
        return self.foretellers[0]

    def times_sooner(self, foreteller: Foreteller) -> float | None:
        """Return the training time of all architectures over what the foreteller took; None if unknown.

        Parameters
        ----------
        foreteller : Foreteller
            One of `foretellers`.
        """
        if not foreteller.seconds or not self.trained_seconds:
            return None
        return sum(self.trained_seconds) / foreteller.seconds
