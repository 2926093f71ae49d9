"""Rivals of the networks, in the same table; those that are fitted see the training clips alone."""

from __future__ import annotations

from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf
import torch
from tests.sounds import write_tones

from elmarc import RandomCNNFeatures, frontends
from elmarc.classifiers.grids import make_classifier
from elmarc.errors import ConfigError
from elmarc.evaluation.protocol import evaluate
from elmarc.evaluation.splits import Folds
from elmarc.features import fitted
from elmarc.features.fitted import FITTED, FittedFeatures, WhitenedFeatures
from elmarc.frontends import LogMel
from elmarc.frontends.logmel_vectors import WhitenedInput
from elmarc.study import build, fit
from elmarc.study.cells import make_cells
from elmarc.study.request import Extract, Fit, Rank
from elmarc.study.run import run_cells
from elmarc.study.tasks import in_full

BANDS = 16
AEON = [
    pytest.param(
        kind, marks=[pytest.mark.skipif(find_spec("aeon") is None, reason="aeon is not installed"), *more]
    )
    for kind, more in (("minirocket", []), ("multirocket_hydra", [pytest.mark.slow]))
]
small = partial(WhitenedFeatures, n_filters=2, n_patches=200)


def made(kind: str, seed: int = 0) -> FittedFeatures:
    return (small if kind == "whitened" else FITTED[kind])(n_bands=BANDS, random_state=seed)


def images(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return log-mels (n, 30 * BANDS) of two classes whose patterns move over different bands."""
    y = np.array(["ab"[i % 2] for i in range(n)])
    X = rng.standard_normal((n, 30, BANDS)).astype(np.float32)
    X[y == "a", ::4, :6] += 3
    X[y == "b", ::7, 9:] += 3
    return X.reshape(n, -1), y


def folds(n: int, k: int = 4) -> Folds:
    rows = np.arange(n)
    parts = [(rows[rows // 2 % k != i], rows[rows // 2 % k == i]) for i in range(k)]
    return Folds(tuple(map(str, range(k))), tuple(parts))


@pytest.mark.parametrize("kind", ["whitened", *AEON])
def test_what_is_fitted_follows_from_clips_and_seed_alone(kind: str, rng: np.random.Generator) -> None:
    X, y = images(rng, 24)
    before = np.random.get_state()[1].copy(), torch.get_rng_state(), torch.get_num_threads()  # noqa: NPY002
    rows = made(kind).fit(X, y).transform(X)
    assert rows.dtype == np.float32
    assert np.isfinite(rows).all()
    np.testing.assert_array_equal(made(kind).fit(X, rng.permutation(y)).transform(X), rows)
    assert not np.array_equal(made(kind, seed=1).fit(X).transform(X), rows)
    np.testing.assert_array_equal(np.random.get_state()[1], before[0])  # noqa: NPY002
    assert torch.equal(torch.get_rng_state(), before[1])
    assert torch.get_num_threads() == before[2]


@pytest.mark.parametrize("kind", ["whitened", *AEON])
def test_held_out_clips_are_never_fitted(kind: str, rng: np.random.Generator) -> None:
    X, y = images(rng, 40)
    X[:, 0] = np.arange(40)
    seen: list[list[int]] = []

    class Recorder(type(made(kind))):  # type: ignore[misc]
        def _fit(self, images: np.ndarray) -> None:
            seen.append(images[:, 0, 0].astype(int).tolist())
            super()._fit(images)

    parts = folds(40)
    options = {"n_filters": 2, "n_patches": 200} if kind == "whitened" else {}
    spec = make_classifier("ridge", standardise="squashed", behind=Recorder(n_bands=BANDS, **options))
    evaluate(spec, X, y, parts)
    assert seen == [train.tolist() for train, _ in parts.splits]
    seen.clear()
    spec = make_classifier("knn", behind=Recorder(n_bands=BANDS, **options))  # a grid: inner folds too
    evaluate(spec, X, y, Folds(("0",), parts.splits[:1]))
    assert all(set(rows) <= set(parts.splits[0][0].tolist()) for rows in seen)


@pytest.mark.parametrize("kind", ["whitened", *AEON])
def test_changed_test_clips_change_no_answer_for_the_others(kind: str, rng: np.random.Generator) -> None:
    X, _ = images(rng, 40)
    y = np.array(["ab"[i] for i in rng.integers(2, size=40)])  # answers near the border
    parts = Folds(("0",), ((np.arange(20), np.arange(20, 40)),))
    spec = make_classifier("ridge", standardise="squashed", behind=made(kind))
    other = X.copy()
    other[30:] = 100 * rng.standard_normal(other[30:].shape)
    answers = [evaluate(spec, each, y, parts).held_out[:10] for each in (X, other)]
    assert answers[0] == answers[1]


@pytest.mark.parametrize("kind", ["whitened", *AEON])
def test_permuted_labels_are_guessed(kind: str, rng: np.random.Generator) -> None:
    X, y = images(rng, 80)
    spec = make_classifier("ridge", standardise="squashed", behind=made(kind))
    assert evaluate(spec, X, y, folds(80)).accuracy > 0.9
    permuted = np.mean([evaluate(spec, X, rng.permutation(y), folds(80)).accuracy for _ in range(4)])
    assert abs(permuted - 0.5) < 0.12  # four deviations of 320 guesses


def test_copies_share_what_was_measured(rng: np.random.Generator) -> None:
    X, y = images(rng, 16)
    spec = make_classifier("ridge", behind=made("whitened"))
    evaluate(spec, X, y, folds(16, k=2))
    fits = spec.estimator[0].fits
    assert fits.n_features == made("whitened").fit(X).transform(X).shape[1]
    assert fits.seconds is not None
    assert fits.seconds > 0


def test_series_may_be_shorter_than_a_kernel(rng: np.random.Generator) -> None:
    X = rng.standard_normal((6, 4 * BANDS)).astype(np.float32)
    assert np.isfinite(made("whitened").fit(X).transform(X)).all()
    with pytest.raises(ConfigError, match=r"^4 frames of log-mels are read of each clip, 10 are needed"):
        fitted.MiniRocketFeatures(n_bands=BANDS).fit(X)


def test_constant_clips_give_finite_kernels() -> None:
    X = np.ones((6, 30 * BANDS), np.float32)
    assert np.isfinite(made("whitened").fit(X).transform(X)).all()


# In the study


def rank(data: Path, networks: str, **options: Any) -> list[Any]:
    return Rank(data=data, networks=networks, classifiers="ridge", **{"seeds": 1, **options}).experiments()


def test_rivals_are_cells_as_any_other(
    tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(FITTED, "whitened", small)
    clips = write_tones(tmp_path / "clips", rng, n=12)
    narrow = {"overrides": (f"frontend.n_mels={BANDS}",)}
    cells = make_cells(rank(clips, "logmel_statistics,whitened", seeds=2, **narrow), tmp_path / "run")
    results = run_cells(cells)
    assert [(r.features, r.seed) for r in results] == [
        (name, seed) for name in ("mfcc", "logmel_statistics", "whitened") for seed in (0, 1)
    ]
    width = {r.features: r.n_features for r in results}
    row = rng.standard_normal((2, 30 * BANDS)).astype(np.float32)
    n_whitened = made("whitened").fit(row).transform(row).shape[1]
    assert width == {"mfcc": 120, "logmel_statistics": 8 * BANDS, "whitened": n_whitened}
    assert all(r.timings["s_per_clip"] > 0 for r in results)
    assert {r.accuracy for r in results} == {1.0}
    assert results[-1].definition["features"]["fitted"]["n_patches"] == 200
    assert not fit.can_be_fitted(results[-1])
    assert fit.can_be_fitted(results[2])
    monkeypatch.setitem(FITTED, "whitened", partial(small, n_patches=100))
    again = make_cells(rank(clips, "whitened", **narrow), tmp_path / "run")[-1]
    assert again.finished() is None  # another fit is another cell


def test_a_rival_reads_as_much_of_a_clip_as_the_networks(tmp_path: Path, rng: np.random.Generator) -> None:
    clips = write_tones(tmp_path / "clips", rng, n=8)
    network, rival = (each for each in rank(clips, "mixed,whitened", baseline=False)[::-1])
    made_of = {}
    for config in (network, rival):
        data = build.dataset(config.data)
        made_of[config.label], _ = build.extractor(config, data)
    inputs = made_of["mixed"].prepare(data.clips[0])
    assert isinstance(made_of["whitened"].frontend, WhitenedInput)
    np.testing.assert_array_equal(made_of["whitened"].prepare(data.clips[0]), inputs.reshape(-1))
    sent = build.extractor(in_full(rival, made_of["whitened"]), None)[0]  # as a worker makes it
    assert sent.definition == made_of["whitened"].definition


def test_a_length_of_its_own_is_kept(rng: np.random.Generator) -> None:
    y = rng.standard_normal(12000).astype(np.float32)
    front = WhitenedInput(seconds=0.5, fix_length="crop")
    np.testing.assert_array_equal(front(y), LogMel()(y)[:24].reshape(-1))
    with pytest.raises(ConfigError, match=r"^whitened: how much of a clip is read\? Give frontend\.seconds"):
        WhitenedInput()(y)


def test_more_log_mels_than_fit_into_memory_are_refused(
    tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    (config,) = rank(write_tones(tmp_path / "clips", rng, n=8), "whitened", baseline=False)
    data = build.dataset(config.data)
    row = build.extractor(config, data)[0].frontend.n_bands
    monkeypatch.setattr(build, "memory_bytes", lambda: 3 * 4 * 8 * row - 1)
    with pytest.raises(
        ConfigError, match=r"^whitened: the log-mels of 8 clips take .* GiB .* frontend\.seconds"
    ):
        build.extractor(config, data)


def test_rank_alone_has_what_is_fitted(tmp_path: Path, rng: np.random.Generator) -> None:
    clips = write_tones(tmp_path / "clips", rng, n=8)
    for request in (Extract, Fit):
        with pytest.raises(ConfigError, match=r"^whitened: is fitted to the training clips of each fold"):
            request(data=clips, network="whitened").experiment()
    with pytest.raises(ConfigError, match="minirocket: is fitted"):
        RandomCNNFeatures("minirocket").fit([str(path) for path in clips.rglob("*.wav")])


def test_statistics_of_log_mels_can_be_extracted_and_asked_for_again(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    clips = write_tones(tmp_path / "clips", rng, n=8)
    config = Extract(data=clips, network="logmel_statistics").experiment()
    assert Extract.of(config).network == "logmel_statistics"
    files = sorted(str(path) for path in clips.rglob("*.wav"))
    rows = RandomCNNFeatures("logmel_statistics", store=False).fit_transform(files)
    y, sr = sf.read(files[0], dtype="float32")
    assert sr == 12000
    expected = frontends.FRONTENDS["logmel_statistics"](**config.frontend.options())(y)
    np.testing.assert_array_equal(rows[0], expected)


def test_a_missing_package_is_named_before_any_work(
    tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frontends, "find_spec", lambda _: None)
    clips = write_tones(tmp_path / "clips", rng, n=8)
    message = r"^minirocket: needs the package aeon: pip install 'elmarc\[rivals\]'$"
    with pytest.raises(ConfigError, match=message):
        make_cells(rank(clips, "minirocket"), tmp_path / "run")


def test_an_unknown_rival_is_answered_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="minirocket"):
        rank(tmp_path, "minirockett")
