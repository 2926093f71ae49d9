"""What the page says about one data set under one protocol, as records that the templates lay out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from elmarc.comparison.answer import answer
from elmarc.comparison.records import Comparison, Contrast, Family, SystemScore
from elmarc.comparison.systems import by_system
from elmarc.reports import tables, wording
from elmarc.results import Result

SHADES = 5
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
    """A system of the ranking; `tied` says that nothing tells it from the best with its classifier."""

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
        """The answer in sentences."""
        return answer(self.comparison)

    @cached_property
    def rows(self) -> list[Row]:
        """The ranking, best first."""
        best = {s.system.classifier: s for s in reversed(self.comparison.scores)}
        return [
            Row(
                place,
                score,
                tied=bool(set(score.ties) & set(best[score.system.classifier].ties)),
                baseline=self.comparison.against_baseline(place),
            )
            for place, score in enumerate(self.comparison.scores)
        ]

    @property
    def rival(self) -> int:
        """The place of the next best system with the best one's classifier, or of any."""
        first = self.comparison.classifiers[0]
        rivals = [row.place for row in self.rows[1:] if row.score.system.classifier == first]
        return (rivals or [len(self.rows) > 1])[0]

    @property
    def has_baseline(self) -> bool:
        """Whether some system is compared with MFCC."""
        return any(row.baseline for row in self.rows)

    @property
    def has_ties(self) -> bool:
        """Whether the design tells anything apart, so that letters say something."""
        return len(self.rows) > 1 and wording.has_ties(self.comparison)

    @property
    def has_seeds(self) -> bool:
        """Whether some system was run with more than one seed."""
        return wording.several_seeds(self.comparison)

    @property
    def levels(self) -> dict[str, float]:
        """Accuracies that need no listening: chance, and always the largest class."""
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
    def pairs(self) -> list[Family]:
        """The families of all pairs, one a classifier."""
        return [f for f in self.comparison.families if f.kind == "pairs" and f.contrasts]

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
        families = sorted(self.comparison.families, key=lambda family: family.kind != "pairs")
        found: dict[str, str] = {}
        for family in families:
            for contrast in family.contrasts:
                first, second = sorted((contrast.a, contrast.b))
                found.setdefault(f"{first} {second}", self._sentence(contrast, family))
        return found

    def _sentence(self, contrast: Contrast, family: Family) -> str:
        a, b = (self.comparison.scores[place].label for place in (contrast.a, contrast.b))
        said = f"{a} minus {b}: {points(contrast.difference)} points"
        if contrast.low is not None:
            said += f" ({100 * self.comparison.confidence:.0f} % interval {span(contrast)})"
        if not self.comparison.design.can_tell:
            return f"{said}. This design tells no two systems apart, see above."
        df = f" with {contrast.df:.0f} degrees of freedom" if 0 < (contrast.df or 0.0) < 1e4 else ""
        verdict = "They differ." if contrast.differs else "The test does not tell them apart."
        return (
            f"{said}, {p_value(contrast.p_value)}{df}, corrected for all "
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
    return f"{100 * difference:+.1f}".replace("-", "−")  # noqa: RUF001


def span(contrast: Contrast) -> str:
    """Return the ends of a contrast's interval, in points."""
    if contrast.low is None or contrast.high is None:
        return "none"
    return f"{100 * contrast.low:.1f} to {100 * contrast.high:.1f}".replace("-", "−")  # noqa: RUF001


def p_value(p: float) -> str:
    """Return a p-value as it is written in text.

    >>> p_value(0.0002), p_value(0.0341), p_value(1.0)
    ('p < 0.001', 'p = 0.034', 'p > 0.999')
    """
    if p < 0.001:
        return "p < 0.001"
    return "p > 0.999" if p > 0.999 else f"p = {p:.3f}"


def shade(contrast: Contrast) -> int:
    """Return how dark a significant difference is shown, 1 to 5; 0 for one that is not."""
    if not contrast.differs:
        return 0
    return min(SHADES, 1 + int(abs(contrast.difference) / POINTS_A_SHADE))
