"""One set of predictions by itself: its accuracy, with its interval over clips, and what guessing gives."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from elmarc.comparison import contrasts
from elmarc.comparison.families import infer
from elmarc.comparison.hits import fold_weights, hit_table
from elmarc.results import Prediction


@dataclass(frozen=True)
class Alone:
    """The accuracy of one set of predictions in [0, 1], its interval over clips, chance and majority.

    There is no interval where the groups of clips are too few: `low` and `high` are None.
    """

    accuracy: float
    low: float | None
    high: float | None
    confidence: float
    chance: float
    majority: float


def score_alone(
    predictions: Sequence[Prediction], *, n_classes: int, confidence: float = 0.95, widening: float = 1.0
) -> Alone:
    """Score held-out predictions; clips of a group count as one draw.

    Parameters
    ----------
    predictions : sequence of Prediction
        Of one system; every fold counts alike.
    n_classes : int
    confidence : float
        Of the interval, in (0, 1).
    widening : float
        Factor of the standard error over clips.
    """
    estimate = infer(hit_table([[predictions]])).accuracy
    ends = contrasts.accuracy_interval(estimate, confidence, widening=widening)
    low, high = (None if np.isnan(end[0]) else float(end[0]) for end in ends)
    return Alone(float(estimate.value[0]), low, high, confidence, *guessing(predictions, n_classes))


def guessing(predictions: Sequence[Prediction], n_classes: int) -> tuple[float, float]:
    """Return the accuracy of guessing every class alike, and that of always saying the largest class."""
    shares: Counter[str] = Counter()
    for prediction, weight in zip(predictions, fold_weights(predictions).tolist(), strict=True):
        shares[prediction.label] += weight
    return 1.0 / n_classes, float(np.round(max(shares.values()), 9))
