"""Features that are fitted to the training clips, without their labels: rivals of networks that are not.

Each is a scikit-learn transformer of log-mels (rows of `frontends.logmel_vectors.WholeLogMel`) that stands
before the classifier, so that it is fitted where the classifier is: on the training clips of each fold, inner
folds too. So the log-mels of all clips are held in memory, and those of a part once more: 90 kB for 5 s.

MiniRocket: Dempster, Schmidt & Webb, KDD 2021. MultiRocket: Tan et al., Data Mining and Knowledge Discovery
36, 2022. Hydra: Dempster, Schmidt & Webb, same journal 37, 2023. All are aeon's.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any, Self

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from elmarc import _seeds
from elmarc._resources import n_cores
from elmarc._types import Definition, FeatureArray
from elmarc.errors import AudioError, ConfigError
from elmarc.features.cache import Stopwatch
from elmarc.features.parallel import one_by_one
from elmarc.features.pooling import pool
from elmarc.features.recipes import PEAKS
from elmarc.networks import build_network
from elmarc.networks.mixed import Mixed, ZoneConv
from elmarc.networks.weights import draw_normal

Array = NDArray[np.float32]
MIN_FRAMES = 10  # of aeon's: kernels of 9, on differences too
CLIPS_AT_ONCE = 64  # whose maps are in memory
TIMED = "network"  # the lap of the stopwatch


class Fits:
    """What is known of a transformer once copies of it were fitted: they share it.

    Attributes
    ----------
    watch : Stopwatch
        Seconds per clip of `transform`, on one worker.
    n_features : int or None
        Width of what it gives.
    """

    def __init__(self) -> None:
        self.watch = Stopwatch()
        self.n_features: int | None = None

    @property
    def seconds(self) -> float | None:
        """Median seconds per clip."""
        return self.watch.median(TIMED)


class FittedFeatures(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """A transformer of rows of log-mels (n_clips, n_frames * n_bands), fitted without labels.

    Parameters
    ----------
    n_bands : int
        Of a frame.
    random_state : int
        Seed of all that is drawn.
    """

    def __init__(self, n_bands: int = 96, random_state: int = 0) -> None:
        self.n_bands = n_bands
        self.random_state = random_state
        self.fits = Fits()

    def __sklearn_clone__(self) -> Self:
        copy = type(self)(**self.get_params())
        copy.fits = self.fits
        return copy

    def definition(self) -> Definition:
        """Return what the features follow from, the seed and the clips apart."""
        return {"kind": type(self).__name__, **self.get_params(), "random_state": None}

    def fit(self, X: FeatureArray, y: Any = None) -> Self:
        """Fit X (n_clips, n_frames * n_bands); labels are not looked at.

        Raises
        ------
        ConfigError
            The clips are too short.
        """
        with _alone():
            self._fit(self._images(X))
            self.n_features_in_ = X.shape[1]
            self.fits.n_features = self._transform(self._images(X[:1])).shape[1]  # compiles what it needs
        return self

    def transform(self, X: FeatureArray) -> FeatureArray:
        """Return features (n_clips, n_features) of X (n_clips, n_frames * n_bands)."""
        with _alone():
            return self._transform(self._images(X))

    def _images(self, X: FeatureArray) -> Array:
        """View rows as (n_clips, n_frames, n_bands)."""
        return np.asarray(X, np.float32).reshape(len(X), -1, self.n_bands)

    @abstractmethod
    def _fit(self, images: Array) -> None:
        """Fit the log-mels of the training clips (n_clips, n_frames, n_bands)."""

    @abstractmethod
    def _transform(self, images: Array) -> FeatureArray:
        """Return the features of log-mels (n_clips, n_frames, n_bands)."""


@contextmanager
def _alone() -> Iterator[None]:
    """Let one thread work at a time, on one thread of BLAS, and restore what aeon sets for the process.

    aeon seeds NumPy and torch, sets torch's threads, and runs numba's parallel loops, not all of whose
    threading layers can be entered twice.
    """
    with _seeds.global_states, threadpool_limits(1):
        drawn, cpu, threads = np.random.get_state(), torch.get_rng_state(), torch.get_num_threads()  # noqa: NPY002
        try:
            yield
        finally:
            np.random.set_state(drawn)  # noqa: NPY002
            torch.set_rng_state(cpu)
            torch.set_num_threads(threads)


class _OfAeon(FittedFeatures):
    """Transformers of aeon, on series of one channel per band."""

    def definition(self) -> Definition:
        """Return what the features follow from: aeon's version too."""
        return {**super().definition(), "aeon": version("aeon")}

    def _fit(self, images: Array) -> None:
        if images.shape[1] < MIN_FRAMES:
            raise ConfigError(
                f"{images.shape[1]} frames of log-mels are read of each clip, {MIN_FRAMES} are needed: "
                "read more (frontend.seconds)"
            )
        seed = int(_seeds.generator(self.random_state, "rivals").bit_generator.random_raw() >> 33)
        series = np.ascontiguousarray(images.transpose(0, 2, 1))
        self.transformers_ = [transformer.fit(series) for transformer in self._make(seed)]

    def _transform(self, images: Array) -> FeatureArray:
        rows = []
        for start in range(0, len(images), CLIPS_AT_ONCE):
            series = np.ascontiguousarray(images[start : start + CLIPS_AT_ONCE].transpose(0, 2, 1))
            with self.fits.watch.lap(TIMED, len(series)):
                rows.append(np.hstack([self._counts(each, series) for each in self.transformers_]))
        return np.concatenate(rows).astype(np.float32, copy=False)

    @staticmethod
    def _counts(transformer: Any, series: Array) -> Array:
        return np.asarray(transformer.transform(series), np.float32)

    @abstractmethod
    def _make(self, seed: int) -> list[Any]:
        """Return the transformers whose features are joined, not fitted."""


class MiniRocketFeatures(_OfAeon):
    """MiniRocket: shares of positive values of 84 fixed kernels, whose biases follow from the clips."""

    def _make(self, seed: int) -> list[Any]:
        from aeon.transformations.collection.convolution_based import MiniRocket

        return [MiniRocket(random_state=seed)]


class MultiRocketHydraFeatures(_OfAeon):
    """MultiRocket's four statistics, beside the roots of Hydra's counts of the kernels that match best."""

    def _make(self, seed: int) -> list[Any]:
        from aeon.transformations.collection.convolution_based import HydraTransformer, MultiRocket

        hydra = HydraTransformer(random_state=seed, output_type="numpy")
        return [hydra, MultiRocket(random_state=seed)]

    @staticmethod
    def _counts(transformer: Any, series: Array) -> Array:
        counts = _OfAeon._counts(transformer, series)
        is_hydra = type(transformer).__name__ == "HydraTransformer"
        return np.sqrt(np.maximum(counts, 0)) if is_hydra else counts  # as aeon's MultiRocketHydraClassifier


class WhitenedFeatures(FittedFeatures):
    """The network `mixed` with kernels made of the training clips: whitened patches of their log-mels.

    For each shape of kernel, patches are drawn at random, their mean is removed and their contrast
    normalised, and a ZCA transform W is fitted to them. A kernel is W applied to a whitened patch: its
    response is the inner product of two whitened patches. Then the mean is taken out as `mixed` does.

    Parameters
    ----------
    n_bands, random_state
        As of all.
    n_filters : int
        Kernels of each shape: 28 give the 3,528 features that `mixed` has in recipe v2.
    n_patches : int
        By which W is fitted, for each shape.
    regulariser : float
        Added to the variances, as a share of their mean, before W divides by their roots.
    contrast : float
        Added to the variance of a patch before its deviation divides it, as a share of the mean variance.
    bias : float
        Standard deviation of the biases; kernels are scaled to responses of deviation 1.

    References
    ----------
    Coates & Ng, "Learning feature representations with k-means", 2012, section 3; random patches as in
    Coates & Ng, "The importance of encoding versus training", ICML 2011.
    """

    def __init__(
        self,
        n_bands: int = 96,
        random_state: int = 0,
        *,
        n_filters: int = 28,
        n_patches: int = 4000,
        regulariser: float = 10.0,
        contrast: float = 0.1,
        bias: float = 0.5,
    ) -> None:
        super().__init__(n_bands, random_state)
        self.n_filters = n_filters
        self.n_patches = n_patches
        self.regulariser = regulariser
        self.contrast = contrast
        self.bias = bias

    def _fit(self, images: Array) -> None:
        net = build_network("mixed", n_filters=self.n_filters, n_bands=self.n_bands)
        assert isinstance(net, Mixed)
        weights: list[Array] = []
        for layer, conv in net.shapes.items():
            weights += [self._kernel(images, layer, conv), self._biases(layer)]
        net.set_weights(weights)
        self.network_ = net

    def _kernel(self, images: Array, layer: str, conv: ZoneConv) -> Array:
        """Return the kernel of one shape, in the layout (frames, bands, 1, filters)."""
        patches = self._patches(images, layer, conv)
        n = self.n_patches
        levelled = patches - patches.mean(axis=1, keepdims=True)
        variance = np.square(levelled).mean(axis=1, keepdims=True)
        normal = levelled / np.sqrt(variance + self.contrast * variance.mean() + 1e-12)
        learnt = normal[:n] - normal[:n].mean(axis=0)
        energies, axes = np.linalg.eigh((learnt.T @ learnt).astype(np.float64) / n)
        gains = 1 / np.sqrt(np.maximum(energies, 0) + self.regulariser * energies.mean() + 1e-12)
        kernels = (normal[n:] @ axes) * np.square(gains) @ axes.T
        flat = Mixed.centred(kernels.T.reshape(conv.kernel_shape), conv.n_changes).reshape(-1, self.n_filters)
        flat /= (patches[:n] @ flat).std(axis=0) + 1e-12
        kernel: Array = flat.reshape(conv.kernel_shape).astype(np.float32)
        return kernel

    def _patches(self, images: Array, layer: str, conv: ZoneConv) -> Array:
        """Return patches (n_patches + n_filters, frames * bands) of random clips, frames and places."""
        bands, frames = conv.height, conv.taps[1]
        if images.shape[1] < frames:
            images = np.pad(images, ((0, 0), (0, frames - images.shape[1]), (0, 0)))
        windows = sliding_window_view(images, (frames, bands), axis=(1, 2))
        counts = np.array([len(images), windows.shape[1], conv.n_places])
        n = self.n_patches + self.n_filters
        drawn = _seeds.uniform(self.random_state, "whitened", layer, size=3 * n).reshape(n, 3)
        clip, frame, place = np.floor(drawn * counts).astype(int).T
        patches: Array = windows[clip, frame, place * conv.step].reshape(n, -1)
        return patches

    def _biases(self, layer: str) -> Array:
        return draw_normal(self.random_state, "whitened", f"{layer}/bias", (self.n_filters,), self.bias)

    def _transform(self, images: Array) -> FeatureArray:
        def features(x: Array) -> FeatureArray:
            with self.fits.watch.lap(TIMED):
                rows: FeatureArray = pool(self.network_, torch.from_numpy(x), statistics=PEAKS).numpy()
            return rows

        out = []
        clips = one_by_one(range(len(images)), images.__getitem__, features, n_workers=n_cores(), n_threads=1)
        for _, row in clips:
            if isinstance(row, AudioError):
                raise row
            out.append(row)
        return np.stack(out)


FITTED: dict[str, Callable[..., FittedFeatures]] = {
    "minirocket": MiniRocketFeatures,
    "multirocket_hydra": MultiRocketHydraFeatures,
    "whitened": WhitenedFeatures,
}


def check_unfitted(kind: Any) -> None:
    """Raise a ConfigError where the features of this kind are fitted to clips: `rank` alone has those."""
    if kind in FITTED:
        raise ConfigError(
            f"{kind}: is fitted to the training clips of each fold, so it has no features of its own and no "
            "model: rank it (elmarc rank), and extract or fit a network, such as mixed"
        )
