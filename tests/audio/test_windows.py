"""Windows of a recording are the clips that one would cut out of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from elmarc.audio import load, windows
from elmarc.audio.windows import n_windows
from elmarc.errors import AudioError, ConfigError


def recording(path: Path, rng: np.random.Generator, seconds: float, sr: int = 44100) -> Path:
    sf.write(path, 0.1 * rng.standard_normal((round(seconds * sr), 2)), sr)
    return path


@pytest.mark.parametrize(
    ("window_s", "hop_s", "spans"),
    [
        (4, 2, [(0, 4), (2, 6), (4, 8), (6, 10), (6.5, 10.5)]),
        (4, 4, [(0, 4), (4, 8), (6.5, 10.5)]),
        (3.5, 3.5, [(0, 3.5), (3.5, 7), (7, 10.5)]),
        (2, 5, [(0, 2), (5, 7), (8.5, 10.5)]),
        (1, 5, [(0, 1), (5, 6), (9.5, 10.5)]),
        (20, 1, [(0, 10.5)]),
    ],
)
def test_windows_cover_the_recording(
    tmp_path: Path, rng: np.random.Generator, window_s: float, hop_s: float, spans: list[tuple[float, float]]
) -> None:
    path = recording(tmp_path / "r.wav", rng, 10.5)
    found = list(windows(path, window_s=window_s, hop_s=hop_s))
    assert [(w.start_s, w.end_s) for w in found] == spans
    assert n_windows(path, window_s=window_s, hop_s=hop_s) == len(spans)


@pytest.mark.parametrize("ending", ["wav", "flac"])
@pytest.mark.parametrize(("window_s", "hop_s"), [(0.7, 0.3), (0.05, 0.013), (2.0, 2.5)])
def test_a_window_is_the_segment_bit_for_bit(
    tmp_path: Path, rng: np.random.Generator, ending: str, window_s: float, hop_s: float
) -> None:
    path = recording(tmp_path / f"r.{ending}", rng, 5.3)
    for found in windows(path, window_s=window_s, hop_s=hop_s):
        expected = load(path, sr=12000, start=found.start_s, end=found.end_s)
        np.testing.assert_array_equal(found.load(sr=12000), expected)


@pytest.mark.parametrize(
    ("window_s", "hop_s"), [(0, 1), (1, 0), (-1, 1), (1, -1), (1, 1e-6), (float("nan"), 1)]
)
def test_lengths_have_to_be_positive(
    tmp_path: Path, rng: np.random.Generator, window_s: float, hop_s: float
) -> None:
    path = recording(tmp_path / "r.wav", rng, 1)
    with pytest.raises(ConfigError, match="positive"):
        list(windows(path, window_s=window_s, hop_s=hop_s))
    with pytest.raises(ConfigError, match="positive"):
        n_windows(path, window_s=window_s, hop_s=hop_s)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match=r"gone\.wav"):
        list(windows(tmp_path / "gone.wav", window_s=1, hop_s=1))
