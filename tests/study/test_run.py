from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.sounds import SR, write

from elmarc.classifiers.grids import ClassifierSpec
from elmarc.comparison.answer import details
from elmarc.errors import AudioError, ConfigError, OutOfBudgetError
from elmarc.evaluation.protocol import Evaluation
from elmarc.features.store import FeatureStore
from elmarc.results import Failure, Result, collect
from elmarc.study import plan, run
from elmarc.study.cells import failures, make_cells
from elmarc.study.load import parse_config
from elmarc.study.observer import Observer
from elmarc.study.request import Clips, Rank
from elmarc.study.run import run_cells
from elmarc.study.spec import Experiment
from elmarc.study.summary import summarise


class Recorder(Observer):
    """Note what happens; stop after so many new results."""

    def __init__(self, stop_after: int | None = None) -> None:
        self.fresh: list[Result] = []
        self.resumed: list[Result] = []
        self.extracted: list[str] = []
        self.failures: list[Failure] = []
        self.stop_after = stop_after

    def on_features(self, name: str, n_clips: int) -> None:
        self.extracted.append(name)

    def on_result(self, result: Result, *, resumed: bool) -> None:
        (self.resumed if resumed else self.fresh).append(result)
        if len(self.fresh) == self.stop_after:
            raise KeyboardInterrupt

    def on_failure(self, failed: Sequence[Failure]) -> None:
        self.failures += failed


def test_a_killed_sweep_repeats_no_finished_cell(sweep: list[Experiment], tmp_path: Path) -> None:
    killed = Recorder(stop_after=3)
    with pytest.raises(KeyboardInterrupt):
        run_cells(make_cells(sweep, tmp_path / "run"), observer=killed)
    assert len(collect(tmp_path / "run")) == 3
    again = Recorder()
    results = run_cells(make_cells(sweep, tmp_path / "run"), observer=again)
    assert (len(again.resumed), len(again.fresh)) == (3, 5)
    assert len(results) == 8
    whole = run_cells(make_cells(sweep, tmp_path / "other"))
    assert [r.predictions for r in results] == [r.predictions for r in whole]


def test_cells_of_the_same_features_share_one_extraction(sweep: list[Experiment], tmp_path: Path) -> None:
    seen = Recorder()
    run_cells(make_cells(sweep, tmp_path / "run"), observer=seen)
    assert sorted(seen.extracted) == ["7x96"] * 2 + ["temporal"] * 2


def test_a_changed_data_set_is_run_anew(sweep: list[Experiment], tmp_path: Path) -> None:
    run_cells(make_cells(sweep, tmp_path / "run"))
    write(tmp_path / "clips" / "low" / "new.wav", np.full(SR // 2, 0.1, np.float32))
    seen = Recorder()
    run_cells(make_cells(sweep, tmp_path / "run"), observer=seen)
    assert not seen.resumed


def test_decoded_clips_are_removed_at_the_end(sweep: list[Experiment], tmp_path: Path) -> None:
    run_cells(make_cells(sweep, tmp_path / "run"), store=FeatureStore(tmp_path / "store"))
    assert not list((tmp_path / "store").glob("frontend-*"))
    assert list((tmp_path / "store").rglob("*.safetensors"))


def test_a_budget_too_small_says_so_and_loses_nothing(sweep: list[Experiment], tmp_path: Path) -> None:
    with pytest.raises(OutOfBudgetError, match="ended before the first result"):
        run_cells(make_cells(sweep, tmp_path / "run"), budget_s=0.0)
    run_cells(make_cells(sweep, tmp_path / "run"))
    still_reported = run_cells(make_cells(sweep, tmp_path / "run"), budget_s=0.0)
    assert len(still_reported) == 8


def test_a_cell_that_cannot_be_run_leaves_the_others(sweep: list[Experiment], tmp_path: Path) -> None:
    document = {
        "data": str(tmp_path / "clips"),
        "network": {"kind": "vgg", "n_filters": 2},
        "classifier": "knn",
    }
    vgg = parse_config({**document, "input": {"n_frames": 188}})
    seen = Recorder()
    cells = make_cells([vgg, *sweep], tmp_path / "run")
    results = run_cells(cells, observer=seen, keep_going=True)
    assert len(results) == 8
    assert "vgg needs at least 1280 frames" in seen.failures[0].reason
    assert list(failures(cells)) == seen.failures  # for whoever reads the results
    assert cells[0].failure() == seen.failures[0]


def test_a_classifier_that_fails_is_a_failure_of_its_own_cells(
    sweep: list[Experiment], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    evaluate = run.evaluate

    def failing(spec: ClassifierSpec, *args: Any, **options: Any) -> Evaluation:
        if spec.name == "knn":
            raise ConfigError("too few clips for knn")
        return evaluate(spec, *args, **options)

    cells, seen = make_cells(sweep, tmp_path / "run"), Recorder()
    with monkeypatch.context() as patch:
        patch.setattr(run, "evaluate", failing)
        results = run_cells(cells, observer=seen, keep_going=True)
        with pytest.raises(ConfigError, match="too few clips for knn"):
            run_cells(make_cells(sweep, tmp_path / "strict"))
    assert [r.classifier for r in results] == ["ridge"] * 4
    assert sorted(seen.extracted) == ["7x96"] * 2 + ["temporal"] * 2  # none again
    found = failures(cells)
    assert {(f.classifier, f.reason) for f in found} == {("knn", "too few clips for knn")}
    assert len(found) == 4
    own, (compared,), _ = summarise(results, None, found)
    assert own == results
    assert [(f.name, f.classifier, f.seeds) for f in compared.failed] == [
        ("temporal", "knn", (0, 1)),
        ("7x96", "knn", (0, 1)),
    ]
    assert "temporal + knn (seeds 0, 1) could not be run: too few clips for knn." in details(compared)
    assert len(run_cells(cells)) == 8
    assert not failures(cells)  # what can be run after all has not failed


def test_strict_ends_the_run_at_a_bad_clip(sweep: list[Experiment], tmp_path: Path) -> None:
    (tmp_path / "clips" / "low" / "bad.wav").write_bytes(b"rubbish")
    strict = [config.model_copy(update={"strict": True}) for config in sweep]
    with pytest.raises(AudioError, match=r"bad\.wav"):
        run_cells(make_cells(strict, tmp_path / "run"))


def test_a_reproduction_holds_both_averages_and_both_protocols(tmp_path: Path) -> None:
    data = Clips(data="esc10", audio=tmp_path).data_section()
    cells = plan.reproduction(data, size="small", seeds=2, protocols=("nested", "paper"))
    kinds = {(c.network.kind, c.network.compat) for c in cells if c.network}
    assert len(kinds) == 11
    assert {("frame_level", None), ("frame_level", "2018")} <= kinds
    assert len(cells) == 12 * 2 * 2 * 2
    assert not any(config.classifier and config.classifier.standardise for config in cells)
    assert cells[0].network is None  # the cheapest first


@pytest.mark.data
def test_the_study_is_remade_on_real_clips(data_dir: Path, tmp_path: Path) -> None:
    study = Rank(
        data="esc10", audio=data_dir / "esc10", protocol="paper", recipe="2018", networks=[], seeds=1,
        classifiers="svm",
    )  # fmt: skip
    cells = study.experiments()
    (result,) = run_cells(make_cells(cells, tmp_path), n_jobs=2)
    assert [fold.n_test for fold in result.folds] == [80] * 5
    assert abs(100 * result.accuracy - 81.3) < 2  # the 2018 program's, by its grid on the same folds
