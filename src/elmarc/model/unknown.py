"""Sounds of no class: how probable is it that a clip is like those that a model was fitted on?

Two scores say so, and both are low for other sounds: the largest decision value of the classifier, and the
value of a ridge regression that tells the clips from made-up sounds: noises, tones, voices and near silence
(outlier exposure, Hendrycks, Mazeika & Dietterich, ICLR 2019). Each becomes the logarithm of a probability of
so low a score among the model's own clips, and they are added, as Fisher does. The second, by a normal
distribution, counts where it is below 0.1 alone: above, it says which clips are more like noise than others,
and not which are of another class. The share of clips with no higher a sum, each left out of the fit with all
of its group, is the p-value (conformal prediction; Bates et al., "Testing for outliers with conformal
p-values", Annals of Statistics 51, 2023).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.signal import iirpeak, lfilter, sawtooth
from scipy.special import log_ndtr
from sklearn.base import clone
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import Pipeline

from elmarc import _seeds
from elmarc._types import FeatureArray
from elmarc.classifiers.calibration import decision_values, held_out_values
from elmarc.classifiers.grids import fit
from elmarc.classifiers.ridge import PENALTIES, LeaveOneOutRidgeClassifier
from elmarc.errors import ModelError

LEVEL = 0.05  # the share of the model's own kind of clips that is called unknown
UNKNOWN = "(unknown)"  # in place of a label
STRANGE = 0.1  # probability below which a clip's likeness to made-up sounds counts
LOWEST = -50.0  # logarithm of a probability
N_SOUNDS = 64  # made up
MOST_CLIPS = 2000  # that the scores are held against, and that the ridge regression is fitted on
MOST_CLASSES, FEW_CLIPS = 5, 240  # of a look at how well it works
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Unknown:
    """What is needed for the p-value of a clip.

    Parameters
    ----------
    coef : np.ndarray [shape=(n_features,)]
    intercept : float
        Of the ridge regression on what the classifier's last step gets.
    mean, deviation : float
        Of its values for clips that were left out.
    values, sums : np.ndarray [shape=(n_clips,)]
        Of the same clips, ascending: the largest decision value, and the sum of the two logarithms.
    """

    coef: Floats
    intercept: float
    mean: float
    deviation: float
    values: Floats
    sums: Floats

    def p(self, estimator: Any, X: FeatureArray, values: Floats) -> Floats:
        """Return the p-value of each clip (n_clips,).

        Parameters
        ----------
        estimator : classifier
            The one that was fitted beside.
        X : np.ndarray [shape=(n_clips, n_features)]
        values : np.ndarray [shape=(n_clips, n_classes)]
            Its decision values.
        """
        familiar = _inputs(estimator, X) @ self.coef + self.intercept
        return p_values(self.sums, self._sum(values.max(axis=1), familiar))

    def _sum(self, values: Floats, familiar: Floats) -> Floats:
        strange = log_ndtr((familiar - self.mean) / self.deviation) - np.log(STRANGE)
        return np.asarray(np.log(p_values(self.values, values)) + np.clip(strange, LOWEST, 0.0))


def p_values(reference: Floats, scores: Floats) -> Floats:
    """Return how probable scores as low are, by the ascending scores of other clips.

    >>> p_values(np.array([1.0, 2.0, 3.0]), np.array([0.0, 2.0, 9.0])).tolist()
    [0.25, 0.75, 1.0]
    """
    n_lower = np.searchsorted(reference, scores, side="right")
    return np.asarray((1.0 + n_lower) / (1.0 + len(reference)), np.float64)


def fit_unknown(
    estimator: Any,
    X: FeatureArray,
    made_up: FeatureArray,
    *,
    held_out: tuple[Floats, NDArray[np.intp]],
    units: NDArray[np.intp],
) -> Unknown:
    """Return what tells clips of no class.

    Parameters
    ----------
    estimator : classifier
        Fitted on X.
    X, made_up : np.ndarray [shape=(n_clips, n_features)]
        Features of the clips, and of made-up sounds.
    held_out : (np.ndarray [shape=(n, n_classes)], np.ndarray [shape=(n,)])
        Decision values of clips that were left out, and their rows.
    units : np.ndarray [shape=(n_clips,)]
        Clips of one number are left out together.
    """
    values, rows = held_out
    if len(rows) > MOST_CLIPS:
        some = np.sort(_seeds.generator(0, "unknown", "clips").choice(len(rows), MOST_CLIPS, replace=False))
        values, rows = values[some], rows[some]
    Z = _inputs(estimator, np.concatenate([X[rows], made_up]))
    y = np.repeat([1, 0], [len(rows), len(made_up)])
    ridge = fit(LeaveOneOutRidgeClassifier(alphas=PENALTIES), Z, y)
    alone = units.max(initial=0) + 1 + np.arange(len(made_up))
    familiar, _ = held_out_values(ridge, Z, y, units=np.concatenate([units[rows], alone]), splits=())
    own, largest = familiar[: len(rows), 1], values.max(axis=1)
    coef, intercept = np.ravel(ridge.coef_).astype(np.float64), float(np.ravel(ridge.intercept_)[0])
    numbers = intercept, float(own.mean()), float(own.std()) + 1e-9
    found = Unknown(coef, *numbers, np.sort(largest), np.empty(0))
    return replace(found, sums=np.sort(found._sum(largest, own)))


@dataclass(frozen=True)
class Check:
    """How well sounds of other classes are told, each class left out in turn.

    `auroc` is the mean area under the ROC curve between the clips of a class that was left out and held-out
    clips of the others; `false_alarms` the share of the latter that is called unknown.
    """

    auroc: float
    false_alarms: float


def check(
    estimator: Any,
    X: FeatureArray,
    codes: NDArray[np.intp],
    made_up: FeatureArray,
    *,
    units: NDArray[np.intp],
    split: tuple[NDArray[np.intp], NDArray[np.intp]],
) -> Check | None:
    """Leave out each class in turn, of many some; None of fewer than three classes.

    Parameters
    ----------
    estimator : classifier
        Copies of it are fitted.
    codes : np.ndarray [shape=(n_clips,)]
        Class numbers.
    split : (np.ndarray, np.ndarray)
        Rows to fit, and to look at.
    """
    train, test = (rows[:: -(-len(rows) // FEW_CLIPS)] for rows in split)
    classes = np.unique(codes)
    areas, alarms = [], []
    for number in classes[:: -(-len(classes) // MOST_CLASSES)]:
        rows, is_other = train[codes[train] != number], codes[test] == number
        known = np.unique(codes[rows], return_inverse=True)[1]
        if known.max(initial=0) < 1 or not is_other.any() or is_other.all():
            continue
        model = fit(clone(estimator), X[rows], known)
        halves = (rows % 2 == 0).nonzero()[0], (rows % 2 == 1).nonzero()[0]
        left_out = held_out_values(model, X[rows], known, units=units[rows], splits=(halves, halves[::-1]))
        if not len(left_out[1]):
            continue
        unknown = fit_unknown(model, X[rows], made_up, held_out=left_out, units=units[rows])
        p = unknown.p(model, X[test], decision_values(model, X[test]))
        areas.append(roc_auc_score(is_other, -p))
        alarms.append(np.mean(p[~is_other] <= LEVEL))
    return Check(float(np.mean(areas)), float(np.mean(alarms))) if areas else None


def made_up_sounds(sr: int, seconds: float, n: int = N_SOUNDS) -> list[NDArray[np.float32]]:
    """Return sounds of no class: noises, most of them even, voices and tones.

    The same on every call. Half are loud, -30 to -14 dB of full scale, the others go down to -80 dB.
    """
    rng = _seeds.generator(0, "unknown", "sounds")
    n_samples = max(1, round(sr * seconds))
    makers = (_noise, _voice, _tone, _noise, _changing_noise, _tone)
    sounds = []
    for i in range(n):
        y = makers[i % len(makers)](rng, sr, n_samples)
        level = 10 ** (rng.uniform(-1.5, -0.7) if i // len(makers) % 2 else rng.uniform(-4.0, -1.5))
        sounds.append(np.clip(level * y / (y.std() + 1e-9), -1.0, 1.0).astype(np.float32))
    return sounds


def _noise(rng: np.random.Generator, sr: int, n: int) -> Floats:
    """Return noise that is white, or whose spectrum falls by up to 7 dB an octave."""
    spectrum = np.fft.rfft(rng.standard_normal(n))
    frequency = np.maximum(np.fft.rfftfreq(n, 1 / sr), 20.0)
    noise: Floats = np.fft.irfft(spectrum / frequency ** max(0.0, rng.uniform(-0.6, 1.2)), n)
    return noise


def _changing_noise(rng: np.random.Generator, sr: int, n: int) -> Floats:
    return _noise(rng, sr, n) * _envelope(rng, sr, n)


def _tone(rng: np.random.Generator, sr: int, n: int) -> Floats:
    """Return up to twelve partials of a fundamental, whose loudness changes, in faint noise."""
    time, f0 = np.arange(n) / sr, rng.uniform(60.0, sr / 4)
    partials = [
        rng.random() * np.sin(2 * np.pi * f0 * k * time + rng.uniform(0.0, 2 * np.pi))
        for k in range(1, int(rng.integers(2, 14)) if rng.random() < 0.5 else 2)
        if f0 * k < sr / 2
    ]
    tone = np.sum(partials, axis=0) * _envelope(rng, sr, n)
    return np.asarray(tone + 10 ** rng.uniform(-3.0, -1.0) * rng.standard_normal(n))


def _voice(rng: np.random.Generator, sr: int, n: int) -> Floats:
    """Return a buzz of drifting pitch in syllables of two resonances, some of them hissed or left out."""
    drift = np.interp(np.arange(n), np.linspace(0, n, 16), rng.normal(0.0, 0.15, 16))
    buzz = sawtooth(2 * np.pi * np.cumsum(rng.uniform(80.0, 300.0) * np.exp(drift)) / sr)
    buzz += 0.1 * rng.standard_normal(n)
    out, step = np.zeros(n), max(1, int(sr * rng.uniform(0.1, 0.3)))
    for start in range(0, n, step):
        syllable = buzz[start : start + step]
        kind = rng.random()
        if kind < 0.25:
            continue
        if kind > 0.75:
            syllable = 0.5 * rng.standard_normal(len(syllable))
        for low, high in ((250.0, 900.0), (800.0, 2500.0)):
            b, a = iirpeak(min(rng.uniform(low, high), 0.45 * sr), rng.uniform(2.0, 8.0), fs=sr)
            out[start : start + step] += lfilter(b, a, syllable * np.hanning(len(syllable)))
    return out


def _envelope(rng: np.random.Generator, sr: int, n: int) -> Floats:
    """Return a loudness that is even, or changes one to eight times a second."""
    if rng.random() < 0.4:
        return np.ones(n)
    knots = np.append(np.arange(0, n, max(1, int(sr / rng.uniform(1.0, 8.0)))), n)
    return np.interp(np.arange(n), knots, np.abs(rng.standard_normal(len(knots))))


def restored(arrays: Sequence[ArrayLike], n_features: int) -> Unknown:
    """Return what was stored. Raises ModelError where it cannot be what `fit_unknown` gives."""
    coef, intercept, mean, deviation, values, sums = (np.asarray(array, np.float64) for array in arrays)
    if coef.shape != (n_features,) or not intercept.shape == mean.shape == deviation.shape == (1,):
        raise ModelError(f"unknown: found coef {coef.shape}, expected {(n_features,)}: fit the model again")
    for each in (coef, intercept, mean, deviation, values, sums):
        if not each.ndim == 1 or not len(each) or not np.isfinite(each).all():
            raise ModelError("unknown: some numbers are missing or not finite: fit the model again")
    if len(values) != len(sums) or any((np.diff(each) < 0).any() for each in (values, sums)):
        raise ModelError("unknown: the scores of clips are not in order: fit the model again")
    if not deviation[0] > 0:
        raise ModelError("unknown: the deviation is not positive: fit the model again")
    return Unknown(coef, float(intercept[0]), float(mean[0]), float(deviation[0]), values, sums)


def _inputs(estimator: Any, X: FeatureArray) -> FeatureArray:
    """Return what the last step of a classifier gets."""
    return np.asarray(estimator[:-1].transform(X)) if isinstance(estimator, Pipeline) else X
