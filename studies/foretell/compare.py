"""How well untrained scores, a short training and plain numbers predict trained accuracies, with controls."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TypeAlias

import numpy as np
from scipy import stats

from elmarc.agreement.matching import Matched, Scored, as_tuple, matched, names_of, sides_of
from elmarc.agreement.rankings import (
    FEWEST,
    LEAST,
    Estimate,
    Floats,
    Regret,
    Side,
    Statistic,
    Target,
    clipped,
    interval,
    jackknife_estimate,
    left_out,
    pearson,
    shared_variance,
    spearman,
    spread,
)
from elmarc.results import Result

Proxies: TypeAlias = Mapping[str, Callable[[Result], float | None]]
SHORT = "short training"
PARAMETERS, COST, FEATURES = "number of parameters", "multiply-adds", "number of features"
COVARIATES: dict[str, Callable[[Result], float | None]] = {
    PARAMETERS: lambda result: (result.cost or {}).get("n_parameters"),
    COST: lambda result: (result.cost or {}).get("multiply_adds_per_clip"),
    FEATURES: lambda result: float(result.n_features),
}
KINDS = ("untrained", "short", "control")
WORK = ("extract_s", "classify_s", "train_s")
FRESH = ("s_per_clip", "train_s")  # one of them is known where features were computed, not read from a store


@dataclass(frozen=True)
class Predictor:
    """A number of each architecture, and how well it predicts the trained accuracy.

    Parameters
    ----------
    kind : {"untrained", "short", "control"}
        An accuracy with random weights; one after a short training; or a number that needs no labels.
    scores, errors : tuple of float
        Of each architecture; standard errors over seeds and clips, 0 for controls.
    partial : PartialEstimate or None
        Spearman's correlation given the covariates `given`; None where there are none.
    ceiling : Estimate or None
        Spearman's correlation of one seed with another; None for controls and for one seed.
    seconds : float or None
        What the scores took; None where that is not known, as with features from the store.
    """

    name: str
    kind: str
    scores: tuple[float, ...]
    errors: tuple[float, ...]
    spearman: Estimate
    kendall: Estimate
    partial: PartialEstimate | None
    given: tuple[str, ...]
    regrets: dict[int, Regret]
    ceiling: Estimate | None
    seconds: float | None = None


@dataclass(frozen=True)
class Comparison:
    """All predictors on one data set: untrained scores, best first; then short training and controls.

    Parameters
    ----------
    trained_ceiling : Estimate or None
        Spearman's correlation of one trained seed with another; None for one seed.
    trained_seconds : tuple of float
        Training time of each architecture, all seeds together; empty where any is unknown.
    """

    dataset: str
    trained_name: str
    architectures: tuple[str, ...]
    trained: tuple[float, ...]
    trained_errors: tuple[float, ...]
    predictors: tuple[Predictor, ...]
    trained_ceiling: Estimate | None
    trained_seconds: tuple[float, ...]
    n_units: int
    confidence: float
    notes: tuple[str, ...]

    def times_faster(self, predictor: Predictor) -> float | None:
        """Return the training time of all architectures over that of a predictor; None if unknown."""
        if not predictor.seconds or not self.trained_seconds:
            return None
        return sum(self.trained_seconds) / predictor.seconds


def comparisons(
    untrained: Sequence[Result],
    trained: Sequence[Result],
    *,
    short: Sequence[Result] = (),
    proxies: Proxies | None = None,
    confidence: float = 0.95,
) -> list[Comparison]:
    """Compare both sides on each data set.

    Parameters
    ----------
    untrained, trained, short : sequence of Result
        Of the same architectures; `short` is a training for a few epochs, as a control.
    proxies : dict of str to callable, or None
        Further controls by name: the number of an untrained result, None where it has none.
    confidence : float
        Of the intervals, in (0, 1).
    """
    named = [replace(result, classifier=SHORT) for result in short]
    return [_compare(match, proxies or {}, confidence) for match in matched([*untrained, *named], trained)]


def _compare(match: Matched, proxies: Proxies, confidence: float) -> Comparison:
    names = sorted(match.untrained, key=lambda name: name.startswith(SHORT))  # the short training is last
    untrained = {SHORT if name.startswith(SHORT) else name: match.untrained[name] for name in names}
    match = replace(match, untrained=untrained)
    sides, _, notes = sides_of(match)
    trained = sides["trained"]
    target = Target(trained, match.dataset, confidence)
    first = next(iter(match.untrained.values()))
    covariates = _covariates(first)
    predictors = [
        _timed(
            _predictor(
                target, name, "short" if name == SHORT else "untrained", sides[name].score, sides[name],
                covariates | _covariates(scored),
            ),
            match,
        )
        for name, scored in match.untrained.items()
    ]  # fmt: skip
    numbers, lacking = _numbers(proxies, first)
    for name, values in {**covariates, **numbers}.items():
        predictors.append(_predictor(target, name, "control", values, None, covariates))
    for name in match.untrained:
        if name != SHORT and min(sides[name].seeds) > 1:
            spread_name = f"spread over seeds ({name})"
            values = _deviation(sides[name])
            predictors.append(_predictor(target, spread_name, "control", values, None, covariates))
    return Comparison(
        match.dataset, match.trained_name, match.names,
        as_tuple(trained.score), as_tuple(trained.standard_error),
        tuple(sorted(predictors, key=_order)), _ceiling(trained, confidence),
        _training_seconds(match.trained), len(trained.hits), confidence, (*notes, *lacking),
    )  # fmt: skip


def _predictor(
    target: Target, name: str, kind: str, score: Floats, side: Side | None, covariates: dict[str, Floats]
) -> Predictor:
    known = {key: value for key, value in covariates.items() if np.ptp(value) > 0 and key != name}
    trained, confidence = target.trained.score, target.confidence
    own = score if side is None else side
    partial = None
    if known:
        given = np.array(list(known.values()))
        shared = shared_variance(partial_spearman(given), own, target.trained, target.counts)
        partial = partial_estimate(score, trained, given, shared=shared, confidence=confidence)
    shared = shared_variance(kendall, own, target.trained, target.counts)
    return Predictor(
        name, kind, as_tuple(score), as_tuple(side.standard_error if side else np.zeros(len(score))),
        spearman=target.spearman(score, side),
        kendall=kendall_estimate(score, trained, shared=shared, confidence=confidence),
        partial=partial, given=tuple(known), regrets=target.regrets(name, score),
        ceiling=_ceiling(side, confidence) if side else None,
    )  # fmt: skip


def kendall(x: Floats, y: Floats) -> Floats:
    """Return Kendall's tau-b over the last axis, as `scipy.stats.kendalltau`, for many at once."""
    a, b = np.triu_indices(x.shape[-1], 1)
    one, two = np.sign(x[..., a] - x[..., b]), np.sign(y[..., a] - y[..., b])
    size = np.sqrt((one**2).sum(axis=-1) * (two**2).sum(axis=-1))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(size > 1e-9, (one * two).sum(axis=-1) / size, np.nan))


def kendall_estimate(x: Floats, y: Floats, *, shared: float = 0.0, confidence: float = 0.95) -> Estimate:
    """Return Kendall's tau-b with its interval; arguments as for `spearman_estimate`."""
    tau, n = float(kendall(x, y)), len(x)
    if n < LEAST or not np.isfinite(tau):
        return Estimate(tau, None, None, n)
    inside = 1.0 - 2.0 / (n * (n - 1))  # half a step below 1
    at = float(np.clip(tau, -inside, inside))
    places = left_out(n)
    own = spread(kendall(x[places], y[places])) / (1.0 - at**2) ** 2
    return interval(tau, at, clipped(own, 0.437 / (n - 4)) + shared, n, confidence)


def partial_spearman(covariates: Floats) -> Statistic:
    """Return Spearman's correlation given covariates: of the residuals of ranks.

    Parameters
    ----------
    covariates : np.ndarray [shape=(n_covariates, n)]
        Constant or dependent ones have no effect.
    """
    ranks = _centred_ranks(covariates)
    project = np.eye(ranks.shape[-1]) - np.linalg.pinv(ranks, rcond=1e-9) @ ranks

    def statistic(x: Floats, y: Floats) -> Floats:
        return pearson(_centred_ranks(x) @ project, _centred_ranks(y) @ project)

    return statistic


@dataclass(frozen=True)
class PartialEstimate(Estimate):
    """A partial correlation given `n_given` independent covariates."""

    n_given: int = 0

    @property
    def df(self) -> int:
        """Degrees of freedom; with none, the correlation is 1 or -1 whatever the scores."""
        return self.n - self.n_given - 2


def partial_estimate(
    x: Floats, y: Floats, given: Floats, *, shared: float = 0.0, confidence: float = 0.95
) -> PartialEstimate:
    """Return Spearman's partial correlation with its interval.

    NaN with fewer than `FEWEST` architectures and one more for each independent covariate.
    """
    n_given = n_free(given)
    if len(x) - n_given < FEWEST:
        return PartialEstimate(np.nan, None, None, len(x), n_given)
    rest = [partial_spearman(given[:, places])(x[places], y[places]) for places in left_out(len(x))]
    value = partial_spearman(given)(x, y)
    estimate = jackknife_estimate(
        value, np.array(rest), n_given=n_given, shared=shared, confidence=confidence
    )
    return PartialEstimate(**asdict(estimate), n_given=n_given)


def n_free(covariates: Floats) -> int:
    """Return how many covariates are neither constant nor dependent on the others."""
    return int(np.linalg.matrix_rank(_centred_ranks(covariates))) if len(covariates) else 0


def _centred_ranks(x: Floats) -> Floats:
    ranks = stats.rankdata(x, axis=-1)
    return np.asarray(ranks - ranks.mean(axis=-1, keepdims=True))


def _ceiling(side: Side, confidence: float) -> Estimate | None:
    """Return how well one seed of a side predicts another; None for one seed."""
    starts = np.cumsum(side.seeds) - side.seeds
    by_seed = side.accuracies[np.arange(min(side.seeds))[:, None] + starts]
    return ceiling_estimate(by_seed, confidence=confidence) if len(by_seed) > 1 else None


def ceiling_estimate(by_seed: Floats, *, confidence: float = 0.95) -> Estimate:
    """Return the mean of Spearman's correlations between any two of several seeds [shape=(n_seeds, n)]."""
    a, b = np.triu_indices(len(by_seed), 1)
    rest = by_seed[:, left_out(by_seed.shape[1])]
    return jackknife_estimate(
        spearman(by_seed[a], by_seed[b]).mean(),
        spearman(rest[a], rest[b]).mean(axis=0),
        confidence=confidence,
    )


def _deviation(side: Side) -> Floats:
    """Return the standard deviation over seeds of each architecture."""
    return np.array([part.std(ddof=1) for part in np.split(side.accuracies, np.cumsum(side.seeds)[:-1])])


def _covariates(scored: Scored) -> dict[str, Floats]:
    firsts = [cells[0] for cells in scored.values()]
    values = {name: [value(result) for result in firsts] for name, value in COVARIATES.items()}
    return {name: np.array(v, dtype=np.float64) for name, v in values.items() if None not in v}


def _numbers(proxies: Proxies, scored: Scored) -> tuple[dict[str, Floats], list[str]]:
    """Return further numbers of every architecture, means over seeds, and notes on missing ones."""
    numbers, notes = {}, []
    for name, value in proxies.items():
        of = {architecture: [value(result) for result in cells] for architecture, cells in scored.items()}
        if lacking := names_of([architecture for architecture, own in of.items() if None in own]):
            notes.append(f"{name} is left out: {len(lacking)} architectures, such as {lacking[0]}, have none")
        else:
            numbers[name] = np.array([np.mean(np.array(own, dtype=np.float64)) for own in of.values()])
    return numbers, notes


def _training_seconds(scored: Scored) -> tuple[float, ...]:
    seconds = tuple(
        sum(result.timings.get(name, 0.0) for result in cells for name in WORK) for cells in scored.values()
    )
    return seconds if all(seconds) else ()


def _timed(predictor: Predictor, match: Matched) -> Predictor:
    """Return a predictor with the time of its scores; classifiers of one run share their features' time."""
    sides = [*match.untrained.values(), match.trained]
    total = 0.0
    for architecture, cells in match.untrained[predictor.name].items():
        for cell in cells:
            same = [r for scored in sides for r in scored[architecture] if _work(r) == _work(cell)]
            extracted = [r.timings["extract_s"] for r in [cell, *same] if _is_fresh(r)]
            if not extracted:
                return predictor
            total += max(extracted) + cell.timings.get("classify_s", 0.0) + cell.timings.get("train_s", 0.0)
    return replace(predictor, seconds=total)


def _work(result: Result) -> tuple[int, str, bool]:
    return result.seed, result.definition_key, "train_s" in result.timings


def _is_fresh(result: Result) -> bool:
    return "extract_s" in result.timings and any(name in result.timings for name in FRESH)


def _order(predictor: Predictor) -> tuple[int, float]:
    value = predictor.spearman.value
    return KINDS.index(predictor.kind), -value if np.isfinite(value) else 1.0
