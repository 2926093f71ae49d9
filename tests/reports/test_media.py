from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from PIL import Image
from tests.simulated import simulated_result

from elmarc.datasets.base import Clip
from elmarc.reports.media import SR, clip_media, media_for
from elmarc.results import Result


@pytest.fixture
def rising(tmp_path: Path) -> Clip:
    """Two seconds that rise from 200 Hz to 6 kHz."""
    t = np.arange(2 * SR) / SR
    path = tmp_path / "rising.wav"
    sf.write(path, 0.5 * np.sin(2 * np.pi * (200 * t + 1450 * t**2)), SR)
    return Clip("rising.wav", path, "up")


def heard(audio: bytes | None) -> np.ndarray:
    assert audio is not None
    y, sr = sf.read(io.BytesIO(audio))
    assert sr == SR
    return y


def test_the_player_holds_the_clip(rising: Clip, tmp_path: Path) -> None:
    media = clip_media(rising, page_folder=tmp_path)
    assert len(heard(media.audio)) / SR == pytest.approx(2, abs=0.2)
    assert media.duration_s == pytest.approx(2)
    assert media.href == "rising.wav"


def test_the_player_of_a_segment_holds_the_segment_alone(rising: Clip, tmp_path: Path) -> None:
    segment = Clip("rising.wav#1.5-2", rising.path, "up", start=1.5, end=2.0)
    media = clip_media(segment, page_folder=tmp_path)
    y = heard(media.audio)
    assert len(y) / SR == pytest.approx(0.5, abs=0.2)
    spectrum = np.abs(np.fft.rfft(y))
    assert np.argmax(spectrum) * SR / len(y) > 4000  # the end of the rise
    assert media.duration_s == pytest.approx(0.5)
    assert media.href == "rising.wav#t=1.5,2"


def test_the_picture_rises_to_the_right(rising: Clip, tmp_path: Path) -> None:
    media = clip_media(rising, page_folder=tmp_path)
    assert media.picture is not None
    assert len(media.picture) < 20_000
    shades = np.asarray(Image.open(io.BytesIO(media.picture)))
    brightest = shades.argmax(axis=0)  # rows count from the top
    assert brightest[10] > brightest[len(brightest) // 2] > brightest[-10]


def test_a_clip_that_cannot_be_read_is_linked_alone(tmp_path: Path) -> None:
    (tmp_path / "bad.wav").write_bytes(b"rubbish")
    media = clip_media(Clip("bad.wav", tmp_path / "bad.wav", "up"), page_folder=tmp_path)
    assert media.audio is None
    assert media.picture is None
    assert media.href == "bad.wav"


def test_the_clips_most_often_mistaken_get_the_players(
    rising: Clip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("elmarc.reports.media.MAX_CLIPS", 5)
    result: Result = simulated_result(n_clips=20, skill=0.6)
    clips = [Clip(p.id, rising.path, p.label) for p in result.predictions]
    media = media_for([result], clips, page_folder=tmp_path / "elsewhere" / "far")
    wrong = {p.id for p in result.predictions if p.label != p.predicted}
    assert len(wrong) >= 5
    assert {name for name, found in media.items() if found.audio} < wrong | {""}
    assert set(media) == {clip.id for clip in clips}
    assert all(found.href is None for found in media.values())
