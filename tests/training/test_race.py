"""`elmarc train --budget`: a race says which network to train, and nothing that chose flatters it."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file
from tests.cli.conftest import Run
from tests.simulated import simulated_result
from tests.training.test_command import SMALL, TIMELESS

from elmarc import train
from elmarc.datasets.toy import load as load_toy
from elmarc.errors import ConfigError, ElmarcError
from elmarc.results import Prediction, Result, collect
from elmarc.study import race
from elmarc.study.cells import Cell, make_cells
from elmarc.study.executors import Processes
from elmarc.study.observer import Observer
from elmarc.study.race import Found, make_plan, ordered, race_s, run_race, rung_epochs, unchosen
from elmarc.study.request import Train
from elmarc.study.run import run_cells
from elmarc.training.nested import Rung

FOUR: list[dict[str, Any]] = [
    SMALL,
    {**SMALL, "name": "flat", "filter_shape": [7, 10], "pool_shape": [2, 87]},
    {"kind": "temporal", "name": "long", "n_filters": 4},
    {"kind": "frame_level", "name": "wave", "n_filters": 4},
]
EPOCHS = 4


def cells_of(folder: Path, output: Path, **options: Any) -> list[Cell]:
    data = {"source": str(folder), "n_folds": 4}
    study = Train(
        data=data, networks=FOUR, device="cpu", epochs=EPOCHS, learning_rates=(0.003, 0.01), **options
    )
    return make_cells(study.race(), output)


def raced(cells: list[Cell], **options: Any) -> Found:
    return run_race(cells, budget_s=1000.0, **options)


def kept(output: Path) -> dict[str, bytes]:
    """Return what a race has found, and all weights, but no times."""
    files = [*output.rglob("*.safetensors"), *output.rglob("*rung*.json"), output / "race.json"]
    return {str(file.relative_to(output)): file.read_bytes() for file in files}


def timeless(found: Found) -> list[str]:
    return [replace(result, **TIMELESS).to_json() for result in found.results]


@pytest.fixture
def whole(sounds: Path, tmp_path: Path) -> Found:
    return raced(cells_of(sounds, tmp_path / "whole"))


def test_a_third_goes_on_and_the_winner_is_trained_as_without_a_race(
    sounds: Path, tmp_path: Path, whole: Found
) -> None:
    assert [len(standings) for standings in whole.rungs] == [4, 2, 1]
    assert whole.plan.epochs == (1, 2, 4)
    assert {standing.rung.epochs for standing in whole.rungs[1]} == {2}
    passing = [[s.network for s in standings if s.passes] for standings in whole.rungs]
    assert [len(names) for names in passing] == [2, 1, 1]
    assert passing[0] == [s.network for s in whole.rungs[0][:2]]
    assert {r.features for r in whole.results} == {"tall", "flat", "long", "wave", "mixed", "mfcc"}
    section = next(net for net in FOUR if net["name"] == whole.winner)
    study = Train(
        data={"source": str(sounds), "n_folds": 4}, networks=[section], device="cpu", epochs=EPOCHS,
        learning_rates=(0.01,), seeds=1,
    )  # fmt: skip
    (cell,) = make_cells(study.experiments(), tmp_path / "alone")
    (alone,) = run_cells([cell])
    (winner,) = (r for r in whole.results if r.classifier == "trained")
    assert replace(winner, **TIMELESS).to_json() == replace(alone, **TIMELESS).to_json()
    files = sorted((cell.folder / "weights").glob("*.safetensors"))
    assert len(files) == 4
    for file in files:
        other = load_file(tmp_path / "whole" / "cells" / cell.folder.name / "weights" / file.name)
        assert all(np.array_equal(value, other[name]) for name, value in load_file(file).items())


class Stopping(Observer):
    """Ends a run at some epoch, as Ctrl-C does."""

    def __init__(self, n_epochs: int) -> None:
        self.left = n_epochs

    def on_epoch(self, done: int, total: int, said: str) -> None:
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


def test_broken_off_anywhere_it_goes_on_to_the_same_bytes(
    sounds: Path, tmp_path: Path, whole: Found, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells = cells_of(sounds, tmp_path / "broken")
    monkeypatch.setattr(
        race, "make_plan", lambda *_, **__: replace(whole.plan)
    )  # times differ between two plans
    for n_epochs in (1, 3, 2, 4):
        with pytest.raises(KeyboardInterrupt):
            raced(cells, observer=Stopping(n_epochs))
    found = raced(cells)
    assert timeless(found) == timeless(whole)
    assert kept(tmp_path / "broken") == kept(tmp_path / "whole")


def test_what_is_damaged_is_trained_again(sounds: Path, tmp_path: Path, whole: Found) -> None:
    before = kept(tmp_path / "whole")
    for file in (tmp_path / "whole").rglob("*rung-1.json"):
        file.write_text("{")  # its checkpoint is of a later epoch by now
    (tmp_path / "whole" / "race.json").unlink()
    assert timeless(raced(cells_of(sounds, tmp_path / "whole"))) == timeless(whole)
    after = kept(tmp_path / "whole")
    rungs = [name for name in before if name.endswith(".json")]
    assert {name: after[name] for name in rungs} == {name: before[name] for name in rungs}


@pytest.mark.slow
def test_processes_give_the_same(sounds: Path, tmp_path: Path, whole: Found) -> None:
    with Processes(2, device="cpu") as pool:
        found = raced(cells_of(sounds, tmp_path / "sent"), executor=pool)
    assert timeless(found) == timeless(whole)


def test_networks_are_ordered_by_the_sum_of_their_training_losses() -> None:
    found = {
        "a": Rung(3, loss=0.5, accuracy=0.9, train_loss=3.0),
        "b": Rung(3, loss=0.6, accuracy=0.8, train_loss=2.0),
        "c": Rung(3, loss=0.4, accuracy=0.8, train_loss=3.0),
    }
    standings = ordered(found, {"a": 0.5, "b": 0.7, "c": 0.6}, 1)
    assert [(s.network, s.untrained, s.passes) for s in standings] == [
        ("b", 0.7, True),
        ("c", 0.6, False),
        ("a", 0.5, False),
    ]


def test_rungs_and_their_time() -> None:
    assert rung_epochs(16) == (2, 6, 16)
    assert rung_epochs(1) == (1,)
    # nine of 10 s, five folds: all for a ninth of one, three for two more, one for the rest and on the others
    assert race_s([10.0] * 9, (1, 3, 9), 5) == pytest.approx(2 * (9 / 9 + 3 * 2 / 9 + 6 / 9) + 8)


def test_the_budget_decides_who_enters(sounds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cells = [c for c in cells_of(sounds, tmp_path) if c.config.training is not None]
    seconds = {"tall": 10.0, "flat": 10.0, "long": 10.0, "wave": 200.0}
    monkeypatch.setattr(race, "_whole_s", lambda cell, _: seconds[cell.config.label])
    scores = {"tall": 0.7, "flat": 0.9, "long": 0.8, "wave": 1.0}
    assert make_plan(cells, scores, 1000.0, None).entering == ("wave", "flat", "long", "tall")
    plan = make_plan(cells, scores, 50.0, None)
    assert plan.entering == ("flat", "long", "tall")
    assert "takes about 200 s" in plan.left_out["wave"]
    enough_for_two = race_s([10.0, 10.0], plan.epochs, 4)
    plan = make_plan(cells, scores, enough_for_two, None)
    assert plan.entering == ("flat", "long")
    assert "untrained score is low" in plan.left_out["tall"]
    with pytest.raises(
        ConfigError, match=r"budget 1 s: no network can be trained in it, 0 s are spent, the cheapest takes"
    ):
        make_plan(cells, scores, 1.0, None)


def test_the_accuracy_to_expect_does_not_gain_from_the_choice() -> None:
    """Thirty networks of equal accuracy: the first fold chooses, and the interval covers the truth."""
    rng, true, n_folds, n = np.random.default_rng(3), 0.7, 5, 60
    flattered, covered = [], []
    for _ in range(400):
        hits = rng.random((30, n_folds, n)) < true
        best = hits[:, 0].mean(axis=1).argmax()
        predictions = [
            Prediction(f"{k}/{i}", "a", "a" if hits[best, k, i] else "b", f"{k}", "")
            for k in range(n_folds)
            for i in range(n)
        ]
        result = replace(simulated_result(), predictions=predictions, classes=["a", "b"])
        score = unchosen(result, "0")
        assert score.low is not None
        assert score.high is not None
        covered.append(score.low <= true <= score.high)
        flattered.append(hits[best, 0].mean() - true)
    assert np.mean(flattered) > 0.08  # what the choosing fold would have promised too much
    assert 0.93 <= np.mean(covered) <= 0.97


def test_on_permuted_labels_it_expects_chance(tmp_path: Path) -> None:
    toy = load_toy(target="timbre", n_variations=8)
    labels = [clip.label for clip in toy.clips]
    random.Random(0).shuffle(labels)
    clips = tuple(replace(clip, label=label) for clip, label in zip(toy.clips, labels, strict=True))
    study = Train(
        data={"kind": "object", "name": "toy"}, networks=FOUR[:3], epochs=EPOCHS, learning_rates=(0.01,),
        device="cpu",
    )  # fmt: skip
    found = raced(make_cells(study.race(), tmp_path, materials={"toy": replace(toy, clips=clips)}))
    for score in (found.trained, found.untrained):
        assert score.low is not None
        assert score.high is not None
        assert score.low <= 0.25 + 0.1
        assert abs(score.accuracy - 0.25) < 0.13


def test_of_lists_the_validation_list_chooses(sounds: Path, tmp_path: Path) -> None:
    files = sorted(sounds.rglob("*.wav"))
    parts = {"train": files[::2], "validation": files[1::4], "test": files[3::4]}
    for name, part in parts.items():
        lines = [str(path.relative_to(sounds)) for path in part]
        (tmp_path / f"{name}.txt").write_text("\n".join(lines) + "\n")
    data = {"kind": "lists", "audio": f"{sounds}/"} | {name: str(tmp_path / f"{name}.txt") for name in parts}
    study = Train(data=data, networks=FOUR[:2], epochs=2, learning_rates=(0.01,), device="cpu")
    found = raced(make_cells(study.race(), tmp_path / "out"))
    tested = {p.id for r in found.results for p in r.predictions}
    assert len(tested) == len(parts["test"])
    rungs = list((tmp_path / "out").rglob("fold-validation-rung-*.json"))
    assert len(rungs) == 2 + 1
    assert found.trained.accuracy == next(r for r in found.results if r.classifier == "trained").accuracy


def test_from_the_shell_it_says_what_to_use(elmarc: Run, sounds: Path, tmp_path: Path) -> None:
    (tmp_path / "space.yaml").write_text(json.dumps({"networks": FOUR}))
    words = ("train", sounds, "--networks", "space.yaml", "-o", "out", "--set", "data.n_folds=4")
    words = (*words, "--epochs", EPOCHS, "--learning-rates", "0.01", "--device", "cpu")
    code, said, told = elmarc(*words, "--budget", "20m")
    assert code == 0, told
    assert "Best network to train: " in said
    assert "accuracy to expect " in said
    assert "Best untrained: " in said
    assert "Use " in said
    document = json.loads((tmp_path / "out" / "race.json").read_text())
    assert f"Best network to train: {document['winner']};" in said
    assert {path.suffix for path in (tmp_path / "out").glob("race.*")} == {".json", ".pdf", ".png", ".svg"}
    (trained,) = (r for r in collect(tmp_path / "out") if r.classifier == "trained")
    assert trained.features == document["winner"]
    code, _, told = elmarc("fit", "--from", "out", "-o", "model.elmarc")
    assert code == 0, told
    code, _, told = elmarc("predict", "model.elmarc", sounds, "-o", "labels.csv")
    assert code == 0, told
    labels = pd.read_csv(tmp_path / "labels.csv")
    assert len(labels) == 40
    code, _, told = elmarc(*words, "--budget", "0.001s", "-o", "none")
    assert code == 2
    assert "no network can be trained in it" in told


def test_from_python_the_notes_begin_with_the_answer(sounds: Path) -> None:
    found = train(
        {"source": str(sounds), "n_folds": 4}, networks=FOUR[:2], epochs=2, learning_rates=[0.01],
        budget="10m", device="cpu", progress=False,
    )  # fmt: skip
    assert found.notes[0].startswith("Race: 2 networks trained for 1 epoch")
    assert any(isinstance(r, Result) and r.classifier == "trained" for r in found.results)


def test_a_network_that_cannot_be_trained_is_left_out(
    sounds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells = cells_of(sounds, tmp_path)
    paced = race._whole_s

    def failing(cell: Cell, executor: Any) -> float:
        if cell.config.label == "wave":
            raise ElmarcError("no luck")
        return paced(cell, executor)

    monkeypatch.setattr(race, "_whole_s", failing)
    found = raced(cells)
    assert found.plan.left_out == {"wave": "no luck"}
    assert "not raced: wave: no luck" in found.answer()
