"""Toy: short synthesised tunes, each in one of four rhythms on one of four instruments.

Every clip has both labels, and neither depends on the other: the smallest data set on which features of time
and features of timbre rank differently. A rhythm is a bar of (duration in pulses, loudness of the onset); the
durations of a bar average one pulse, so every rhythm has the same number of onsets per second, and only their
order in time differs. An instrument maps (pitch in Hz, times in s, brightness, rng) to a waveform; attack and
decay are drawn from one range for all instruments, so only the spectrum differs. Clips are cached.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.io import wavfile
from scipy.signal import lfilter

from elmarc._io import write_atomic
from elmarc._seeds import generator
from elmarc.audio.decode import content_hash
from elmarc.datasets.base import Clip, Dataset
from elmarc.datasets.folder import cache_dir
from elmarc.datasets.named import NAMED
from elmarc.errors import DatasetError

Signal: TypeAlias = NDArray[np.float64]
Rng: TypeAlias = np.random.Generator  # uniform draws alone, which NumPy has kept stable

SR = 12000
DURATION_S = 8.0
PENTATONIC = (0, 2, 4, 7, 9)  # semitones: any order of them sounds like a tune
N_VARIATIONS = 10
N_FOLDS = 5
MARKER = "checksums.json"

RHYTHMS: dict[str, tuple[tuple[float, float], ...]] = {
    "march": ((1.0, 1.0), (1.0, 0.3)),
    "waltz": ((1.0, 1.0), (1.0, 0.3), (1.0, 0.3)),
    "shuffle": ((4 / 3, 1.0), (2 / 3, 0.3)),
    "tresillo": ((9 / 8, 1.0), (9 / 8, 0.3), (6 / 8, 0.3)),
}


def load(
    audio_dir: str | Path | None = None,
    *,
    target: str | None = None,
    n_variations: int = N_VARIATIONS,
    seed: int = 0,
) -> Dataset:
    """Return the toy data set, synthesising the clips that the cache lacks.

    Parameters
    ----------
    audio_dir : str, Path or None
        Where the wav files are written; None: a folder of the user's cache.
    target : {"rhythm", "timbre"} or None
        Which of the two labels the clips have; None: rhythm.
    n_variations : int
        Clips of each rhythm on each instrument, dealt to five folds in turn.
    """
    target = target or "rhythm"
    if target not in TARGETS:
        raise DatasetError(f"toy: target {target!r} is unknown: expected rhythm or timbre")
    if n_variations < N_FOLDS:
        raise DatasetError(f"toy: {n_variations} variations do not fill {N_FOLDS} folds: ask for more")
    version = content_hash(__file__)[:12]  # of the synthesis: clips of another one are never used
    folder = Path(audio_dir) if audio_dir else cache_dir() / "toy" / f"{version}-seed{seed}"
    names = list(product(RHYTHMS, INSTRUMENTS, range(n_variations)))
    paths = {name: folder / f"{name[0]}_{name[1]}_{name[2]:02d}.wav" for name in names}
    try:
        _complete(folder, paths, seed)
    except OSError as problem:
        raise DatasetError(
            f"toy: cannot write its clips to {folder} ({problem.strerror}): "
            "set ELMARC_CACHE to a folder that can be written"
        ) from problem
    clips = [
        Clip(path.name, path, rhythm if target == "rhythm" else timbre, fold=str(variation % N_FOLDS + 1))
        for (rhythm, timbre, variation), path in paths.items()
    ]
    classes = TARGETS[target]
    return NAMED["toy"].dataset(
        f"toy-{target}", clips, classes=classes, n_folds=N_FOLDS, n_expected=len(paths)
    )


def _complete(folder: Path, paths: dict[tuple[str, str, int], Path], seed: int) -> None:
    """Write the clips that are absent or altered; their checksums come last: those clips are all there."""
    try:
        checksums = dict(json.loads((folder / MARKER).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):  # of no earlier run, or damaged
        checksums = {}
    fresh = {}
    for (rhythm, timbre, variation), path in paths.items():
        if not path.is_file() or content_hash(path) != checksums.get(path.name):
            clip = tune(rhythm, timbre, generator(seed, "toy", rhythm, timbre, str(variation)))
            wav = io.BytesIO()
            wavfile.write(wav, SR, np.round(clip * 32767).astype("<i2"))
            write_atomic(path, wav.getvalue(), sync=False)
            fresh[path.name] = content_hash(path)
    if fresh:
        write_atomic(folder / MARKER, json.dumps(checksums | fresh, indent=1))


def tune(rhythm: str, instrument: str, rng: Rng) -> Signal:
    """Return one clip: shape (SR * DURATION_S,), peak below 1.

    Drawn for each clip: tempo, place in the bar, key, melody, attack, decay, level, and the noise behind it.
    """
    clip = np.zeros(int(SR * DURATION_S))
    pulse_s = rng.uniform(0.25, 0.27)
    key_hz = rng.uniform(150.0, 300.0)
    brightness = rng.uniform(0.0, 1.0)
    attack_s, decay_s = rng.uniform(0.002, 0.01), rng.uniform(0.06, 0.14)
    for time_s, loudness in onsets(rhythm, pulse_s, rng):
        start = int(time_s * SR)
        t = np.arange(min(int(6 * decay_s * SR), len(clip) - start)) / SR
        semitone = PENTATONIC[int(rng.uniform(0, 5))] + 12 * int(rng.uniform(0, 2))
        note = INSTRUMENTS[instrument](key_hz * 2 ** (semitone / 12), t, brightness, rng)
        envelope = (1 - np.exp(-t / attack_s)) * np.exp(-t / decay_s)
        clip[start : start + len(t)] += loudness * note * envelope
    return _with_noise(clip, rng)


def onsets(rhythm: str, pulse_s: float, rng: Rng) -> Iterator[tuple[float, float]]:
    """Yield (time in s, loudness) from somewhere in a bar up to the clip's end, a little off the beat."""
    bar = RHYTHMS[rhythm]
    time_s = -rng.uniform(0.0, 1.0) * pulse_s * sum(duration for duration, _ in bar)
    accent = rng.uniform(0.7, 1.0)
    while time_s < DURATION_S:
        for duration, loudness in bar:
            late_s = rng.uniform(-0.01, 0.01)
            if 0 <= time_s + late_s < DURATION_S:
                yield time_s + late_s, loudness**accent * rng.uniform(0.8, 1.2)
            time_s += duration * pulse_s


def _string(pitch_hz: float, t: Signal, brightness: float, rng: Rng) -> Signal:
    """Pluck a string: a burst of noise in a loop of one period that dulls it (Karplus & Strong 1983)."""
    period = max(2, round(SR / pitch_hz - 0.5))
    pluck = _filtered([1.0], [1.0, 0.8 * (brightness - 1)], rng.uniform(-1, 1, period))[: len(t)]
    burst = np.zeros(len(t))
    burst[: len(pluck)] = pluck - pluck.mean()  # or the loop would hold an offset
    loop = np.zeros(period + 2)
    loop[0], loop[period], loop[period + 1] = 1.0, -0.498, -0.498
    return _filtered([1.0], loop, burst)


def _reed(pitch_hz: float, t: Signal, brightness: float, rng: Rng) -> Signal:
    """Blow a reed: odd partials, as of a closed pipe, and some breath."""
    numbers, tones = _partials(pitch_hz, t, step=2)
    return numbers ** (brightness - 1.8) @ tones + 0.05 * rng.uniform(-1, 1, len(t))


def _horn(pitch_hz: float, t: Signal, brightness: float, rng: Rng) -> Signal:
    """Blow a horn: all partials, the higher ones late (Risset 1966)."""
    numbers, tones = _partials(pitch_hz, t, step=1)
    soft, loud = numbers ** (brightness - 3.0) @ tones, numbers ** (brightness - 1.8) @ tones
    return loud + (soft - loud) * np.exp(-t / rng.uniform(0.02, 0.06))


def _bell(pitch_hz: float, t: Signal, brightness: float, rng: Rng) -> Signal:
    """Strike a bell: frequency modulation at an irrational ratio, ever less of it (Chowning 1973)."""
    index = (1.0 + 4.0 * brightness) * np.exp(-t / rng.uniform(0.1, 0.4))
    return np.sin(2 * np.pi * pitch_hz * t + index * np.sin(2 * np.pi * 1.41 * pitch_hz * t))


def _partials(pitch_hz: float, t: Signal, *, step: int) -> tuple[Signal, Signal]:
    """Return the numbers of the audible partials below the twentieth, and their sines (n_partials, n)."""
    numbers = np.arange(1.0, 20.0, step)
    numbers = numbers[numbers * pitch_hz < SR / 2]
    return numbers, np.sin(2 * np.pi * pitch_hz * np.outer(numbers, t))


def _with_noise(clip: Signal, rng: Rng) -> Signal:
    """Add noise 15 to 30 dB below the music, colour the whole, set its peak 1 to 6 dB below full scale."""
    noise = _filtered([1.0], [1.0, -rng.uniform(0.5, 0.95)], rng.uniform(-1, 1, len(clip)))
    music_to_noise_db = rng.uniform(15, 30)
    mixed = clip / _rms(clip) + noise / _rms(noise) * 10 ** (-music_to_noise_db / 20)
    coloured = _filtered([1.0, rng.uniform(-0.7, 0.7)], [1.0], mixed)
    peak = 10 ** (-rng.uniform(1, 6) / 20)
    return coloured * (peak / float(np.max(np.abs(coloured))))


def _rms(y: Signal) -> float:
    return float(np.sqrt(np.mean(y**2)))


def _filtered(b: Sequence[float], a: Sequence[float] | Signal, y: Signal) -> Signal:
    filtered: Signal = lfilter(b, a, y)
    return filtered


INSTRUMENTS: dict[str, Callable[[float, Signal, float, Rng], Signal]] = {
    "string": _string,
    "reed": _reed,
    "horn": _horn,
    "bell": _bell,
}
TARGETS = {"rhythm": tuple(RHYTHMS), "timbre": tuple(INSTRUMENTS)}
