from __future__ import annotations

import numpy as np
import pytest

from elmarc.errors import AudioError, ConfigError
from elmarc.frontends import LogMel
from elmarc.frontends.logmel_vectors import LogMelStatistics, MiniRocketInput, WhitenedInput


def test_statistics_are_those_of_bands_and_of_differences(rng: np.random.Generator) -> None:
    y = rng.standard_normal(9000).astype(np.float32)
    front = LogMelStatistics(levelling=0.5)
    vector = dict(zip(front.columns, front(y), strict=True))
    frames = LogMel(levelling=0.5)(y).astype(np.float64)
    for name, values in (("", frames), ("delta-", np.diff(frames, axis=0))):
        band = values[:, 7]
        centred = band - band.mean()
        expected = {"mean": band.mean(), "std": band.std()}
        expected |= {f"lag{k}": (centred[k:] @ centred[:-k]) / (centred @ centred) for k in (1, 8)}
        for part, value in expected.items():
            assert vector[f"logmel/{name}{part}/7"] == pytest.approx(value, rel=1e-4, abs=1e-5)


def test_silence_and_short_clips_have_finite_statistics(rng: np.random.Generator) -> None:
    assert np.isfinite(LogMelStatistics()(np.zeros(12000, np.float32))).all()
    assert np.isfinite(LogMelStatistics()(rng.standard_normal(600).astype(np.float32))).all()
    with pytest.raises(AudioError, match=r"^1 frame of log-mels, 2 are needed"):
        LogMelStatistics()(np.ones(100, np.float32))


def test_a_clip_is_bitwise_independent_of_its_batch(rng: np.random.Generator) -> None:
    batch = rng.standard_normal((2, 2, 6000)).astype(np.float32)
    for front in (LogMelStatistics(), WhitenedInput(seconds=1.0)):
        vectors = front(batch)
        assert vectors.shape == (2, 2, front.n_bands)
        np.testing.assert_array_equal(front(batch[1, 0]), vectors[1, 0])


def test_rows_of_other_rivals_are_stored_apart() -> None:
    rows = [made(seconds=1.0).definition() for made in (WhitenedInput, MiniRocketInput)]
    assert rows[0] != rows[1]  # so that each has the time of its own front-end


def test_senseless_settings_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"^levelling: "):
        LogMelStatistics(levelling=2)
    with pytest.raises(ConfigError, match=r"^seconds: found -1"):
        WhitenedInput(seconds=-1)
    with pytest.raises(ConfigError, match=r"^fix_length: 'cut' is unknown"):
        WhitenedInput(fix_length="cut")  # type: ignore[arg-type]
