"""Sound files that were good once, through the decoder's wrapper."""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path

import numpy as np
import soundfile as sf
from hypothesis import strategies as st
from tests.fuzz.mutations import damaged
from tests.fuzz.watch import Fault, refusal, watched

from elmarc.audio import blocks, decode, duration_s, load
from elmarc.audio.decode import MAX_CLIP_BYTES
from elmarc.errors import ElmarcError

SR = 8000
FORMS = (
    (".wav", "WAV", "PCM_16", 1), (".wav", "WAV", "FLOAT", 2), (".wav", "WAV", "MS_ADPCM", 1),
    (".wav", "WAVEX", "PCM_24", 3), (".wav", "RF64", "PCM_U8", 1), (".flac", "FLAC", "PCM_16", 2),
    (".ogg", "OGG", "VORBIS", 1), (".ogg", "OGG", "OPUS", 1), (".mp3", "MP3", "MPEG_LAYER_III", 1),
    (".aiff", "AIFF", "PCM_16", 1), (".aif", "AIFF", "DOUBLE", 1), (".au", "AU", "PCM_16", 2),
    (".au", "AU", "ULAW", 1),
)  # fmt: skip
SEGMENTS = ((None, None), (0.0, 0.05), (0.1, None), (0.02, 0.2), (-1.0, None), (0.3, 0.1))
RATES = (12000, None, SR, 44100)
NAMES = (".wav", ".flac", ".ogg", ".mp3", ".aiff", ".au", ".raw", "")


@cache
def whole(suffix: str, form: str, subtype: str, n_channels: int) -> bytes:
    """Return a quarter of a second of a tone with noise."""
    time_s = np.arange(SR // 4) / SR
    noise = np.random.default_rng(3).normal(size=(len(time_s), n_channels)) / 20
    held = io.BytesIO()
    sf.write(held, noise + 0.3 * np.sin(2764 * time_s)[:, None], SR, format=form, subtype=subtype)
    return held.getvalue()


@st.composite
def examples(draw) -> tuple[str, bytes, int | None, tuple[float | None, float | None]]:
    form = draw(st.sampled_from(FORMS))
    suffix = draw(st.one_of(st.just(form[0]), st.sampled_from(NAMES)))
    data = draw(damaged([whole(*form)]))
    return suffix, data, draw(st.sampled_from(RATES)), draw(st.sampled_from(SEGMENTS))


def check(example: tuple[str, bytes, int | None, tuple[float | None, float | None]], folder: Path) -> str:
    """A clip that is read is finite, is read alike twice, and piece by piece as in one."""
    suffix, data, sr, (start, end) = example
    path = folder / f"clip{suffix}"
    path.write_bytes(data)
    with watched(folder):
        try:
            y = load(path, sr=sr, start=start, end=end)
        except ElmarcError as problem:
            return _refused(problem, path)
        again = load(path, sr=sr, start=start, end=end)
        pieces = np.concatenate(list(blocks(path, sr=sr, start=start, end=end, seconds=0.07)))
        seconds = duration_s(path, start=start, end=end)
        samples, rate = _decoded(path, start, end)
    if y.dtype != np.float32 or y.ndim != 1 or not len(y) or not np.isfinite(y).all():
        raise Fault(f"{path.name}: gave {y.dtype} {y.shape}, finite: {np.isfinite(y).all()}")
    if y.nbytes > MAX_CLIP_BYTES:
        raise Fault(f"{path.name}: {y.nbytes} bytes")
    if not np.array_equal(y, again) or not np.array_equal(y, pieces):
        raise Fault(f"{path.name}: read twice, or in pieces, it gives other samples")
    if len(samples) and abs(len(y) / (sr or rate) - len(samples) / rate) > 2 / min(sr or rate, rate):
        raise Fault(f"{path.name}: {len(samples)} samples at {rate} Hz became {len(y)} at {sr or rate} Hz")
    if len(y) / (sr or rate) > seconds + 2 / min(sr or rate, rate):
        raise Fault(f"{path.name}: is longer than {seconds} s")
    return "read"


def _decoded(path: Path, start: float | None, end: float | None) -> tuple[np.ndarray, int]:
    try:
        return decode(path, start=start, end=end)
    except ElmarcError as problem:  # many channels may be too large where their mean is not
        refusal(problem)
        return np.empty((0, 1), np.float32), 1


def _refused(problem: ElmarcError, path: Path) -> str:
    if not str(problem).startswith(str(path)):
        raise Fault(f"the message does not begin with the file: {problem}")
    return refusal(problem)
