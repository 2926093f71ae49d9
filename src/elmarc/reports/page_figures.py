"""The page's figures with captions that say what is drawn, and no more."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup
from matplotlib.figure import Figure

from elmarc.comparison.ranks import AverageRanks, rank_across
from elmarc.comparison.records import Comparison
from elmarc.reports import plots_bars, plots_cost, plots_ranks
from elmarc.reports.page_svg import inline_svg


@dataclass(frozen=True)
class Drawn:
    """A figure: `key` names it among its siblings, `name` is for readers."""

    key: str
    name: str
    svg: Markup
    caption: str


def study(comparison: Comparison, prefix: str) -> Drawn:
    """Return accuracy by network; it is the study's figure where the study has numbers for these networks."""
    name = "The study’s figure" if plots_bars.has_published_bars(comparison) else "Accuracy by network"  # noqa: RUF001
    caption = plots_bars.study_caption(comparison)
    return drawn("study", name, plots_bars.study_figure(comparison), f"{prefix}-study-", caption)


def costs(comparison: Comparison, prefix: str) -> list[Drawn]:
    """Return accuracy against each cost that at least two systems state."""
    known = [key for key in plots_cost.COSTS if len(plots_cost.with_cost(comparison, key)) > 1]
    return [_cost(comparison, key, prefix) for key in known]


def _cost(comparison: Comparison, key: str, prefix: str) -> Drawn:
    caption = plots_cost.cost_caption(comparison, key)
    figure = plots_cost.cost_figure(comparison, key)
    return drawn(key, plots_cost.COSTS[key], figure, f"{prefix}-{key}-", caption)


def across(compared: Sequence[Comparison]) -> list[Drawn]:
    """Return the critical-difference diagram of each protocol that covers several data sets."""
    protocols: dict[str, list[Comparison]] = defaultdict(list)
    for each in compared:
        protocols[each.protocol].append(each)
    rankings = {name: rank_across(several) for name, several in protocols.items()}
    return [_ranks(name, ranking) for name, ranking in rankings.items() if ranking is not None]


def _ranks(protocol: str, ranking: AverageRanks) -> Drawn:
    words = (
        f"Average rank of the {len(ranking.systems)} systems that the {ranking.n_datasets} data sets share, "
        "1 being best."
    )
    if ranking.cliques:
        words += " A bar joins those that Nemenyi’s test cannot separate (Demšar 2006)."  # noqa: RUF001
    return drawn(protocol, protocol, plots_ranks.rank_figure(ranking), f"cd-{protocol}-", words)


def drawn(key: str, name: str, figure: Figure, prefix: str, caption: str) -> Drawn:
    """Return a figure as the page shows it; `prefix` begins the ids within it."""
    return Drawn(key, name, Markup(inline_svg(figure, prefix, caption)), caption)
