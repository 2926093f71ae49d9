"""Trained networks are judged on what they have not seen."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binomtest
from tests.training.conftest import N_CLIPS, Make

from elmarc.evaluation.protocol import Evaluation
from elmarc.evaluation.splits import Folds, Lists, make_splits
from elmarc.training.loop import Row, Run, Trainer
from elmarc.training.nested import CHOSEN, FIXED, evaluate_part, parts_of, put_together

N_FOLDS = 4
BRIEF = {"epochs": 3, "learning_rates": (0.003, 0.02)}


def folds_of(labels: list[str]) -> Folds | Lists:
    return make_splits(labels, [""] * len(labels), kind="none", n_folds=N_FOLDS)


def evaluate(
    trainer: Trainer, splits: Folds | Lists, folder: Path | None = None
) -> tuple[Evaluation, list[Row]]:
    parts = parts_of(splits, trainer.inputs.labels, trainer.recipe)
    return put_together([evaluate_part(trainer, part, folder) for part in parts], splits, trainer.recipe)


def test_labels_are_learned_and_permuted_ones_are_not(make: Make, rng: np.random.Generator) -> None:
    trainer = make(recipe={"epochs": 6})
    labels = trainer.inputs.labels
    learned, _ = evaluate(trainer, folds_of(labels))
    assert learned.accuracy > 0.9
    hits = []
    for _ in range(3):
        permuted = [str(label) for label in rng.permutation(labels)]
        clips = [replace(c, label=label) for c, label in zip(trainer.inputs.clips, permuted, strict=True)]
        trainer.inputs = replace(trainer.inputs, clips=clips)
        trainer.targets = np.array([trainer.classes.index(label) for label in permuted])
        found, _ = evaluate(trainer, folds_of(permuted))
        hits += [permuted[i] == said for i, said, _ in found.held_out]
    assert len(hits) == 3 * N_CLIPS
    interval = binomtest(sum(hits), len(hits)).proportion_ci(0.99)
    assert interval.low <= 0.5 <= interval.high


def test_every_clip_is_judged_once_by_a_training_that_has_not_seen_it(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = make(recipe=BRIEF)
    parts = folds_of(trainer.inputs.labels)
    assert isinstance(parts, Folds)
    test_of = dict(zip(parts.names, (set(test) for _, test in parts.splits), strict=True))
    runs: list[Run] = []
    train = trainer.train
    monkeypatch.setattr(trainer, "train", lambda run, file: (runs.append(run), train(run, file))[1])
    found, curves = evaluate(trainer, parts)
    assert sorted(i for i, _, _ in found.held_out) == list(range(N_CLIPS))
    assert len(runs) == 3 * N_FOLDS
    for run in runs:
        inner = set() if run.validation is None else set(run.validation)
        assert not test_of[run.fold] & (set(run.train) | inner)
        assert not set(run.train) & inner
    assert found.note == CHOSEN
    assert {row["part"] for row in curves} == {"inner", "outer"}
    for fold in found.folds:
        inner_rows = [row for row in curves if row["fold"] == fold.name and row["part"] == "inner"]
        best = min(inner_rows, key=lambda row: row["validation_loss"])
        assert fold.params == {"learning_rate": best["learning_rate"], "epochs": best["epoch"]}


def test_what_is_kept_is_not_trained_again(make: Make, tmp_path: Path) -> None:
    trainer = make(recipe=BRIEF)
    parts = folds_of(trainer.inputs.labels)
    found, curves = evaluate(trainer, parts, folder=tmp_path / "weights")
    names = sorted(path.name for path in (tmp_path / "weights").iterdir())
    assert len(names) == 2 * N_FOLDS
    assert [name for name in names if name.endswith("inner.json")] == names[::2]

    def refuse(*_: object) -> None:
        raise AssertionError("an epoch was trained again")

    again, same = evaluate(make(recipe=BRIEF, on_epoch=refuse), parts, folder=tmp_path / "weights")
    assert again == found
    assert same == curves


def test_fixed_lists_choose_on_the_validation_list(make: Make) -> None:
    trainer = make(recipe=BRIEF)
    rows = np.arange(N_CLIPS)
    lists = Lists(rows[:20], rows[20:30], rows[30:])
    runs = []
    trainer.on_epoch = lambda run, *_: runs.append(run)
    found, _ = evaluate(trainer, lists)
    assert [fold.name for fold in found.folds] == ["test"]
    assert {tuple(run.validation) for run in runs if run.validation is not None} == {tuple(rows[20:30])}
    assert {tuple(run.train) for run in runs if run.validation is None} == {tuple(rows[:30])}


def test_with_one_learning_rate_nothing_is_chosen(make: Make) -> None:
    trainer = make(recipe={"epochs": 2, "learning_rates": (0.01,)})
    found, curves = evaluate(trainer, folds_of(trainer.inputs.labels))
    assert found.note == FIXED
    assert {row["part"] for row in curves} == {"outer"}
    assert len(curves) == 2 * N_FOLDS
