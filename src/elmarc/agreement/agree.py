"""From results, untrained and trained, to how well the one foretells the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from elmarc import _seeds
from elmarc.agreement import times
from elmarc.agreement.correlation import (
    FEWEST,
    Estimate,
    Floats,
    Statistic,
    ceiling_estimate,
    kendall,
    kendall_estimate,
    partial_spearman,
    shared_variance,
    spearman,
    spearman_estimate,
)
from elmarc.agreement.matching import (
    Scored,
    by_way,
    check_clips,
    in_common,
    names_of,
    only_way,
)
from elmarc.agreement.records import COST, FEATURES, PARAMETERS, Agreement, Foreteller
from elmarc.agreement.regret import regret
from elmarc.agreement.scores import Side, unit_counts
from elmarc.comparison.variance import HitTable, hit_table
from elmarc.errors import ConfigError
from elmarc.results import Result

Proxies: TypeAlias = Mapping[str, Callable[[Result], float | None]]
FIRST = (1, 3)  # how many of the first are trained
TRAINED, SHORT = "trained", "short training"
DIFFERENT = 1e-9


def agreements(
    untrained: Sequence[Result],
    trained: Sequence[Result],
    *,
    short: Sequence[Result] = (),
    proxies: Proxies | None = None,
    confidence: float = 0.95,
) -> list[Agreement]:
    """Say for each data set how well untrained scores foretell trained accuracies.

    Equal results give equal numbers: draws follow from the data set's name.

    Parameters
    ----------
    untrained, trained : sequence of Result
        Of the same architectures; `untrained` with any number of classifiers and recipes.
    short : sequence of Result
        Of training for a few epochs alone, as a control.
    proxies : dict of str to callable, or None
        Further controls by name: what gives the number of an untrained result, None where it has none.
    confidence : float
        Of the intervals, in (0, 1).

    Raises
    ------
    ConfigError
        The sides share no data set, no four architectures or no clip, or contradict each other.
    """
    sides = [by_way(results) for results in (untrained, trained, short)]
    common = sorted(set(sides[0]) & set(sides[1]))
    if not common:
        named = (", ".join(sorted(side)) or "none" for side in sides[:2])
        raise ConfigError("no data set has both untrained and trained results: found {}; {}".format(*named))
    found = []
    for dataset in common:
        scored = {way.name: own for way, own in sides[0][dataset].items()}
        name, own = only_way(sides[1][dataset], dataset=dataset, side=TRAINED)
        scored[TRAINED] = own
        if dataset in sides[2]:
            scored[SHORT] = only_way(sides[2][dataset], dataset=dataset, side=SHORT)[1]
        found.append(agree(scored, name=name.name, proxies=proxies, confidence=confidence))
    return found


def agree(
    scored: dict[str, Scored], *, name: str, proxies: Proxies | None = None, confidence: float = 0.95
) -> Agreement:
    """Say how well every way of scoring foretells the one called "trained", on one data set.

    Parameters
    ----------
    scored : dict of str to results
        Results of each way by architecture; that of "short training" is a control.
    name : str
        Of the trained side.
    proxies : dict of str to callable, or None
        As for `agreements`.
    confidence : float
        Of the intervals, in (0, 1).

    Raises
    ------
    ConfigError
        They share no four architectures or no clip, or contradict each other.
    """
    architectures, notes = in_common(scored)
    if len(architectures) < FEWEST:
        raise ConfigError(
            f"{_dataset(scored)}: both sides have {len(architectures)} architectures in common, expected at "
            f"least {FEWEST}: rank and train the same networks, of the same size"
        )
    chosen = {way: {a: own[a] for a in architectures} for way, own in scored.items()}
    for way, own in chosen.items():
        check_clips(_all(own), _all(chosen[TRAINED]))
        notes += _other_networks(way, own, chosen[TRAINED])
    table, sides, left_out = _sides(chosen)
    if left_out:
        notes.append(f"{left_out} clips are left out: not all architectures have evaluated them")
    judge = _Judge(sides[TRAINED], _dataset(scored), confidence)
    untrained = [way for way in chosen if way not in (TRAINED, SHORT)]
    covariates = _covariates(chosen[untrained[0]])
    foretellers = [
        judge.foreteller(
            way, "short" if way == SHORT else "untrained", sides[way].score, sides[way], covariates | own
        )
        for way in [*untrained, *([SHORT] if SHORT in chosen else [])]
        for own in [_covariates(chosen[way])]
    ]
    foretellers = [times.timed(f, chosen) for f in foretellers]
    further, lacking = _proxies(proxies or {}, chosen[untrained[0]])
    foretellers += _controls(judge, covariates, further, {way: sides[way] for way in untrained})
    return Agreement(
        dataset=_dataset(scored), trained_name=name, architectures=tuple(names_of(architectures)),
        trained=_tuple(sides[TRAINED].score), trained_errors=_tuple(sides[TRAINED].standard_error),
        foretellers=tuple(sorted(foretellers, key=_order)), trained_ceiling=judge.ceiling(sides[TRAINED]),
        trained_seconds=times.training(chosen[TRAINED]),
        n_seeds=(min(min(sides[way].seeds) for way in untrained), min(sides[TRAINED].seeds)),
        n_units=len(sides[TRAINED].hits), grouped=len(sides[TRAINED].hits) < len(table.hits),
        confidence=confidence, notes=tuple(notes + lacking),
    )  # fmt: skip


def _sides(chosen: dict[str, Scored]) -> tuple[HitTable, dict[str, Side], int]:
    """Return every way's hits on the units that all have evaluated, and how many clips are left out."""
    cells = [own for scored in chosen.values() for own in scored.values()]
    table = hit_table([[cell.predictions for cell in own] for own in cells])
    mask = np.asarray(table.evaluated.all(axis=0))
    if not mask.any():
        raise ConfigError(f"{cells[0][0].dataset}: no clip was evaluated by all architectures of both sides")
    columns = iter(table.columns)
    sides = {}
    for way, scored in chosen.items():
        own = [next(columns) for _ in scored]
        units = table.per_unit(mask, np.concatenate(own))
        sides[way] = Side(*units, tuple(len(c) for c in own), int(mask.sum()))
    return table, sides, int((~mask).sum())


@dataclass
class _Judge:
    """Compares scores with one trained side."""

    trained: Side
    dataset: str
    confidence: float
    counts: Floats = field(init=False)
    drawn: tuple[Floats, Floats] = field(init=False)

    def __post_init__(self) -> None:
        self.counts = unit_counts(len(self.trained.hits), self._rng("clips"))
        self.drawn = self.trained.drawn(self.counts), self.trained.drawn(self.counts, apart=True)

    def foreteller(
        self, name: str, kind: str, score: Floats, side: Side | None, covariates: dict[str, Floats]
    ) -> Foreteller:
        """Judge one score; `side` is None where it needs no clips."""
        known = {key: value for key, value in covariates.items() if np.ptp(value) > 0 and key != name}
        given = np.array(list(known.values()))
        trained = self.trained.score

        def shared(statistic: Statistic) -> float:
            own = [score[None].repeat(len(self.counts), axis=0)] * 2
            if side is not None:
                own = [side.drawn(self.counts), side.drawn(self.counts, apart=True)]
            return shared_variance(statistic, list(zip(own, self.drawn, strict=True)))

        partial = None
        if known:
            partial = spearman_estimate(
                score, trained, given=given, shared=shared(partial_spearman(given)),
                confidence=self.confidence,
            )  # fmt: skip
        return Foreteller(
            name=name, kind=kind, scores=_tuple(score),
            errors=_tuple(side.standard_error if side else np.zeros(len(score))),
            spearman=spearman_estimate(score, trained, shared=shared(spearman), confidence=self.confidence),
            kendall=kendall_estimate(score, trained, shared=shared(kendall), confidence=self.confidence),
            partial=partial, given=tuple(known),
            regrets={
                k: regret(
                    score, trained, self.trained.error, k=k, rng=self._rng(name), confidence=self.confidence
                )
                for k in FIRST
            },  # the same draws for each k: three never lose more than one
            ceiling=self.ceiling(side) if side else None, seconds=None,
        )  # fmt: skip

    def ceiling(self, side: Side) -> Estimate | None:
        """Return how well one seed of a side foretells another."""
        if min(side.seeds) < 2:
            return None
        return ceiling_estimate(side.by_seed, confidence=self.confidence)

    def _rng(self, *names: str) -> np.random.Generator:
        return _seeds.generator(0, "agreement", self.dataset, *names)


def _controls(
    judge: _Judge, covariates: dict[str, Floats], proxies: dict[str, Floats], sides: dict[str, Side]
) -> Iterator[Foreteller]:
    for name, values in {**covariates, **proxies}.items():
        yield judge.foreteller(name, "control", values, None, covariates)
    for way, side in sides.items():
        if min(side.seeds) > 1:
            name = f"spread over seeds ({way})"
            yield judge.foreteller(name, "control", side.deviation, None, covariates)


def _covariates(scored: Scored) -> dict[str, Floats]:
    """Return what is known of every architecture without listening."""
    firsts = [cells[0] for cells in scored.values()]
    costs: dict[str, Callable[[Result], float | None]] = {
        PARAMETERS: lambda r: (r.cost or {}).get("n_parameters"),
        COST: lambda r: (r.cost or {}).get("multiply_adds_per_clip"),
        FEATURES: lambda r: float(r.n_features),
    }
    found = {name: [value(result) for result in firsts] for name, value in costs.items()}
    return {name: np.array(v, dtype=np.float64) for name, v in found.items() if None not in v}


def _proxies(proxies: Proxies, scored: Scored) -> tuple[dict[str, Floats], list[str]]:
    """Return further numbers of every architecture, means over seeds, and notes on those that some lack."""
    found, notes = {}, []
    for name, value in proxies.items():
        numbers = {a: [value(result) for result in cells] for a, cells in scored.items()}
        if lacking := names_of([a for a, own in numbers.items() if None in own]):
            notes.append(f"{name} is left out: {len(lacking)} architectures, such as {lacking[0]}, have none")
        else:
            found[name] = np.array([np.mean(np.array(own, dtype=np.float64)) for own in numbers.values()])
    return found, notes


def _other_networks(way: str, own: Scored, trained: Scored) -> list[str]:
    """Return a note where a name stands for networks of other size on both sides."""
    counts = [_covariates(scored).get(PARAMETERS) for scored in (own, trained)]
    if counts[0] is None or counts[1] is None or np.allclose(counts[0], counts[1], rtol=DIFFERENT):
        return []
    places = np.flatnonzero(~np.isclose(counts[0], counts[1], rtol=DIFFERENT))
    return [
        f"{len(places)} architectures, such as {list(own)[places[0]][0]}, have other numbers of parameters "
        f"under {way} than trained: are they the same networks?"
    ]


def _order(foreteller: Foreteller) -> tuple[int, float]:
    kinds = ("untrained", "short", "control")
    value = foreteller.spearman.value
    return kinds.index(foreteller.kind), -value if np.isfinite(value) else 1.0


def _all(scored: Scored) -> list[Result]:
    return [result for cells in scored.values() for result in cells]


def _dataset(scored: dict[str, Scored]) -> str:
    return next(result.dataset for own in scored.values() for result in _all(own))


def _tuple(values: Floats) -> tuple[float, ...]:
    return tuple(values.tolist())
