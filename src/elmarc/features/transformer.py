"""The scikit-learn face: clips in, features out, in a Pipeline beside any classifier.

X is a list of paths, or an array of waveforms [shape=(n_clips, n_samples)] at the rate `sr`. `fit` draws the
weights and settles the input length, `transform` applies them; labels are never looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from elmarc._errors import ConfigError
from elmarc._types import DEFAULT_SIZE, FeatureArray, FixLength, Precision, Size
from elmarc.audio.decode import duration_s
from elmarc.audio.length import STUDY_S
from elmarc.datasets.base import Clip
from elmarc.features.extractor import FeatureExtractor
from elmarc.features.store import FeatureStore
from elmarc.frontends import FRONTENDS, MFCC, FrontEnd
from elmarc.networks import NETWORKS, build_network
from elmarc.networks.random_cnn import RandomCNN


class _ClipTransformer(TransformerMixin, BaseEstimator):
    """What both transformers share; a subclass sets `extractor_` in `fit`."""

    extractor_: FeatureExtractor

    def transform(self, X: Any) -> FeatureArray:
        """Return the features of clips.

        Parameters
        ----------
        X : sequence of paths, or array [shape=(n_clips, n_samples)]

        Returns
        -------
        np.ndarray [shape=(n_clips, n_features)], float32

        Raises
        ------
        AudioError
            A clip cannot be read, or is too short: rows must match clips, so none is skipped.
        """
        check_is_fitted(self)
        if _is_paths(X):
            clips = [Clip(id=str(path), path=Path(path), label="") for path in X]
            return self.extractor_.extract(clips).matrix.X
        waveforms = validate_data(self, X, dtype=np.float32, reset=False)
        return self.extractor_.extract_waveforms(waveforms)

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Name the columns: layer, channel and statistic."""
        check_is_fitted(self)
        return np.asarray(self.extractor_.columns, dtype=object)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "extractor_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.transformer_tags.preserves_dtype = []
        return tags


class RandomCNNFeatures(_ClipTransformer):
    """Features from a randomly weighted CNN (Pons & Serra 2018, sections 2 and 3).

    Parameters
    ----------
    network : str
        See `elmarc networks list`.
    size : {"small", "large"}, n_filters : int or None
        The study's sizes (about 160 and 3,500 features), or a width of your own.
    layers : sequence of str or None
        The feature maps to keep; None: the study's.
    sr : int
        Hz; the rate that files are brought to, and that arrays are taken to have.
    duration : float or None
        Seconds of each clip that are fed to the network. None: the longest clip seen in `fit`, at most
        29.2 s, and what the network needs at least.
    input_length : int or None
        The same in frames or samples; one of the two may be given.
    fix_length : {"repeat-pad", "zero-pad", "crop"}
        What to do with shorter clips.
    statistics : sequence of str
        What is kept of each feature map.
    precision : {"float32", "tf32", "bfloat16"}
        How the network computes; "tf32" is float32 on a CPU.
    batch_size : int, n_workers : int or None, device : str
        Clips in work at once; threads, None for one a core; "auto", "cpu" or "cuda". Without influence on the
        features.
    store : str, Path or None
        Folder of stored features.
    random_state : int, RandomState or None
        Seed of the weights.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.svm import SVC
    >>> classifier = make_pipeline(RandomCNNFeatures("temporal", random_state=0), SVC(kernel="linear"))
    """

    def __init__(
        self,
        network: str = "timbral_temporal",
        *,
        size: Size = DEFAULT_SIZE,
        n_filters: int | None = None,
        layers: Sequence[str] | None = None,
        sr: int = 12000,
        duration: float | None = None,
        input_length: int | None = None,
        fix_length: FixLength = "repeat-pad",
        statistics: Sequence[str] = ("mean",),
        precision: Precision = "float32",
        batch_size: int = 8,
        n_workers: int | None = None,
        device: str = "auto",
        store: str | Path | None = None,
        random_state: Any = 0,
    ) -> None:
        self.network = network
        self.size = size
        self.n_filters = n_filters
        self.layers = layers
        self.sr = sr
        self.duration = duration
        self.input_length = input_length
        self.fix_length = fix_length
        self.statistics = statistics
        self.precision = precision
        self.batch_size = batch_size
        self.n_workers = n_workers
        self.device = device
        self.store = store
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> Self:
        """Draw the weights and settle the input length; `y` is not looked at."""
        longest = _longest(self, X, self.sr)
        net = build_network(
            self.network,
            size=self.size,
            n_filters=self.n_filters,
            layers=self.layers,
            precision=self.precision,
            seed=_seed(self.random_state),
        )
        frontend: FrontEnd = FRONTENDS[NETWORKS[self.network].frontend](sr=self.sr)
        self.extractor_ = FeatureExtractor(
            frontend,
            net,
            length=self._length(frontend, net, longest),
            fix_length=self.fix_length,
            statistics=self.statistics,
            batch_size=self.batch_size,
            n_workers=self.n_workers,
            device=self.device,
            store=FeatureStore(self.store) if self.store else None,
            strict=True,
        )
        return self

    def _length(self, frontend: FrontEnd, net: RandomCNN, longest: float) -> int:
        """Return the frames or samples to feed; `longest` is in samples of the waveform."""
        if self.duration is not None and self.input_length is not None:
            raise ConfigError("duration, input_length: found both, expected one of them")
        if self.duration is not None:
            return frontend.n_positions(self.duration)
        heard_s = int(min(longest, STUDY_S * self.sr)) / self.sr
        return self.input_length or max(frontend.n_positions(heard_s), net.min_input_length)


class MFCCFeatures(_ClipTransformer):
    """The study's baseline: 20 MFCCs and two differences, mean and deviation over time (section 3.3).

    Parameters
    ----------
    sr : int
        Hz; the rate that files are brought to, and that arrays are taken to have.
    n_mfcc : int
        Coefficients; 6 features each.
    min_length : int
        Samples; a shorter clip is repeated to at least as many.
    """

    def __init__(self, *, sr: int = 12000, n_mfcc: int = 20, min_length: int = 2048) -> None:
        self.sr = sr
        self.n_mfcc = n_mfcc
        self.min_length = min_length

    def fit(self, X: Any, y: Any = None) -> Self:
        """Check X; there is nothing to learn."""
        _longest(self, X, self.sr)
        mfcc = MFCC(sr=self.sr, n_mfcc=self.n_mfcc, fixed_length=self.min_length, fix_length="repeat-pad")
        self.extractor_ = FeatureExtractor(mfcc, strict=True)
        return self


def _is_paths(X: Any) -> bool:
    """Tell a list of paths from an array of waveforms."""
    if isinstance(X, np.ndarray):
        return X.ndim == 1 and X.dtype.kind in "UO"
    return isinstance(X, Sequence) and len(X) > 0 and all(isinstance(path, str | Path) for path in X)


def _longest(estimator: BaseEstimator, X: Any, sr: int) -> float:
    """Return the length in samples of the longest clip of X; check X on the way."""
    if _is_paths(X):
        return max(duration_s(Path(path)) for path in X) * sr
    return float(validate_data(estimator, X, dtype=np.float32).shape[1])


def _seed(random_state: Any) -> int:
    if isinstance(random_state, int | np.integer):
        return int(random_state)
    return int(check_random_state(random_state).randint(2**31))
