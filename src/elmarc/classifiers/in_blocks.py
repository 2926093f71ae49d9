"""Classifiers on many clips: fitted and asked a block of rows at a time, behind scalers too.

A classifier that can do so has `can_fit_blocks()` and `fit_blocks(Blocks, y)`: `ridge`, and the extreme
learning machine with a ridge. In front of it may stand scikit-learn's `StandardScaler` and functions that
look at one clip at a time (`squash`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from elmarc.classifiers import blocks
from elmarc.classifiers.blocks import Blocks, block_rows


def is_for_blocks(estimator: Any, inputs: Blocks, y: NDArray[Any]) -> bool:
    """Tell whether clips are many, of two classes or more, and the estimator takes them in blocks."""
    steps, model = _parts(estimator)
    return (
        len(inputs) >= max(blocks.MANY, inputs.n_columns)
        and hasattr(model, "can_fit_blocks")
        and bool(model.can_fit_blocks())
        and all(type(step) in (StandardScaler, FunctionTransformer) for step in steps)
        and len(np.unique(y)) > 1
    )


def fit(estimator: Any, inputs: Blocks, y: NDArray[Any]) -> Any:
    """Return a copy of an estimator, fitted: see `is_for_blocks`."""
    fitted = clone(estimator)
    steps, model = _parts(fitted)
    width = inputs.n_columns
    for step in steps:
        if isinstance(step, StandardScaler):
            for _, block in inputs.each(block_rows(width)):
                step.partial_fit(block)
        else:
            step.fit(next(inputs.each(1))[1])
        inputs = inputs.then(step.transform)
    model.fit_blocks(inputs, y)
    return fitted


def predict(fitted: Any, inputs: Blocks) -> NDArray[Any]:
    """Return what a fitted estimator says of each row."""
    said = [fitted.predict(block) for _, block in inputs.each(block_rows(inputs.n_columns))]
    return np.concatenate(said)


def _parts(estimator: Any) -> tuple[list[Any], Any]:
    """Return what stands in front of a classifier, and the classifier."""
    if not isinstance(estimator, Pipeline):
        return [], estimator
    steps = [step for _, step in estimator.steps]
    return steps[:-1], steps[-1]
