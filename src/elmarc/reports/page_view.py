"""Data of the page's templates and script: a section per data set and protocol, and how results were made."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path, PurePath
from typing import Any

from elmarc.comparison.answer import answer, details, p_value
from elmarc.comparison.records import Comparison, Contrast, Family, SystemScore, by_system, system_of
from elmarc.reports import tables, wording
from elmarc.results import Result

SHADES = 5
FIRST_SHOWN = 4
SHADE_STEP = 0.05  # of accuracy
NAME = r"[^\s/\\'\"<>|:,;()]+"
# A path from the root of a drive, or from a home. "1/2", "m/s" and "https://host/name" are none.
ABSOLUTE = re.compile(rf"(?<![\w.:/\\~-])(?:~|[A-Za-z]:)?[/\\]+(?:{NAME}[/\\]+)*{NAME}")
HOME = re.compile(rf"(?:/home|/Users|[A-Za-z]:\\Users)[/\\](?:[^/\\\n:,;\"']+[/\\]|{NAME})")


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
        self.exports = [("CSV", tables.to_csv(comparison)), ("LaTeX", tables.to_latex(comparison))]

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
        rivals = self.comparison.members(self.comparison.classifiers[0])[1:]
        return (rivals or [len(self.rows) > 1])[0]

    @property
    def first_shown(self) -> set[int]:
        """The places of the systems whose recalls are shown first: the best few, and MFCC."""
        first = self.comparison.members(self.comparison.classifiers[0])
        baselines = [place for place in first if self.comparison.scores[place].is_baseline]
        return {*range(len(self.rows))[:FIRST_SHOWN], *baselines}

    @property
    def folds_differ(self) -> bool:
        """Whether folds have unequal numbers of clips."""
        return any(len({fold.n_test for fold in result.folds}) > 1 for result in self.results)

    @property
    def has_baseline(self) -> bool:
        """Whether any system is compared with MFCC."""
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
        predicted: dict[str, Counter[str]] = defaultdict(Counter)
        label = {}
        for result in self.results:
            for p in result.predictions:
                predicted[p.id][p.predicted] += 1
                label[p.id] = p.label
        return [
            Missed(clip, label[clip], *votes.most_common(1)[0], votes.total())
            for clip, votes in sorted(predicted.items())
            if not votes[label[clip]]
        ]

    def script_data(self, place: int, dataset: Mapping[str, Any]) -> dict[str, Any]:
        """Return what the script reads of the section; its data set stands at `place` among all."""
        cells = by_system(self.results)
        number = {clip: k for k, clip in enumerate(dataset["clips"])}
        systems = [
            {
                "label": s.label,
                "accuracy": wording.percent(s.accuracy, s.deviation),
                "runs": [_run(result, dataset) for result in cells[s.system]],
            }
            for s in self.comparison.scores
        ]
        contrasts = {
            f"{min(c.a, c.b)} {max(c.a, c.b)}": self._sentence(c, family)
            for family in self.comparison.families
            for c in family.contrasts
        }
        return {
            "dataset": place,
            "protocol": self.comparison.protocol,
            "systems": systems,
            "contrasts": contrasts,
            "missed": [number[missed.clip] for missed in self.missed],
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


def sections(results: Sequence[Result], compared: Sequence[Comparison]) -> list[Section]:
    """Return a section for each comparison, with its results in the order of its systems."""
    parts = []
    for number, each in enumerate(compared):
        cells = by_system([r for r in results if (r.dataset, r.protocol) == (each.dataset, each.protocol)])
        parts.append(Section(number, each, [r for score in each.scores for r in cells[score.system]]))
    return parts


def page_data(results: Sequence[Result], sections: Sequence[Section]) -> dict[str, Any]:
    """Return classes and clips of each data set, and each system's predictions, as the script reads them."""
    names = list(dict.fromkeys(section.comparison.dataset for section in sections))
    datasets = [_dataset(name, results) for name in names]
    places = [names.index(section.comparison.dataset) for section in sections]
    return {
        "datasets": datasets,
        "sections": [s.script_data(k, datasets[k]) for s, k in zip(sections, places, strict=True)],
    }


def _dataset(name: str, results: Iterable[Result]) -> dict[str, Any]:
    own = [r for r in results if r.dataset == name]
    labels = {p.id: p.label for r in own for p in r.predictions}
    groups = {p.id: p.group for r in own for p in r.predictions}
    classes = list(dict.fromkeys(c for r in own for c in r.classes))
    number = {c: k for k, c in enumerate(classes)}
    clips = sorted(labels)
    return {
        "name": name,
        "classes": classes,
        "clips": clips,
        "folds": sorted({p.fold for r in own for p in r.predictions}),
        "labels": [number[labels[clip]] for clip in clips],
        "groups": [groups[clip] for clip in clips] if any(groups.values()) else [],
    }


def _run(result: Result, dataset: Mapping[str, Any]) -> dict[str, Any]:
    """Return one seed's predictions: class and fold of each clip, -1 for clips without a prediction."""
    predicted = {p.id: (p.predicted, p.fold) for p in result.predictions}
    classes = {c: k for k, c in enumerate(dataset["classes"])}
    folds = {f: k for k, f in enumerate(dataset["folds"])}
    both = [predicted.get(clip) for clip in dataset["clips"]]
    return {
        "seed": result.seed,
        "accuracy": wording.percent(result.accuracy),
        "predicted": [classes[pair[0]] if pair else -1 for pair in both],
        "folds": [folds[pair[1]] if pair else -1 for pair in both],
    }


def island(value: Any) -> str:
    """Return JSON for a script element: no character of it can close the element."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


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


class Folders:
    """The folders of the clips and of the user, to be removed from texts.

    Parameters
    ----------
    results : iterable of Result
        Their `source` has the folders of the clips.

    Examples
    --------
    >>> Folders([]).hide("/home/anna/sounds/dog.wav: holds no samples")
    'dog.wav: holds no samples'
    """

    def __init__(self, results: Iterable[Result]) -> None:
        sources = (value for r in results for value in r.source.values() if isinstance(value, str))
        roots = {str(Path(text)) for text in sources if Path(text).is_absolute()}
        roots |= {str(Path(text).parent) for text in roots if Path(text).suffix}  # a table beside its clips
        deep = (root for root in roots if len(Path(root).parts) > 1)
        self._roots = sorted(deep, key=lambda root: (-len(root), root))

    def hide(self, text: str) -> str:
        """Return text in which paths below these folders are relative, and others file names."""
        for root in self._roots:
            text = re.sub(re.escape(root) + r"[/\\]+(?=\w)", "", text)
            name = Path(root).name.replace("\\", r"\\")
            text = re.sub(re.escape(root) + r"(?!\w)", name, text)
        text = HOME.sub("~/", text)  # first: a user's name may have a space
        return ABSOLUTE.sub(lambda match: re.split(r"[/\\]+", match[0])[-1], text)


def without_folders(comparison: Comparison, results: Iterable[Result]) -> Comparison:
    """Return a comparison whose failed cells name no folder of the user."""
    hide = Folders(results).hide if comparison.failed else str
    return replace(comparison, failed=tuple(replace(f, reason=hide(f.reason)) for f in comparison.failed))


class Made:
    """How the results were made; no text of it contains a folder of the user.

    Parameters
    ----------
    results : sequence of Result

    Attributes
    ----------
    commands, notes, skipped, data : list of str
        The commands that made the results, where known; the notes of all; the clips without features, with
        the reason; name, clips, groups and origin of each data set.
    dates, seeds, versions, elmarc_version : str
        The days of the first and last result, in UTC; all seeds; programs and machines; the version of elmarc
        that made the newest results, or "".
    definitions : list of (str, str)
        Names of systems, with their definition without seeds.
    """

    def __init__(self, results: Sequence[Result]) -> None:
        self._hide = Folders(results).hide
        self.commands = self._each(r.command for r in results)
        self.notes = self._each(note for r in results for note in r.notes)
        skipped = {(s.id, s.reason) for r in results for s in r.skipped}
        self.skipped = self._each(
            f"{name}: {self._hide(reason).removeprefix(f'{name}: ')}" for name, reason in skipped
        )
        self.data = [_described(name, results) for name in sorted({r.dataset for r in results})]
        days = sorted({r.created[:10] for r in results if r.created})
        self.dates = " to ".join(dict.fromkeys((days[0], days[-1]))) if days else ""
        self.seeds = ", ".join(map(str, sorted({r.seed for r in results})))
        self.versions = ", ".join(sorted({f"{k} {v}" for r in results for k, v in r.environment.items()}))
        self.elmarc_version = max((r.environment.get("elmarc", "") for r in results), default="")
        names: dict[str, dict[str, None]] = defaultdict(dict)
        for r in results:
            names[system_of(r).definition][f"{r.label} + {r.classifier} ({r.recipe})"] = None
        self.definitions = [
            (", ".join(made), json.dumps(self._hidden(json.loads(text)), indent=2, ensure_ascii=False))
            for text, made in names.items()
        ]

    def _each(self, texts: Iterable[str]) -> list[str]:
        return sorted({self._hide(text) for text in texts if text})

    def _hidden(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: self._hidden(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self._hidden(item) for item in value]
        return self._hide(value) if isinstance(value, str) else value


def _described(name: str, results: Sequence[Result]) -> str:
    """Return name, clips, groups and origin of a data set."""
    own = [r for r in results if r.dataset == name]
    groups = {p.id: p.group for r in own for p in r.predictions}
    n_groups = len({group or clip for clip, group in groups.items()})
    grouped = f" in {n_groups} groups" if any(groups.values()) else ""
    origins = "; ".join(sorted({_origin(r.source) for r in own if r.source}))
    return f"{name}: {len(groups)} clips{grouped}" + (f", {origins}" if origins else "")


def _origin(source: Mapping[str, Any]) -> str:
    """Return the origin of clips in words.

    >>> _origin({"kind": "clips", "source": "/home/anna/sounds.csv"})
    'from sounds.csv'
    """
    name = PurePath(source.get("source") or source.get("name") or "").name
    return f"from {name}" if name else str(source["kind"])
