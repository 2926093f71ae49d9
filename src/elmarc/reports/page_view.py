"""Data of the page's templates: a section per data set and protocol, and how the results were made."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePath
from typing import Any

from elmarc.comparison.answer import answer, details, p_value
from elmarc.comparison.records import Comparison, Contrast, Family, SystemScore, by_system, system_of
from elmarc.reports import tables, wording
from elmarc.reports.page_private import Folders
from elmarc.results import Result

SHADES = 5
FIRST_SHOWN = 4
SHADE_STEP = 0.05  # of accuracy


@dataclass(frozen=True)
class Scale:
    """Positions of accuracies along a strip, in % of its width."""

    low: float
    high: float

    def at(self, value: float) -> str:
        """Return a position, with a margin at the ends.

        >>> Scale(0.0, 1.0).at(0.5)
        '50.0%'
        """
        return f"{3 + 94 * (value - self.low) / max(self.high - self.low, 1e-9):.1f}%"


@dataclass(frozen=True)
class Row:
    """A system; `tied`: the best of its classifier, or not significantly different from it."""

    place: int
    score: SystemScore
    tied: bool
    baseline: Contrast | None


@dataclass(frozen=True)
class Missed:
    """A clip that every system misclassifies; `predicted` is the most frequent class of the `n_runs`."""

    clip: str
    label: str
    predicted: str
    n_votes: int
    n_runs: int


class Section:
    """Everything about one data set under one protocol.

    Parameters
    ----------
    number : int
        Its place in the page; prefix of the ids of its parts.
    comparison : Comparison
    results : sequence of Result
        Those of the comparison.
    """

    def __init__(self, number: int, comparison: Comparison, results: Sequence[Result]) -> None:
        self.number, self.comparison, self.results = number, comparison, results
        self.id = f"s{number}"
        self.name = f"{comparison.dataset}, {comparison.protocol}"
        self.answer, self.details = answer(comparison), details(comparison)
        self.levels = wording.levels(comparison)
        self.has_seeds = wording.several_seeds(comparison)
        self.has_ties = len(comparison.scores) > 1 and wording.has_ties(comparison)

    @property
    def extent(self) -> str:
        """The number of clips, groups, classes, seeds and systems, in words."""
        systems = "1 system" if len(self.rows) == 1 else f"{len(self.rows)} systems"
        return f"{wording.extent(self.comparison)}, {len(self.classes)} classes, {systems}"

    @cached_property
    def rows(self) -> list[Row]:
        """The ranking, best first."""
        comparison = self.comparison
        bests = [comparison.members(name)[0] for name in comparison.classifiers]
        tied = {*bests, *(place for best in bests for place in comparison.tied(best))}
        return [
            Row(place, score, tied=place in tied, baseline=comparison.against_baseline(place))
            for place, score in enumerate(comparison.scores)
        ]

    @property
    def rival(self) -> int:
        """The place of the second best system with the best one's classifier, or of any."""
        first = self.comparison.classifiers[0]
        rivals = [row.place for row in self.rows[1:] if row.score.system.classifier == first]
        return (rivals or [len(self.rows) > 1])[0]

    @property
    def first_shown(self) -> set[int]:
        """The places of the systems whose recalls are shown first: the best few, and MFCC."""
        first = self.comparison.members(self.comparison.classifiers[0])
        baselines = [place for place in first if self.comparison.scores[place].is_baseline]
        return {*(row.place for row in self.rows[:FIRST_SHOWN]), *baselines}

    @property
    def folds_differ(self) -> bool:
        """Whether folds have unequal numbers of clips."""
        return any(len({fold.n_test for fold in result.folds}) > 1 for result in self.results)

    @property
    def has_baseline(self) -> bool:
        """Whether some system is compared with MFCC."""
        return any(row.baseline for row in self.rows)

    @property
    def scale(self) -> Scale:
        """The scale of the intervals, from the least to the highest accuracy shown."""
        scores = self.comparison.scores
        ends = [value for s in scores for value in (s.low, s.high, *s.by_seed) if value is not None]
        ends += self.levels.values()
        return Scale(min(ends), max(ends))

    @cached_property
    def classes(self) -> list[tuple[str, int]]:
        """Each class with its number of clips."""
        labels = {p.id: p.label for r in self.results for p in r.predictions}
        count = Counter(labels.values())
        return [(c, count[c]) for c in dict.fromkeys(c for r in self.results for c in r.classes) if count[c]]

    @property
    def pairs(self) -> list[tuple[str, list[int], str]]:
        """The classifiers that have several systems, with the places of these and the test of their pairs."""
        of = self.comparison
        every = [(name, of.members(name), of.method(name)) for name in of.classifiers]
        return [(name, members, method) for name, members, method in every if len(members) > 1]

    @cached_property
    def missed(self) -> list[Missed]:
        """The clips that every system misclassifies with every seed."""
        predicted: dict[str, Counter[str]] = {}
        label = {}
        for result in self.results:
            for p in result.predictions:
                predicted.setdefault(p.id, Counter())[p.predicted] += 1
                label[p.id] = p.label
        return [
            Missed(clip, label[clip], *votes.most_common(1)[0], votes.total())
            for clip, votes in sorted(predicted.items())
            if not votes[label[clip]]
        ]

    @cached_property
    def contrasts(self) -> dict[str, str]:
        """A sentence for each two systems that are compared, under "place place"."""
        return {
            f"{min(c.a, c.b)} {max(c.a, c.b)}": self._sentence(c, family)
            for family in self.comparison.families
            for c in family.contrasts
        }

    def _sentence(self, contrast: Contrast, family: Family) -> str:
        a, b = (self.comparison.scores[place].label for place in (contrast.a, contrast.b))
        text = f"{a} minus {b}: {points(contrast.difference)} points"
        if contrast.low is None:
            return f"{text}. Differences are not tested here, see above."
        share = f"{100 * self.comparison.confidence:.0f} % interval"
        df = f" with {contrast.df:.0f} degrees of freedom" if 0 < (contrast.df or 0.0) < 1e4 else ""
        verdict = "Significant." if contrast.differs else "Not significantly different."
        return (
            f"{text} ({share} {span(contrast)}), {p_value(contrast.p_value)}{df}, corrected for all "
            f"{len(family.contrasts)} comparisons of {family.name}. {verdict}"
        )

    @property
    def exports(self) -> list[tuple[str, str]]:
        """The ranking to be copied: name and text."""
        return [("CSV", tables.to_csv(self.comparison)), ("LaTeX", tables.to_latex(self.comparison))]


def sections(results: Sequence[Result], compared: Sequence[Comparison]) -> list[Section]:
    """Return a section for each comparison, with its results in the order of its systems."""
    parts = []
    for number, each in enumerate(compared):
        cells = by_system([r for r in results if (r.dataset, r.protocol) == (each.dataset, each.protocol)])
        parts.append(Section(number, each, [r for score in each.scores for r in cells[score.system]]))
    return parts


def points(difference: float) -> str:
    """Return a difference of accuracies in points, with a typographic minus.

    >>> points(-0.0312)
    '−3.1'
    """
    return wording.points(difference).replace("-", "−")  # noqa: RUF001


def span(contrast: Contrast) -> str:
    """Return the ends of a contrast's interval, in points."""
    return wording.span(contrast).replace("-", "−")  # noqa: RUF001


def shade(contrast: Contrast) -> int:
    """Return the shade of a significant difference, 1 to 5; 0 for others."""
    if not contrast.differs:
        return 0
    return min(SHADES, 1 + int(abs(contrast.difference) / SHADE_STEP))


def _origin(source: Mapping[str, Any]) -> str:
    """Return the origin of clips in words.

    >>> _origin({"kind": "clips", "source": "/home/anna/sounds.csv"})
    'from sounds.csv'
    """
    name = PurePath(source.get("source") or source.get("name") or "").name
    return f"from {name}" if name else str(source["kind"])


class Made:
    """How the results were made; no text of it contains a folder of the user.

    Parameters
    ----------
    results : sequence of Result
    """

    def __init__(self, results: Sequence[Result]) -> None:
        self._results, self._folders = results, Folders(results)

    @property
    def commands(self) -> list[str]:
        """The commands that made the results, where known."""
        return self._each(r.command for r in self._results)

    @property
    def dates(self) -> str:
        """The day of the first result and that of the last, in UTC."""
        days = sorted({r.created[:10] for r in self._results if r.created})
        return " to ".join(dict.fromkeys((days[0], days[-1]))) if days else ""

    @property
    def data(self) -> list[str]:
        """Name, clips, groups and origin of each data set."""
        return [self._data_set(name) for name in sorted({r.dataset for r in self._results})]

    def _data_set(self, name: str) -> str:
        own = [r for r in self._results if r.dataset == name]
        groups = {p.id: p.group for r in own for p in r.predictions}
        n_groups = len({group or clip for clip, group in groups.items()})
        grouped = f" in {n_groups} groups" if any(groups.values()) else ""
        origins = "; ".join(sorted({_origin(r.source) for r in own if r.source}))
        return f"{name}: {len(groups)} clips{grouped}" + (f", {origins}" if origins else "")

    @property
    def seeds(self) -> str:
        """All seeds."""
        return ", ".join(map(str, sorted({r.seed for r in self._results})))

    @property
    def versions(self) -> str:
        """Programs and machines."""
        return ", ".join(sorted({f"{k} {v}" for r in self._results for k, v in r.environment.items()}))

    @property
    def notes(self) -> list[str]:
        """The notes of all results."""
        return self._each(note for r in self._results for note in r.notes)

    @property
    def skipped(self) -> list[str]:
        """The clips without features, with the reason."""
        skipped = (s for r in self._results for s in r.skipped)
        return self._each(
            f"{s.id}: {self._folders.hide(s.reason).removeprefix(s.id + ': ')}" for s in skipped
        )

    @property
    def definitions(self) -> list[tuple[str, str]]:
        """Each definition without seeds, with the names of its systems."""
        names: dict[str, dict[str, None]] = defaultdict(dict)
        for r in self._results:
            names[system_of(r).definition][f"{r.label} + {r.classifier} ({r.recipe})"] = None
        return [(", ".join(made), self._pretty(text)) for text, made in names.items()]

    @property
    def elmarc_version(self) -> str:
        """The version of elmarc that made the newest results, or ""."""
        return max((r.environment.get("elmarc", "") for r in self._results), default="")

    def _pretty(self, text: str) -> str:
        return json.dumps(self._hidden(json.loads(text)), indent=2, ensure_ascii=False)

    def _hidden(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: self._hidden(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self._hidden(item) for item in value]
        return self._folders.hide(value) if isinstance(value, str) else value

    def _each(self, texts: Iterable[str]) -> list[str]:
        return sorted({self._folders.hide(text) for text in texts if text})
