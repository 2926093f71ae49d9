from __future__ import annotations

import json

import numpy as np
import pytest

from elmarc.errors import AudioError, ConfigError
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
    assert RawWaveform().definition() != RawWaveform(sr=8000).definition()
    assert json.loads(json.dumps(RawWaveform().definition())) == {"kind": "waveform", "sr": 12000}


def test_levelling_takes_out_a_share_of_a_clips_own_loudness(rng: np.random.Generator) -> None:
    y = 0.1 * rng.standard_normal((3, 9000)).astype(np.float32)

    def gain(levelling: float) -> float:
        return float(
            np.std(RawWaveform(levelling=levelling)(10 * y)) / np.std(RawWaveform(levelling=levelling)(y))
        )

    assert [gain(share) for share in (0.0, 0.5, 1.0)] == pytest.approx([10, 10**0.5, 1], rel=1e-5)
    levelled = RawWaveform(levelling=1)(y)
    np.testing.assert_allclose(np.square(levelled).mean(axis=(1, 2)), 1, rtol=1e-5)
    np.testing.assert_array_equal(levelled[1], RawWaveform(levelling=1)(y[1]))


def test_levelling_leaves_silence_silent_and_is_named_only_where_there_is_some() -> None:
    assert not RawWaveform(levelling=1)(np.zeros(100, np.float32)).any()
    assert RawWaveform(levelling=0.5).definition() == {"kind": "waveform", "sr": 12000, "levelling": 0.5}
    with pytest.raises(ConfigError, match="levelling: found -1"):
        RawWaveform(levelling=-1)
