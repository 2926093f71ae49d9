"""Sounds in, labels and probabilities out: a network that is never trained, and a classifier behind it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import assert_all_finite, check_consistent_length
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, column_or_1d

from elmarc._resources import n_cores
from elmarc._types import DEFAULT_SIZE, FeatureArray, FixLength, Precision, Size
from elmarc.classifiers.calibration import decision_values, probabilities
from elmarc.classifiers.grids import ClassifierSpec, Scaling, make_classifier
from elmarc.datasets import is_data_set, open_dataset
from elmarc.errors import ConfigError, CutWarning, ModelError, warn
from elmarc.evaluation.search import SearchWorkspace
from elmarc.features.assemble import FrontEndLike, NetworkLike, assemble, make_frontend
from elmarc.features.extractor import FeatureExtractor
from elmarc.features.recipes import settings
from elmarc.features.sounds import (
    Files,
    Sounds,
    default_length,
    extract,
    read_sounds,
    warn_of_cuts,
    warn_of_oddities,
)
from elmarc.features.store import open_store
from elmarc.features.transformer import seed_of
from elmarc.model.expectation import Expectation, expect
from elmarc.model.learning import learn
from elmarc.model.units import Units, labels_of, units_of
from elmarc.model.writing import save

RECORDING = 4  # times what a model hears of a clip: what is longer is a recording, to be read by windows
TRAINED = "trained"  # stands where a classifier is named
OF_FEATURES = (
    "network", "recipe", "frontend", "size", "n_filters", "layers", "sr", "statistics", "precision",
    "batch_size", "n_workers", "device",
)  # fmt: skip


class SoundClassifier(ClassifierMixin, BaseEstimator):
    """A classifier of sounds: features of a randomly weighted network, and a classifier fitted to them.

    `fit` chooses the classifier's hyper-parameters by cross-validation on all clips, fits it on all of them,
    and estimates what to expect on new ones.

    Parameters
    ----------
    network : str, mapping, nn.Module, callable or Network
        As for `RandomCNNFeatures`; "mfcc" is the baseline.
    recipe : {"v2", "2018"}
        What the network is fed, what is kept of its maps, and how the classifier scales them.
    classifier : str or classifier
        A name of `elmarc.classifiers.CLASSIFIERS`, whose hyper-parameters are searched; or any classifier of
        scikit-learn's kind with `decision_function` or `predict_proba`, which is cloned and fitted as it is
        (`GridSearchCV` searches). Only models of named ones can be saved.
    size : {"small", "large"}, n_filters : int or None
        Width of the network.
    layers : sequence of str or None
        The feature maps to keep; None: the network's own.
    frontend : str, mapping, FrontEnd or None
        What turns waveforms into the network's input; None follows from the network.
    sr : int or None
        Hz; the rate that clips are brought to. None: the front-end's, 12000 where nothing is said.
    input_sr : int or None
        Hz; the rate of waveforms that come without one. None: that of the front-end, with a `RateWarning`.
    duration : float or None
        Seconds of each clip that are fed to the network; None: what holds 95 % of the clips of `fit` whole,
        at most 29.2 s; a `Dataset` may say its own.
    input_length : int or None
        The same in frames or samples; one of the two may be given.
    fix_length : {"repeat-pad", "zero-pad", "crop"} or None
        What to do with shorter clips; None: repeat-pad, unless a `Dataset` says otherwise.
    statistics : sequence of str or None
        What is kept of each feature map; None: as the recipe says.
    precision : {"float32", "tf32", "bfloat16"}
        How the network computes.
    standardise : bool, "squashed" or None
        Whether features are standardised; None: as the recipe says.
    batch_size : int, n_workers : int or None, device : str
        How to compute; without influence on the features.
    store : bool, str, Path or None
        Where features of clips in files are kept and found again: a folder; True, the one that the command
        line uses (see `elmarc store info`); False or None, nowhere. Those of arrays are not kept.
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
    >>> model = SoundClassifier("temporal", n_filters=4, input_sr=12000)
    >>> model = model.fit(noise, ["low", "high"] * 6)
    >>> model.predict(noise[:2]).tolist()
    ['low', 'high']
    """

    extractor_: FeatureExtractor
    classes_: NDArray[Any]
    expected_: Expectation | None

    def __init__(
        self,
        network: NetworkLike = "timbral_temporal",
        *,
        recipe: str = "v2",
        classifier: Any = "ridge",
        size: Size = DEFAULT_SIZE,
        n_filters: int | None = None,
        layers: Sequence[str] | None = None,
        frontend: FrontEndLike = None,
        sr: int | None = None,
        input_sr: int | None = None,
        duration: float | None = None,
        input_length: int | None = None,
        fix_length: FixLength | None = None,
        statistics: Sequence[str] | None = None,
        precision: Precision = "float32",
        standardise: Scaling | None = None,
        batch_size: int = 8,
        n_workers: int | None = None,
        device: str = "auto",
        store: bool | str | Path | None = True,
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
        self.input_sr = input_sr
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
        X : sequence of clips, or a data set
            As for `RandomCNNFeatures.fit`; folds and groups of `Clip`s and of a `Dataset` are kept. Without y
            also what `open_dataset` opens, as on the command line: a folder with one sub-folder a class, a
            CSV file, a name, a DataFrame, a data set of another package.
        y : sequence of labels, or None
            One a clip; None: those of the data set or the `Clip`s.
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
        spec = self._spec()
        front = make_frontend(self.frontend, network=self.network, recipe=self.recipe, sr=self.sr)
        sounds = read_sounds(X, sr=self.input_sr or front.sr, estimator=self, reset=True)
        labels = column_or_1d(labels_of(sounds, y), warn=True)
        check_consistent_length(sounds.durations_s(), labels)
        assert_all_finite(labels, input_name="y")
        check_classification_targets(labels)
        units = units_of(sounds, labels, groups)
        self.extractor_ = self._new_extractor(sounds)
        features, rows = self._usable(sounds)
        self.classes_, codes = np.unique(labels[rows], return_inverse=True)
        if len(self.classes_) < 2:
            raise ConfigError(f"y holds 1 class ({self.classes_[0]!r}): a classifier needs two or more")
        self._learn(spec, features, codes, units.of(rows))
        self.n_clips_ = dict(zip(map(str, self.classes_.tolist()), np.bincount(codes).tolist(), strict=True))
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

    @property
    def heard_s(self) -> float:
        """Seconds that the model hears of a clip, down to a hundredth; inf where it hears all."""
        check_is_fitted(self)
        front, length = self.extractor_.frontend, self.extractor_.length
        if length is None or front.positions_per_second is None:
            return math.inf
        seconds = length / front.positions_per_second
        return math.floor(100 * seconds) / 100 or seconds

    def is_recording(self, seconds: float) -> bool:
        """Tell whether a file is so much longer than what the model hears that it is no clip."""
        return seconds > RECORDING * self.heard_s

    def save(self, path: str | Path) -> None:
        """Write the model to one file: see docs/predict.md.

        Parameters
        ----------
        path : str or Path
            Such as "model.elmarc"; written whole or not at all.

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
        save(self, path)

    def _new_extractor(self, sounds: Sounds) -> FeatureExtractor:
        """Return the extractor for clips that are to be fitted."""
        asked = self.duration is not None or self.input_length is not None
        return self._assembled(
            duration=self.duration,
            input_length=self.input_length,
            default_length=sounds.input_length if asked else default_length(sounds),
            fix_length=self.fix_length,
        )

    def _rebuilt(self, length: int | None, fix_length: FixLength) -> FeatureExtractor:
        """Return the extractor of a model that was fitted before, for inputs of that length."""
        return self._assembled(input_length=length, fix_length=fix_length)

    def _assembled(self, **fed: Any) -> FeatureExtractor:
        return assemble(
            **{name: getattr(self, name) for name in OF_FEATURES},
            seed=self.seed_,
            store=open_store(self.store),
            strict=True,
            **fed,
        )

    def _learn(
        self, spec: ClassifierSpec, features: FeatureArray, codes: NDArray[np.intp], units: Units
    ) -> None:
        n_jobs = self.n_workers or n_cores()
        work = SearchWorkspace(features)
        found = learn(spec, features, codes, units, workspace=work, n_jobs=n_jobs)
        self.estimator_, self.scale_ = found.estimator, found.scale
        self.best_params_ = found.best_params
        self.expected_ = expect(spec, features, units, workspace=work, n_jobs=n_jobs)

    def _usable(self, sounds: Sounds) -> tuple[FeatureArray, NDArray[np.intp]]:
        """Return the features of the clips that can be read, and their rows."""
        warn_of_cuts(sounds, self.extractor_)
        if not isinstance(sounds, Files):
            return sounds.features(self.extractor_), np.arange(len(sounds.arrays))
        self.extractor_.strict = False
        extraction = self.extractor_.extract(sounds.clips)
        self.extractor_.strict = True  # what is predicted has a row for each clip
        warn_of_oddities(extraction)
        skipped = dict(extraction.skipped)
        if skipped:
            warn(
                f"{len(skipped)} of {len(sounds.clips)} clips cannot be used and were left out: "
                f"{next(iter(skipped.values()))}"
            )
        rows = [i for i, clip in enumerate(sounds.clips) if clip.id not in skipped]
        return extraction.matrix.X, np.asarray(rows, dtype=np.intp)

    def _spec(self) -> ClassifierSpec:
        is_named = isinstance(self.classifier, str)
        if is_named and self.classifier == TRAINED:
            raise ConfigError(
                f"classifier: found {TRAINED!r}: this network was trained, which fit does not do: give a "
                "classifier, or train on the clips (elmarc train, then elmarc fit --from)"
            )
        name = self.classifier if is_named else None
        wanted = settings(self.recipe, frontend=None, network=None, classifier=name)["classifier"]
        if self.standardise is not None:
            wanted["standardise"] = self.standardise
        return make_classifier(self.classifier, random_state=self.seed_, **wanted)

    def _features_of(self, X: Any) -> FeatureArray:
        """Return the features of clips that a fitted model is asked about."""
        check_is_fitted(self)
        rate = self.input_sr or self.extractor_.frontend.sr
        sounds = read_sounds(X, sr=rate, estimator=self, reset=False)
        if any(map(self.is_recording, sounds.durations_s())):
            warn(
                f"X holds recordings over {RECORDING} times as long as the {self.heard_s:g} s of a clip that "
                "the model hears, and only their beginnings are classified: elmarc.model.timeline(model, "
                f"path, window_s={self.heard_s:g}) reads them by windows",
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
