from __future__ import annotations

import json
from typing import Any

import librosa
import numpy as np
import pytest

from elmarc.errors import AudioError, ConfigError
from elmarc.frontends import MFCC
from elmarc.frontends.mfcc import STUDY, V2


def by_librosa(y: np.ndarray, **settings: Any) -> np.ndarray:
    mfcc = librosa.feature.mfcc(y=y, sr=12000, **settings).astype(np.float64)
    d, dd = mfcc[:, 1:] - mfcc[:, :-1], mfcc[:, 2:] - 2 * mfcc[:, 1:-1] + mfcc[:, :-2]
    return np.concatenate([f(x, axis=1) for x in (mfcc, d, dd) for f in (np.mean, np.std)])


@pytest.mark.filterwarnings("ignore:n_fft=2048 is too large:UserWarning")
@pytest.mark.parametrize("pad_mode", ["constant", "reflect"])
@pytest.mark.parametrize("n_samples", [1024, 1500, 20000])
def test_agrees_with_librosa(rng: np.random.Generator, n_samples: int, pad_mode: Any) -> None:
    y = (np.cumsum(rng.standard_normal(n_samples)) / 200).astype(np.float32)
    vector = MFCC(pad_mode=pad_mode)(y)
    assert vector.dtype == np.float32
    np.testing.assert_allclose(vector, by_librosa(y, pad_mode=pad_mode), rtol=1e-3, atol=1e-3)


def test_other_numbers_of_coefficients_agree_too(rng: np.random.Generator) -> None:
    y = (0.1 * rng.standard_normal(9000)).astype(np.float32)
    front_end = MFCC(n_mfcc=13)
    assert front_end(y).shape == (front_end.n_bands,) == (78,)
    expected = by_librosa(y, n_mfcc=13, pad_mode="constant")
    np.testing.assert_allclose(front_end(y), expected, rtol=1e-3, atol=1e-3)


def test_a_clip_is_bitwise_independent_of_its_batch(rng: np.random.Generator) -> None:
    batch = rng.standard_normal((2, 2, 9001)).astype(np.float32)
    together = MFCC()(batch)
    for i in np.ndindex(2, 2):
        np.testing.assert_array_equal(together[i], MFCC()(batch[i].copy()))


@pytest.mark.parametrize(
    ("how", "n_samples", "expected"),
    [
        ("crop", 5000, lambda y: y[:3000]),
        ("crop", 2000, lambda y: y),
        ("zero-pad", 5000, lambda y: y),
        ("zero-pad", 2000, lambda y: np.pad(y, (0, 1000))),
        ("repeat-pad", 5000, lambda y: y),
        ("repeat-pad", 2000, lambda y: np.tile(y, 2)),
        ("repeat-pad", 3000, lambda y: y),
        ("repeat-pad", 1, lambda y: np.tile(y, 3000)),
    ],
)
def test_fixed_length_works_on_the_samples_as_in_2018(
    rng: np.random.Generator, how: Any, n_samples: int, expected: Any
) -> None:
    y = rng.standard_normal(n_samples).astype(np.float32)
    found = MFCC(fixed_length=3000, fix_length=how)(y)
    np.testing.assert_array_equal(found, MFCC()(expected(y)))


def test_a_constant_clip_does_not_change_over_time() -> None:
    vector = MFCC()(np.zeros(20000, np.float32)).reshape(6, 20)
    assert vector[0, 0] == pytest.approx(-100 * np.sqrt(128))
    np.testing.assert_allclose(vector[1:], 0, atol=1e-9)


@pytest.mark.parametrize("n_samples", [1, 1023])
def test_too_short_clips_are_refused_with_the_way_out(n_samples: int) -> None:
    with pytest.raises(AudioError, match=rf"{n_samples} samples give \d MFCC frame.*1024 or more with 'zero"):
        MFCC()(np.ones(n_samples, np.float32))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n_mfcc": 0}, "n_mfcc: found 0, expected a positive number"),
        ({"n_mfcc": 129}, "n_mfcc: found 129, expected at most 128"),
        ({"fixed_length": 0}, "fixed_length: found 0"),
        ({"fixed_length": 10**12}, "fixed_length: found 1000000000000 samples, expected at most 75000000"),
        ({"fix_length": "pad"}, "fix_length: 'pad' is unknown"),
        ({"pad_mode": "edge"}, "pad_mode: 'edge' is unknown"),
        ({"sr": 0}, "sr: found 0"),
        ({"statistics": ["median"]}, "statistics: found 'median', expected mean"),
        ({"statistics": []}, "statistics: found ''"),
    ],
)
def test_impossible_settings_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        MFCC(**settings)


def test_the_recipe_holds_what_changes_the_numbers_and_no_more() -> None:
    definition = MFCC().definition()
    assert json.loads(json.dumps(definition)) == definition
    assert MFCC(fix_length="zero-pad").definition() == definition  # without a length there is nothing to fix
    for change in (
        {"sr": 8000},
        {"n_mfcc": 13},
        {"fixed_length": 3000},
        {"fixed_length": 3000, "fix_length": "zero-pad"},
        {"pad_mode": "reflect"},
        {"statistics": V2},
    ):
        assert MFCC(**change).definition() != definition


@pytest.mark.parametrize("n_samples", [2048, 20000])
def test_slopes_are_librosas_deltas_and_lags_are_correlations(
    rng: np.random.Generator, n_samples: int
) -> None:
    front = MFCC(statistics=V2)
    y = (np.cumsum(rng.standard_normal(n_samples)) / 200).astype(np.float32)
    coefficients = front.frames(y)[0].astype(np.float64)
    n = len(coefficients)
    width = min(9, n - 1 + n % 2)
    half = width // 2
    slopes = librosa.feature.delta(coefficients.T, width=width)[:, half : n - half]
    centred = coefficients - coefficients.mean(axis=0)
    lags = [(centred[lag:] * centred[:-lag]).sum(axis=0) / (centred**2).sum(axis=0) for lag in (1, 4)]
    expected = [coefficients.mean(axis=0), coefficients.std(axis=0), slopes.mean(axis=1), slopes.std(axis=1)]
    np.testing.assert_allclose(front(y).reshape(6, 20), [*expected, *lags], rtol=1e-4, atol=1e-5)


def test_statistics_of_silence_are_finite() -> None:
    vector = MFCC(statistics=V2)(np.zeros(20000, np.float32)).reshape(6, 20)
    np.testing.assert_allclose(vector[1:], 0, atol=1e-9)


def test_each_statistic_alone_is_that_of_them_all(rng: np.random.Generator) -> None:
    y = rng.standard_normal(12000).astype(np.float32)
    names = (*STUDY, *V2[2:])
    rows = MFCC(statistics=names)(y).reshape(len(names), 20)
    for name, row in zip(names, rows, strict=True):
        front = MFCC(statistics=[name])
        assert np.array_equal(front(y), row)
        assert front.columns[3] == f"mfcc/{name}/3"
