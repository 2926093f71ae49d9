from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC
from sklearn.utils.estimator_checks import parametrize_with_checks

from elmarc import MFCCFeatures, RandomCNNFeatures
from elmarc._errors import AudioError

SR = 12000


@parametrize_with_checks([RandomCNNFeatures("temporal", n_filters=4), MFCCFeatures()])
def test_scikit_learn_accepts_it(estimator, check) -> None:
    check(estimator)


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    """Low and high tones, half a second each."""
    made = []
    t = np.arange(SR // 2) / SR
    for i in range(8):
        hz = 200 + 10 * i if i % 2 else 3000 + 10 * i
        path = tmp_path / f"{i}.wav"
        sf.write(path, 0.3 * np.sin(2 * np.pi * hz * t), SR, subtype="FLOAT")
        made.append(path)
    return made


@pytest.mark.parametrize("transformer", [RandomCNNFeatures("timbral", n_filters=4), MFCCFeatures()])
def test_paths_and_arrays_give_the_same(paths: list[Path], transformer) -> None:
    waveforms = np.stack([sf.read(path, dtype="float32")[0] for path in paths])
    from_paths = transformer.fit_transform(paths)
    np.testing.assert_allclose(transformer.fit_transform(waveforms), from_paths, rtol=1e-5, atol=1e-5)
    assert len(transformer.get_feature_names_out()) == from_paths.shape[1]


def test_it_sits_in_a_pipeline(paths: list[Path]) -> None:
    labels = ["low" if i % 2 else "high" for i in range(8)]
    pipeline = make_pipeline(RandomCNNFeatures("timbral", n_filters=4), SVC(kernel="linear"))
    assert pipeline.fit(paths[:6], labels[:6]).score(paths[6:], labels[6:]) == 1.0


def test_the_seed_decides_the_weights(paths: list[Path]) -> None:
    a, b, c = (
        RandomCNNFeatures("temporal", n_filters=4, random_state=s).fit_transform(paths) for s in (0, 0, 1)
    )
    assert np.array_equal(a, b)
    assert not np.array_equal(a, c)


def test_rows_match_clips_so_a_bad_one_is_an_error(paths: list[Path], tmp_path: Path) -> None:
    transformer = RandomCNNFeatures("temporal", n_filters=4).fit(paths)
    (tmp_path / "bad.wav").write_bytes(b"rubbish")
    with pytest.raises(AudioError, match=r"bad\.wav"):
        transformer.transform([*paths, tmp_path / "bad.wav"])


def test_the_global_state_is_left_alone(paths: list[Path]) -> None:
    before = np.random.get_state()[1].copy()  # noqa: NPY002  # the state that must not change
    RandomCNNFeatures("temporal", n_filters=4).fit_transform(paths)
    assert np.array_equal(before, np.random.get_state()[1])  # noqa: NPY002
