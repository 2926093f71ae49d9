from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from PIL import Image

from elmarc.experiments.media import SR, clip_media


@pytest.fixture
def rising(tmp_path: Path) -> Path:
    """Two seconds that rise from 200 Hz to 6 kHz."""
    t = np.arange(2 * SR) / SR
    path = tmp_path / "rising.wav"
    sf.write(path, 0.5 * np.sin(2 * np.pi * (200 * t + 1450 * t**2)), SR)
    return path


def test_the_player_holds_the_clip(rising: Path) -> None:
    media = clip_media(rising)
    assert media.audio is not None
    y, sr = sf.read(io.BytesIO(media.audio))
    assert sr == SR
    assert len(y) / sr == pytest.approx(2, abs=0.2)
    assert media.duration_s == pytest.approx(2)
    assert media.href == rising.as_uri()


def test_the_picture_rises_to_the_right(rising: Path) -> None:
    media = clip_media(rising)
    assert media.picture is not None
    assert len(media.picture) < 20_000
    shades = np.asarray(Image.open(io.BytesIO(media.picture)))
    brightest = shades.argmax(axis=0)  # rows count from the top
    assert brightest[10] > brightest[len(brightest) // 2] > brightest[-10]


def test_a_clip_that_cannot_be_read_is_linked_alone(tmp_path: Path) -> None:
    (tmp_path / "bad.wav").write_bytes(b"rubbish")
    media = clip_media(tmp_path / "bad.wav")
    assert media.audio is None
    assert media.picture is None
    assert media.href
