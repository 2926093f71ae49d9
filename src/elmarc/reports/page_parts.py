"""The report page piece by piece, as HTML text; every piece escapes what it shows."""
# ruff: noqa: RUF001 -- readers see typographic quotes and dashes

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from html import escape

from matplotlib.figure import Figure

from elmarc.comparison.answer import answer
from elmarc.comparison.compare import rank_across
from elmarc.comparison.records import Comparison, SystemScore
from elmarc.comparison.systems import system_of
from elmarc.reports import plots, plots_compare
from elmarc.reports.published import SOURCE, published
from elmarc.reports.wording import extent, percent
from elmarc.results import Result

THEMED = {
    plots.INK: "currentColor", plots.MUTED: "var(--muted)", plots.RULE: "var(--rule)",
    plots.BLUE: "var(--blue)", plots.RED: "var(--red)", plots.PALE: "var(--surface)",
}  # fmt: skip


def navigation(compared: Sequence[Comparison]) -> str:
    """Return links to the sections, where there is more than one."""
    if len(compared) < 2:
        return ""
    links = [f'<a href="#s{k}">{escape(c.dataset)}, {escape(c.protocol)}</a>' for k, c in enumerate(compared)]
    return f'<nav aria-label="Sections">{"".join(links)}</nav>'


def section(number: int, comparison: Comparison) -> str:
    """Return everything about one data set under one protocol."""
    return f"""
<section id="s{number}" aria-labelledby="s{number}-title">
<h2 id="s{number}-title">{escape(comparison.dataset)} <span>{escape(comparison.protocol)}</span></h2>
<p class="facts">{_facts(comparison)}</p>
{_notes(comparison)}
<p class="answer">{escape(" ".join(answer(comparison)))}</p>
{_ranking(number, comparison)}
<h3>The study’s figure</h3>
{_study(comparison, f"s{number}-study-")}
{_differences(comparison)}
{_costs(number, comparison)}
{_explorer(number, comparison)}
</section>"""


def _facts(comparison: Comparison) -> str:
    note = "" if comparison.protocol == "paper" or not comparison.note else f"; {comparison.note}"
    return escape(f"{extent(comparison)}, {len(comparison.scores)} systems{note}")


def _notes(comparison: Comparison) -> str:
    notes = [comparison.note] if comparison.protocol == "paper" and comparison.note else []
    if max(len(s.seeds) for s in comparison.scores) == 1:
        notes.append("one seed: the intervals say nothing of other random weights")
    return "".join(f'<p class="note">{escape(note)}</p>' for note in notes)


def _ranking(number: int, comparison: Comparison) -> str:
    low = min(s.low for s in comparison.scores)
    high = max(s.high for s in comparison.scores)
    rows = [
        _ranking_row(number, k, score, comparison.scores[0].ties, (low, max(high - low, 1e-9)))
        for k, score in enumerate(comparison.scores)
    ]
    return f"""<h3>Ranking</h3>
<div class="scroll" tabindex="0" role="region" aria-label="Ranking"><table class="ranking">
<thead><tr><th scope="col"><th scope="col">network<th scope="col">classifier
<th scope="col" class="n">accuracy, %<th scope="col">{100 * comparison.confidence:.0f} % interval
<th scope="col" class="n">macro-F1<th scope="col">ties</tr></thead>
<tbody>{"".join(rows)}</tbody></table></div>
<p class="key">Mean and standard deviation over seeds; intervals over clips and seeds. Systems that share
a letter are tied: a paired test on the same clips, corrected for all pairs, finds no difference. A bar at
the left marks those tied with the best.</p>"""


def _ranking_row(number: int, place: int, score: SystemScore, best: str, scale: tuple[float, float]) -> str:
    mark = ' class="best"' if set(score.ties) & set(best) else ""
    link = (
        f'<a href="#s{number}-clips" data-section="{number}" data-system="{place}">{escape(score.name)}</a>'
    )
    return (
        f'<tr{mark}><td class="n">{place + 1}<th scope="row">{link}<td>{escape(score.system.classifier)}'
        f'<td class="n">{percent(score.accuracy, score.deviation)}<td>{_interval(score, scale)}'
        f'<td class="n">{100 * score.macro_f1:.1f}<td class="ties">{escape(score.ties)}</tr>'
    )


def _interval(score: SystemScore, scale: tuple[float, float]) -> str:
    start, width = scale
    low, at, high = (6 + 128 * (v - start) / width for v in (score.low, score.accuracy, score.high))
    words = f"{100 * score.low:.1f}–{100 * score.high:.1f}"
    return (
        '<span class="interval"><svg viewBox="0 0 140 14" aria-hidden="true">'
        '<line x1="6" x2="134" y1="7" y2="7"/>'
        f'<line class="bar" x1="{low:.1f}" x2="{high:.1f}" y1="7" y2="7"/>'
        f'<circle cx="{at:.1f}" cy="7" r="3.5"/></svg>{words}</span>'
    )


def _study(comparison: Comparison, prefix: str) -> str:
    source = f" Hatched: {SOURCE}." if published(comparison.dataset) is not None else ""
    words = (
        "Accuracy of each network with each classifier; error bars: standard deviation over seeds." + source
    )
    return _plot(plots.study_figure(comparison), prefix, words)


def _plot(figure: Figure, prefix: str, words: str) -> str:
    return (
        '<figure class="plot"><div class="scroll" tabindex="0" role="region" aria-label="Figure">'
        f"{inline_svg(figure, prefix, words)}</div><figcaption>{escape(words)}</figcaption></figure>"
    )


def inline_svg(figure: Figure, prefix: str, words: str) -> str:
    """Return a figure with ids of its own, the page's colours, and no style that the policy would refuse."""
    svg = plots.to_svg(figure)
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->|<\?.*?\?>", "", svg, flags=re.S)
    svg = re.sub(r' xmlns(:\w+)?="[^"]*"', "", svg).replace("xlink:href", "href")
    svg = re.sub(r'\bid="|href="#|url\(#', lambda m: m[0] + prefix, svg)
    svg = re.sub(r' style="([^"]*)"', lambda m: _attributes(m[1]), svg)
    for colour, themed in THEMED.items():
        svg = svg.replace(colour, themed)
    root = f'<svg role="img" aria-label="{escape(words)}" stroke-linejoin="round" fill="currentColor"'
    return svg.replace("<svg", root, 1)


def _attributes(style: str) -> str:
    """Turn a style into presentation attributes.

    >>> _attributes("fill: none; stroke-width: 0.8")
    ' fill="none" stroke-width="0.8"'
    """
    pairs = (item.split(":", 1) for item in style.split(";") if ":" in item)
    return "".join(f' {name.strip()}="{value.strip()}"' for name, value in pairs)


def _differences(comparison: Comparison) -> str:
    scores = comparison.scores
    if len(scores) < 2:
        return ""
    columns = range(len(scores) - 1, 0, -1)  # worst first: each row's cells begin beside its name
    head = "".join(f'<th scope="col"><span>{escape(scores[j].label)}</span>' for j in columns)
    rows = []
    for i, score in enumerate(scores[:-1]):
        cells = "".join(_difference(comparison, i, j) for j in columns)
        rows.append(f'<tr><th scope="row">{escape(score.label)}{cells}</tr>')
    return f"""<h3>Paired differences</h3>
<div class="scroll" tabindex="0" role="region" aria-label="Paired differences"><table class="differences">
<thead><tr><td>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>
<p class="key">Accuracy of the row minus that of the column on the same clips, in points, with its
{100 * comparison.confidence:.0f} % interval. Shaded: different by the corrected test.</p>"""


def _difference(comparison: Comparison, i: int, j: int) -> str:
    contrast = comparison.contrast(i, j)
    if contrast is None:
        return "<td>"
    value, low, high = (100 * v for v in (contrast.difference, contrast.low, contrast.high))
    level = min(5, 1 + int(abs(value) / 5)) if contrast.differs else 0
    return (
        f'<td data-level="{level}" title="p = {contrast.p_value:.2g}, corrected"><b>{value:+.1f}</b>'
        f"<small>{low:.1f} to {high:.1f}</small>"
    )


def _costs(number: int, comparison: Comparison) -> str:
    known = {key: words for key, words in plots_compare.COSTS.items() if _has_cost(comparison, key)}
    name = f"s{number}-cost"
    choices = "".join(
        f'<label><input type="radio" name="{name}" value="{key}"{"" if k else " checked"}>{words}</label>'
        for k, (key, words) in enumerate(known.items())
    )
    figures = "".join(
        f'<div data-cost="{key}"{" hidden" if k else ""}>{_cost(comparison, number, key, words)}</div>'
        for k, (key, words) in enumerate(known.items())
    )
    if not known:
        return ""
    return f"""<h3>Accuracy against cost</h3>
<fieldset class="choices" data-costs="s{number}"><legend>Cost</legend>{choices}</fieldset>
<div id="s{number}-costs">{figures}</div>"""


def _has_cost(comparison: Comparison, key: str) -> bool:
    return bool(plots_compare.with_cost(comparison, key))


def _cost(comparison: Comparison, number: int, key: str, words: str) -> str:
    text = f"Accuracy against {words}. Full marks lie on the Pareto front: none is better for as little."
    return _plot(plots_compare.cost_figure(comparison, key), f"s{number}-{key}-", text)


def _explorer(number: int, comparison: Comparison) -> str:
    options = "".join(f'<option value="{k}">{escape(s.label)}' for k, s in enumerate(comparison.scores))
    return f"""<h3 id="s{number}-clips">Confusions, and the clips behind them</h3>
<div class="explorer" data-section="{number}">
<p class="choices"><label>System <select data-role="system">{options}</select></label>
<label>Seed <select data-role="seed"></select></label></p>
<div class="scroll"><table class="confusion" aria-label="Confusion matrix"></table></div>
<p class="key">Rows: true class; columns: predicted class. Arrow keys move, Enter opens a cell’s clips.</p>
<noscript><p class="note">The confusion matrices need JavaScript.</p></noscript></div>"""


def across(compared: Sequence[Comparison]) -> str:
    """Return the critical-difference diagram of each protocol that covers several data sets."""
    protocols: dict[str, list[Comparison]] = defaultdict(list)
    for each in compared:
        protocols[each.protocol].append(each)
    return "".join(_across(name, several) for name, several in protocols.items() if len(several) > 1)


def _across(protocol: str, compared: Sequence[Comparison]) -> str:
    ranking = rank_across(compared)
    if ranking is None:
        return ""
    words = (
        f"Average rank of the {len(ranking.systems)} systems that the {len(compared)} data sets share; "
        "a bar joins those that Nemenyi’s test cannot separate (Demšar 2006)."
    )
    plot = _plot(plots_compare.rank_figure(ranking), f"cd-{protocol}-", words)
    return f"<section><h2>All data sets <span>{escape(protocol)}</span></h2>{plot}</section>"


def footer(results: Iterable[Result]) -> str:
    """Return recipes, versions, seeds, notes and skipped clips."""
    results = list(results)
    versions = sorted({f"{k} {v}" for r in results for k, v in r.environment.items()})
    seeds = sorted({r.seed for r in results})
    skipped = sorted({f"{s.id}: {s.reason}" for r in results for s in r.skipped})
    notes = sorted({note for r in results for note in r.notes})
    made_with = escape(", ".join(versions)) or "unknown"
    return (
        f"<dl><dt>Seeds<dd>{', '.join(map(str, seeds))}<dt>Versions<dd>{made_with}</dl>"
        f"{_list('Notes', notes)}{_list('Skipped clips', skipped)}<h3>Recipes</h3>{_recipes(results)}"
    )


def _recipes(results: Iterable[Result]) -> str:
    """Return each recipe, seeds aside, under the names of what was made with it."""
    names: dict[str, dict[str, None]] = defaultdict(dict)
    for r in results:
        names[system_of(r).recipe][f"{r.dataset}: {r.label} ({r.recipe_name})"] = None
    blocks = []
    for text, made in names.items():
        pretty = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
        blocks.append(
            f"<details><summary>{escape(', '.join(made))}</summary><pre>{escape(pretty)}</pre></details>"
        )
    return "".join(blocks)


def _list(title: str, items: Sequence[str]) -> str:
    rows = "".join(f"<li>{escape(item)}" for item in items)
    return f"<h3>{title}</h3><ul>{rows}</ul>" if items else ""
