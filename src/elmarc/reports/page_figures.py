"""The page's figures with captions that say what is drawn, and no more."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup
from matplotlib.figure import Figure

from elmarc.comparison.compare import rank_across
from elmarc.comparison.ranks import Ranking
from elmarc.comparison.records import Comparison
from elmarc.reports import plots, plots_compare
from elmarc.reports.page_svg import inline_svg
from elmarc.reports.published import SOURCE, published


@dataclass(frozen=True)
class Drawn:
    """A figure: `key` names it among its siblings, `name` is for readers."""

    key: str
    name: str
    svg: Markup
    caption: str


def study(comparison: Comparison, prefix: str) -> Drawn:
    """Return accuracy by network; it is the study's figure where the study has numbers for these networks."""
    words = ["Accuracy of each network with each classifier."]
    if any(score.deviation for score in comparison.scores):
        words.append("Error bars: standard deviation over seeds.")
    is_study = _published_systems(comparison)
    if is_study:
        words.append(f"Hatched: {SOURCE}.")
    name = "The study’s figure" if is_study else "Accuracy by network"  # noqa: RUF001
    return _drawn("study", name, plots.study_figure(comparison), f"{prefix}-study-", " ".join(words))


def _published_systems(comparison: Comparison) -> bool:
    table = published(comparison.dataset)
    if table is None:
        return False
    known = set(zip(table.network, table.classifier, strict=True))
    ours = {(s.system.features.removesuffix("_2018"), s.system.classifier) for s in comparison.scores}
    return bool(known & ours)


def costs(comparison: Comparison, prefix: str) -> list[Drawn]:
    """Return accuracy against each cost that at least two systems state."""
    known = {key: plots_compare.with_cost(comparison, key) for key in plots_compare.COSTS}
    return [_cost(comparison, key, prefix) for key, scores in known.items() if len(scores) > 1]


def _cost(comparison: Comparison, key: str, prefix: str) -> Drawn:
    name = plots_compare.COSTS[key]
    words = f"Accuracy against {name}. Full marks lie on the Pareto front: none is better for as little."
    return _drawn(key, name, plots_compare.cost_figure(comparison, key), f"{prefix}-{key}-", words)


def across(compared: Sequence[Comparison]) -> list[Drawn]:
    """Return the critical-difference diagram of each protocol that covers several data sets."""
    protocols: dict[str, list[Comparison]] = defaultdict(list)
    for each in compared:
        protocols[each.protocol].append(each)
    rankings = {name: rank_across(several) for name, several in protocols.items()}
    return [_ranks(name, ranking) for name, ranking in rankings.items() if ranking is not None]


def _ranks(protocol: str, ranking: Ranking) -> Drawn:
    words = (
        f"Average rank of the {len(ranking.systems)} systems that the {ranking.n_datasets} data sets share, "
        "1 being best."
    )
    if ranking.cliques:
        words += " A bar joins those that Nemenyi’s test cannot separate (Demšar 2006)."  # noqa: RUF001
    return _drawn(protocol, protocol, plots_compare.rank_figure(ranking), f"cd-{protocol}-", words)


def _drawn(key: str, name: str, figure: Figure, prefix: str, caption: str) -> Drawn:
    return Drawn(key, name, Markup(inline_svg(figure, prefix, caption)), caption)
