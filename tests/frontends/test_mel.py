from __future__ import annotations

from typing import Any

import librosa
import numpy as np
import pytest

from elmarc.frontends.mel import hz_to_mel, mel_filterbank, mel_to_hz

STUDY: dict[str, Any] = {"sr": 12000, "n_fft": 512, "n_mels": 96, "fmin": 0.0, "fmax": 6000.0}
SETTINGS: list[dict[str, Any]] = [
    STUDY,
    STUDY | {"n_fft": 2048, "n_mels": 128},
    STUDY | {"sr": 44100, "n_fft": 2048, "fmin": 30.0, "fmax": 16000.0},
    STUDY | {"sr": 8000, "n_fft": 255, "n_mels": 20, "fmax": 4000.0},
]


def test_the_scale_inverts_and_rises() -> None:
    hz = np.linspace(0, 24000, 1001)
    np.testing.assert_allclose(mel_to_hz(hz_to_mel(hz)), hz, rtol=1e-12)
    assert (np.diff(hz_to_mel(hz)) > 0).all()


@pytest.mark.parametrize("settings", SETTINGS)
def test_filters_equal_librosa(settings: dict[str, Any]) -> None:
    np.testing.assert_allclose(
        mel_filterbank(**settings), librosa.filters.mel(**settings), rtol=2e-6, atol=1e-9
    )


def test_a_bin_feeds_two_bands_at_most() -> None:
    assert ((mel_filterbank(**STUDY) > 0).sum(axis=0) <= 2).all()


def test_filters_have_unit_area() -> None:
    filters = mel_filterbank(**STUDY | {"n_fft": 2**15})  # so many bins that a sum is an integral
    np.testing.assert_allclose(filters.sum(axis=1) * 12000 / 2**15, 1.0, rtol=1e-3)
