"""Sounds in, labels and probabilities out: a network that is never trained, and a classifier behind it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data

from elmarc._cores import n_cores
from elmarc._errors import ConfigError
from elmarc._types import DEFAULT_SIZE, FeatureArray, FixLength, Precision, Size
from elmarc.classifiers.calibration import decision_values, probabilities
from elmarc.classifiers.grids import ClassifierSpec, Scaling, make_classifier
from elmarc.datasets.lengths import length_for
from elmarc.features.assemble import assemble, is_baseline, make_frontend
from elmarc.features.extractor import FeatureExtractor
from elmarc.features.recipes import settings
from elmarc.features.store import FeatureStore
from elmarc.features.transformer import _seed
from elmarc.model.expectation import Expectation
from elmarc.model.learning import learn
from elmarc.model.sounds import as_list, labels_of, path_clips, sounds_of
from elmarc.model.writing import save


class SoundClassifier(ClassifierMixin, BaseEstimator):
    """A classifier of sounds: features of a randomly weighted network, and a classifier fitted to them.

    `fit` chooses the classifier's hyper-parameters by cross-validation on all clips, fits it on all of them,
    and estimates what to expect on new ones.

    Parameters
    ----------
    network : str, mapping, module, factory or Network
        As everywhere: a name of `list_networks()`, a network's section of a configuration, ...; "mfcc" is the
        baseline.
    recipe : {"v2", "2018"}
        What the network is fed, what is kept of its maps, and how the classifier scales them.
    classifier : str
        A name of `elmarc.classifiers.CLASSIFIERS`.
    size : {"small", "large"}, n_filters : int or None
        Width of the network.
    layers : sequence of str or None
        The feature maps to keep; None: the network's own.
    frontend : str, mapping, FrontEnd or None
        What turns waveforms into the network's input; None follows from the network.
    sr : int or None
        Hz; the rate that files are brought to, and that arrays are taken to have. None: 12000.
    duration : float or None
        Seconds of each clip that the network is fed; None: what holds 95 % of the clips whole.
    input_length : int or None
        The same in frames or samples; one of the two may be given.
    fix_length : {"repeat-pad", "zero-pad", "crop"}
        What to do with shorter clips.
    statistics : sequence of str or None
        What is kept of each feature map; None: as the recipe says.
    precision : {"float32", "tf32", "bfloat16"}
        How the network computes.
    standardise : bool, "squashed" or None
        Whether features are standardised; None: as the recipe says.
    batch_size : int, n_workers : int or None, device : str
        How to compute; without influence on the features.
    store : str, Path or None
        Folder of stored features.
    random_state : int, RandomState or None
        Seed of the network's weights and of the classifier.

    Attributes
    ----------
    classes_ : np.ndarray [shape=(n_classes,)]
        The labels, sorted.
    expected_ : Expectation or None
        The nested score: accuracy, interval, n_clips, n_folds, chance, majority.
    best_params_ : dict
        The hyper-parameters that were chosen.
    extractor_ : FeatureExtractor
        Clips to features.
    estimator_ : Pipeline or classifier
        Features to class numbers.
    scale_ : float
        Of decision values, for probabilities.

    Examples
    --------
    >>> import numpy as np
    >>> from elmarc import SoundClassifier
    >>> noise = np.random.default_rng(0).normal(size=(12, 12000)).astype("float32") / 10
    >>> noise[::2] = noise[::2].cumsum(axis=1) / 10
    >>> model = SoundClassifier("temporal", n_filters=4).fit(noise, ["low", "high"] * 6)
    >>> model.predict(noise[:2]).tolist()
    ['low', 'high']
    """

    extractor_: FeatureExtractor
    classes_: NDArray[Any]
    expected_: Expectation | None

    def __init__(
        self,
        network: Any = "timbral_temporal",
        *,
        recipe: str = "v2",
        classifier: str = "ridge",
        size: Size = DEFAULT_SIZE,
        n_filters: int | None = None,
        layers: Sequence[str] | None = None,
        frontend: Any = None,
        sr: int | None = None,
        duration: float | None = None,
        input_length: int | None = None,
        fix_length: FixLength = "repeat-pad",
        statistics: Sequence[str] | None = None,
        precision: Precision = "float32",
        standardise: Scaling | None = None,
        batch_size: int = 8,
        n_workers: int | None = None,
        device: str = "auto",
        store: str | Path | None = None,
        random_state: Any = 0,
    ) -> None:
        self.network = network
        self.recipe = recipe
        self.classifier = classifier
        self.size = size
        self.n_filters = n_filters
        self.layers = layers
        self.frontend = frontend
        self.sr = sr
        self.duration = duration
        self.input_length = input_length
        self.fix_length = fix_length
        self.statistics = statistics
        self.precision = precision
        self.standardise = standardise
        self.batch_size = batch_size
        self.n_workers = n_workers
        self.device = device
        self.store = store
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None, *, groups: Any = None) -> Self:
        """Choose, fit and calibrate the classifier.

        Parameters
        ----------
        X : sequence of paths or Clip, Dataset, or array of waveforms [shape=(n_clips, n_samples)]
            Folds and groups of clips are kept.
        y : sequence of labels, or None
            One a clip; None: the clips' own.
        groups : sequence or None
            Clips of one group stay together; None or "" is a clip that stands alone.

        Raises
        ------
        AudioError
            A clip cannot be read, or is too short.
        ConfigError
            A parameter makes no sense, or there is one class only.
        """
        labels = column_or_1d(labels_of(X, y), warn=True)
        clips = path_clips(X)
        if clips is None:
            X, labels = validate_data(self, X, labels, dtype=np.float32)
        elif len(clips) != len(labels):
            raise ValueError(f"X holds {len(clips)} clips and y {len(labels)} labels: give one for each clip")
        check_classification_targets(labels)
        self.classes_, codes = np.unique(labels, return_inverse=True)
        if len(self.classes_) < 2:
            raise ConfigError(f"y holds 1 class ({self.classes_[0]!r}): a classifier needs two or more")
        sounds = sounds_of(X, len(labels), groups)
        self.seed_ = _seed(self.random_state)
        self.extractor_ = self._extractor(X if clips is None else clips)
        features = self._features(X if clips is None else clips)
        found = learn(self._spec(), features, codes, sounds, n_jobs=self.n_workers or n_cores())
        self.estimator_, self.scale_ = found.estimator, found.scale
        self.best_params_, self.expected_ = found.best_params, found.expected
        self.n_clips_ = dict(zip(map(str, as_list(self.classes_)), np.bincount(codes).tolist(), strict=True))
        return self

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the most probable label of each clip (n_clips,); X as for `fit`."""
        labels, _ = self.classify(self._features_of(X))
        return labels

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Return calibrated probabilities.

        Parameters
        ----------
        X : as for `fit`

        Returns
        -------
        np.ndarray [shape=(n_clips, n_classes)]
            In the order of `classes_`; rows sum to 1.
        """
        _, shares = self.classify(self._features_of(X))
        return shares

    def classify(self, features: FeatureArray) -> tuple[NDArray[Any], NDArray[np.float64]]:
        """Return labels and probabilities of features that `extractor_` has made.

        Parameters
        ----------
        features : np.ndarray [shape=(n_clips, n_features)]

        Returns
        -------
        tuple of np.ndarray
            Labels [shape=(n_clips,)] and probabilities [shape=(n_clips, n_classes)].
        """
        check_is_fitted(self)
        values = decision_values(self.estimator_, features)
        return self.classes_[values.argmax(axis=1)], probabilities(values, self.scale_)

    def save(self, path: str | Path) -> None:
        """Write the model to one file: see docs/models.md.

        Parameters
        ----------
        path : str or Path
            Such as "model.elmarc"; written whole or not at all.

        Raises
        ------
        ModelError
            The classifier holds what a model file cannot.
        """
        check_is_fitted(self)
        save(self, path)

    def _extractor(self, X: Any) -> FeatureExtractor:
        """Return the extractor for clips or waveforms that are to be fitted."""
        fed: dict[str, Any] = {"duration": self.duration, "input_length": self.input_length}
        if is_baseline(self.network):
            return self._assembled(**fed)
        if self.duration is None and self.input_length is None:
            front = make_frontend(self.frontend, network=self.network, recipe=self.recipe, sr=self.sr)
            fed["default_length"] = length_for(_durations(X, front.sr))
        return self._assembled(fix_length=self.fix_length, **fed)

    def _rebuilt(self, length: int | None) -> FeatureExtractor:
        """Return the extractor of a model that was fitted before, for inputs of that length."""
        if is_baseline(self.network):
            return self._assembled()
        return self._assembled(input_length=length, fix_length=self.fix_length)

    def _assembled(self, **fed: Any) -> FeatureExtractor:
        return assemble(
            self.network,
            recipe=self.recipe,
            frontend=self.frontend,
            size=self.size,
            n_filters=self.n_filters,
            layers=self.layers,
            sr=self.sr,
            statistics=self.statistics,
            precision=self.precision,
            seed=self.seed_,
            batch_size=self.batch_size,
            n_workers=self.n_workers,
            device=self.device,
            store=FeatureStore(self.store) if self.store else None,
            strict=True,
            **fed,
        )

    def _spec(self) -> ClassifierSpec:
        wanted = settings(self.recipe, frontend=None, network=None, classifier=self.classifier)["classifier"]
        if self.standardise is not None:
            wanted["standardise"] = self.standardise
        return make_classifier(self.classifier, random_state=self.seed_, **wanted)

    def _features_of(self, X: Any) -> FeatureArray:
        """Return the features of clips or waveforms that a fitted model is asked about."""
        check_is_fitted(self)
        clips = path_clips(X)
        if clips is None:
            X = validate_data(self, X, dtype=np.float32, reset=False)
        return self._features(X if clips is None else clips)

    def _features(self, X: Any) -> FeatureArray:
        if isinstance(X, tuple):
            return self.extractor_.extract(X).matrix.X
        return self.extractor_.extract_waveforms(X)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "estimator_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.classifier_tags.poor_score = True  # scikit-learn's points in a plane are no sounds
        return tags


def _durations(X: Any, sr: int) -> list[float]:
    """Return the seconds of clips, or of waveforms at a rate."""
    if isinstance(X, tuple):
        return [clip.duration_s() for clip in X]
    return [X.shape[1] / sr]
