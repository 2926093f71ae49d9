"""Issues of clips that can be decoded, whatever their format."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from elmarc.audio.decode import load, load_with_issues
from elmarc.audio.recordings import blocks
from elmarc.errors import AudioError

FORMATS = {
    "wav": {},
    "float wav": {"subtype": "FLOAT"},
    "wavex": {"format": "WAVEX"},
    "rf64": {"format": "RF64"},
    "ima wav": {"subtype": "IMA_ADPCM"},
    "big-endian wav": {"endian": "BIG"},
    "aiff": {},
    "au": {},
    "little-endian au": {"endian": "LITTLE"},
    "mp3": {},
    "ogg": {},
    "flac": {},
}


def made(folder: Path, name: str, y: np.ndarray, sr: int = 12000) -> Path:
    suffix = name.split()[-1]
    path = folder / f"{name}.{'wav' if suffix in ('wavex', 'rf64') else suffix}"
    sf.write(path, y, sr, **FORMATS[name])
    return path


@pytest.fixture
def noise(rng: np.random.Generator) -> np.ndarray:
    return np.clip(0.1 * rng.standard_normal(60000), -1, 1)


@pytest.mark.parametrize("name", FORMATS)
def test_a_whole_file_is_not_odd_and_a_cut_one_is(tmp_path: Path, noise: np.ndarray, name: str) -> None:
    path = made(tmp_path, name, noise)
    whole, issues = load_with_issues(path)
    assert issues == {}
    data = path.read_bytes()
    path.write_bytes(data[: int(0.6 * len(data))])
    if name == "flac":
        with pytest.raises(AudioError, match="lost sync"):
            load(path)
        return
    cut, issues = load_with_issues(path)
    assert 0.3 * len(whole) < len(cut) < 0.7 * len(whole)
    assert list(issues) == ["cut"]
    assert ("its last page is missing" if name == "ogg" else "% of what its header") in issues["cut"]
    found: dict[str, str] = {}
    assert len(np.concatenate(list(blocks(path, seconds=0.5, issues=found)))) == len(cut)
    assert found == issues
    assert load_with_issues(path, end=0.5)[1] == {}  # that part is whole


def test_sizes_that_are_not_known_promise_nothing(tmp_path: Path, noise: np.ndarray) -> None:
    path = made(tmp_path, "wav", noise)
    data = bytearray(path.read_bytes())
    for size in (0xFFFFFFFF, 0x7FFFFFFF, 0x7FFFF024):  # of programs that write to a pipe
        data[40:44] = struct.pack("<I", size)
        path.write_bytes(data)
        assert load_with_issues(path)[1] == {}
    data[40:44] = struct.pack("<I", 120000 + 36)  # of programs that count the header
    path.write_bytes(data)
    assert load_with_issues(path)[1] == {}


@pytest.mark.parametrize(
    ("y", "issues"),
    [
        (np.zeros(1000), {"silent": "all samples are 0"}),
        (np.full(1000, -0.5), {"constant": "-0.5"}),
        (np.full(1000, 99.0), {"constant": "99", "loud": "peak 99"}),
        (np.linspace(-2e4, 1e4, 1000), {"loud": "peak 2e+04"}),
        (np.linspace(-3, 3, 1000), {}),  # an MP3 may decode to this
        (np.outer(np.linspace(0, 1, 1000), [1, -1]), {"silent": "all samples are 0"}),
    ],
)
def test_samples_that_are_odd(tmp_path: Path, y: np.ndarray, issues: dict[str, str]) -> None:
    assert load_with_issues(made(tmp_path, "float wav", y))[1] == issues


def test_a_segment_is_judged_by_itself(tmp_path: Path, noise: np.ndarray) -> None:
    noise[:24000] = 0
    path = made(tmp_path, "wav", noise)
    assert load_with_issues(path, end=2)[1] == {"silent": "all samples are 0"}
    assert load_with_issues(path, start=1)[1] == {}


@pytest.mark.data
def test_real_clips_are_whole(data_dir: Path) -> None:
    paths = sorted(data_dir.rglob("*.ogg"))[::40] + sorted(data_dir.rglob("*.wav"))[::200]
    assert len(paths) > 20
    assert {str(path): load_with_issues(path)[1] for path in paths if load_with_issues(path)[1]} == {}
