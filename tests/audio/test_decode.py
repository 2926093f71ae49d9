from __future__ import annotations

import os
import re
import socket
import sys
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import librosa
import numpy as np
import pytest
import soundfile as sf

from elmarc.audio import blocks, content_hash, decode, duration_s, load, resample
from elmarc.audio.decode import load_with_issues, true_duration_s
from elmarc.errors import AudioError, ConfigError, TransientError

LOSSLESS = [
    ("wav", "PCM_U8", 2**-7),
    ("wav", "PCM_16", 2**-15),
    ("wav", "PCM_24", 2**-23),
    ("wav", "PCM_32", 2**-24),
    ("wav", "FLOAT", 0.0),
    ("wav", "DOUBLE", 0.0),
    ("flac", "PCM_16", 2**-15),
    ("flac", "PCM_24", 2**-23),
    ("au", "PCM_16", 2**-15),
    ("aiff", "PCM_24", 2**-23),
]


@pytest.fixture
def noise(rng: np.random.Generator) -> np.ndarray:
    return (0.2 * rng.standard_normal((9001, 2))).clip(-0.99, 0.99).astype(np.float32)


def write(path: Path, samples: np.ndarray, sr: int = 44100, subtype: str = "FLOAT") -> Path:
    sf.write(path, samples, sr, subtype=subtype)
    return path


def by_librosa(path: Path) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # audioread's: aifc and others leave Python 3.13
        return librosa.load(path, sr=12000)[0]


@pytest.mark.parametrize(("extension", "subtype", "step"), LOSSLESS)
def test_lossless_formats_return_what_was_written(
    tmp_path: Path, noise: np.ndarray, extension: str, subtype: str, step: float
) -> None:
    samples, sr = decode(write(tmp_path / f"clip.{extension}", noise, 22050, subtype))
    assert (samples.dtype, sr) == (np.float32, 22050)
    np.testing.assert_allclose(samples, noise, atol=step, rtol=0)


@pytest.mark.parametrize(("extension", "subtype"), [("ogg", "VORBIS"), ("mp3", "MPEG_LAYER_III")])
def test_lossy_formats_keep_pitch_and_length(tmp_path: Path, extension: str, subtype: str) -> None:
    tone = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(44100) / 44100)
    y = load(write(tmp_path / f"clip.{extension}", tone, subtype=subtype))
    assert abs(len(y) - 12000) <= 12000 * 0.1
    peak_hz = np.abs(np.fft.rfft(y)).argmax() * 12000 / len(y)
    assert abs(peak_hz - 1000) < 5


@pytest.mark.parametrize("sr", [8000, 12000, 22050, 44100, 48000, 96000])
@pytest.mark.parametrize("n_channels", [1, 2])
def test_load_equals_librosa_bit_for_bit(tmp_path: Path, noise: np.ndarray, sr: int, n_channels: int) -> None:
    path = write(tmp_path / "clip.wav", noise[:, :n_channels], sr)
    np.testing.assert_array_equal(load(path), by_librosa(path))


def test_any_number_of_channels_is_averaged(tmp_path: Path, rng: np.random.Generator) -> None:
    samples = (0.1 * rng.standard_normal((5000, 8))).astype(np.float32)
    y = load(write(tmp_path / "clip.wav", samples), sr=None)
    np.testing.assert_allclose(y, samples.mean(axis=1, dtype=np.float64), atol=1e-7)


def test_equal_channels_average_to_themselves(tmp_path: Path, noise: np.ndarray) -> None:
    one, both = noise[:, :1], np.repeat(noise[:, :1], 2, axis=1)
    np.testing.assert_array_equal(
        load(write(tmp_path / "one.wav", one)), load(write(tmp_path / "both.wav", both))
    )


def test_the_own_rate_leaves_the_samples_alone(tmp_path: Path, noise: np.ndarray) -> None:
    path = write(tmp_path / "clip.wav", noise[:, 0], 12000)
    np.testing.assert_array_equal(load(path), noise[:, 0])
    np.testing.assert_array_equal(load(path, sr=None), noise[:, 0])


@pytest.mark.parametrize("n_samples", [1, 2, 3, 100, 4410, 4411, 220500])
def test_resampled_length_follows_librosa(n_samples: int) -> None:
    y = np.ones(n_samples, np.float32)
    expected = librosa.resample(y, orig_sr=44100, target_sr=12000)
    np.testing.assert_array_equal(resample(y, orig_sr=44100, target_sr=12000), expected)


def test_resampling_keeps_a_tone_below_the_new_limit_and_removes_one_above() -> None:
    t = np.arange(44100) / 44100
    low, high = (np.sin(2 * np.pi * hz * t).astype(np.float32) for hz in (1000, 9000))
    rms = [np.std(resample(y, orig_sr=44100, target_sr=12000)[500:-500]) for y in (low, high)]
    assert rms[0] == pytest.approx(np.sqrt(0.5), rel=1e-3)
    assert rms[1] < 1e-4


def test_one_sample_is_a_clip(tmp_path: Path) -> None:
    assert load(write(tmp_path / "clip.wav", np.array([0.5]))).shape == (1,)


def test_threads_read_what_one_thread_reads(tmp_path: Path, rng: np.random.Generator) -> None:
    paths = [
        write(tmp_path / f"{i}.wav", (0.1 * rng.standard_normal(20000 + i)).astype(np.float32))
        for i in range(12)
    ]
    with ThreadPoolExecutor(4) as workers:
        threaded = list(workers.map(load, paths))
    for y, path in zip(threaded, paths, strict=True):
        np.testing.assert_array_equal(y, load(path))


def test_duration_is_that_of_the_header(tmp_path: Path, noise: np.ndarray) -> None:
    assert duration_s(write(tmp_path / "clip.flac", noise, 9001, "PCM_16")) == 1.0


def test_content_hash_follows_the_bytes_not_the_name(tmp_path: Path, noise: np.ndarray) -> None:
    a, b = write(tmp_path / "a.wav", noise), write(tmp_path / "b.wav", noise)
    c = write(tmp_path / "c.wav", noise[:-1])
    assert content_hash(a) == content_hash(b) != content_hash(c)
    assert len(content_hash(a)) == 64


def test_content_hash_of_arrays_sees_samples_and_shape(noise: np.ndarray) -> None:
    assert content_hash(noise) == content_hash(noise.astype(np.float64))
    assert content_hash(noise) == content_hash(np.asfortranarray(noise))
    assert content_hash(noise) != content_hash(noise.reshape(2, -1))
    assert content_hash(noise) != content_hash(-noise)


def missing(folder: Path) -> Path:
    return folder / "nowhere.wav"


def a_folder(folder: Path) -> Path:
    return folder


def a_loop(folder: Path) -> Path:
    (folder / "loop.wav").symlink_to(folder / "loop.wav")
    return folder / "loop.wav"


def a_null_byte(folder: Path) -> str:
    return f"{folder}/a\0b.wav"


def no_bytes(folder: Path) -> Path:
    (folder / "void.wav").touch()
    return folder / "void.wav"


def no_samples(folder: Path) -> Path:
    return write(folder / "silent.wav", np.zeros(0))


def a_text(folder: Path) -> Path:
    (folder / "text.mp3").write_text("not a sound")
    return folder / "text.mp3"


def an_m4a(folder: Path) -> Path:
    (folder / "song.m4a").write_bytes(b"\x00\x00\x00\x20ftypM4A " + bytes(200))
    return folder / "song.m4a"


def headerless(folder: Path) -> Path:
    (folder / "clip.raw").write_bytes(bytes(1000))
    return folder / "clip.raw"


def a_cut_flac(folder: Path) -> Path:
    noise = 0.1 * np.random.default_rng(0).standard_normal(50000)
    whole = write(folder / "cut.flac", noise, subtype="PCM_16").read_bytes()
    (folder / "cut.flac").write_bytes(whole[: len(whole) // 3])
    return folder / "cut.flac"


def with_nan(folder: Path) -> Path:
    return write(folder / "nan.wav", np.array([[0.0, 0.0], [np.nan, 0.1], [np.nan, np.nan]]))


def too_large(folder: Path) -> Path:
    sf.write(folder / "large.wav", np.full((3, 2), 3e38, np.float32), 8000, subtype="FLOAT")
    return folder / "large.wav"


def too_large_a_step(folder: Path) -> Path:
    """One channel: the resampler's ringing at a step is beyond float32."""
    step = np.repeat(np.float32([-3.4e38, 3.4e38]), 4000)
    sf.write(folder / "step.wav", step, 8000, subtype="FLOAT")
    return folder / "step.wav"


def with_inf(folder: Path) -> Path:
    return write(folder / "inf.wav", np.array([0.0, np.inf, 0.1]))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (missing, r"nowhere\.wav: no such file: check the path"),
        (a_folder, r"is a folder, expected an audio file \(wav, flac"),
        (a_loop, r"loop\.wav: cannot be read \(.*symbolic links"),
        (a_null_byte, r"b\.wav: cannot be read \(embedded null byte\)"),
        (no_bytes, r"void\.wav: the file is empty \(0 bytes\)"),
        (no_samples, r"silent\.wav: holds no samples"),
        (a_text, r"text\.mp3: is damaged, or of another format than wav, flac, ogg, mp3, au and aiff"),
        (an_m4a, r"song\.m4a: is damaged, or of another format .*: convert it"),
        (headerless, r"clip\.raw: is damaged, or of another format"),
        (a_cut_flac, r"cut\.flac: is damaged, .*flac decoder lost sync"),
        (with_nan, r"nan\.wav: 2 of 3 samples are NaN or infinite, expected finite"),
        (with_inf, r"inf\.wav: 1 of 3 samples are NaN or infinite"),
        (too_large, r"large\.wav: samples are too large to be averaged or resampled"),
        (too_large_a_step, r"step\.wav: samples are too large to be averaged or resampled"),
    ],
)
def test_what_cannot_be_read_is_told_by_name(tmp_path: Path, make: object, message: str) -> None:
    assert callable(make)
    path = make(tmp_path)
    with pytest.raises(AudioError, match=message):
        load(path)


@pytest.mark.parametrize("make", [missing, a_folder, no_bytes, a_text])
def test_duration_tells_them_too(tmp_path: Path, make: object) -> None:
    assert callable(make)
    with pytest.raises(AudioError, match=str(make(tmp_path))):
        duration_s(make(tmp_path))


@pytest.mark.parametrize("make", [missing, a_folder])
def test_content_hash_tells_them_too(tmp_path: Path, make: object) -> None:
    assert callable(make)
    with pytest.raises(AudioError, match=str(make(tmp_path))):
        content_hash(make(tmp_path))


def test_memory_that_runs_out_is_no_fault_of_the_clip(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def exhaust(*args: object, **kwargs: object) -> None:
        raise MemoryError

    monkeypatch.setattr(sf.SoundFile, "read", exhaust)
    with pytest.raises(TransientError, match=r"clip\.wav: cannot be read at the moment \(out of memory\)"):
        load(write(tmp_path / "clip.wav", np.zeros(10)))


def a_pipe(folder: Path) -> Path:
    os.mkfifo(folder / "pipe.wav")
    return folder / "pipe.wav"


def a_socket(folder: Path) -> Path:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(folder / "s.wav"))
    return folder / "s.wav"


def a_device(folder: Path) -> Path:
    (folder / "zero.wav").symlink_to("/dev/zero")
    return folder / "zero.wav"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes on this system")
@pytest.mark.parametrize(
    ("make", "what"), [(a_pipe, "a pipe"), (a_socket, "a socket"), (a_device, "a device")]
)
@pytest.mark.parametrize("ask", [load, decode, duration_s, content_hash])
def test_what_is_no_regular_file_is_refused_without_waiting(
    tmp_path: Path, make: Callable[[Path], Path], what: str, ask: Callable[[Path], object]
) -> None:
    path = make(tmp_path)
    with pytest.raises(AudioError, match=rf"{path.name}: is {what}, expected an audio file"):
        ask(path)


@pytest.mark.parametrize("sr", [0, -1, 1e308, float("nan")])
def test_a_rate_must_be_positive_and_one_of_this_world(tmp_path: Path, sr: float) -> None:
    with pytest.raises(ConfigError, match=f"target_sr: {re.escape(str(sr))} Hz is not a rate"):
        load(write(tmp_path / "clip.wav", np.zeros(10)), sr=sr)


@pytest.mark.data
def test_real_clips_equal_librosa(data_dir: Path) -> None:
    paths = sorted((data_dir / "esc10").rglob("*.ogg"))[::80]
    assert paths
    for path in paths:
        np.testing.assert_array_equal(load(path), by_librosa(path), err_msg=str(path))


@pytest.mark.parametrize("extension", ["wav", "flac", "ogg", "mp3", "au", "aiff"])
@pytest.mark.parametrize(("start", "end"), [(None, 0.5), (0.25, 0.7), (0.5, None), (0.1 + 0.2, 1.0)])
def test_a_segment_is_that_part_of_the_file(
    tmp_path: Path, noise: np.ndarray, extension: str, start: float | None, end: float | None
) -> None:
    path = tmp_path / f"clip.{extension}"
    sf.write(path, noise, 8000)
    whole, _ = decode(path)
    segment, sr = decode(path, start=start, end=end)
    first = round((start or 0) * sr)
    stop = len(whole) if end is None else round(end * sr)
    rounding = 1e-6 if extension == "mp3" else 0  # of a decoder that starts elsewhere
    np.testing.assert_allclose(segment, whole[first:stop], atol=rounding, rtol=0)
    assert duration_s(path, start=start, end=end) == len(segment) / sr


def test_segments_that_meet_make_the_whole(tmp_path: Path, noise: np.ndarray) -> None:
    path = write(tmp_path / "clip.wav", noise, 11025)
    times = [None, 0.1, 0.2, 1 / 3, 0.7, 0.8163, None]
    parts = [decode(path, start=a, end=b)[0] for a, b in pairwise(times)]
    np.testing.assert_array_equal(np.concatenate(parts), noise)


def test_a_segment_is_resampled_by_itself(tmp_path: Path, noise: np.ndarray) -> None:
    y = load(write(tmp_path / "clip.wav", noise, 8000), sr=12000, start=0.25, end=0.75)
    cut = load(write(tmp_path / "cut.wav", noise[2000:6000], 8000), sr=12000)
    np.testing.assert_array_equal(y, cut)


def test_only_the_segment_is_read(tmp_path: Path) -> None:
    samples = np.zeros(8000, np.float32)
    samples[7000] = np.nan
    path = write(tmp_path / "clip.wav", samples, 8000)
    assert len(load(path, sr=None, end=0.5)) == 4000
    with pytest.raises(AudioError, match="1 of 4000 samples are NaN"):
        load(path, start=0.5)


def test_rounded_times_may_end_a_little_late(tmp_path: Path, noise: np.ndarray) -> None:
    path = write(tmp_path / "clip.wav", noise, 8000)  # 1.125125 s
    assert duration_s(path, start=1.0, end=1.13) == 1001 / 8000


@pytest.mark.parametrize(
    ("start", "end", "message"),
    [
        (0.5, 2.0, r"clip\.wav: the segment from 0\.5 s to 2 s does not lie in the file, which lasts 1 s"),
        (1.0, None, "from 1 s to the end does not lie in the file"),
        (-0.1, 0.5, "from -0.1 s to 0.5 s does not lie in the file"),
        (float("nan"), 0.5, "does not lie in the file"),
        (0.5, 0.5, "from 0.5 s to 0.5 s holds no sample: its start has to come before its end"),
        (0.5, 0.25, "holds no sample"),
        (0.5, 0.50001, "holds no sample"),
    ],
)
def test_a_segment_that_the_file_does_not_hold_is_told(
    tmp_path: Path, start: float, end: float | None, message: str
) -> None:
    path = write(tmp_path / "clip.wav", np.zeros(8000), 8000)
    for ask in (load, decode, duration_s):
        with pytest.raises(AudioError, match=message):
            ask(path, start=start, end=end)  # type: ignore[operator]


def without_length(path: Path) -> Path:
    """Have the header of a FLAC file say that its number of samples is not known, as streams do."""
    data = bytearray(path.read_bytes())
    data[21] &= 0xF0  # 36 bits, of which these are the first
    data[22:26] = bytes(4)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("sr", [None, 8000, 12000])
def test_flac_that_does_not_say_its_length_is_read(tmp_path: Path, noise: np.ndarray, sr: int | None) -> None:
    said = write(tmp_path / "said.flac", noise, 8000, "PCM_16")
    unsaid = without_length(write(tmp_path / "unsaid.flac", noise, 8000, "PCM_16"))
    assert duration_s(unsaid) == true_duration_s(unsaid) == duration_s(said)
    np.testing.assert_array_equal(decode(unsaid)[0], decode(said)[0])
    for times in ({}, {"start": 0.25, "end": 0.7}, {"start": 0.5}):
        np.testing.assert_array_equal(load(unsaid, sr=sr, **times), load(said, sr=sr, **times))
    y, issues = load_with_issues(unsaid)
    assert not issues
    np.testing.assert_array_equal(np.concatenate(list(blocks(unsaid, seconds=0.1))), y)


def test_flac_that_does_not_say_its_length_may_be_too_long(
    tmp_path: Path, noise: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = without_length(write(tmp_path / "clip.flac", noise, 8000, "PCM_16"))
    monkeypatch.setattr(sys.modules[load_with_issues.__module__], "MAX_CLIP_BYTES", 36_000)
    with pytest.raises(AudioError, match="9001 samples at 8000 Hz take 0 MB"):
        load(path, sr=8000)
    path.write_bytes(path.read_bytes()[:20000])
    with pytest.raises(AudioError, match=r"clip\.flac: is damaged"):
        load(path)


@pytest.mark.parametrize("extension", ["wav", "aiff"])
def test_segments_of_gsm_which_cannot_seek(tmp_path: Path, noise: np.ndarray, extension: str) -> None:
    path = write(tmp_path / f"clip.{extension}", noise[:, 0], 8000, "GSM610")
    whole, _ = decode(path)
    for start, end in ((0.25, 0.7), (0.5, None), (None, 0.3)):
        part = whole[round((start or 0) * 8000) : None if end is None else round(end * 8000)]
        np.testing.assert_array_equal(decode(path, start=start, end=end)[0], part)


def test_what_soundfile_refuses_is_no_matter_of_permissions(
    tmp_path: Path, noise: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object, **options: object) -> None:
        raise ValueError("frames must be specified for non-seekable files")

    path = write(tmp_path / "clip.wav", noise)
    monkeypatch.setattr(sf.SoundFile, "read", refuse)
    with pytest.raises(AudioError, match=r"clip\.wav: is damaged.*non-seekable") as caught:
        load(path)
    assert "permissions" not in str(caught.value)
