"""What the page says about one data set under one protocol, as records that the templates lay out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from elmarc.comparison.answer import answer, details, p_value
from elmarc.comparison.records import Comparison, Contrast, Family, SystemScore, by_system
from elmarc.reports import tables, wording
from elmarc.results import Result

SHADES = 5
FIRST_SHOWN = 4
POINTS_A_SHADE = 0.05  # of accuracy


@dataclass(frozen=True)
class Scale:
    """Where accuracies lie along a strip, in % of its width."""

    low: float
    high: float

    def at(self, value: float) -> str:
        """Return a place with a margin for marks at the ends.

        >>> Scale(0.0, 1.0).at(0.5)
        '50.0%'
        """
        return f"{3 + 94 * (value - self.low) / max(self.high - self.low, 1e-9):.1f}%"


@dataclass(frozen=True)
class Row:
    """A system; `tied`: it is the best of its classifier, or not significantly different from that."""

    place: int
    score: SystemScore
    tied: bool
    baseline: Contrast | None


@dataclass(frozen=True)
class Missed:
    """A clip that every system takes for something else; `said` is what most of the `n_runs` say."""

    clip: str
    label: str
    said: str
    n_said: int
    n_runs: int


class Section:
    """Everything about one data set under one protocol.

    Parameters
    ----------
    number : int
        Its place in the page; begins the ids of its parts.
    comparison : Comparison
    results : sequence of Result
        Those of the comparison.
    """

    def __init__(self, number: int, comparison: Comparison, results: Sequence[Result]) -> None:
        self.number, self.comparison, self.results = number, comparison, results
        self.id = f"s{number}"
        self.name = f"{comparison.dataset}, {comparison.protocol}"

    @property
    def extent(self) -> str:
        """How many clips, groups, classes, seeds and systems there are."""
        systems = "1 system" if len(self.rows) == 1 else f"{len(self.rows)} systems"
        return f"{wording.extent(self.comparison)}, {len(self.classes)} classes, {systems}"

    @property
    def answer(self) -> tuple[str, ...]:
        """The answer in four lines."""
        return answer(self.comparison)

    @property
    def details(self) -> tuple[str, ...]:
        """What the answer leaves out, in sentences."""
        return details(self.comparison)

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
        """The place of the next best system with the best one's classifier, or of any."""
        first = self.comparison.classifiers[0]
        rivals = [row.place for row in self.rows[1:] if row.score.system.classifier == first]
        return (rivals or [len(self.rows) > 1])[0]

    @property
    def first_shown(self) -> set[int]:
        """The places of the systems whose recalls show at first: the best few, and MFCC."""
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
    def has_ties(self) -> bool:
        """Whether anything is tested, so that there are letters."""
        return len(self.rows) > 1 and wording.has_ties(self.comparison)

    @property
    def has_seeds(self) -> bool:
        """Whether some system was run with more than one seed."""
        return wording.several_seeds(self.comparison)

    @property
    def levels(self) -> dict[str, float]:
        """Accuracies that need no features: chance, and always the largest class."""
        return wording.levels(self.comparison)

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
        """The classifiers that have several systems, with their places and how their pairs were tested."""
        of = self.comparison
        every = [(name, of.members(name), of.method(name)) for name in of.classifiers]
        return [(name, members, method) for name, members, method in every if len(members) > 1]

    @cached_property
    def missed(self) -> list[Missed]:
        """The clips that every system misses with every seed."""
        said: dict[str, Counter[str]] = {}
        label = {}
        for result in self.results:
            for p in result.predictions:
                said.setdefault(p.id, Counter())[p.predicted] += 1
                label[p.id] = p.label
        return [
            Missed(clip, label[clip], *votes.most_common(1)[0], votes.total())
            for clip, votes in sorted(said.items())
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
    found = []
    for number, each in enumerate(compared):
        cells = by_system([r for r in results if (r.dataset, r.protocol) == (each.dataset, each.protocol)])
        found.append(Section(number, each, [r for score in each.scores for r in cells[score.system]]))
    return found


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
    """Return how dark a significant difference is shown, 1 to 5; 0 for one that is not."""
    if not contrast.differs:
        return 0
    return min(SHADES, 1 + int(abs(contrast.difference) / POINTS_A_SHADE))
