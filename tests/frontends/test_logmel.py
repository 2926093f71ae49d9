from __future__ import annotations

import json
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import librosa
import numpy as np
import pytest

from elmarc.errors import AudioError, ConfigError
from elmarc.frontends import LogMel
from elmarc.frontends.logmel import hz_to_mel, mel_filterbank, mel_to_hz

SETTINGS: list[dict[str, Any]] = [
    {},
    {"pad_mode": "constant"},
    {"sr": 8000, "n_fft": 256, "hop_length": 80, "n_mels": 40},
    {"sr": 16000, "n_fft": 400, "hop_length": 160, "n_mels": 64, "fmin": 50.0, "fmax": 7600.0},
    {"sr": 44100, "n_fft": 2048, "hop_length": 441, "n_mels": 128, "pad_mode": "constant"},
    {"sr": 22050, "n_fft": 1025, "hop_length": 300, "n_mels": 64},
    {"hop_length": 700, "power": 1.0, "top_db": None},
    {"power": 3.0, "top_db": 40.0},
]


def by_librosa(y: np.ndarray, logmel: LogMel) -> np.ndarray:
    definition = logmel.definition()
    definition.pop("kind")
    top_db = definition.pop("top_db")
    power = librosa.feature.melspectrogram(y=y, **definition)
    return librosa.power_to_db(power, top_db=top_db).T


def clips(rng: np.random.Generator, n: int = 20000) -> dict[str, np.ndarray]:
    """Sounds with the range of levels that real ones have: quiet cells beside loud ones are the hard case."""
    t = np.arange(n) / 12000
    noise = rng.standard_normal(n)
    shaped = {
        "noise": 0.1 * noise,
        "brown": np.cumsum(noise) / 200,
        "tone": 0.9 * np.sin(2 * np.pi * 440 * t),
        "chirp": 0.5 * np.sin(2 * np.pi * (50 + 1000 * t) * t),
        "decay": noise * np.exp(-9 * t),
        "click": (np.arange(n) == n // 3).astype(float),
        "quiet": 1e-5 * noise,
        "half silent": noise * (t < 0.5),
    }
    return {name: y.astype(np.float32) for name, y in shaped.items()}


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_agrees_with_librosa(rng: np.random.Generator, settings: dict[str, Any]) -> None:
    logmel = LogMel(**settings)
    for name, y in clips(rng).items():
        found, expected = logmel(y), by_librosa(y, logmel)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected, atol=1e-3, rtol=0, err_msg=name)


@pytest.mark.filterwarnings("ignore:n_fft=512 is too large:UserWarning")
@pytest.mark.parametrize("pad_mode", ["reflect", "constant"])
@pytest.mark.parametrize("n_samples", [1, 2, 3, 255, 256, 257, 511, 512, 513, 768])
def test_short_clips_agree_with_librosa(rng: np.random.Generator, n_samples: int, pad_mode: Any) -> None:
    y = (0.1 * rng.standard_normal(n_samples)).astype(np.float32)
    logmel = LogMel(pad_mode=pad_mode)
    np.testing.assert_allclose(logmel(y), by_librosa(y, logmel), atol=2e-3, rtol=0)


@pytest.mark.parametrize("settings", SETTINGS[:5], ids=str)
@pytest.mark.parametrize("n_samples", [700, 4001, 40000])
def test_a_clip_is_bitwise_independent_of_its_batch(
    rng: np.random.Generator, settings: dict[str, Any], n_samples: int
) -> None:
    batch = rng.standard_normal((2, 3, n_samples)).astype(np.float32)
    logmel = LogMel(**settings)
    together = logmel(batch)
    for i in np.ndindex(2, 3):
        np.testing.assert_array_equal(together[i], LogMel(**settings)(batch[i].copy()))
    np.testing.assert_array_equal(logmel(batch[:, ::2]), together[:, ::2])


def test_threads_compute_what_one_thread_computes(rng: np.random.Generator) -> None:
    batch = list(rng.standard_normal((12, 30000)).astype(np.float32))
    logmel = LogMel()
    with ThreadPoolExecutor(4) as workers:
        for y, threaded in zip(batch, workers.map(logmel, batch), strict=True):
            np.testing.assert_array_equal(threaded, logmel(y))


@pytest.mark.parametrize("settings", SETTINGS[:6], ids=str)
@pytest.mark.parametrize("n_samples", [1, 255, 256, 1500, 12345])
def test_n_frames_is_what_comes_out(settings: dict[str, Any], n_samples: int) -> None:
    logmel = LogMel(**settings)
    assert logmel(np.ones(n_samples, np.float32)).shape == (logmel.n_frames(n_samples), logmel.n_bands)


def test_four_seconds_and_the_music_lengths_give_the_frames_of_the_study() -> None:
    assert LogMel().n_frames(48000) == 188
    assert LogMel().n_frames(350000) == 1368


@pytest.mark.parametrize("pad_mode", ["reflect", "constant"])
def test_silence_is_minus_100_db_everywhere(pad_mode: Any) -> None:
    assert (LogMel(pad_mode=pad_mode)(np.zeros((2, 5000), np.float32)) == -100.0).all()


def test_the_floor_lies_under_the_maximum_of_the_whole_clip_and_of_no_other(
    rng: np.random.Generator,
) -> None:
    quiet = (1e-4 * rng.standard_normal(24000)).astype(np.float32)
    loud_end = quiet.copy()
    loud_end[-2000:] = rng.standard_normal(2000)
    db = LogMel()(np.stack([quiet, loud_end]))
    assert db[1].min() == pytest.approx(db[1].max() - 80, abs=1e-4)
    assert (db[1, :50] > db[0, :50].min()).all()
    np.testing.assert_array_equal(db[0], LogMel()(quiet))


def test_pad_modes_differ_at_the_ends_only(rng: np.random.Generator) -> None:
    y = rng.standard_normal(20000).astype(np.float32)
    differ = (LogMel()(y) != LogMel(pad_mode="constant")(y)).any(axis=1)
    assert differ[0]
    assert not differ[2:-2].any()


def test_gain_is_an_offset(rng: np.random.Generator) -> None:
    y = (0.1 * rng.standard_normal(20000)).astype(np.float32)
    np.testing.assert_allclose(LogMel()(4 * y) - LogMel()(y), 20 * np.log10(4), atol=1e-4)


@pytest.mark.parametrize("hz", [200.0, 1000.0, 4000.0])
def test_a_tone_rings_in_its_band(hz: float) -> None:
    y = np.sin(2 * np.pi * hz * np.arange(12000) / 12000).astype(np.float32)
    centres_hz = mel_to_hz(np.linspace(0, float(15 + np.log(6) * 27 / np.log(6.4)), 98))[1:-1]
    loudest = LogMel()(y)[20].argmax()
    assert abs(loudest - np.abs(centres_hz - hz).argmin()) <= 1


def test_double_precision_input_is_rounded_to_single(rng: np.random.Generator) -> None:
    y = rng.standard_normal(5000)
    np.testing.assert_array_equal(LogMel()(y), LogMel()(y.astype(np.float32)))


def test_the_input_is_left_alone(rng: np.random.Generator) -> None:
    y = rng.standard_normal(5000).astype(np.float32)
    before = y.copy()
    LogMel()(y)
    np.testing.assert_array_equal(y, before)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.zeros(0, np.float32), r"the waveform has shape \(0,\)"),
        (np.zeros((3, 0), np.float32), r"the waveform has shape \(3, 0\)"),
        (np.float32(1), r"the waveform has shape \(\)"),
        (np.zeros(100, np.int16), "samples are int16, expected floating point .*divide"),
        (np.array([0, np.nan], np.float32), "holds NaN or infinite samples"),
    ],
)
def test_bad_waveforms_are_refused(y: Any, message: str) -> None:
    with pytest.raises(AudioError, match=message):
        LogMel()(y)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"fmax": 6001.0}, "found 0 and 6001 Hz, expected 0 <= fmin < fmax <= 6000, half of sr = 12000"),
        ({"fmin": -1.0}, "found -1 and 6000 Hz"),
        ({"fmin": 3000.0, "fmax": 3000.0}, "found 3000 and 3000 Hz"),
        ({"fmin": float("nan")}, "found nan and 6000 Hz"),
        ({"n_fft": 0}, "n_fft: found 0, expected a positive number"),
        ({"hop_length": -1}, "hop_length: found -1"),
        ({"n_mels": 0}, "n_mels: found 0"),
        ({"sr": 0}, "sr: found 0"),
        ({"power": 0.0}, "power: found 0"),
        ({"top_db": -80.0}, "top_db: found -80"),
        ({"pad_mode": "edge"}, "pad_mode: 'edge' is unknown: use 'reflect' or 'constant'"),
    ],
)
def test_impossible_settings_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        LogMel(**settings)


def test_empty_bands_are_warned_of() -> None:
    with pytest.warns(UserWarning, match=r"\d+ of 96 mel bands lie between two bins .* than 64"):
        LogMel(n_fft=64)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        LogMel()


def test_the_recipe_is_canonical_json() -> None:
    assert LogMel().definition() == LogMel(fmax=6000, power=2, fmin=0).definition()
    assert json.loads(json.dumps(LogMel().definition())) == LogMel().definition()


@pytest.mark.parametrize(
    "change",
    [
        {"sr": 16000},
        {"n_fft": 1024},
        {"hop_length": 128},
        {"n_mels": 64},
        {"fmin": 20.0},
        {"fmax": 5000.0},
        {"power": 1.0},
        {"top_db": None},
        {"pad_mode": "constant"},
    ],
    ids=str,
)
def test_whatever_changes_the_numbers_changes_the_definition(
    rng: np.random.Generator, change: dict[str, Any]
) -> None:
    y = clips(rng)["half silent"]
    ours, other = LogMel(), LogMel(**change)
    assert ours.definition() != other.definition()
    if change != {"sr": 16000}:  # the rate moves bands and their corners alike
        assert not np.array_equal(ours(y), other(y))


def test_scaling_shifts_and_divides_each_cell_and_nothing_else(rng: np.random.Generator) -> None:
    y = 0.1 * rng.standard_normal(9000).astype(np.float32)
    scaled = LogMel(shift_db=25, scale_db=20)(y)
    np.testing.assert_allclose(scaled, (LogMel()(y) + 25) / 20, atol=1e-5)


def test_scaling_comes_after_the_cut_at_top_db(rng: np.random.Generator) -> None:
    y = rng.standard_normal(9000).astype(np.float32) * np.exp(-np.arange(9000) / 300).astype(np.float32)
    scaled = LogMel(top_db=40, scale_db=20)(y)
    assert np.ptp(scaled) == pytest.approx(2.0, abs=1e-5)


def test_a_recipes_scaling_only_where_there_is_some() -> None:
    plain, scaled = LogMel().definition(), LogMel(shift_db=25, scale_db=20).definition()
    assert "shift_db" not in plain
    assert scaled == {**plain, "shift_db": 25.0, "scale_db": 20.0, "levelling": 0.0}


def test_a_scale_is_positive() -> None:
    with pytest.raises(ConfigError, match="scale_db"):
        LogMel(scale_db=0)


def test_levelling_takes_out_a_share_of_a_clips_own_loudness(rng: np.random.Generator) -> None:
    y = 0.1 * rng.standard_normal(9000).astype(np.float32)

    def step(levelling: float) -> float:
        logmel = LogMel(shift_db=25, levelling=levelling)
        return float(np.mean(logmel(y) - logmel(0.1 * y)))

    assert [step(share) for share in (0.0, 0.5, 1.0)] == pytest.approx([20, 10, 0], abs=1e-3)
    assert LogMel(levelling=1)(y).mean() == pytest.approx(0, abs=1e-4)


def test_levelling_is_a_share() -> None:
    with pytest.raises(ConfigError, match=r"levelling: found 1\.5"):
        LogMel(levelling=1.5)


FILTERS: dict[str, Any] = {"sr": 12000, "n_fft": 512, "n_mels": 96, "fmin": 0.0, "fmax": 6000.0}
FILTER_SETTINGS: list[dict[str, Any]] = [
    FILTERS,
    FILTERS | {"n_fft": 2048, "n_mels": 128},
    FILTERS | {"sr": 44100, "n_fft": 2048, "fmin": 30.0, "fmax": 16000.0},
    FILTERS | {"sr": 8000, "n_fft": 255, "n_mels": 20, "fmax": 4000.0},
]


def test_the_scale_inverts_and_rises() -> None:
    hz = np.linspace(0, 24000, 1001)
    np.testing.assert_allclose(mel_to_hz(hz_to_mel(hz)), hz, rtol=1e-12)
    assert (np.diff(hz_to_mel(hz)) > 0).all()


@pytest.mark.parametrize("settings", FILTER_SETTINGS)
def test_filters_equal_librosa(settings: dict[str, Any]) -> None:
    np.testing.assert_allclose(
        mel_filterbank(**settings), librosa.filters.mel(**settings), rtol=2e-6, atol=1e-9
    )


def test_a_bin_feeds_two_bands_at_most() -> None:
    assert ((mel_filterbank(**FILTERS) > 0).sum(axis=0) <= 2).all()


def test_filters_have_unit_area() -> None:
    filters = mel_filterbank(**FILTERS | {"n_fft": 2**15})  # so many bins that a sum is an integral
    np.testing.assert_allclose(filters.sum(axis=1) * 12000 / 2**15, 1.0, rtol=1e-3)
