"""Sounds for tests: tones, noise, and files and class folders of them, all drawn from the given generator."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import soundfile as sf

SR = 12000
HIGH_AND_LOW = {"high": 3000.0, "low": 300.0}  # Hz
FORMATS = {".au": "AU", ".aif": "AIFF", ".aiff": "AIFF"}  # that soundfile does not know by the suffix
NOISES = ("dark", "bright", "plain")


def tone(hz: float, rng: np.random.Generator, seconds: float = 0.5) -> np.ndarray:
    """Return a tone in a little noise, at 12 kHz."""
    t = np.arange(int(seconds * SR)) / SR
    return (0.3 * np.sin(2 * np.pi * hz * t) + 0.01 * rng.standard_normal(t.size)).astype(np.float32)


def noises(n_clips: int, seed: int) -> tuple[np.ndarray, list[str]]:
    """Return half a second of noise per clip and its label: dark, bright and plain in turn, some subtly."""
    rng = np.random.default_rng(seed)
    labels = [NOISES[i % 3] for i in range(n_clips)]
    clips = rng.normal(size=(n_clips, SR // 2))
    for clip, label in zip(clips, labels, strict=True):
        strength = rng.uniform(0, 0.4)
        if label == "dark":
            clip[1:] += strength * clip[:-1]
        elif label == "bright":
            clip[1:] -= strength * clip[:-1]
    return (clips / 20).astype(np.float32), labels


def write(path: str | Path, y: np.ndarray, sr: int = SR, subtype: str | None = None) -> Path:
    """Write samples to a file whose folder is made, and return its path."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    sf.write(path, y, sr, subtype, format=FORMATS.get(path.suffix.lower()))
    return path


def write_noise(path: str | Path, rng: np.random.Generator, n_samples: int = SR, sr: int = SR) -> Path:
    """Write soft white noise to a file."""
    return write(path, 0.1 * rng.standard_normal(n_samples), sr)


def write_tones(
    folder: Path,
    rng: np.random.Generator,
    *,
    n: int = 12,
    classes: Mapping[str, float] = HIGH_AND_LOW,
    step_hz: float = 20,
    seconds: float = 0.5,
) -> Path:
    """Write n tones into class folders, the classes in turn, each a little higher than the one before."""
    for i in range(n):
        label = list(classes)[i % len(classes)]
        write(
            folder / label / f"{i:0{len(str(n - 1))}d}.wav", tone(classes[label] + step_hz * i, rng, seconds)
        )
    return folder
