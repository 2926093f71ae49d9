"""A training that was broken off ends as an unbroken one; nothing else in the process notices it."""

from __future__ import annotations

import random
import shutil
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf
import torch
from tests.training.conftest import N_CLIPS, Make
from torch import nn

from elmarc.errors import ConfigError, DatasetError
from elmarc.networks import ExternalNetwork
from elmarc.networks.make import make_module
from elmarc.training.loop import Run, Trainer

ROWS = np.arange(N_CLIPS)
OUTER = Run("1", 0.01, 4, ROWS[8:])
INNER = Run("1", 0.01, 4, ROWS[16:], ROWS[8:16])


def weights(trainer: Trainer) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in trainer.model.state_dict().items()}


def assert_same(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> None:
    assert found.keys() == expected.keys()
    assert [name for name in found if not torch.equal(found[name], expected[name])] == []


@pytest.mark.parametrize("run", [OUTER, INNER], ids=["outer", "inner"])
def test_a_run_that_is_broken_off_goes_on_to_the_same_weights(make: Make, run: Run, tmp_path: Path) -> None:
    whole = make()
    rows = whole.train(run).rows
    file = tmp_path / "run.safetensors"

    def stop(_run: Run, epoch: int, _row: dict[str, Any]) -> None:
        if epoch == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make(on_epoch=stop).train(run, file)
    seen: list[int] = []
    again = make(on_epoch=lambda _run, epoch, _row: seen.append(epoch))
    assert again.train(run, file).rows == rows
    assert seen == [3, 4]
    assert_same(weights(again), weights(whole))
    finished = make()
    assert finished.train(run, file).rows == rows
    assert_same(weights(finished), weights(whole))


def test_a_run_goes_on_from_any_epoch_that_was_kept(make: Make, tmp_path: Path) -> None:
    file = tmp_path / "run.safetensors"
    kept = []

    def keep(_run: Run, epoch: int, _row: dict[str, Any]) -> None:
        if file.exists():
            kept.append(Path(shutil.copy(file, tmp_path / f"{epoch}.safetensors")))

    whole = make(on_epoch=keep, save_s=0.0)
    whole.train(OUTER, file)
    assert len(kept) == 3
    for copy in kept:
        again = make()
        again.train(OUTER, copy)
        assert_same(weights(again), weights(whole))


def test_a_checkpoint_of_another_order_of_classes_is_passed_over(make: Make, tmp_path: Path) -> None:
    """Its head says hiss where this one says tone."""
    file, turned = tmp_path / "run.safetensors", ("tone", "hiss")
    make().train(OUTER, file)
    whole, again = make(classes=turned), make(classes=turned)
    whole.train(OUTER)
    again.train(OUTER, file)
    assert_same(weights(again), weights(whole))
    assert np.array_equal(again.predict(ROWS), whole.predict(ROWS))


@pytest.mark.parametrize("damage", ["cut", "other"])
def test_a_checkpoint_that_cannot_be_used_is_passed_over(make: Make, tmp_path: Path, damage: str) -> None:
    whole, file = make(), tmp_path / "run.safetensors"
    whole.train(OUTER, file)
    data = file.read_bytes()
    file.write_bytes(data[: len(data) // 2] if damage == "cut" else b"not a checkpoint")
    again = make()
    again.train(OUTER, file)
    assert_same(weights(again), weights(whole))


def test_seeds_make_runs_and_the_order_of_runs_does_not(make: Make) -> None:
    first, other = make(), make(seed=1)
    first.train(OUTER)
    expected = weights(first)
    first.train(INNER)
    first.train(OUTER)
    assert_same(weights(first), expected)
    other.train(OUTER)
    assert not torch.equal(other.model.head.weight, first.model.head.weight)


def test_the_number_of_threads_changes_nothing(make: Make) -> None:
    before = torch.get_num_threads()
    found = []
    try:
        for n in (1, 4):
            torch.set_num_threads(n)
            trainer = make(recipe={"epochs": 2})
            trainer.train(OUTER)
            said = trainer.predict(ROWS[:8]).tolist()
            assert torch.get_num_threads() == n
            found.append((weights(trainer), said))
    finally:
        torch.set_num_threads(before)
    assert_same(found[0][0], found[1][0])
    assert found[0][1] == found[1][1]


class Random(nn.Module):
    """Draws from every global state while it learns."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.drop = nn.Conv1d(96, 4, 3), nn.Dropout(0.2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        noise = random.random() + np.random.rand() if self.training else 0.0  # noqa: NPY002
        return self.drop(torch.relu(self.conv(x.transpose(1, 2)))) + noise


def states() -> tuple[Any, ...]:
    numpy = np.random.get_state()  # noqa: NPY002
    return random.getstate(), str(numpy), torch.get_rng_state().tolist(), torch.get_num_threads()


@pytest.fixture
def three_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("three_threads")
def test_no_global_state_is_changed_and_none_is_read(make: Make) -> None:
    module = Random()

    def trained() -> dict[str, torch.Tensor]:
        network = ExternalNetwork(module, layers=["output"], input_unit="frames", input_length=15, n_bands=96)
        trainer = make(network)
        trainer.train(INNER)
        return weights(trainer)

    before = states()
    first = trained()
    assert states() == before
    torch.rand(1), random.random(), np.random.rand()  # noqa: NPY002
    assert_same(trained(), first)


def test_a_module_built_by_another_thread_leaves_the_training_as_it_is(make: Make) -> None:
    module = Random()

    def trained(check: Callable[[], None] | None = None) -> dict[str, torch.Tensor]:
        network = ExternalNetwork(module, layers=["output"], input_unit="frames", input_length=15, n_bands=96)
        trainer = make(network, check=check)
        trainer.train(OUTER)
        return weights(trainer)

    first = trained()
    built: list[Future[nn.Module]] = []
    entered, resume = threading.Event(), threading.Event()

    def factory() -> nn.Module:
        entered.set()
        resume.wait(10)
        return nn.Linear(3, 2)

    def build() -> None:  # before each step; the factory would last until the second
        if built:
            resume.set()
        else:
            built.append(other.submit(make_module, factory, {}))
            entered.wait(0.2)

    with ThreadPoolExecutor(1) as other:
        assert_same(trained(build), first)
        assert_same(built[0].result().state_dict(), make_module(factory, {}).state_dict())


def test_training_on_an_inner_fold_stops_once_it_gets_no_better(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = make(recipe={"epochs": 30})
    losses = iter([1.0, 0.5, *[0.7] * 28])
    monkeypatch.setattr(trainer, "_validated", lambda _run: {"validation_loss": next(losses)})
    curve = trainer.train(Run("1", 0.01, 30, ROWS[16:], ROWS[8:16]))
    assert curve.best["epoch"] == 2
    assert len(curve.rows) == 2 + trainer.recipe.n_patient


def test_a_loss_that_is_not_finite_ends_the_run_and_is_said(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = make()
    monkeypatch.setattr(trainer.model.head, "bias", nn.Parameter(torch.full((2,), float("nan"))))
    trainer._first = weights(trainer)
    with pytest.raises(ConfigError, match="not finite in epoch 1 at learning rate"):
        trainer.train(OUTER)
    rows = trainer.train(INNER).rows
    assert [row["validation_loss"] for row in rows] == [float("inf")]


def test_weights_that_are_not_finite_end_the_run_though_the_loss_was(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = torch.optim.AdamW.step

    def spoil(self: torch.optim.AdamW, *args: Any, **options: Any) -> Any:
        step(self, *args, **options)
        self.param_groups[0]["params"][0].data.fill_(float("nan"))

    trainer = make(recipe={"batch_size": N_CLIPS})  # a single step: its loss is of the weights before
    monkeypatch.setattr(torch.optim.AdamW, "step", spoil)
    with pytest.raises(ConfigError, match="not finite in epoch 1"):
        trainer.train(OUTER)
    assert [row["validation_loss"] for row in trainer.train(INNER).rows] == [float("inf")]


def test_a_clip_that_is_not_finite_makes_no_weights(make: Make, sounds: Path) -> None:
    y, sr = sf.read(sounds / "hiss" / "00.wav")
    for name, value in (("nan", np.nan), ("inf", np.inf), ("loud", 1e30)):
        sf.write(sounds / "hiss" / f"{name}.wav", np.where(np.arange(len(y)) == 9, value, y), sr, "FLOAT")
    trainer = make()
    names = [name for name, _ in trainer.inputs.skipped]
    assert sorted(names) == ["hiss/inf.wav", "hiss/nan.wav"]
    trainer.train(OUTER)
    assert all(torch.isfinite(value).all() for value in weights(trainer).values())
    sums = trainer.inputs.sums.copy()
    sums[3] = np.inf
    with pytest.raises(DatasetError, match=r"06\.wav: .*not finite: leave such clips out"):
        replace(trainer.inputs, sums=sums).standards(ROWS)
