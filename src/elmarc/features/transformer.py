"""scikit-learn transformers: clips in, features out, in a Pipeline with any classifier.

`fit` draws the weights and fixes the input length, `transform` applies them; labels are ignored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from elmarc import _defaults
from elmarc._types import FeatureArray, FixLength, Precision, Size
from elmarc.features.assemble import FeatureOptions, FrontEndLike, NetworkLike, assemble, make_frontend
from elmarc.features.extractor import FeatureExtractor
from elmarc.features.fitted import check_unfitted
from elmarc.features.frames import FrameFeatures
from elmarc.features.recipes import BASELINE
from elmarc.features.sounds import Sounds, default_length, extract, read_sounds
from elmarc.features.store import open_store


class _ClipTransformer(TransformerMixin, BaseEstimator):
    """Base of both transformers; a subclass sets `extractor_` in `fit`."""

    extractor_: FeatureExtractor
    input_sr: int | None

    def transform(self, X: Any) -> FeatureArray:
        """Return the features of clips [shape=(n_clips, n_features)], float32; X as for `fit`.

        Raises
        ------
        AudioError
            A clip cannot be read, or is too short: rows must match clips, so none is skipped.

        Warns
        -----
        CutWarning
            Clips are longer than what is fed to the network.
        """
        return extract(self.sounds(X), self.extractor_)

    def sequences(self, X: Any, *, rate: float | None = None) -> list[FrameFeatures]:
        """Return the features of clips over time: see `FeatureExtractor.sequence`.

        Parameters
        ----------
        X : sequence of clips
            As for `fit`; each is read whole.
        rate : float or None
            Frames per second; None: those of the fastest layer, at most 50.

        Returns
        -------
        list of (times_s [shape=(n_frames,)], features [shape=(n_frames, n_features)])
            `extractor_.sequencer(rate).columns` names the columns.

        Raises
        ------
        AudioError
            A clip cannot be read.
        """
        clips = self.sounds(X).at(self.extractor_.frontend.sr)
        sequences = self.extractor_.sequences(clips, rate=rate)  # strict: a bad clip raises
        return [sequence for sequence in sequences if not isinstance(sequence, Exception)]

    def sounds(self, X: Any) -> Sounds:
        """Return the clips of X, as for `transform`."""
        check_is_fitted(self)
        rate = self.input_sr or self.extractor_.frontend.sr
        return read_sounds(X, sr=rate, estimator=self, reset=False)

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Return the names of the columns: layer, channel and statistic."""
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
    network : str, mapping, nn.Module, callable or Network
        A name (see `elmarc networks`), "package.module:Name", the section of a configuration, or a
        module: see `make_network`. "mfcc" is the baseline; "mfcc+vgg" joins the features of both.
    recipe : {"v2", "2018"}
        Sets front-end, statistics and width where they are not given: see docs/recipe.md.
    size : {"large", "small"}, n_filters : int or None
        The study's sizes (about 3,500 and 160 features), or a width of your own.
    layers : sequence of str or None
        The feature maps to keep; None: the study's.
    frontend : str, mapping, FrontEnd or None
        A kind, its options, or a front-end. None follows from the network.
    sr : int or None
        Hz; the rate that clips are resampled to. None: the front-end's, 12000 by default.
    input_sr : int or None
        Hz; the rate of waveforms that come without one. None: that of the front-end, with a `RateWarning`.
    duration : float or None
        Seconds of each clip that are fed to the network. None: as many as hold 95 % of the clips in `fit`, at
        most 29.2 s, and at least what the network needs; a `Dataset` may have its own.
    input_length : int or None
        The same in frames or samples; one of the two at most.
    fix_length : {"repeat-pad", "zero-pad", "crop"} or None
        What to do with shorter clips; None: repeat-pad, unless a `Dataset` has its own.
    statistics : sequence of str or None
        Statistics of each feature map; None: the recipe's.
    precision : {"float32", "tf32", "bfloat16"}
        How the network computes; "tf32" is float32 on a CPU.
    batch_size : int, n_workers : int or None, device : str
        Clips processed at once; threads, None for one per core; "auto", "cpu" or "cuda". Without influence on
        the features.
    store : bool, str, Path or None
        Where features of clips in files are stored and reused: a folder; True, the one of the command line;
        False or None, nowhere. Those of arrays are not stored.
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
        network: NetworkLike = _defaults.NETWORK,
        *,
        recipe: str = _defaults.RECIPE,
        size: Size = _defaults.SIZE,
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
        batch_size: int = 8,
        n_workers: int | None = None,
        device: str = "auto",
        store: bool | str | Path | None = True,
        random_state: Any = 0,
    ) -> None:
        self.network = network
        self.recipe = recipe
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
        self.batch_size = batch_size
        self.n_workers = n_workers
        self.device = device
        self.store = store
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> Self:
        """Draw the weights and fix the input length.

        Parameters
        ----------
        X : sequence of clips
            Paths or `Clip`s, in a list, an array, a pandas Series or a one-column DataFrame; a `Dataset`;
            an array or tensor of waveforms [shape=(n_clips, n_samples)]; or a list of waveforms of any
            lengths, each [shape=(n_samples,)] or a pair (waveform, rate in Hz).
        y : ignored

        Raises
        ------
        ConfigError
            X is a single clip or something else, or the parameters do not fit together.
        """
        self.seed_ = seed_of(self.random_state)
        options = self._options()
        sounds = read_sounds(X, sr=self.input_sr or make_frontend(options).sr, estimator=self, reset=True)
        is_given = self.duration is not None or self.input_length is not None
        length = sounds.input_length if is_given else default_length(sounds)
        self.extractor_ = assemble(options, default_length=length, **self._work())
        return self

    def restore(self, length: int | Sequence[int | None] | None, fix_length: FixLength) -> Self:
        """Draw the weights for inputs of a known length, as `fit` did on its clips.

        Parameters
        ----------
        length : int or sequence of int
            Positions of the input, of each network where several are joined; None for the MFCC's.
        fix_length : {"crop", "zero-pad", "repeat-pad"}
        """
        self.seed_ = seed_of(self.random_state)
        options = replace(self._options(), duration=None, input_length=length, fix_length=fix_length)
        self.extractor_ = assemble(options, **self._work())
        return self

    def _options(self) -> FeatureOptions:
        names = [field.name for field in fields(FeatureOptions) if field.name != "seed"]
        options = FeatureOptions(**{name: getattr(self, name) for name in names}, seed=self.seed_)
        check_unfitted(make_frontend(options).kind)
        return options

    def _work(self) -> dict[str, Any]:
        work = {name: getattr(self, name) for name in ("batch_size", "n_workers", "device")}
        return work | {"store": open_store(self.store), "strict": True}


class MFCCFeatures(_ClipTransformer):
    """The baseline: 20 MFCCs, and six statistics of each over time.

    Parameters
    ----------
    recipe : {"v2", "2018"}
        Which statistics: see docs/recipe.md.
    sr : int
        Hz; the rate that clips are resampled to.
    input_sr : int or None
        Hz; the rate of waveforms that come without one. None: `sr`, with a `RateWarning`.
    n_mfcc : int
        Coefficients; 6 features each.
    min_length : int
        Samples; a shorter clip is repeated to at least as many.
    """

    def __init__(
        self,
        *,
        recipe: str = _defaults.RECIPE,
        sr: int = 12000,
        input_sr: int | None = None,
        n_mfcc: int = 20,
        min_length: int = 2048,
    ) -> None:
        self.recipe = recipe
        self.sr = sr
        self.input_sr = input_sr
        self.n_mfcc = n_mfcc
        self.min_length = min_length

    def fit(self, X: Any, y: Any = None) -> Self:
        """Check X; there is nothing to learn. What it may be: see `RandomCNNFeatures.fit`."""
        read_sounds(X, sr=self.input_sr or self.sr, estimator=self, reset=True)
        return self.restore(None, None)

    def restore(self, length: int | None, fix_length: FixLength | None) -> Self:
        """Make the extractor, which reads clips of any length.

        Parameters
        ----------
        length, fix_length
            As for `RandomCNNFeatures`; not used.
        """
        options = {"n_mfcc": self.n_mfcc, "fixed_length": self.min_length}
        self.extractor_ = assemble(
            FeatureOptions(BASELINE, recipe=self.recipe, frontend=options, sr=self.sr), strict=True
        )
        return self


def seed_of(random_state: Any) -> int:
    """Return the seed that a `random_state` of scikit-learn stands for."""
    if isinstance(random_state, int | np.integer):
        return int(random_state)
    return int(check_random_state(random_state).randint(2**31))
