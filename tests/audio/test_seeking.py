"""A segment of a file is what decoding the whole file gives there, bit for bit, in every format."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf
from tests.corpus import sounds

from elmarc.audio import blocks, decode, windows
from elmarc.datasets.base import Clip
from elmarc.features.contents import contents_of

SR = 16000
WRITTEN = sorted(sounds.whole())  # each format and subtype that this libsndfile writes
BROKEN_IN_STEREO = ("ALAC_20",)  # libsndfile writes or reads noise, whole files too
UNREAD_END = (".sds", ".paf")  # libsndfile reads no part of their last block but its beginning: an error
VARIABLE = {"bitrate_mode": "VARIABLE", "compression_level": 0.5}


def changing(n_channels: int) -> np.ndarray:
    """Return noise that comes and goes over a tone, so that variable rates vary [shape=(n, n_channels)]."""
    t = np.arange(3 * SR) / SR  # in 2 s, libsndfile finds its place in Vorbis
    noise = 0.1 * np.random.default_rng(5).standard_normal((len(t), n_channels))
    return noise * (np.sin(20 * t) > 0)[:, None] + 0.3 * np.sin(2000 * t * (1 + t))[:, None]


def write(folder: Path, name: str, **mode: Any) -> Path:
    """Write a file of a format and a subtype, in stereo where the format has it."""
    form, subtype = name.split()
    path = folder / f"clip{sounds.suffix_of(form)}"
    for n_channels in (1,) if subtype in BROKEN_IN_STEREO else (2, 1):
        try:
            sf.write(path, changing(n_channels), SR, subtype, format=form, **mode)
            sf.info(path)
        except (sf.LibsndfileError, ValueError):
            continue
        break
    return path


def check(path: Path, rng: np.random.Generator) -> None:
    """Compare segments that begin anywhere, and in the last page, with the whole."""
    whole, sr = decode(path)
    last = len(whole) - (60 if path.suffix in UNREAD_END else 1)
    starts = [*rng.integers(1, last, 25), *rng.integers(len(whole) * 9 // 10, last, 10)]
    for first in map(int, [*starts, last - 15, last]):
        stop = min(len(whole), first + int(rng.integers(1, 3000)))
        found = decode(path, start=first / sr, end=stop / sr)[0]
        np.testing.assert_array_equal(found, whole[first:stop], err_msg=f"from sample {first}")


@pytest.mark.parametrize("name", WRITTEN)
def test_a_segment_is_that_part_of_the_whole(tmp_path: Path, rng: np.random.Generator, name: str) -> None:
    check(write(tmp_path, name), rng)


@pytest.mark.parametrize("mode", ["VARIABLE", "CONSTANT"])
def test_an_mp3_begins_undamaged_anywhere(tmp_path: Path, rng: np.random.Generator, mode: str) -> None:
    options = {"bitrate_mode": mode, "compression_level": 0.5}
    check(write(tmp_path, "MP3 MPEG_LAYER_III", **options), rng)


@pytest.mark.parametrize("name", ["OGG VORBIS", "OGG OPUS", "MP3 MPEG_LAYER_III"])
def test_blocks_and_windows_are_those_of_the_whole(tmp_path: Path, name: str) -> None:
    path = write(tmp_path, name, **(VARIABLE if name.startswith("MP3") else {}))
    mono = (lambda y: (y[:, 0] + y[:, 1]) / np.float32(2))(decode(path)[0])
    start = (len(mono) - 3000) / SR
    found = np.concatenate(list(blocks(path, sr=None, seconds=0.05, start=start)))
    np.testing.assert_array_equal(found, mono[-3000:])
    for window in windows(path, window_s=0.3, hop_s=0.17):
        first = round(window.start_s * SR)
        np.testing.assert_array_equal(window.samples, mono[first:][: len(window.samples)])


@pytest.mark.data
def test_segments_of_real_ogg_files(data_dir: Path, rng: np.random.Generator) -> None:
    paths = sorted((data_dir / "esc10").rglob("*.ogg"))[::40]
    assert paths
    for path in paths:
        check(path, rng)


@pytest.mark.parametrize(
    ("name", "start", "changed"),
    [
        ("WAV PCM_16", 0.5, False),
        ("FLAC PCM_16", 0.5, False),
        ("OGG VORBIS", None, False),
        ("OGG VORBIS", 0.0, False),
        ("OGG VORBIS", 0.5, True),
        ("OGG OPUS", 0.5, True),
        ("MP3 MPEG_LAYER_III", 0.5, True),
    ],
)
def test_stored_rows_of_segments_that_were_sought_are_not_found(
    tmp_path: Path, name: str, start: float | None, changed: bool
) -> None:
    """Others are: whole files, beginnings, and formats in which a seek was right."""
    clip = Clip("a", write(tmp_path, name), "x", start=start, end=1.0)
    whole = Clip("b", clip.path, "x")
    hashes = contents_of([clip, whole])
    assert (hashes.of(clip) != clip.content(hashes.of(whole))) == changed
    assert len(hashes.of(clip)) == 64
