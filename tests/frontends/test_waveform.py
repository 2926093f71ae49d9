from __future__ import annotations

import json

import numpy as np
import pytest

from elmarc._errors import AudioError, ConfigError
from elmarc.frontends import RawWaveform


def test_samples_pass_unchanged_as_one_band(rng: np.random.Generator) -> None:
    y = rng.standard_normal((2, 3, 500)).astype(np.float32)
    x = RawWaveform()(y)
    assert (x.shape, x.dtype) == ((2, 3, 500, 1), np.float32)
    np.testing.assert_array_equal(x[..., 0], y)


def test_bad_waveforms_and_rates_are_refused() -> None:
    with pytest.raises(AudioError, match="samples are int16"):
        RawWaveform()(np.zeros(5, np.int16))
    with pytest.raises(ConfigError, match="sr: found -1"):
        RawWaveform(sr=-1)


def test_the_recipe_follows_the_rate() -> None:
    assert RawWaveform().recipe() != RawWaveform(sr=8000).recipe()
    assert json.loads(json.dumps(RawWaveform().recipe())) == {"kind": "waveform", "sr": 12000}
