"""Every classifier by name, with the hyper-parameters that the 2018 study searched.

`CLASSIFIERS` is the one list of names: configuration, command line and schema read it. All but `ridge`, which
is for sets too large for the SVM, are the study's. scikit-learn is imported when a classifier is made.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import nullcontext
from copy import deepcopy
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from elmarc._choices import choose
from elmarc.errors import ConfigError

Scaling: TypeAlias = bool | Literal["squashed"]
Grid: TypeAlias = dict[str, list[Any]] | list[dict[str, list[Any]]]

_liblinear = threading.Lock()  # its random numbers, and libsvm's, are the process's, not the fit's

SVM_C = [0.1, 2, 8, 32]
SVM_GAMMA = [2.0**-3, 2.0**-5, 2.0**-7, 2.0**-9, 2.0**-11, 2.0**-13, "auto"]


@dataclass(frozen=True)
class Entry:
    """How an estimator is made from a seed, and the hyper-parameters to search."""

    make: Callable[[int], Any]
    grid: Grid = field(default_factory=dict)


def _made(source: str, **options: Any) -> Any:
    """Import a class, named as "module:class", and call it."""
    module, _, name = source.partition(":")
    return getattr(import_module(module), name)(**options)


# The study's six first. A new classifier is one line here, and a file where scikit-learn does not have it.
CLASSIFIERS: dict[str, Entry] = {
    "svm": Entry(
        lambda seed: _made("sklearn.svm:SVC", random_state=seed),
        [{"kernel": ["rbf"], "gamma": SVM_GAMMA, "C": SVM_C}, {"kernel": ["linear"], "C": SVM_C}],
    ),
    "linear_svm": Entry(lambda seed: _made("sklearn.svm:LinearSVC", random_state=seed), {"C": [0.1, 1, 2]}),
    "elm": Entry(
        lambda seed: _made("elmarc.classifiers.elm:ELMClassifier", random_state=seed),
        {"n_hidden": [100, 250, 500, 1200, 1800, 2500]},
    ),
    "knn": Entry(
        lambda _: _made("sklearn.neighbors:KNeighborsClassifier"),
        {"n_neighbors": [1, 3, 5, 10, 20, 30, 50, 100]},
    ),
    "mlp": Entry(
        lambda seed: _made(
            "sklearn.neural_network:MLPClassifier", hidden_layer_sizes=(20,), max_iter=600, random_state=seed
        )
    ),
    "linear": Entry(lambda seed: _made("sklearn.linear_model:SGDClassifier", random_state=seed)),
    "ridge": Entry(
        lambda _: _made("elmarc.classifiers.ridge:LeaveOneOutRidgeClassifier", alphas=np.logspace(-3, 9, 25))
    ),
}
STUDY_CLASSIFIERS = tuple(CLASSIFIERS)[:6]


@dataclass(frozen=True)
class ClassifierSpec:
    """A classifier's name, its estimator, and its grid as scikit-learn's `ParameterGrid` takes it."""

    name: str
    estimator: Any
    grid: Grid


def make_classifier(
    name: Any,
    *,
    random_state: int = 0,
    standardise: Scaling = False,
    ridge: bool = False,
    behind: Any = None,
) -> ClassifierSpec:
    """Return a classifier with its grid.

    Parameters
    ----------
    name : one of `CLASSIFIERS`, or a classifier of scikit-learn's kind, which has no grid: a clone is made of
        it, and seeds that it leaves open are set.
    random_state : seed of whatever the classifier draws (hidden units, initial weights, order of clips).
    standardise : standardise each feature first, by mean and deviation of the training clips; "squashed"
        bounds it then (`squash`), so that no single loud clip rules a feature. The study did neither.
    ridge : fit the extreme learning machine with a leave-one-out ridge and scaled weights; no other has it.
    behind : a transformer of scikit-learn's kind that is fitted with the classifier and stands before it.

    Raises
    ------
    ConfigError
        If the name is unknown, or has no such option; or the classifier gives neither decision values nor
        probabilities.

    >>> make_classifier("linear_svm", standardise=True).grid
    {'classifier__C': [0.1, 1, 2]}
    """
    if isinstance(name, str):
        entry = CLASSIFIERS[choose("classifier", name, tuple(CLASSIFIERS))]
        estimator, grid = entry.make(random_state), deepcopy(entry.grid)
    else:
        estimator, grid = _clone(name, random_state), {}
        name = type(name).__name__
    if ridge and name != "elm":
        raise ConfigError(f"ridge is an option of the elm alone, not of {name}: leave it out")
    if ridge:
        from elmarc.classifiers.ridge import LeaveOneOutRidge

        estimator.set_params(scaled_weights=True, regressor=LeaveOneOutRidge())
    if standardise not in (True, False, "squashed"):
        raise ConfigError(f"standardise: found {standardise!r}, expected true, false or 'squashed'")
    if not standardise and behind is None:
        return ClassifierSpec(name, estimator, grid)
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import FunctionTransformer, StandardScaler

    steps: list[tuple[str, Any]] = [] if behind is None else [("features", behind)]
    if standardise:
        steps.append(("standardise", StandardScaler()))
    if standardise == "squashed":
        steps.append(("squash", FunctionTransformer(squash, feature_names_out="one-to-one")))
    steps.append(("classifier", estimator))
    parts = [
        {f"classifier__{key}": values for key, values in part.items()}
        for part in (grid if isinstance(grid, list) else [grid])
    ]
    return ClassifierSpec(name, Pipeline(steps), parts if isinstance(grid, list) else parts[0])


def _clone(estimator: Any, seed: int) -> Any:
    """Return a copy of a scikit-learn classifier, not fitted. Raises ConfigError where it is none."""
    from sklearn.base import clone, is_classifier

    if isinstance(estimator, type) or not hasattr(estimator, "get_params") or not is_classifier(estimator):
        raise ConfigError(
            f"classifier: found {estimator!r}, expected one of {', '.join(CLASSIFIERS)}, or a classifier of "
            "scikit-learn's kind, such as LogisticRegression()"
        )
    if not any(hasattr(estimator, method) for method in ("decision_function", "predict_proba")):
        raise ConfigError(
            f"classifier: {estimator!r} has neither decision_function nor predict_proba, and so gives no "
            "probabilities: take one that has, or wrap it in CalibratedClassifierCV"
        )
    copy = clone(estimator)
    open_seeds = {
        name: seed
        for name, value in copy.get_params(deep=True).items()
        if value is None and name.rpartition("__")[2] == "random_state"
    }
    return copy.set_params(**open_seeds)


def fit(estimator: Any, X: NDArray[Any], y: NDArray[Any]) -> Any:
    """Fit an estimator and return it; what it draws follows from its seed, whatever other threads fit.

    liblinear and libsvm seed one generator for the whole process: fits that draw from it take turns.
    """
    inside = estimator.get_params(deep=True).values()  # the steps of a pipeline, the base of an ensemble
    with _liblinear if any(map(_draws_from_process, (estimator, *inside))) else nullcontext():
        return estimator.fit(X, y)


def _draws_from_process(estimator: Any) -> bool:
    from sklearn.svm import LinearSVC

    is_linear = isinstance(estimator, LinearSVC) or getattr(estimator, "solver", None) == "liblinear"
    return is_linear or bool(getattr(estimator, "probability", False))


def squash(X: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return tanh(X / 2): nearly linear within a deviation of the mean, and never beyond -1 and 1."""
    return np.tanh(X / 2)
