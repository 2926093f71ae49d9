"""From features and labels to a fitted classifier: chosen by cross-validation, fitted on all, calibrated."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.model_selection import ParameterGrid

from elmarc._types import FeatureArray
from elmarc.classifiers.calibration import Split, fit_scale, held_out_values
from elmarc.classifiers.grids import ClassifierSpec, fit
from elmarc.datasets.base import units as numbered
from elmarc.evaluation.protocol import INNER_SEED, some_to_choose_by
from elmarc.evaluation.search import SearchWorkspace, candidate_scores
from elmarc.evaluation.splits import inner_splits
from elmarc.model.units import Units

N_FOLDS = 5  # that choose, as inside the nested protocol


@dataclass(frozen=True)
class Calibrated:
    """A classifier of class numbers, fitted on all clips.

    Parameters
    ----------
    estimator : Any
        Fitted.
    scale : float
        Of its decision values, for probabilities.
    best_params : dict
        Chosen by cross-validation; empty where there is nothing to choose.
    """

    estimator: Any
    scale: float
    best_params: dict[str, Any]


def learn(
    spec: ClassifierSpec,
    X: FeatureArray,
    codes: NDArray[np.intp],
    units: Units,
    *,
    workspace: SearchWorkspace | None = None,
    n_jobs: int = 1,
) -> Calibrated:
    """Choose the hyper-parameters, fit on all clips, and calibrate on values of clips that were left out.

    Parameters
    ----------
    spec : ClassifierSpec
        The classifier and its grid.
    X : np.ndarray [shape=(n_clips, n_features)]
    codes : np.ndarray [shape=(n_clips,)]
        Class numbers from 0.
    units : Units
        Their labels, folds and groups.
    workspace : SearchWorkspace or None
        Of X.
    n_jobs : int
        Threads.

    Raises
    ------
    DatasetError
        There are hyper-parameters to choose, and one clip of each class.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The least populated class")  # `expect` says it in our words
        splits = inner_splits(units.labels, units.together, n_folds=N_FOLDS, seed=INNER_SEED)
    params = _best(spec, X, codes, splits, workspace or SearchWorkspace(X), n_jobs)
    estimator = fit(clone(spec.estimator).set_params(**params), X, codes)
    apart = numbered(units.together or ("",) * len(X))
    values, rows = held_out_values(estimator, X, codes, units=apart, splits=splits)
    return Calibrated(estimator, fit_scale(values, codes[rows]), params)


def _best(
    spec: ClassifierSpec,
    X: FeatureArray,
    codes: NDArray[np.intp],
    splits: list[Split],
    workspace: SearchWorkspace,
    n_jobs: int,
) -> dict[str, Any]:
    candidates = list(ParameterGrid(spec.grid))
    if len(candidates) == 1:
        return dict(candidates[0])
    choosing = some_to_choose_by(splits, spec.name)
    found = candidate_scores(spec, X, codes, choosing, workspace=workspace, n_jobs=n_jobs)
    return dict(found.candidates[found.best])
