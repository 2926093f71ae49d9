"""Short tunes for the toy data set: a rhythm, an instrument, and everything else drawn at random.

Conventions
-----------
A rhythm is a bar of (duration in pulses, loudness of the onset); the durations of a bar average one pulse, so
every rhythm has the same number of onsets a second, and only their order in time tells rhythms apart.
An instrument maps (pitch in Hz, times in s, rng) to a waveform; attack and decay are drawn from one range
for all instruments, so only the spectrum tells instruments apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

Signal: TypeAlias = NDArray[np.float64]
Rng: TypeAlias = np.random.Generator  # uniform draws alone, which NumPy has kept stable

SR = 12000
DURATION_S = 8.0
PENTATONIC = (0, 2, 4, 7, 9)  # semitones: any order of them sounds like a tune

RHYTHMS: dict[str, tuple[tuple[float, float], ...]] = {
    "march": ((1.0, 1.0), (1.0, 0.3)),
    "waltz": ((1.0, 1.0), (1.0, 0.3), (1.0, 0.3)),
    "shuffle": ((4 / 3, 1.0), (2 / 3, 0.3)),
    "tresillo": ((9 / 8, 1.0), (9 / 8, 0.3), (6 / 8, 0.3)),
}


def string(pitch_hz: float, t: Signal, brightness: float, rng: Rng) -> Signal:
    """Pluck a string: a burst of noise in a loop of one period that dulls it (Karplus & Strong 1983)."""
    period = max(2, round(SR / pitch_hz - 0.5))
    pluck = _filtered([1.0], [1.0, 0.8 * (brightness - 1)], rng.uniform(-1, 1, period))[: len(t)]
    burst = np.zeros(len(t))
    burst[: len(pluck)] = pluck - pluck.mean()  # or the loop would hold an offset
    loop = np.zeros(period + 2)
    loop[0], loop[period], loop[period + 1] = 1.0, -0.498, -0.498
    return _filtered([1.0], loop, burst)


def reed(pitch_hz: float, t: Signal, brightness: float, rng: Rng) -> Signal:
    """Blow a reed: odd partials, as of a closed pipe, and some breath."""
    numbers, tones = _partials(pitch_hz, t, step=2)
    return numbers ** (brightness - 1.8) @ tones + 0.05 * rng.uniform(-1, 1, len(t))


def horn(pitch_hz: float, t: Signal, brightness: float, rng: Rng) -> Signal:
    """Blow a horn: all partials, the higher ones late (Risset 1966)."""
    numbers, tones = _partials(pitch_hz, t, step=1)
    soft, loud = numbers ** (brightness - 3.0) @ tones, numbers ** (brightness - 1.8) @ tones
    return loud + (soft - loud) * np.exp(-t / rng.uniform(0.02, 0.06))


def bell(pitch_hz: float, t: Signal, brightness: float, rng: Rng) -> Signal:
    """Strike a bell: frequency modulation at an irrational ratio, ever less of it (Chowning 1973)."""
    index = (1.0 + 4.0 * brightness) * np.exp(-t / rng.uniform(0.1, 0.4))
    return np.sin(2 * np.pi * pitch_hz * t + index * np.sin(2 * np.pi * 1.41 * pitch_hz * t))


def _partials(pitch_hz: float, t: Signal, *, step: int) -> tuple[Signal, Signal]:
    """Return the numbers of the audible partials below the twentieth, and their sines (n_partials, n)."""
    numbers = np.arange(1.0, 20.0, step)
    numbers = numbers[numbers * pitch_hz < SR / 2]
    return numbers, np.sin(2 * np.pi * pitch_hz * np.outer(numbers, t))


INSTRUMENTS: dict[str, Callable[[float, Signal, float, Rng], Signal]] = {
    "string": string,
    "reed": reed,
    "horn": horn,
    "bell": bell,
}


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


def tune(rhythm: str, instrument: str, rng: Rng) -> Signal:
    """Play one clip: shape (SR * DURATION_S,), peak below 1.

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
    return _in_a_room(clip, rng)


def _in_a_room(clip: Signal, rng: Rng) -> Signal:
    """Add noise 15 to 30 dB below the music, colour the whole, set its peak 1 to 6 dB below full scale."""
    noise = _filtered([1.0], [1.0, -rng.uniform(0.5, 0.95)], rng.uniform(-1, 1, len(clip)))
    music_to_noise_db = rng.uniform(15, 30)
    mixed = clip / _rms(clip) + noise / _rms(noise) * 10 ** (-music_to_noise_db / 20)
    heard = _filtered([1.0, rng.uniform(-0.7, 0.7)], [1.0], mixed)
    peak = 10 ** (-rng.uniform(1, 6) / 20)
    return heard * (peak / float(np.max(np.abs(heard))))


def _rms(y: Signal) -> float:
    return float(np.sqrt(np.mean(y**2)))


def _filtered(b: Sequence[float], a: Sequence[float] | Signal, y: Signal) -> Signal:
    heard: Signal = lfilter(b, a, y)
    return heard
