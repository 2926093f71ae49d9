"""How long a run will take."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from tests.study.conftest import cells

from elmarc.datasets.base import Clip
from elmarc.features.contents import Contents
from elmarc.features.extractor import FeatureExtractor
from elmarc.features.store import FeatureStore
from elmarc.study import forecast as forecast_module
from elmarc.study.cells import make_cells
from elmarc.study.forecast import forecast, measured_fold, measured_pace
from elmarc.study.run import run_cells
from elmarc.study.spec import Experiment


def pace(extractor: FeatureExtractor, clips: Sequence[Clip], contents: Contents) -> tuple[float, float]:
    """Pretend: a tenth of a second of front-end, a second of network."""
    return 0.1, 1.0


def fold(config: Experiment, n_clips: int, n_features: int, n_classes: int, n_jobs: int) -> float:
    """Pretend: two seconds a fold."""
    assert (n_clips, n_classes) == (8, 2)
    return 2.0


def test_features_classifiers_and_seeds_add_up(sweep: list[Experiment], tmp_path: Path) -> None:
    found = forecast(make_cells(sweep, tmp_path), pace=pace, fold_time=fold)
    assert found.features == pytest.approx({"temporal": 8 * 0.1 + 2 * 8, "7x96": 2 * 8})  # one front-end
    assert found.classifiers == {"knn": 4 * 4 * 2.0, "ridge": 4 * 4 * 2.0}  # 4 cells of 4 folds each
    assert found.seconds == pytest.approx(0.8 + 32 + 64)
    assert (found.n_done, found.n_cells) == (0, 8)


def test_what_is_done_costs_nothing(sweep: list[Experiment], tmp_path: Path) -> None:
    store = FeatureStore(tmp_path / "store")
    made = make_cells(sweep, tmp_path / "run")
    run_cells([cell for cell in made if cell.config.network.kind == "temporal"], store=store)
    half = forecast(made, store=store, pace=pace, fold_time=fold)
    assert half.features == pytest.approx({"7x96": 8 * 0.1 + 2 * 8})
    assert (half.n_done, half.n_cells) == (4, 8)
    elsewhere = forecast(make_cells(sweep, tmp_path / "other"), store=store, pace=pace, fold_time=fold)
    assert elsewhere.features["temporal"] == 0.0  # stored
    assert elsewhere.classifiers == {"knn": 32.0, "ridge": 32.0}
    run_cells(made, store=store)
    assert forecast(made, store=store, pace=pace, fold_time=fold).seconds == 0.0


def test_clips_that_are_timed_are_kept_in_the_store(sweep: list[Experiment], tmp_path: Path) -> None:
    store = FeatureStore(tmp_path / "store")
    found = forecast(make_cells(sweep, tmp_path / "run"), store=store, fold_time=fold)
    assert all(seconds > 0 for seconds in found.features.values())
    assert len(list((tmp_path / "store").rglob("*.safetensors"))) >= 2


def test_the_pace_is_that_of_busy_workers(
    tones: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (cell,) = make_cells(cells(tones), tmp_path)
    from elmarc.study import build

    extractor, _ = build.extractor(cell.config, cell.material.dataset)
    clips: list[int] = []
    extract = extractor.extract

    def counted(some: Sequence[Clip], **options):
        clips.append(len(some))
        return extract(some, **options)

    monkeypatch.setattr(extractor, "extract", counted)
    extractor.n_workers = 2
    monkeypatch.setattr(forecast_module, "WAVE_S", 0.0)  # however quick, no second wave
    front, network = measured_pace(extractor, cell.material.dataset.clips, cell.material.contents)
    assert clips == [2]
    assert front > 0
    assert network > 0


def test_folds_too_long_to_time_are_extrapolated(tones: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    timed: list[int] = []

    def clock(config: Experiment, n_clips: int, *rest: int) -> float:
        timed.append(n_clips)
        return 1e-6 * n_clips**2.5

    monkeypatch.setattr(forecast_module, "_fold_s", clock)
    (config,) = cells(tones)
    assert measured_fold(config, 8000, 100, 2, 1) == pytest.approx(1e-6 * 8000**2.5)
    assert timed == [100, 100, 400]  # which takes 3.2 s: long enough to tell
    timed.clear()
    assert measured_fold(config, 60, 100, 2, 1) == pytest.approx(1e-6 * 60**2.5)
    assert timed == [60, 60]


@pytest.mark.parametrize("name", ["svm", "elm", "ridge"])
def test_a_fold_of_noise_takes_time(tones: Path, name: str) -> None:
    (config,) = cells(tones, classifier=name)
    assert np.isfinite(measured_fold(config, 40, 20, 2, 1))


def test_networks_that_cannot_run_are_left_to_the_run(tones: Path, tmp_path: Path) -> None:
    vgg = cells(tones, network={"kind": "vgg", "n_filters": 2}, input={"n_frames": 188})
    assert forecast(make_cells(vgg, tmp_path), fold_time=fold).seconds == 0.0
