from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from tests.datasets.conftest import Write

from elmarc.audio.length import InputLength
from elmarc.datasets import NAMED, Clip, open_dataset, suggest_input_length
from elmarc.errors import AudioError, DatasetError
from elmarc.features.sounds import Files, default_length
from elmarc.frontends import LogMel, RawWaveform

STUDY_LENGTHS = {  # frames of 256 samples, samples; both at 12 kHz, as in the 2018 program
    "gtzan": (1404, 350_000),
    "ballroom": (1376, 350_000),
    "extended_ballroom": (1376, 350_000),
    "urbansound8k": (188, 48_000),
    "esc10": (235, 60_000),
    "esc50": (235, 60_000),
    "toy": (376, 96_000),
}


@pytest.mark.parametrize("name", NAMED)
def test_lengths_in_seconds_are_the_frames_and_samples_of_the_study(name: str) -> None:
    length = NAMED[name].input_length
    found = LogMel().n_positions(length.frames_s), RawWaveform().n_positions(length.samples_s)
    assert found == STUDY_LENGTHS[name]


@pytest.mark.parametrize("rate", [8000, 11025, 12000, 16000, 22050, 44100, 48000])
def test_suggested_lengths_are_those_of_before_at_the_studys_rate_and_hop(
    rate: int, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = open_dataset(folder)
    for n in (*range(1, 400, 7), *range(rate, 30 * rate, 9973)):
        for name in ("duration_s", "true_duration_s"):
            monkeypatch.setattr(Clip, name, lambda _clip, n=n: n / rate)
        found = suggest_input_length(data)
        n_samples = max(1, math.ceil(min(29.2, n / rate) * 12000))
        assert RawWaveform().n_positions(found.samples_s) == n_samples
        assert LogMel().n_positions(found.frames_s) == 1 + n_samples // 256


def test_most_clips_are_heard_whole_and_outliers_do_not_count(folder: Path, write_clip: Write) -> None:
    for i in range(40):
        write_clip(f"clips/cat/{i:03d}.wav", seconds=0.5)
    write_clip("clips/dog/long.wav", seconds=3.0)
    found = suggest_input_length(open_dataset(folder))
    assert found == InputLength(frames_s=0.5, samples_s=0.5, fix_length="repeat-pad")


def test_no_more_than_the_study_heard(folder: Path, write_clip: Write) -> None:
    for i in range(4):
        write_clip(f"clips/cat/{i + 1}.wav", seconds=40.0)
    assert suggest_input_length(open_dataset(folder)).samples_s == 29.2


def test_unreadable_clips_do_not_count_unless_all_are(folder: Path) -> None:
    data = open_dataset(folder)
    before = suggest_input_length(data)
    for clip in data.clips[:3]:
        clip.path.write_text("no sound")
    assert suggest_input_length(data) == before
    data.clips[3].path.write_text("no sound")
    with pytest.raises(DatasetError, match="clips: none of its clips can be read"):
        suggest_input_length(data)


def lie(path: Path, seconds: float) -> None:
    """Write a FLAC file whose header is fine and promises much, and whose sound cannot be decoded."""
    sf.write(path, np.zeros(int(seconds * 8000)), 8000)
    data = bytearray(path.read_bytes())
    data[-len(data) // 2 :] = b"\xff" * (len(data) // 2)
    path.write_bytes(data)


def test_the_header_of_a_clip_that_is_skipped_sets_nothing(folder: Path) -> None:
    before = suggest_input_length(open_dataset(folder))
    lie(folder / "dog" / "long.flac", 20.0)
    data = open_dataset(folder)
    assert max(clip.duration_s() for clip in data.clips) == 20.0
    with pytest.raises(AudioError):
        next(clip for clip in data.clips if clip.id == "dog/long.flac").load()
    assert suggest_input_length(data) == before
    assert default_length(Files(data.clips)) == before


def test_as_many_lies_as_there_are_set_nothing(folder: Path) -> None:
    before = suggest_input_length(open_dataset(folder))
    for k in range(8):
        lie(folder / "dog" / f"long{k}.flac", 10.0 + k)
    assert suggest_input_length(open_dataset(folder)) == before


def test_an_absurd_rate_in_a_header_sets_nothing(folder: Path) -> None:
    before = suggest_input_length(open_dataset(folder))
    sf.write(folder / "cat" / "slow.wav", np.zeros(10_000), 1)  # 10,000 s, more than a clip may take
    assert suggest_input_length(open_dataset(folder)) == before


def test_only_the_longest_clips_are_decoded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for k in range(100):
        sf.write(folder / "cat" / f"{k + 10}.wav", np.zeros(80 + k), 8000)
    decoded = []
    decode = Clip.true_duration_s
    monkeypatch.setattr(Clip, "true_duration_s", lambda clip: (decoded.append(clip), decode(clip))[1])
    suggest_input_length(open_dataset(folder))
    assert len(decoded) == 6  # of 104
