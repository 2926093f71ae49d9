"""A classifier of sounds for scikit-learn: features of clips and a classifier of them, in one estimator."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.linear_model import LogisticRegression
from sklearn.utils import assert_all_finite, check_consistent_length
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, column_or_1d

from elmarc import _defaults
from elmarc._resources import n_cores
from elmarc._types import FeatureArray
from elmarc.classifiers.calibration import decision_values, probabilities
from elmarc.classifiers.grids import ClassifierSpec, Scaling, make_classifier
from elmarc.datasets import is_data_set, open_dataset
from elmarc.errors import ConfigError, CutWarning, ModelError, warn
from elmarc.evaluation.search import SearchWorkspace
from elmarc.features.extractor import FeatureExtractor
from elmarc.features.recipes import settings
from elmarc.features.sounds import Files, Sounds, extract, warn_of_cuts, warn_of_issues
from elmarc.features.transformer import RandomCNNFeatures, seed_of
from elmarc.model import file
from elmarc.model.learning import TRAINED, Calibrated, Expectation, expect, labels_of, learn, units_of
from elmarc.model.unknown import Check, Unknown, check, fit_unknown, made_up_sounds

MADE_UP_S = 10.0  # of the sounds by which a model learns what belongs to no class, at most
RECORDING = 4  # times the length that a model uses of a clip: longer files are read by windows


class SoundClassifier(ClassifierMixin, BaseEstimator):
    """A classifier of sounds: features of a randomly weighted network, and a classifier fitted to them.

    `fit` chooses the classifier's hyper-parameters by cross-validation on all clips, fits it on all of them,
    and estimates what to expect on new ones.

    Parameters
    ----------
    features : str, mapping, nn.Module, callable or transformer
        `RandomCNNFeatures(...)`, `MFCCFeatures(...)` or another transformer of clips with their interface,
        which is cloned and fitted; or a network, for `RandomCNNFeatures(network)`: "vgg", "mfcc", ...
    classifier : str or classifier
        A name of `elmarc.classifiers.CLASSIFIERS`, whose hyper-parameters are searched; or any classifier of
        scikit-learn's kind with `decision_function` or `predict_proba`, which is cloned and fitted as it is
        (`GridSearchCV` searches). Only models of named ones can be saved.
    standardise : bool, "squashed" or None
        Whether features are standardised; None: as the recipe of `features` says.
    random_state : int, RandomState or None
        Seed of the classifier, and of the weights where `features` is a network.

    Attributes
    ----------
    classes_ : np.ndarray [shape=(n_classes,)]
        The labels, sorted.
    expected_ : Expectation or None
        The nested score: accuracy, interval, n_clips, n_folds, chance, majority.
    best_params_ : dict
        The hyper-parameters that were chosen.
    features_ : transformer
        Clips to features, fitted.
    estimator_ : Pipeline or classifier
        Features to class numbers.
    scale_ : float
        Of decision values, for probabilities.
    unknown_ : Unknown or None
        By which `unknown` tells sounds of no class; trained networks have none.
    check_ : Check or None
        How well it does, each class left out in turn.

    Examples
    --------
    >>> import numpy as np
    >>> from elmarc import RandomCNNFeatures, SoundClassifier
    >>> noise = np.random.default_rng(0).normal(size=(12, 12000)).astype("float32") / 10
    >>> noise[::2] = noise[::2].cumsum(axis=1) / 10
    >>> features = RandomCNNFeatures("temporal", n_filters=4, input_sr=12000)
    >>> model = SoundClassifier(features, "ridge").fit(noise, ["low", "high"] * 6)
    >>> model.predict(noise[:2]).tolist()
    ['low', 'high']
    """

    features_: Any
    classes_: NDArray[Any]
    expected_: Expectation | None

    def __init__(
        self,
        features: Any = _defaults.NETWORK,
        classifier: Any = _defaults.CLASSIFIER,
        *,
        standardise: Scaling | None = None,
        random_state: Any = 0,
    ) -> None:
        self.features = features
        self.classifier = classifier
        self.standardise = standardise
        self.random_state = random_state

    @property
    def extractor_(self) -> FeatureExtractor:
        """What turns clips into features, without scikit-learn's checks."""
        extractor: FeatureExtractor = self.features_.extractor_
        return extractor

    @property
    def n_features_in_(self) -> int:
        """Samples of each clip, where `fit` took an array of waveforms."""
        n_samples: int = self.features_.n_features_in_
        return n_samples

    @property
    def feature_names_in_(self) -> NDArray[np.object_]:
        """Columns of the DataFrame of waveforms, where `fit` took one."""
        names: NDArray[np.object_] = self.features_.feature_names_in_
        return names

    def fit(self, X: Any, y: Any = None, *, groups: Any = None) -> Self:
        """Choose, fit and calibrate the classifier.

        Parameters
        ----------
        X : sequence of clips, or a data set
            As for `RandomCNNFeatures.fit`; folds and groups of `Clip`s and of a `Dataset` are kept. Without y
            also what `open_dataset` opens, as on the command line: a folder with one sub-folder per class, a
            CSV file, a name, a DataFrame, a data set of another package.
        y : sequence of labels, or None
            One per clip; None: those of the data set or the `Clip`s.
        groups : sequence or None
            Clips of one group stay together; None or "" is a clip that stands alone.

        Raises
        ------
        ConfigError
            A parameter makes no sense, or there is one class only.
        DatasetError
            No clip can be read; single ones are left out with a warning.
        """
        if y is None and is_data_set(X):
            X = open_dataset(X)
            for note in X.notes:
                warn(note)
        self.seed_ = seed_of(self.random_state)
        spec, features_ = self.spec(), self._new_features().fit(X)
        sounds = features_.sounds(X)
        labels = column_or_1d(labels_of(sounds, y), warn=True)
        check_consistent_length(sounds.durations_s(), labels)
        assert_all_finite(labels, input_name="y")
        check_classification_targets(labels)
        units = units_of(sounds, labels, groups)
        self.features_ = features_
        features, rows = self._usable(sounds)
        self.classes_, codes = np.unique(labels[rows], return_inverse=True)
        if len(self.classes_) < 2:
            raise ConfigError(f"y holds 1 class ({self.classes_[0]!r}): a classifier needs two or more")
        units, n_jobs = units.of(rows), getattr(features_, "n_workers", None) or n_cores()
        work = SearchWorkspace(features)
        best = learn(spec, features, codes, units, workspace=work, n_jobs=n_jobs)
        self.estimator_, self.scale_, self.best_params_ = best.estimator, best.scale, best.best_params
        self.expected_ = expect(spec, features, units, workspace=work, n_jobs=n_jobs)
        self.unknown_, self.check_ = self._unknown(best, features, codes)
        self.n_clips_ = dict(zip(map(str, self.classes_.tolist()), np.bincount(codes).tolist(), strict=True))
        return self

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the most probable label of each clip (n_clips,); X as for `fit`."""
        labels, _ = self.classify(self._features_of(X))
        return labels

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Return calibrated probabilities (n_clips, n_classes), columns as `classes_`; X as for `fit`."""
        _, shares = self.classify(self._features_of(X))
        return shares

    def classify(self, features: FeatureArray) -> tuple[NDArray[Any], NDArray[np.float64]]:
        """Return labels (n_clips,) and probabilities (n_clips, n_classes) of features of `extractor_`."""
        check_is_fitted(self)
        values = decision_values(self.estimator_, features)
        return self.classes_[values.argmax(axis=1)], probabilities(values, self.scale_)

    def unknown(self, X: Any) -> NDArray[np.float64]:
        """Return a p-value for each clip (n_clips,): is it like those that were fitted on? X as for `fit`.

        At 0.05 and below it is called unknown: so are 5 % of new clips of the same kind.

        Raises
        ------
        ModelError
            The model is a trained network, or of an older elmarc.
        """
        p = self.familiarity(self._features_of(X))
        if p is None:
            raise ModelError("the model tells no unknown sounds: fit it again with a classifier")
        return p

    def familiarity(self, features: FeatureArray) -> NDArray[np.float64] | None:
        """Return the p-values of `unknown` of features of `extractor_`; None where the model has none."""
        if self.unknown_ is None:
            return None
        return self.unknown_.p(self.estimator_, features, decision_values(self.estimator_, features))

    def _unknown(
        self, best: Calibrated, features: FeatureArray, codes: NDArray[np.intp]
    ) -> tuple[Unknown | None, Check | None]:
        """Return what tells sounds of no class, and how well; None where no clip could be left out."""
        if not len(best.held_out[1]):
            return None, None
        seconds = min(self.clip_s, MADE_UP_S)
        made_up = self.extractor_.extract_waveforms(made_up_sounds(self.extractor_.frontend.sr, seconds))
        found = fit_unknown(best.estimator, features, made_up, held_out=best.held_out, units=best.units)
        if not best.splits or not isinstance(self.classifier, str):  # one of the user's may want more clips
            return found, None
        test = best.splits[0][1]
        others = np.setdiff1d(np.arange(len(codes)), test)
        return found, check(best.estimator, features, codes, made_up, units=best.units, split=(others, test))

    @property
    def clip_s(self) -> float:
        """Seconds of each clip that the model uses, rounded down to a hundredth; inf where it uses all."""
        check_is_fitted(self)
        front, length = self.extractor_.frontend, self.extractor_.length
        if length is None or front.positions_per_second is None:
            return math.inf
        seconds = length / front.positions_per_second
        return math.floor(100 * seconds) / 100 or seconds

    def is_recording(self, seconds: float) -> bool:
        """Return whether a file is so much longer than `clip_s` that it is no clip."""
        return seconds > RECORDING * self.clip_s

    def save(self, path: str | Path) -> None:
        """Write the model to one file, whole or not at all: see docs/predict.md.

        Raises
        ------
        ModelError
            The classifier is a scikit-learn estimator of your own, or holds what a model file cannot.
        """
        check_is_fitted(self)
        if not isinstance(self.classifier, str):
            raise ModelError(
                f"classifier: a model file cannot hold a {type(self.classifier).__name__} that was passed as "
                "an object, as it keeps no pickle: fit with the name of one of elmarc's classifiers, "
                "such as 'svm' or 'ridge'"
            )
        file.save(self, path)

    def _new_features(self) -> Any:
        """Return the features, not fitted; those of a network have the seed of the classifier."""
        if all(hasattr(self.features, method) for method in ("fit", "transform")):
            return clone(self.features)
        return RandomCNNFeatures(self.features, random_state=self.seed_)

    def _usable(self, sounds: Sounds) -> tuple[FeatureArray, NDArray[np.intp]]:
        """Return the features of the clips that can be read, and their rows."""
        warn_of_cuts(sounds, self.extractor_)
        if not isinstance(sounds, Files):
            return sounds.features(self.extractor_), np.arange(len(sounds.arrays))
        self.extractor_.strict = False
        extraction = self.extractor_.extract(sounds.clips)
        self.extractor_.strict = True  # what is predicted has a row for each clip
        warn_of_issues(extraction)
        skipped = dict(extraction.skipped)
        if skipped:
            warn(
                f"{len(skipped)} of {len(sounds.clips)} clips cannot be used and were left out: "
                f"{next(iter(skipped.values()))}"
            )
        rows = [i for i, clip in enumerate(sounds.clips) if clip.id not in skipped]
        return extraction.matrix.X, np.asarray(rows, dtype=np.intp)

    def spec(self) -> ClassifierSpec:
        """Return the classifier that `fit` fits, with its grid."""
        is_named = isinstance(self.classifier, str)
        if is_named and self.classifier == TRAINED:
            raise ConfigError(
                f"classifier: found {TRAINED!r}: this network was trained, which fit does not do: give a "
                "classifier, or train on the clips (elmarc train, then elmarc fit --from)"
            )
        name = self.classifier if is_named else None
        recipe = getattr(self.features, "recipe", _defaults.RECIPE)
        wanted = settings(recipe, frontend=None, network=None, classifier=name)["classifier"]
        if self.standardise is not None:
            wanted["standardise"] = self.standardise
        return make_classifier(self.classifier, random_state=self.seed_, **wanted)

    def _features_of(self, X: Any) -> FeatureArray:
        """Return the features of clips to classify."""
        check_is_fitted(self)
        sounds = self.features_.sounds(X)
        if any(map(self.is_recording, sounds.durations_s())):
            warn(
                f"X holds recordings over {RECORDING} times as long as the {self.clip_s:g} s of a clip that "
                "the model uses, and only their beginnings are classified: elmarc.model.timeline(model, "
                f"path, window_s={self.clip_s:g}) reads them by windows",
                CutWarning,
            )
        return extract(sounds, self.extractor_)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "estimator_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.classifier_tags.poor_score = True  # scikit-learn's points in a plane are no sounds
        return tags


def load(path: str | Path, *, network: Any = None) -> SoundClassifier:
    """Read a model that `SoundClassifier.save` has written; no code is run that the file names.

    Parameters
    ----------
    path : str or Path
    network : module, factory, mapping or Network, or None
        The network, where the model has one of your own: the file says which, and holds its weights where
        they were kept, but never its code.

    Raises
    ------
    ModelError
        The file is damaged, of another version or no model; it contains what elmarc does not write; this
        elmarc would compute other features; or the network is missing, or another one.
    """
    model = SoundClassifier()
    file.restore(model, path, network=network)
    return model


def trained_classifier(
    model: SoundClassifier,
    extractor: FeatureExtractor,
    head: tuple[NDArray[np.float64], NDArray[np.float64]],
    *,
    classes: Sequence[str],
    labels: Sequence[str],
    best_params: Mapping[str, Any],
    expected: Expectation,
) -> SoundClassifier:
    """Return a classifier with the predictions of a trained network.

    Parameters
    ----------
    model : SoundClassifier
        Not fitted; its features are those of the network's section.
    extractor : FeatureExtractor
        Its network has the trained weights.
    head : (np.ndarray, np.ndarray) [shape=(n_classes, n_features), (n_classes,)]
        Pooled features to logits, classes in the order of `classes`.
    labels : sequence of str
        Of the training clips.
    best_params, expected
        Learning rate and epochs; the score of the study that it comes from.
    """
    model.classifier, model.standardise = TRAINED, None
    model.seed_, model.features_ = model.random_state, clone(model.features)
    model.features_.seed_, model.features_.extractor_ = model.features_.random_state, extractor
    model.classes_ = np.asarray(classes)
    counts = Counter(labels)
    model.n_clips_ = {name: counts[name] for name in classes}
    model.best_params_, model.expected_ = dict(best_params), expected
    model.estimator_, model.scale_ = logistic(*head), 1.0
    model.unknown_ = model.check_ = None
    return model


def logistic(coef: NDArray[np.float64], intercept: NDArray[np.float64]) -> LogisticRegression:
    """Return a fitted logistic regression whose values differ between classes as the logits do.

    For two classes it has one value, above 0 for the second: half their difference.
    """
    if len(coef) == 2:
        coef, intercept = (coef[1:] - coef[:1]) / 2, (intercept[1:] - intercept[:1]) / 2
    estimator = LogisticRegression()
    estimator.classes_ = np.arange(max(2, len(coef)))
    estimator.coef_, estimator.intercept_ = coef, intercept
    estimator.n_features_in_ = coef.shape[1]
    return estimator
