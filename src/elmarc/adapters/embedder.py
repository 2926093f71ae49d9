"""The embedder behind all adapters: waveforms in, scaled features out, each clip independent of the others.

A feature is standardised by its mean and deviation over fixed synthetic sounds (`reference_sounds`), then
squashed by tanh(z / 2) as in recipe v2. The scale depends on network and recipe alone: on no clip that is
evaluated, and on no label.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from elmarc import _defaults
from elmarc._choices import choose
from elmarc._seeds import uniform
from elmarc._types import FeatureArray, Waveform
from elmarc.audio.decode import resample
from elmarc.audio.length import InputLength
from elmarc.errors import AudioError, ConfigError
from elmarc.features.assemble import FeatureOptions, assemble
from elmarc.features.extractor import FeatureExtractor
from elmarc.features.frames import whole_input
from elmarc.features.parallel import checked
from elmarc.frontends.base import as_waveforms
from elmarc.model.sound_classifier import load

SAMPLE_RATE = 16000  # of the boards' recordings; clips are resampled to the front-end's rate
HOP_MS = 40.0
OPTIONS = ("network", "recipe", "size", "n_filters", "layers", "frontend", "statistics", "precision", "seed")
NO_LENGTH = InputLength(frames_s=1, samples_s=1, fix_length="repeat-pad")  # clips are read whole
Scale = tuple[NDArray[np.float64], NDArray[np.float64]]  # mean and deviation of each feature


class Embedder(nn.Module):
    """Vectors and sequences of waveforms at 16 kHz, of any length; `to(device)` moves its network.

    Parameters
    ----------
    network : str, mapping, nn.Module or Network
        As for `FeatureOptions`; its weights come from `seed`.
    recipe : {"2018", "v2"}
    hop_ms : float
        Milliseconds between frames.
    scaled : bool
        Whether features are scaled by the reference sounds.
    device : str
        "cpu", "cuda", "auto".
    **options : Any
        size, n_filters, layers, frontend, statistics, precision and seed of `FeatureOptions`.
    """

    sample_rate = SAMPLE_RATE

    def __init__(
        self,
        network: Any = _defaults.NETWORK,
        *,
        recipe: str = _defaults.RECIPE,
        hop_ms: float = HOP_MS,
        scaled: bool = True,
        device: str = "cpu",
        **options: Any,
    ) -> None:
        super().__init__()
        for option in options:
            choose("option", option, OPTIONS)
        if not hop_ms > 0:
            raise ConfigError(f"hop_ms: found {hop_ms}, expected a positive number of milliseconds")
        wanted = FeatureOptions(network, recipe=recipe, **options)
        self.extractor: FeatureExtractor = assemble(
            wanted, device=device, strict=True, default_length=NO_LENGTH
        )
        self.network = self.extractor.network  # registered with torch
        self.hop_ms, self.scaled = float(hop_ms), scaled
        self._sequencer = self.extractor.sequencer(1000 / self.hop_ms)

    @property
    def scene_size(self) -> int:
        """Number of features per clip."""
        return len(self.extractor.columns)

    @property
    def frame_size(self) -> int:
        """Number of features per frame."""
        return len(self._sequencer.columns)

    def scene(self, y: Waveform, sr: int = SAMPLE_RATE) -> FeatureArray:
        """Return the features of one clip [shape=(scene_size,)]."""
        row = self._vector(resample(y, orig_sr=sr, target_sr=self._sequencer.sr))
        return _scaled(row, self._scene_scale) if self.scaled else row

    def frames(self, y: Waveform, sr: int = SAMPLE_RATE) -> FeatureArray:
        """Return the features of one clip over time [shape=(n_frames, frame_size)], every `hop_ms`."""
        # resampling rounds up, and must not add a frame
        n_frames = max(1, int(np.ceil(len(y) / sr * 1000 / self.hop_ms - 1e-6)))
        features = self._sequencer(resample(y, orig_sr=sr, target_sr=self._sequencer.sr)).features[:n_frames]
        return _scaled(features, self._frame_scale) if self.scaled else features

    def scenes(self, batch: Tensor) -> Tensor:
        """Return float32 [shape=(n_clips, scene_size)] of waveforms [shape=(n_clips, n_samples)]."""
        return _tensor([self.scene(y) for y in _clips(batch)], batch)

    def sequences(self, batch: Tensor) -> Tensor:
        """Return float32 [shape=(n_clips, n_frames, frame_size)] of waveforms, as in `scenes`."""
        return _tensor([self.frames(y) for y in _clips(batch)], batch)

    def _vector(self, y: Waveform) -> FeatureArray:
        frontend, network = self.extractor.frontend, self.extractor.network
        x = frontend(y) if network is None else whole_input(y, frontend=frontend, network=network)
        row = checked(self.extractor.pool(x[np.newaxis])[0])
        if isinstance(row, AudioError):
            raise row
        return row

    @cached_property
    def _scene_scale(self) -> Scale:
        return _scale(np.stack([self._vector(y) for y in reference_sounds(self._sequencer.sr)]))

    @cached_property
    def _frame_scale(self) -> Scale:
        return _scale(np.vstack([self._sequencer(y).features for y in reference_sounds(self._sequencer.sr)]))


def read_options(path: str | Path) -> dict[str, Any]:
    """Return the options of an Embedder from a file.

    Parameters
    ----------
    path : str or Path
        A file .json of options, such as {"network": "vgg", "size": "large"}, or a model that `elmarc fit` has
        written, whose network and front-end are taken.
    """
    if Path(path).suffix.lower() != ".json":
        extractor = load(path).extractor_
        options = {"network": extractor.network, "frontend": extractor.frontend}
        return options if extractor.network is None else {**options, "statistics": extractor.statistics}
    try:
        options = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as problem:
        raise ConfigError(f"{path}: expected a JSON file of options ({problem})") from None
    if not isinstance(options, dict):
        raise ConfigError(f"{path}: found a {type(options).__name__}, expected a mapping of options")
    for option in options:
        choose(f"option of {path}", option, (*OPTIONS, "hop_ms", "scaled", "device"))
    return options


def _clips(batch: Tensor) -> list[Waveform]:
    if batch.ndim != 2:
        raise ConfigError(f"found audio of shape {tuple(batch.shape)}, expected (n_clips, n_samples)")
    return list(samples_of(batch))


def samples_of(audio: Tensor) -> Waveform:
    """Return floating-point samples as float32; integers are refused, for their full scale is not known."""
    samples = audio.detach().cpu()
    return as_waveforms((samples.float() if samples.is_floating_point() else samples).numpy())


def _tensor(rows: list[FeatureArray], like: Tensor) -> Tensor:
    return torch.from_numpy(np.stack(rows)).to(like.device)


def _scale(X: FeatureArray) -> Scale:
    """Return mean and deviation; 1 where a feature is constant but for rounding."""
    mean, deviation = X.mean(axis=0, dtype=np.float64), X.std(axis=0, dtype=np.float64)
    constant = deviation <= 1e-6 * np.abs(mean)
    return mean, np.where(constant, 1.0, deviation)


def _scaled(X: FeatureArray, scale: Scale) -> FeatureArray:
    scaled: FeatureArray = np.tanh((X - scale[0]) / scale[1] / 2).astype(np.float32)
    return scaled


N_EACH = 6  # sounds of a kind, from -6 dB down to -36 dB of full scale
SECONDS = 2.0
STREAM = "reference sounds"


def reference_sounds(sr: int) -> Iterator[Waveform]:
    """Yield noises of three colours, chords, sweeps and trains of clicks, each at several levels."""
    n_samples = round(SECONDS * sr)
    for kind, make in KINDS.items():
        for i in range(N_EACH):
            draws = uniform(0, STREAM, kind, str(i), size=n_samples)
            y = make(draws, sr)
            level = 10 ** (-6 * (i + 1) / 20)
            yield (level * y / np.abs(y).max()).astype(np.float32)


def _noise(draws: np.ndarray, slope: float) -> np.ndarray:
    """Return noise whose amplitude falls with frequency to the power of `slope`."""
    spectrum = np.fft.rfft(draws - 0.5)
    return np.fft.irfft(spectrum / np.maximum(np.arange(len(spectrum)), 1) ** slope, len(draws))


def _chord(draws: np.ndarray, sr: int) -> np.ndarray:
    """Return ten partials from 50 Hz to 0.4 sr, that die away."""
    t = np.arange(len(draws)) / sr
    pitches = 50 * (0.4 * sr / 50) ** draws[:10]
    return np.asarray(sum(np.sin(2 * np.pi * pitch * t) for pitch in pitches)) * np.exp(-2 * t)


def _sweep(draws: np.ndarray, sr: int) -> np.ndarray:
    """Return a tone that glides between two frequencies."""
    start, stop = 50 * (0.4 * sr / 50) ** draws[:2]
    pitch = np.geomspace(start, stop, len(draws))
    return np.sin(2 * np.pi * np.cumsum(pitch) / sr)


def _clicks(draws: np.ndarray, sr: int) -> np.ndarray:
    """Return 1 to 17 clicks a second, each 20 ms of decaying noise, over faint noise."""
    y = 1e-3 * (draws - 0.5)
    step = int(sr / (1 + 16 * draws[0]))
    n = min(step, sr // 50)
    shape = np.exp(-6 * np.arange(n) / n) * (draws[:n] - 0.5)
    for start in range(step // 2, len(y) - n, step):
        y[start : start + n] += shape
    return y


KINDS = {
    "white": lambda draws, sr: _noise(draws, 0.0),
    "pink": lambda draws, sr: _noise(draws, 0.5),
    "brown": lambda draws, sr: _noise(draws, 1.0),
    "chord": _chord,
    "sweep": _sweep,
    "clicks": _clicks,
}
