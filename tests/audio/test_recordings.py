"""Blocks and windows of a recording are its samples, whatever its length; memory does not grow with it."""

from __future__ import annotations

import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
import soxr

from elmarc.audio import blocks, decode, load, windows
from elmarc.audio.decode import MAX_CLIP_BYTES, PIECE_SAMPLES, resampled_length
from elmarc.audio.recordings import n_windows
from elmarc.errors import AudioError, ConfigError

FORMATS = ["wav", "flac", "ogg", "mp3", "au", "aiff"]


def write(path: Path, rng: np.random.Generator, *, sr: int = 44100, n_samples: int = 150_001) -> Path:
    with sf.SoundFile(path, "w", sr, 2) as file:
        for _ in range(n_samples // 50_000):
            file.write(0.1 * rng.standard_normal((50_000, 2)))
        file.write(0.1 * rng.standard_normal((n_samples % 50_000, 2)))
    return path


@pytest.mark.parametrize("ending", FORMATS)
@pytest.mark.parametrize("sr", [16000, 22050, 44100])
def test_a_file_read_in_pieces_is_the_file(
    tmp_path: Path, rng: np.random.Generator, ending: str, sr: int
) -> None:
    path = write(tmp_path / f"clip.{ending}", rng, sr=sr)
    with sf.SoundFile(path) as sound:  # in one go, as soundfile reads it
        expected = sound.read(dtype="float32", always_2d=True)
    assert expected.size > 2 * PIECE_SAMPLES
    np.testing.assert_array_equal(decode(path)[0], expected)


@pytest.mark.parametrize("target", [8000, 12000, 16000, 48000])
@pytest.mark.parametrize("sr", [8000, 11025, 12000, 22050, 44100, 96000])
def test_resampling_in_pieces_is_resampling_the_whole(
    tmp_path: Path, rng: np.random.Generator, sr: int, target: int
) -> None:
    path = write(tmp_path / "clip.wav", rng, sr=sr)
    samples, _ = decode(path)
    mono = (samples[:, 0] + samples[:, 1]) / np.float32(2)
    y = load(path, sr=target)
    expected = mono if sr == target else soxr.resample(mono, sr, target, quality="HQ")
    np.testing.assert_array_equal(y[: len(expected)], expected)
    assert len(y) == np.ceil(len(mono) * (float(target) / sr))
    assert not y[len(expected) :].any()


@pytest.mark.parametrize("ending", FORMATS)
@pytest.mark.parametrize("seconds", [0.01, 1.0, 2.5, 1000.0])
def test_blocks_put_together_are_the_clip(
    tmp_path: Path, rng: np.random.Generator, ending: str, seconds: float
) -> None:
    path = write(tmp_path / f"clip.{ending}", rng)
    found = list(blocks(path, seconds=seconds))
    np.testing.assert_array_equal(np.concatenate(found), load(path))
    size = round(seconds * 12000)
    assert all(len(block) == size for block in found[:-1])
    assert 0 < len(found[-1]) <= size


def test_blocks_of_a_segment_are_those_of_the_segment(tmp_path: Path, rng: np.random.Generator) -> None:
    path = write(tmp_path / "clip.flac", rng)
    found = np.concatenate(list(blocks(path, sr=None, seconds=0.3, start=0.5, end=3.25)))
    np.testing.assert_array_equal(found, load(path, sr=None, start=0.5, end=3.25))


def peak_bytes(path: Path) -> int:
    tracemalloc.start()
    for _ in blocks(path, seconds=4):
        pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def test_memory_does_not_grow_with_the_recording(tmp_path: Path, rng: np.random.Generator) -> None:
    short = write(tmp_path / "short.wav", rng, n_samples=300_000)
    long = write(tmp_path / "long.wav", rng, n_samples=3_000_000)
    assert peak_bytes(long) < 1.2 * peak_bytes(short) < 20e6


def test_loading_holds_the_result_and_little_more(tmp_path: Path, rng: np.random.Generator) -> None:
    path = write(tmp_path / "long.wav", rng, n_samples=3_000_000)  # 24 MB when decoded
    load(path)
    tracemalloc.start()
    y = load(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < y.nbytes + 5e6


def test_nothing_is_decoded_beyond_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    read = sf.SoundFile.read

    def counted(self: sf.SoundFile, frames: int, **options: object) -> np.ndarray:
        asked.append(frames)
        return read(self, frames, **options)

    sf.write(tmp_path / "clip.wav", np.zeros(800_000), 8000)
    monkeypatch.setattr(sf.SoundFile, "read", counted)
    load(tmp_path / "clip.wav", start=1.0, end=31.0)
    assert sum(asked) == 30 * 8000


def test_what_is_wrong_further_on_is_told_when_it_is_reached(tmp_path: Path) -> None:
    samples = np.zeros(400_000)
    samples[300_000] = np.nan
    sf.write(tmp_path / "clip.wav", samples, 12000, subtype="FLOAT")
    found = blocks(tmp_path / "clip.wav", seconds=1)
    assert not next(found).any()
    with pytest.raises(AudioError, match=r"clip\.wav: 1 of the first \d+ samples are NaN"):
        list(found)


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan")])
def test_blocks_have_a_length(tmp_path: Path, seconds: float) -> None:
    with pytest.raises(ConfigError, match="expected a positive number"):
        next(blocks(tmp_path / "clip.wav", seconds=seconds))


def test_an_absurd_rate_is_refused_before_memory_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules[resampled_length.__module__], "MAX_CLIP_BYTES", 30_000_000)
    sf.write(tmp_path / "clip.wav", np.zeros(1000), 1)  # at 12 kHz these are 48 MB
    tracemalloc.start()
    with pytest.raises(AudioError, match=r"clip\.wav: 12000000 samples at 12000 Hz take 48 MB, more than"):
        load(tmp_path / "clip.wav")
    assert tracemalloc.get_traced_memory()[1] < 5e6
    tracemalloc.stop()
    assert len(next(blocks(tmp_path / "clip.wav", seconds=1))) == 12_000  # bounded memory, all the same


def test_the_cap_is_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert MAX_CLIP_BYTES == 300_000_000
    sf.write(tmp_path / "clip.wav", np.zeros((1000, 2)), 12000)
    monkeypatch.setattr(sys.modules[resampled_length.__module__], "MAX_CLIP_BYTES", 4000)
    assert len(load(tmp_path / "clip.wav")) == 1000
    with pytest.raises(AudioError, match=r"1000 samples of 2 channels take"):
        decode(tmp_path / "clip.wav")
    monkeypatch.setattr(sys.modules[resampled_length.__module__], "MAX_CLIP_BYTES", 3999)
    with pytest.raises(AudioError, match="1000 samples at 12000 Hz take"):
        load(tmp_path / "clip.wav")


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
