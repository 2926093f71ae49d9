"""Match untrained and trained results by architecture, and report how well one ranking predicts the other.

An *architecture* is a network of one size; it has an untrained and a trained score, each the mean over seeds
on the clips of a data set.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from elmarc._io import csv_text, json_text
from elmarc.agreement.rankings import FEWEST, FIRST, LEAST, Estimate, Floats, Loss, Regret, Side, Target
from elmarc.comparison.records import by_system
from elmarc.comparison.variance import hit_table
from elmarc.errors import ConfigError
from elmarc.frontends import frontends_of
from elmarc.results import Result

Architecture: TypeAlias = tuple[str, str, str]  # features, size, filters
Scored: TypeAlias = dict[Architecture, list[Result]]

VERSION = 3  # of agreement.json


@dataclass(frozen=True)
class Predictor:
    """A score of each of `Agreement.architectures`, and how well it predicts the trained accuracy."""

    name: str  # classifier and recipe, as in "svm, 2018"
    scores: tuple[float, ...]
    errors: tuple[float, ...]  # standard errors over seeds and clips
    spearman: Estimate  # with the trained accuracy
    regrets: dict[int, Regret]  # by how many of the first are trained


@dataclass(frozen=True)
class Agreement:
    """How well untrained scores predict trained accuracies on one data set."""

    dataset: str
    trained_name: str  # classifier and recipe
    architectures: tuple[str, ...]  # those that both sides have
    trained: tuple[float, ...]  # their accuracies, means over folds and seeds
    trained_errors: tuple[float, ...]  # standard errors over seeds and clips
    predictors: tuple[Predictor, ...]  # the highest correlation first
    n_seeds: tuple[int, int]  # the fewest, untrained and trained
    n_units: int  # clips, or groups of clips where `grouped`
    grouped: bool
    confidence: float
    notes: tuple[str, ...]  # what was left out, and why

    @property
    def best(self) -> Predictor:
        """The untrained score that correlates most with the trained accuracy."""
        return self.predictors[0]


def agreements(
    untrained: Sequence[Result], trained: Sequence[Result], *, confidence: float = 0.95
) -> list[Agreement]:
    """Return for each data set how well untrained scores predict trained accuracies.

    `untrained` may have any number of classifiers and recipes, `trained` one. Sides that share no data set,
    no four architectures or no clip, or that contradict each other, raise a ConfigError. Equal results give
    equal numbers: random draws depend only on the data set's name.
    """
    return [_agreement(match, confidence) for match in matched(untrained, trained)]


def _agreement(match: Matched, confidence: float) -> Agreement:
    sides, n_clips, notes = sides_of(match)
    trained = sides.pop("trained")
    target = Target(trained, match.dataset, confidence)
    predictors = [
        Predictor(
            name,
            as_tuple(side.score),
            as_tuple(side.standard_error),
            target.spearman(side.score, side),
            target.regrets(name, side.score),
        )
        for name, side in sides.items()
    ]
    return Agreement(
        dataset=match.dataset,
        trained_name=match.trained_name,
        architectures=match.names,
        trained=as_tuple(trained.score),
        trained_errors=as_tuple(trained.standard_error),
        predictors=tuple(sorted(predictors, key=lambda p: -np.nan_to_num(p.spearman.value, nan=-2.0))),
        n_seeds=(min(min(side.seeds) for side in sides.values()), min(trained.seeds)),
        n_units=len(trained.hits),
        grouped=len(trained.hits) < n_clips,
        confidence=confidence,
        notes=notes,
    )


def as_tuple(values: Floats) -> tuple[float, ...]:
    """Return an array as a tuple, for records that can be compared and written."""
    return tuple(values.tolist())


@dataclass(frozen=True)
class Matched:
    """The results of one data set that belong together; all sides have the same architectures, in order."""

    dataset: str
    trained_name: str
    names: tuple[str, ...]
    untrained: dict[str, Scored]
    trained: Scored
    notes: tuple[str, ...]


def matched(untrained: Sequence[Result], trained: Sequence[Result]) -> list[Matched]:
    """Match the results of each data set by architecture.

    The MFCC baseline and features from files have no trained counterpart: they are left out.
    """
    sides = _scored(untrained), _scored(trained)
    common = sorted(sides[0].keys() & sides[1].keys())
    if not common:
        names = (", ".join(sorted(side)) or "none" for side in sides)
        raise ConfigError("no data set has both untrained and trained results: found {}; {}".format(*names))
    return [_matched(name, *(side[name] for side in sides)) for name in common]


def _scored(results: Sequence[Result]) -> dict[str, dict[str, Scored]]:
    """Return the results by data set, by classifier and recipe ("svm, v2"), and by architecture."""
    parts: dict[tuple[str, str], list[Result]] = defaultdict(list)
    for result in results:
        parts[result.dataset, result.protocol].append(result)
    scored: dict[str, dict[str, Scored]] = defaultdict(dict)
    for (dataset, protocol), part in sorted(parts.items()):
        for system, cells in by_system(part).items():
            if system.is_foreign or system.features in frontends_of(None):
                continue
            name = ", ".join(
                [system.classifier, system.recipe, *([protocol] if protocol != "nested" else [])]
            )
            architecture = system.features, system.size, system.n_filters
            if architecture in scored[dataset].setdefault(name, {}):
                raise ConfigError(
                    f"{dataset}: {system.features} + {name} has results of two definitions: give each run a "
                    "folder of its own, and name one of them"
                )
            scored[dataset][name][architecture] = cells
    return scored


def _matched(dataset: str, untrained: dict[str, Scored], trained: dict[str, Scored]) -> Matched:
    if len(trained) != 1:
        raise ConfigError(
            f"{dataset}: the trained results are of several kinds ({'; '.join(sorted(trained))}), expected "
            "one: give a folder that has one of them"
        )
    ((trained_name, target),) = trained.items()
    sides = {**untrained, "trained": target}
    union = set().union(*sides.values())
    common = sorted(set.intersection(*map(set, sides.values())))
    if len(common) < FEWEST:
        raise ConfigError(
            f"{dataset}: both sides have {len(common)} architectures in common, expected at least {FEWEST}: "
            "rank and train the same networks, of the same size"
        )
    notes = [
        f"{name} lacks {len(lacking)} architectures that others have, such as {lacking[0][0]}: they are left "
        "out"
        for name, side in sides.items()
        if (lacking := sorted(union - side.keys()))
    ]
    sides = {name: {a: side[a] for a in common} for name, side in sides.items()}
    target = sides.pop("trained")
    for name, side in sides.items():
        own, expected = _clips_keys(side), _clips_keys(target)
        if own and expected and own != expected:
            raise ConfigError(
                f"{dataset}: both sides are of different clips, labels or folds: rank and train on the same"
            )
        if other := [a[0] for a in common if _size_differs(side[a][0], target[a][0])]:
            notes.append(
                f"{len(other)} architectures, such as {other[0]}, have other numbers of parameters under "
                f"{name} than trained: are they the same networks?"
            )
    return Matched(dataset, trained_name, tuple(names_of(common)), sides, target, tuple(notes))


def _clips_keys(scored: Scored) -> set[str]:
    return {result.clips_key for cells in scored.values() for result in cells if result.clips_key}


def _size_differs(untrained: Result, trained: Result) -> bool:
    sizes = [(result.cost or {}).get("n_parameters") for result in (untrained, trained)]
    return None not in sizes and sizes[0] != sizes[1]


def names_of(architectures: Sequence[Architecture]) -> list[str]:
    """Name architectures by their features; size and filters are added where two would have the same name.

    >>> names_of([("vgg", "small", ""), ("vgg", "large", ""), ("temporal", "small", "")])
    ['vgg (small)', 'vgg (large)', 'temporal']
    """
    names = [features for features, _, _ in architectures]
    for place in (1, 2):
        names = [
            f"{name} ({architecture[place]})" if names.count(name) > 1 and architecture[place] else name
            for name, architecture in zip(names, architectures, strict=True)
        ]
    return names


def sides_of(match: Matched) -> tuple[dict[str, Side], int, tuple[str, ...]]:
    """Return all sides' hits on the clips that all have predictions for, the number of these, and notes."""
    scored = {**match.untrained, "trained": match.trained}
    cells = [own for side in scored.values() for own in side.values()]
    table = hit_table([[cell.predictions for cell in own] for own in cells])
    mask = np.asarray(table.evaluated.all(axis=0))
    n_clips = int(mask.sum())
    if not n_clips:
        raise ConfigError(f"{match.dataset}: no clip has predictions of all architectures of both sides")
    notes = match.notes
    if n_left_out := len(mask) - n_clips:
        notes += (f"{n_left_out} clips are left out: not all architectures have predictions for them",)
    columns, sides = iter(table.columns), {}
    for name, side in scored.items():
        own = [next(columns) for _ in side]
        units = table.per_unit(mask, np.concatenate(own))
        sides[name] = Side(*units, tuple(map(len, own)), n_clips)
    return sides, n_clips, notes


def answer(agreement: Agreement) -> tuple[str, ...]:
    """Return whether the untrained ranking predicts the trained one, the regret, and notes."""
    best, n = agreement.best, len(agreement.architectures)
    rho = best.spearman
    text = f"{best.name}: Spearman {rho.value:.2f} with the trained accuracy, over {n} architectures"
    if not math.isfinite(rho.value):
        text = f"{best.name}: no correlation: all untrained scores, or all trained ones, are equal"
    elif rho.low is None or rho.high is None:
        text += f" (no interval: it takes {LEAST})"
    else:
        verdict = "significant" if rho.low > 0 or rho.high < 0 else "not significant"
        text += f" ({100 * agreement.confidence:.0f} % CI {rho.low:.2f} to {rho.high:.2f}, {verdict})"
    lines = [text]
    if (n_scores := len(agreement.predictors)) > 1:
        lines.append(f"It is the best of {n_scores} scores, which the interval does not account for")
    one, three = (best.regrets[k].expected for k in FIRST)
    lines.append(f"Points lost by training only the first: {one}; the best of the first three: {three}")
    return *lines, *agreement.notes


def to_text(compared: Iterable[Agreement]) -> str:
    """Return the answer and a table of all scores, for each data set."""
    return "\n\n".join(map(_section, compared)) + "\n"


def _section(agreement: Agreement) -> str:
    units = "groups of clips" if agreement.grouped else "clips"
    n_untrained, n_trained = agreement.n_seeds
    heading = (
        f"{agreement.dataset}: untrained against trained ({agreement.trained_name}), {agreement.n_units} "
        f"{units}, at least {n_untrained} untrained and {n_trained} trained seeds"
    )
    rows = [["ranked by", "Spearman", "first 1 loses", "first 3 lose"]]
    rows += [
        [p.name, str(p.spearman), *(str(p.regrets[k].expected) for k in FIRST)] for p in agreement.predictors
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    table = ("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
    legend = (
        f"{100 * agreement.confidence:.0f} % intervals over architectures, seeds and clips; losses in "
        "points, for as many other architectures of the space."
    )
    return "\n".join([heading, "", *answer(agreement), "", *table, "", legend])


def to_frame(compared: Iterable[Agreement]) -> pd.DataFrame:
    """Return one row per data set and score; correlations lie in [-1, 1], losses in [0, 1].

    `..._low` and `..._high` are the ends of an interval. `lost_1`, `lost_3`: expected for as many other
    architectures; `lost_1_here`: for these; `lost_1_measured`: the plain difference. What does not exist is
    NaN.
    """
    rows = []
    for agreement in compared:
        for predictor in agreement.predictors:
            row = {
                "dataset": agreement.dataset,
                "trained": agreement.trained_name,
                "predictor": predictor.name,
                "n_architectures": len(agreement.architectures),
            }
            rows.append(row | with_ends("spearman", predictor.spearman) | regret_columns(predictor.regrets))
    return pd.DataFrame(rows)


def regret_columns(regrets: dict[int, Regret]) -> dict[str, float | None]:
    """Return the columns of a table that regrets fill."""
    columns: dict[str, float | None] = {}
    for k, regret in regrets.items():
        columns |= with_ends(f"lost_{k}", regret.expected) | with_ends(f"lost_{k}_here", regret.here)
        columns[f"lost_{k}_measured"] = regret.measured
    return columns


def with_ends(key: str, number: Estimate | Loss | None) -> dict[str, float | None]:
    """Return a number and the ends of its interval, under three keys."""
    ends = {"": "value", "_low": "low", "_high": "high"}
    return {f"{key}{end}": getattr(number, name, None) for end, name in ends.items()}


def to_csv(compared: Iterable[Agreement]) -> str:
    """Return `to_frame` as CSV text."""
    return csv_text(to_frame(compared))


def document(compared: Iterable[Agreement]) -> dict[str, Any]:
    """Return everything as dicts, lists, numbers and text."""
    return {"version": VERSION, "agreements": [{"answer": answer(each), **asdict(each)} for each in compared]}


def to_json(compared: Iterable[Agreement]) -> str:
    """Return `document` as JSON text; `null` stands for a number that does not exist."""
    return json_text(document(compared))


FORMS: dict[str, Callable[[Iterable[Agreement]], str]] = {"txt": to_text, "csv": to_csv, "json": to_json}
"""Ending -> form: the files `agreement.*`."""
