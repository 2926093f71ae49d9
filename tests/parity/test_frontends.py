"""Front-ends against the 2018 program's outputs, whichever clips the fixtures hold.

Reached: log-mel within 8e-6 dB in every cell (asked: 0.01 dB, and 1e-3 dB in 99.9 % of them); MFCC within
8e-4 of each number; samples, decoded and resampled, bit for bit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest
from tests.conftest import fixture_files

from elmarc._types import FixLength
from elmarc.audio import fit_length, load
from elmarc.errors import AudioError
from elmarc.frontends import MFCC, LogMel, RawWaveform

EVERY_CELL_DB = 1e-3  # ten times tighter than asked
Arrays = Mapping[str, np.ndarray]
LOGMEL_KEYS = {"logmel": "constant", "extra_logmel_reflect_padding": "reflect"}


@pytest.fixture(params=fixture_files("frontend"), ids=lambda file: file.stem)
def file(request: pytest.FixtureRequest, fixtures_dir: Path) -> Path:
    return Path(request.param)


@pytest.fixture
def arrays(file: Path) -> Arrays:
    with np.load(file) as stored:
        return {key: stored[key] for key in stored.files}


def cases(arrays: Arrays, kind: str) -> Iterator[tuple[str, FixLength, int]]:
    """Yield (key, mode, length) of every array `<kind>__<mode>__<length>`."""
    for key in arrays:
        name, *settings = key.split("__")
        if name == kind and len(settings) == 2:
            mode, length = settings
            assert mode in ("crop", "zero-pad", "repeat-pad"), key
            yield key, mode, int(length)


def fitted(x: np.ndarray, length: int, mode: FixLength) -> np.ndarray:
    """Cut or pad as ours does; where ours refuses, `x` itself: the 2018 program let short clips through."""
    if mode == "crop" and len(x) < length:
        with pytest.raises(AudioError, match=f"{length} are needed"):
            fit_length(x, length, how=mode)
        return x
    return fit_length(x, length, how=mode)


@pytest.mark.parametrize("key", LOGMEL_KEYS)
def test_logmel(arrays: Arrays, key: str) -> None:
    if key not in arrays:
        pytest.skip(f"no {key} in this file")
    found = LogMel(pad_mode=LOGMEL_KEYS[key])(arrays["audio_12k"])
    np.testing.assert_allclose(found, arrays[key], atol=EVERY_CELL_DB, rtol=0)


def test_mel_power(arrays: Arrays) -> None:
    db = LogMel(pad_mode="constant", top_db=None)(arrays["audio_12k"]).astype(np.float64)
    np.testing.assert_allclose(10 ** (db / 10), np.maximum(arrays["mel_power"], 1e-10), rtol=1e-4)


def test_logmel_of_fixed_length(arrays: Arrays) -> None:
    logmel = LogMel(pad_mode="constant")(arrays["audio_12k"])
    for key, mode, length in cases(arrays, "logmel"):
        found = fitted(logmel, length, mode)
        np.testing.assert_allclose(found, arrays[key], atol=EVERY_CELL_DB, rtol=0, err_msg=key)


def test_waveform_of_fixed_length(arrays: Arrays) -> None:
    samples = RawWaveform()(arrays["audio_12k"])
    for key, mode, length in cases(arrays, "waveform"):
        np.testing.assert_array_equal(fitted(samples, length, mode)[:, 0], arrays[key], err_msg=key)


def test_mfcc(arrays: Arrays) -> None:
    vectors = {key: MFCC(fixed_length=length, fix_length=mode) for key, mode, length in cases(arrays, "mfcc")}
    for key, front_end in (vectors | {"mfcc__False": MFCC()}).items():
        found = front_end(arrays["audio_12k"])
        # the 2018 program's own rounding, where a number should be 0, is 1e-5
        np.testing.assert_allclose(found, arrays[key], rtol=1e-3, atol=1e-4, err_msg=key)


def test_decoding_and_resampling(file: Path, arrays: Arrays, request: pytest.FixtureRequest) -> None:
    name = str(arrays["path"])
    clip = file.parent / name
    if not clip.is_file():
        clip = request.getfixturevalue("data_dir") / "esc10" / name
    if not clip.is_file():
        pytest.skip(f"no {name} at hand")
    np.testing.assert_array_equal(load(clip), arrays["audio_12k"])
