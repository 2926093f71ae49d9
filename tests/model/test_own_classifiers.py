"""Any scikit-learn classifier: cloned, calibrated, refused where it gives no probabilities."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression, RidgeClassifierCV, RidgeCV
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC, NuSVC
from tests.sounds import SR, noises

from elmarc import RandomCNNFeatures, SoundClassifier
from elmarc.errors import ConfigError, ModelError

OWN: dict[str, Any] = {
    "SVC": SVC(C=4),
    "NuSVC": NuSVC(nu=0.3),
    "LinearSVC": LinearSVC(C=0.1),
    "logistic": LogisticRegression(C=0.1),
    "forest": RandomForestClassifier(8),
    "Bayes": GaussianNB(),
    "ridge without intercept": RidgeClassifierCV(fit_intercept=False, class_weight="balanced"),
    "pipeline": make_pipeline(StandardScaler(), SVC()),
    "search": GridSearchCV(SVC(), {"C": [0.5, 8]}, cv=3),
}


@pytest.fixture(scope="module")
def few() -> tuple[np.ndarray, list[str]]:
    X, labels = noises(18, seed=0)
    return X[:, :2400], labels


def classifier(own: Any, **options: Any) -> SoundClassifier:
    features = RandomCNNFeatures("7x96", recipe="v2", n_filters=4, n_workers=1, input_sr=SR)
    return SoundClassifier(features, own, **options)


@pytest.mark.parametrize("case", OWN)
def test_it_is_cloned_fitted_and_calibrated(few, case: str) -> None:
    own = OWN[case]
    before = own.get_params(deep=False)
    model = classifier(own).fit(*few)
    assert not any(name.endswith("_") and not name.startswith("_") for name in vars(own))  # not fitted
    assert own.get_params(deep=False) == before
    X = noises(9, seed=1)[0][:, :2400]
    shares, predicted = model.predict_proba(X), model.predict(X)
    np.testing.assert_allclose(shares.sum(axis=1), 1.0)
    assert np.array_equal(model.classes_[shares.argmax(axis=1)], predicted)
    assert np.array_equal(model.classes_[model.estimator_.predict(model._features_of(X))], predicted)
    assert model.scale_ != 1.0
    assert model.expected_.n_clips == 18
    assert model.best_params_ == {}
    if case == "forest":  # an open seed is the model's
        assert np.array_equal(clone(model).fit(*few).predict_proba(X), shares)


def test_as_an_object_it_is_what_it_is_by_name(few) -> None:
    X = noises(9, seed=1)[0][:, :2400]
    by_name = classifier("linear").fit(*few)
    by_object = classifier(by_name.estimator_[-1]).fit(*few)
    assert np.array_equal(by_object.predict_proba(X), by_name.predict_proba(X))
    assert by_object.expected_ == by_name.expected_


def test_a_search_over_the_whole_reaches_its_parameters(few) -> None:
    grid = {"classifier__C": [1e-4, 1.0], "classifier": [LogisticRegression()]}
    search = GridSearchCV(classifier(SVC()), grid, cv=2, error_score="raise").fit(*few)
    assert isinstance(search.best_estimator_.estimator_[-1], LogisticRegression)


def test_it_is_not_saved(few, tmp_path: Path) -> None:
    model = classifier(GaussianNB()).fit(*few)
    with pytest.raises(
        ModelError, match="a model file cannot hold a GaussianNB that was passed as an object"
    ):
        model.save(tmp_path / "m.elmarc")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("own", "said"),
    [
        (
            VotingClassifier([("a", SVC()), ("b", GaussianNB())]),
            "neither decision_function nor predict_proba",
        ),
        (RidgeCV(), "expected one of svm, .*, or a classifier of scikit-learn's kind"),
        (SVC, "expected one of svm"),
        (3, "found 3, expected one of svm"),
        (None, "found None, expected one of svm"),
        ("svn", "did you mean 'svm'"),
    ],
    ids=str,
)
def test_what_gives_no_probabilities_is_refused_before_any_work(own: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        classifier(own).fit(["absent.wav"], ["a"])
