"""The classifier `ridge`: scikit-learn's on few clips, the same from sums over blocks on many."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.linear_model import RidgeClassifierCV
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import validate_data

from elmarc.classifiers import blocks, normal_equations
from elmarc.classifiers.blocks import Blocks, ClassTargets, block_rows


class LeaveOneOutRidgeClassifier(RidgeClassifierCV):
    """Ridge regression on targets one against the rest, its penalty chosen by leaving out single clips.

    This is scikit-learn's `RidgeClassifierCV`. From 20,000 clips on, where clips outnumber features, `fit`
    reads X in blocks, twice, and holds no copy of it: a memory-mapped array stays on the disk. The numbers
    are the same but for rounding. Sample weights, several labels a clip and options beside `alphas`, the
    positive weights of the squared coefficients, are scikit-learn's at any size.

    Examples
    --------
    >>> x = np.arange(6.0)[:, None]
    >>> LeaveOneOutRidgeClassifier().fit(x, ["low"] * 3 + ["high"] * 3).predict([[0.5], [4.5]]).tolist()
    ['low', 'high']
    """

    def fit(self, X: Any, y: Any, sample_weight: Any = None, **params: Any) -> Self:
        """Fit X (n_clips, n_features) to the labels y (n_clips,); X may be `Blocks`."""
        if isinstance(X, Blocks):
            return self.fit_blocks(X, y)
        if sample_weight is not None or params or not self.can_fit_blocks() or not _is_for_blocks(X, y):
            super().fit(X, y, sample_weight=sample_weight, **params)
            return self
        data = validate_data(self, X, dtype=None, ensure_all_finite=False)  # checked block by block
        return self.fit_blocks(Blocks(data), y)

    def can_fit_blocks(self) -> bool:
        """Tell whether `fit_blocks` fits this: whether all options but `alphas` are as they are at first."""
        plain = RidgeClassifierCV(alphas=self.alphas).get_params()
        return all(value is plain[name] for name, value in self.get_params().items())

    def fit_blocks(self, inputs: Blocks, y: ArrayLike) -> Self:
        """Fit the inputs to the labels y (n_clips,), in two passes over blocks of clips."""
        labels = np.asarray(y)
        self._label_binarizer = LabelBinarizer(pos_label=1, neg_label=-1).fit(labels)
        self.classes_, codes = np.unique(labels, return_inverse=True)
        targets = ClassTargets(codes, len(self.classes_))
        found = normal_equations.fit(inputs, targets, np.atleast_1d(self.alphas).tolist())
        self.alpha_ = found.penalty
        self.best_score_ = -float(found.errors.min()) / (len(codes) * targets.n_columns)
        self.coef_, self.intercept_ = found.coef.T.copy(), found.intercept
        self.n_features_in_ = self.coef_.shape[1]
        return self

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the class of the largest output a clip, (n_clips,)."""
        if not isinstance(X, np.ndarray) or X.ndim != 2 or len(X) < blocks.MANY:
            return np.asarray(super().predict(X))
        n_rows = block_rows(X.shape[1])
        parts = (X[start : start + n_rows] for start in range(0, len(X), n_rows))
        return np.concatenate([RidgeClassifierCV.predict(self, part) for part in parts])


def _is_for_blocks(X: Any, y: Any) -> bool:
    return (
        isinstance(X, np.ndarray)
        and X.ndim == 2
        and X.dtype.kind in "fiu"
        and len(X) >= max(blocks.MANY, X.shape[1])
        and np.shape(y) == (len(X),)
        and np.asarray(y).dtype.kind in "biuUSO"
        and type_of_target(y) in ("binary", "multiclass")
        and len(np.unique(y)) > 1
    )
