"""`elmarc train` gives what `rank` gives: results, tables, a page; broken off, it goes on to the same end."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from safetensors.numpy import load_file
from scipy.stats import binomtest
from tests.cli.conftest import Run
from tests.training.test_model import Own

from elmarc import train
from elmarc.datasets.toy import load as load_toy
from elmarc.errors import ConfigError
from elmarc.results import Result, collect
from elmarc.study.cells import Cell, make_cells
from elmarc.study.forecast import forecast
from elmarc.study.observer import Observer
from elmarc.study.request import Train
from elmarc.study.run import run_cells
from elmarc.training.recipe import TrainingRecipe

BRIEF = TrainingRecipe(epochs=3, learning_rates=(0.003, 0.01))
SMALL: dict[str, Any] = {
    "kind": "single_layer", "name": "tall", "n_filters": 8, "filter_shape": [3, 60], "pool_shape": [2, 37],
    "layers": ["pool"],
}  # fmt: skip
TIMELESS: dict[str, Any] = {"timings": {}, "environment": {}, "created": "", "command": "", "source": {}}


def test_a_trained_network_beats_chance_on_toy(tmp_path: Path) -> None:
    toy = load_toy(target="timbre", n_variations=5)
    study = Train(
        data={"kind": "object", "name": "toy"}, networks=[SMALL], recipe="2018", seeds=1, epochs=3,
        learning_rates=[0.01],
    )  # fmt: skip
    (result,) = run_cells(make_cells(study.experiments(), tmp_path, materials={"toy": toy}))
    hits = sum(p.label == p.predicted for p in result.predictions)
    assert len(result.predictions) == 80
    assert binomtest(hits, 80, 0.25).proportion_ci(0.999).low > 0.25


def test_the_results_are_read_as_those_of_rank(elmarc: Run, sounds: Path, tmp_path: Path) -> None:
    (tmp_path / "space.yaml").write_text(json.dumps({"networks": [SMALL]}))
    words = (
        "train",
        sounds,
        "--networks",
        "space.yaml",
        "--seeds",
        1,
        "-o",
        "out",
        "--set",
        "data.n_folds=4",
    )
    words = (*words, "--epochs", 3, "--learning-rates", "0.01", "--store", "store")
    code, said, told = elmarc(*words)
    assert code == 0, told
    assert "Best: tall + trained, " in said
    assert "about" in told
    (result,) = collect(tmp_path / "out")
    assert (result.features, result.classifier, result.protocol, result.recipe) == (
        "tall", "trained", "nested", "v2",
    )  # fmt: skip
    assert result.definition["training"]["epochs"] == 3
    assert result.timings.keys() == {"extract_s", "train_s"}
    assert len(pd.read_csv(next((tmp_path / "out").rglob("curves.csv")))) == 3 * 4
    assert len(list((tmp_path / "out").rglob("curves.*"))) == 4
    code, _, told = elmarc("report", "out")
    assert code == 0, told
    assert "trained" in (tmp_path / "report.html").read_text()
    quick = ("--networks", "vgg", "--set", "network.n_filters=4", "--set", "network.size=null")
    quick = (*quick, "--classifiers", "ridge", "--seeds", 1, "--set", "data.n_folds=4")
    code, said, told = elmarc("rank", sounds, *quick, "--store", "store", "-o", "ranked")
    assert code == 0, told
    both = f"best trained: tall, {100 * result.accuracy:.1f} %"
    assert both in " ".join(told.split())
    code, said, told = elmarc(*words)
    assert code == 0
    assert "were done" in told
    assert re.search(rf"Best without training: (mfcc|vgg) \+ ridge, .* %.*; {both}", " ".join(told.split()))
    code, _, told = elmarc("report", "out", "ranked")
    assert code == 0, told
    assert both in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize("rates", ["", "0.1,0", "fast", "nan"])
def test_learning_rates_that_are_none_are_refused(elmarc: Run, sounds: Path, rates: str) -> None:
    code, _, told = elmarc("train", sounds, "--learning-rates", rates)
    assert code == 2
    assert "learning_rates: found" in told


def test_from_python_it_takes_modules_and_tables(sounds: Path) -> None:
    rows = [{"path": str(path), "label": path.parent.name} for path in sorted(sounds.rglob("*.wav"))]
    module = Own()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    found = train(
        pd.DataFrame(rows), networks=[module], epochs=3, learning_rates=[0.01], seeds=1, progress=False,
        input={"seconds": 0.4}, device="cpu",
    )  # fmt: skip
    assert found.best.name == "Own (kept weights)"
    assert found.best.accuracy > 0.9
    assert all(torch.equal(before[name], value) for name, value in module.state_dict().items())
    with pytest.raises(ConfigError, match=r"modules of your own.*neither their code.*train a network"):
        found.fit()


def cells_of(folder: Path, output: Path, **options: Any) -> list[Cell]:
    brief = {"epochs": BRIEF.epochs, "learning_rates": BRIEF.learning_rates}
    data = {"source": str(folder), "n_folds": 4}
    study = Train(
        data=data, **{"networks": [SMALL], "recipe": "2018", "seeds": 1, "device": "cpu", **brief, **options}
    )
    return make_cells(study.experiments(), output)


class Stopping(Observer):
    """Ends a run after some epochs, as Ctrl-C does."""

    def __init__(self, n_epochs: int) -> None:
        self.left = n_epochs

    def on_epoch(self, done: int, total: int, said: str) -> None:
        assert done <= total == 4 * 3 * BRIEF.epochs
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


def timeless(results: list[Result]) -> list[str]:
    return [replace(result, **TIMELESS).to_json() for result in results]


def weights(cells: list[Cell]) -> dict[str, bytes]:
    files = sorted((cells[0].folder / "weights").glob("*.safetensors"))
    return {f"{file.name} {key}": a.tobytes() for file in files for key, a in load_file(file).items()}


def test_a_study_that_is_broken_off_goes_on_to_the_same_weights(sounds: Path, tmp_path: Path) -> None:
    whole, broken = (cells_of(sounds, tmp_path / name) for name in ("whole", "broken"))
    expected = run_cells(whole)
    for n_epochs in (2, 3, 7):
        with pytest.raises(KeyboardInterrupt):
            run_cells(broken, observer=Stopping(n_epochs))
    found = run_cells(broken)
    assert timeless(found) == timeless(expected)
    assert weights(broken) == weights(whole)
    curves = [cells[0].folder / "curves.csv" for cells in (whole, broken)]
    assert curves[0].read_text() == curves[1].read_text()


def test_cells_of_other_recipes_networks_and_seeds_lie_apart(sounds: Path, tmp_path: Path) -> None:
    cells = cells_of(sounds, tmp_path, networks=[SMALL, "temporal"], seeds=2)
    more = cells_of(sounds, tmp_path, epochs=4)
    assert len({cell.folder for cell in [*cells, *more]}) == 5


def test_the_forecast_counts_what_is_left(sounds: Path, tmp_path: Path) -> None:
    cells = cells_of(sounds, tmp_path, seeds=2)
    run_cells(cells[:1])
    found = forecast(cells)
    assert (found.n_done, found.n_cells) == (1, 2)
    assert found.features.keys() == {"tall"}
    assert found.seconds > 0


def test_a_clip_that_cannot_be_read_is_left_out_and_said(sounds: Path, tmp_path: Path) -> None:
    (sounds / "hiss" / "bad.wav").write_bytes(b"no sound")
    (result,) = run_cells(cells_of(sounds, tmp_path))
    assert [clip.id for clip in result.skipped] == ["hiss/bad.wav"]
    assert result.n_clips == 40
