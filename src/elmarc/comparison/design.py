"""What a design can tell: the least difference it finds, and what would find smaller ones."""

from __future__ import annotations

import numpy as np

from elmarc.comparison.families import Inference
from elmarc.comparison.hits import HitTable
from elmarc.comparison.records import Design

ONE_SEED = (
    "With one seed, a difference between two networks may be the luck of one draw of their weights: no "
    "network is told apart from another. Draw the weights three times: add --seeds 3."
)


def design_of(table: HitTable, found: list[Inference]) -> Design:
    """Describe what was drawn and what it can tell."""
    n_seeds = min(len(own) for own in table.columns)
    n_units = len(np.unique(table.units))
    can_tell = all(each.can_tell for each in found)
    advice = () if can_tell else (ONE_SEED,)
    return Design(n_seeds, n_units, n_units < len(table.units), can_tell, None, advice)
