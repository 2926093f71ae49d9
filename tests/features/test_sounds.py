"""The same clips give the same features in whatever form they come."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile as sf
import torch
from sklearn.base import clone
from tests.sounds import write

from elmarc import MFCCFeatures, RandomCNNFeatures, SoundClassifier, open_dataset
from elmarc.datasets import open_clips
from elmarc.datasets.base import Clip
from elmarc.errors import AudioError, ConfigError, CutWarning, DatasetError, RateWarning

RATE = 16000  # of the files; features are made at 12 kHz
Array = np.ndarray[Any, Any]


@pytest.fixture
def paths(tmp_path: Path, rng: np.random.Generator) -> list[Path]:
    """Six clips of noise of different lengths, one of them stereo."""
    made = []
    for i in range(6):
        n_samples = RATE // 2 + 777 * i
        shape = (n_samples, 2) if i == 3 else (n_samples,)
        made.append(
            write(tmp_path / "clips" / "ab"[i % 2] / f"{i}.wav", 0.1 * rng.standard_normal(shape), RATE)
        )
    return made


def decoded(paths: list[Path]) -> list[Array]:
    return [sf.read(path, dtype="float32", always_2d=True)[0].mean(axis=1) for path in paths]


FORMS: dict[str, Callable[[list[Path]], Any]] = {
    "str": lambda paths: [str(path) for path in paths],
    "tuple": tuple,
    "array": lambda paths: np.array([str(path) for path in paths]),
    "array of objects": lambda paths: np.array(paths, dtype=object),
    "column of an array": lambda paths: np.array([[str(path)] for path in paths]),
    "Series": lambda paths: pd.Series([str(path) for path in paths], index=range(10, 10 + len(paths))),
    "Series of strings": lambda paths: pd.Series([str(path) for path in paths], dtype="string"),
    "DataFrame": lambda paths: pd.DataFrame({"file": paths, "label": "a"})[["file"]],
    "Clips": lambda paths: [Clip(str(i), path, "a") for i, path in enumerate(paths)],
    "Clips of one id": lambda paths: [Clip("twice", path, "a") for path in paths],
    "folder": lambda paths: open_clips(paths),
    "pairs": lambda paths: [(y, RATE) for y in decoded(paths)],
    "pairs of float64": lambda paths: [[y.astype(np.float64), np.int64(RATE)] for y in decoded(paths)],
    "tensors": lambda paths: [(torch.from_numpy(y), RATE) for y in decoded(paths)],
    "Series of pairs": lambda paths: pd.Series([(y, RATE) for y in decoded(paths)]),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "transformer",
    [
        RandomCNNFeatures("temporal", n_filters=4, store=False),
        RandomCNNFeatures("frame_level", n_filters=4, recipe="v2", store=False),
        MFCCFeatures(),
    ],
    ids=["logmel", "waveform", "mfcc"],
)
def test_every_form_of_the_same_clips_gives_equal_features(
    paths: list[Path], transformer: Any, form: str
) -> None:
    expected = transformer.fit_transform(paths)
    assert np.array_equal(transformer.fit_transform(FORMS[form](paths)), expected)
    assert np.array_equal(transformer.fit(paths).transform(FORMS[form](paths)), expected)


@pytest.mark.parametrize(
    "transformer", [RandomCNNFeatures("temporal", n_filters=4, store=False), MFCCFeatures()]
)
def test_the_rate_of_waveforms_without_one_is_input_sr(paths: list[Path], transformer: Any) -> None:
    expected = transformer.fit_transform(paths)
    transformer.set_params(input_sr=RATE)
    assert np.array_equal(transformer.fit_transform(decoded(paths)), expected)
    assert np.array_equal(transformer.fit_transform([torch.from_numpy(y) for y in decoded(paths)]), expected)


def test_rows_of_one_length_may_be_an_array_a_tensor_or_a_list(rng: np.random.Generator) -> None:
    waveforms = 0.1 * rng.standard_normal((3, 9000)).astype(np.float32)
    transformer = RandomCNNFeatures("temporal", n_filters=4)
    expected = transformer.fit_transform(waveforms)
    assert transformer.n_features_in_ == 9000
    forms = (torch.from_numpy(waveforms), list(waveforms), waveforms.tolist(), pd.DataFrame(waveforms))
    for form in forms:
        assert np.array_equal(transformer.fit_transform(form), expected)
    half = torch.from_numpy(waveforms).to(torch.bfloat16)
    assert np.allclose(transformer.fit_transform(half), expected, rtol=0.1, atol=0.1)


def test_a_data_set_brings_its_own_length() -> None:
    data = open_dataset("toy", target="timbre")
    short = RandomCNNFeatures("temporal", n_filters=4).fit(data)
    assert data.input_length is not None
    assert short.extractor_.length == short.extractor_.frontend.n_positions(data.input_length.frames_s)
    assert short.extractor_.fix_length == data.input_length.fix_length


def test_segments_are_clips(paths: list[Path]) -> None:
    segments = [Clip("one", paths[0], "a", start=0.1, end=0.4), Clip("two", paths[0], "a", start=0.2)]
    rows = RandomCNNFeatures("temporal", n_filters=4).fit_transform(segments)
    assert not np.array_equal(rows[0], rows[1])


@pytest.mark.parametrize(
    ("X", "message"),
    [
        ("clip.wav", r"X is one path, 'clip.wav', expected several clips: give \['clip.wav'\]"),
        (Path("clip.wav"), "X is one path"),
        (".", r"give elmarc\.datasets\.open_clips\('\.'\)"),
        ([], "X is empty"),
        ({"path": ["clip.wav"]}, "X is a dict"),
        ((path for path in ["clip.wav"]), "X is a generator"),
        (["clip.wav", None], r"row 0: found str"),
        (pd.Series(["clip.wav", float("nan")]), "row 0: found str"),
        ((np.zeros(12000, np.float32), 12000), "row 1: found int 12000"),
        ([(np.zeros(12000, np.float32), "fast")], "row 0: found tuple"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_what_holds_no_clips_is_refused(X: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        RandomCNNFeatures("temporal", n_filters=4).fit(X)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.zeros((12000, 2), np.float32), r"row 0: found an array of shape \(12000, 2\)"),
        (np.zeros(12000, np.int16), "row 0: samples are int16"),
        (torch.zeros(12000, dtype=torch.int16), "row 0: samples are int16"),
        (np.full(12000, np.nan), "row 0: the waveform holds NaN"),
        (np.zeros(0), "row 0: the waveform has shape"),
    ],
    ids=str,
)
def test_waveforms_are_checked_by_row(y: Any, message: str) -> None:
    with pytest.raises(AudioError, match=message):
        RandomCNNFeatures("temporal", n_filters=4).fit([y])


def test_a_table_of_16_bit_samples_is_refused() -> None:
    with pytest.raises(AudioError, match="samples are int16"):
        MFCCFeatures().fit(np.zeros((2, 12000), np.int16))


def test_no_readable_clip_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="none of its clips can be read"):
        RandomCNNFeatures("temporal", n_filters=4).fit([tmp_path / "absent.wav"])


def test_clips_that_are_cut_are_one_warning_in_the_callers_line(paths: list[Path]) -> None:
    transformer = RandomCNNFeatures("7x96", n_filters=4, duration=0.6).fit(paths)
    for form in ("str", "pairs"):
        with pytest.warns(
            CutWarning, match=r"^3 of 6 clips are longer than the 29 frames .* duration=SEC"
        ) as caught:
            transformer.transform(FORMS[form](paths))
        assert [one.filename for one in caught] == [__file__]


def test_clips_that_are_heard_whole_give_no_warning(paths: list[Path]) -> None:
    RandomCNNFeatures("7x96", n_filters=4).fit_transform(paths)  # warnings are errors here
    MFCCFeatures().fit_transform(paths)


@pytest.mark.parametrize("estimator", [RandomCNNFeatures("temporal", n_filters=4), MFCCFeatures()])
@pytest.mark.parametrize("shape", ["array", "list", "tensor"])
def test_a_rate_that_is_not_given_is_said_in_the_callers_line(estimator: Any, shape: str) -> None:
    y = 0.1 * np.random.default_rng(0).standard_normal((2, 6000)).astype(np.float32)
    X = {"array": y, "list": list(y), "tensor": torch.from_numpy(y)}[shape]
    with pytest.warns(
        RateWarning, match=r"without a rate, which are taken for 12000 Hz: say .*input_sr="
    ) as caught:
        clone(estimator).fit_transform(X)
    assert {warning.filename for warning in caught} == {__file__}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        clone(estimator).set_params(input_sr=12000).fit_transform(X)
        clone(estimator).fit_transform([(row, 12000) for row in y])


def test_a_classifier_says_it_once() -> None:
    y = 0.1 * np.random.default_rng(0).standard_normal((12, 2400)).astype(np.float32)
    y[::2] = y[::2].cumsum(axis=1) / 10
    model = SoundClassifier(RandomCNNFeatures("temporal", n_filters=4, n_workers=1))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        model.fit(y, ["a", "b"] * 6)
        for _ in range(3):
            model.predict(y)
    assert [warning.category for warning in caught].count(RateWarning) == 1
