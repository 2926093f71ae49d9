"""Figures of a comparison: paired differences, accuracy against cost, ranks over data sets."""

from elmarc.reports.plots_cost import COSTS, cost_caption, cost_figure, with_cost
from elmarc.reports.plots_differences import difference_figure, pair_families
from elmarc.reports.plots_ranks import rank_figure

__all__ = [
    "COSTS", "cost_caption", "cost_figure", "difference_figure", "pair_families", "rank_figure", "with_cost",
]  # fmt: skip
