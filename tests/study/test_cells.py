"""Which results of an earlier run a cell takes over."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from tests.sounds import SR, write_noise
from tests.study.conftest import cells

from elmarc.datasets import open_dataset
from elmarc.errors import AudioError, ConfigError, DatasetError
from elmarc.study import cells as cells_module
from elmarc.study import record
from elmarc.study.cells import by_features, finished, make_cells
from elmarc.study.run import run_cells
from elmarc.study.spec import Experiment, ObjectData


def run(configs: list[Experiment], folder: Path):
    return run_cells(make_cells(configs, folder))


def test_a_clip_that_changed_and_kept_its_size_is_run_anew(
    tones: Path, tmp_path: Path, rng: np.random.Generator
) -> None:
    run(cells(tones), tmp_path / "run")
    assert finished(make_cells(cells(tones), tmp_path / "run"))
    clip = tones / "low" / "1.wav"
    size = clip.stat().st_size
    write_noise(clip, rng, SR // 2)
    assert clip.stat().st_size == size
    assert not finished(make_cells(cells(tones), tmp_path / "run"))


def test_a_strict_run_takes_over_no_result_that_left_clips_out(tones: Path, tmp_path: Path) -> None:
    (tones / "low" / "bad.wav").write_bytes(b"rubbish")
    (lenient,) = run(cells(tones), tmp_path / "run")
    assert lenient.skipped
    with pytest.raises(AudioError, match=r"bad\.wav"):
        run(cells(tones, strict=True), tmp_path / "run")
    assert finished(make_cells(cells(tones), tmp_path / "run")) == [lenient]  # nothing was lost


def test_a_lenient_run_takes_over_a_strict_ones_result(tones: Path, tmp_path: Path) -> None:
    strict = run(cells(tones, strict=True), tmp_path / "run")
    assert finished(make_cells(cells(tones), tmp_path / "run")) == strict


@pytest.mark.parametrize("version", ["features", "evaluation", "result"])
def test_another_version_of_the_numbers_is_run_anew(
    tones: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    run(cells(tones), tmp_path / "run")
    monkeypatch.setitem(cells_module.VERSIONS, version, cells_module.VERSIONS[version] + 1)
    assert not finished(make_cells(cells(tones), tmp_path / "run"))


def test_a_damaged_result_is_run_anew(tones: Path, tmp_path: Path) -> None:
    before = run(cells(tones), tmp_path / "run")
    (cell,) = make_cells(cells(tones), tmp_path / "run")
    (cell.folder / "result.json").write_text("{")
    assert cell.finished() is None
    assert run(cells(tones), tmp_path / "run")[0].predictions == before[0].predictions


def test_a_result_says_where_its_clips_lie_from_anywhere(
    tones: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tones.parent)
    (config,) = cells(Path(tones.name))
    assert record.source(config.data) == {"kind": "clips", "source": str(tones), "shuffle": False}


def test_a_device_that_is_not_there_is_refused_before_any_work(tones: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no Apple GPU here"):
        make_cells(cells(tones, device="mps"), tmp_path / "run")


def test_cells_that_share_features_are_one_group(tones: Path, tmp_path: Path) -> None:
    made = make_cells(cells(tones, classifier=["knn", "ridge"], seed=[0, 1]), tmp_path)
    assert [len(group) for group in by_features(made)] == [2, 2]


def test_opened_clips_can_be_sent_to_a_process(tones: Path, tmp_path: Path) -> None:
    (cell,) = make_cells(cells(tones), tmp_path)
    assert pickle.loads(pickle.dumps(cell)) == cell


def test_a_data_set_held_in_memory_gives_the_cells_of_its_clips(tones: Path, tmp_path: Path) -> None:
    held = open_dataset(tones)
    config = cells(tones)[0].model_copy(update={"data": ObjectData(kind="object", name="mine")})
    (cell,) = make_cells([config], tmp_path, materials={"mine": held})
    assert cell.material.dataset == held
    assert cell.material.key == make_cells(cells(tones), tmp_path)[0].material.key


def test_a_data_set_that_nobody_holds_is_refused(tones: Path, tmp_path: Path) -> None:
    config = cells(tones)[0].model_copy(update={"data": ObjectData(kind="object", name="mine")})
    with pytest.raises(DatasetError, match="mine: was held in memory by the program that ranked it"):
        make_cells([config], tmp_path)


def test_kept_weights_are_one_group_under_every_seed(tones: Path, tmp_path: Path) -> None:
    def groups(weights: str) -> int:
        own = {"kind": "external", "factory": "torch.nn:Identity", "weights": weights}
        return len(by_features(make_cells(cells(tones, network=own, seed=[0, 1]), tmp_path)))

    assert (groups("keep"), groups("redraw")) == (1, 2)
