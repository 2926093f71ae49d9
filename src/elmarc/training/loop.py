"""One training: a plain torch loop, resumable at every epoch.

A checkpoint is one safetensors file, written whole or not at all: weights, buffers and the optimiser's
moments, and a JSON text in its header.
"""

from __future__ import annotations

import json
import math
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from elmarc import _seeds
from elmarc._io import write_atomic
from elmarc.errors import ConfigError
from elmarc.features.parallel import full_precision
from elmarc.features.pooling import one_thread
from elmarc.networks.base import Network
from elmarc.networks.random_cnn import RandomCNN
from elmarc.training.inputs import Index, Inputs, crop, crop_length, mask, mixup
from elmarc.training.model import Trainable
from elmarc.training.recipe import TrainingRecipe

Array = NDArray[np.float32]
Row: TypeAlias = dict[str, Any]  # of a learning curve
EpochReport: TypeAlias = Callable[["Run", int, Row], None]  # the run, the epochs done, the last one's row
SAVE_S = 10.0  # at most about this much work is lost when a run is killed, and the epoch it was in
KEY, MODEL, OPTIMIZER = "elmarc", "model.", "optimizer."  # of a checkpoint


@dataclass(frozen=True)
class Run:
    """One training of a network.

    Parameters
    ----------
    fold : str
        The part that is held out.
    learning_rate : float
        The highest of its steps.
    n_epochs : int
        At most.
    train : np.ndarray of int
        Rows to learn from.
    validation : np.ndarray of int or None
        Rows of the inner fold, where there is one: training stops once their loss gets no better.
    """

    fold: str
    learning_rate: float
    n_epochs: int
    train: Index
    validation: Index | None = None

    @property
    def part(self) -> str:
        """The part of a nested evaluation: "inner" chooses hyper-parameters, "outer" is tested."""
        return "outer" if self.validation is None else "inner"


@dataclass(frozen=True)
class Curve:
    """The learning curve of a run: the training's loss, and an inner fold's loss and accuracy, by epoch."""

    rows: list[Row]

    @property
    def best(self) -> Row:
        """The epoch with the least loss on the inner fold."""
        return min(self.rows, key=lambda row: float(row["validation_loss"]))

    def is_over(self, n_patient: int) -> bool:
        """Return whether the last epochs were all no better than one before."""
        return bool(self.rows) and len(self.rows) - self.best["epoch"] >= n_patient


@contextmanager
def same_rounding() -> Iterator[None]:
    """Let the calling thread compute alone and in full float32: weights do not depend on the number of cores.

    Sums over a batch that threads share round by their number. Several trainings at a time use the other
    cores, and small networks learn faster that way as well.
    """
    is_alone = torch.get_num_threads() == 1  # a worker's own: other threads' default stays
    with full_precision, nullcontext() if is_alone else one_thread():
        yield


class Trainer:
    """Trains one network several times, each time from the same weights.

    Parameters
    ----------
    network : Network
    inputs : Inputs
    classes : sequence of str
    recipe : TrainingRecipe
    statistics : sequence of str
        Of each map.
    seed : int
        Of order, crops, masks and mixtures.
    on_epoch : callable or None
        Called after each epoch; what it raises ends the training, which the next call resumes there.
    check : callable or None
        Called before each step; what it raises ends the training, and the epoch is lost.
    save_s : float
        Seconds between checkpoints.
    """

    def __init__(
        self,
        network: Network,
        inputs: Inputs,
        classes: tuple[str, ...],
        *,
        recipe: TrainingRecipe,
        statistics: tuple[str, ...] = ("mean",),
        seed: int = 0,
        on_epoch: EpochReport | None = None,
        check: Callable[[], None] | None = None,
        save_s: float = SAVE_S,
    ) -> None:
        self.inputs, self.classes, self.recipe, self.seed = inputs, classes, recipe, seed
        self.on_epoch, self.check, self.save_s = on_epoch, check, save_s
        self.device = inputs.extractor.device
        self.targets = np.array([classes.index(label) for label in inputs.labels])
        self.n_cropped = crop_length(inputs.length, recipe, shortest=network.min_input_length)
        self.masks = network.input_unit == "frames"
        self.draws = not isinstance(network, RandomCNN)
        self.model = Trainable(network, n_classes=len(classes), statistics=statistics).to(self.device)
        self._first = {name: value.clone() for name, value in self.model.state_dict().items()}

    @same_rounding()
    def train(self, run: Run, checkpoint: Path | None = None, *, until: int | None = None) -> Curve:
        """Train, or resume from a checkpoint, where one is named; the model has the weights then.

        With `until` it stops after so many epochs, and another call goes on from the checkpoint.

        Raises
        ------
        ConfigError
            The loss is not finite.
        """
        self.model.load_state_dict(self._first)
        level, spread = self.inputs.standards(run.train)
        self.model.level.copy_(torch.from_numpy(level))
        self.model.spread.copy_(torch.from_numpy(spread))
        groups = self.model.groups(self.recipe.weight_decay)
        optimizer = torch.optim.AdamW(groups, lr=run.learning_rate, foreach=False)
        classes = list(self.classes)
        state = read_checkpoint(checkpoint, self.model, optimizer, classes) if checkpoint else None
        curve, is_over = Curve(state["rows"] if state else []), bool(state and state["is_over"])
        last = run.n_epochs if until is None else min(until, run.n_epochs)
        saved = time.monotonic()
        while not is_over and len(curve.rows) < last:
            epoch = len(curve.rows) + 1
            curve.rows.append(self._epoch(optimizer, run, epoch))
            stops = run.validation is not None and curve.is_over(self.recipe.n_patient)
            is_over = stops or epoch == run.n_epochs or not math.isfinite(curve.rows[-1]["loss"])
            is_due = is_over or epoch == last or time.monotonic() - saved >= self.save_s
            try:
                if self.on_epoch is not None:
                    self.on_epoch(run, epoch, curve.rows[-1])
            except BaseException:
                is_due = True
                raise
            finally:
                if checkpoint and is_due:
                    state = {"rows": curve.rows, "is_over": is_over, "classes": classes}
                    write_checkpoint(checkpoint, self.model, state, None if is_over else optimizer)
                    saved = time.monotonic()
        return curve

    @same_rounding()
    def predict(self, rows: Index) -> NDArray[np.intp]:
        """Return the class numbers of whole clips."""
        numbers: NDArray[np.intp] = self._scores(rows).argmax(dim=1).cpu().numpy()
        return numbers

    @same_rounding()
    def test(self, rows: Index) -> tuple[float, float]:
        """Return the mean cross-entropy and the accuracy on whole clips."""
        scores, targets = self._scores(rows).cpu(), torch.from_numpy(self.targets[rows])
        accuracy = (scores.argmax(dim=1) == targets).float().mean()
        return float(F.cross_entropy(scores, targets)), float(accuracy)

    def _epoch(self, optimizer: torch.optim.Optimizer, run: Run, epoch: int) -> Row:
        """Learn from every clip once; return a row of the curve."""
        self.model.train()
        self.model.begin_epoch()
        losses = []
        weights = [weight for group in optimizer.param_groups for weight in group["params"]]
        names = (run.fold, run.part, f"{run.learning_rate:g}", str(epoch))
        with own_random_state(self.device, self.seed, *names, draws=self.draws) as rng:
            # batches of about one size: none is so small that it has no variance
            n_batches = math.ceil(len(run.train) / self.recipe.batch_size)
            batches = np.array_split(rng.permutation(run.train), n_batches)
            for number, rows in enumerate(batches):
                if self.check is not None:
                    self.check()
                step = (epoch - 1) * n_batches + number
                rate = self.recipe.learning_rate(run.learning_rate, step, run.n_epochs * n_batches)
                for group in optimizer.param_groups:
                    group["lr"] = rate
                x, targets = (self._on_device(part) for part in self._drawn(rows, rng))
                loss = F.cross_entropy(self.model(x), targets, label_smoothing=self.recipe.label_smoothing)
                torch.autograd.backward(loss)
                torch.nn.utils.clip_grad_norm_(weights, self.recipe.max_norm)
                optimizer.step()
                optimizer.zero_grad()
                losses.append(loss.detach())
        row: Row = {"epoch": epoch, "loss": float(torch.stack(losses).mean())}
        # a loss is of the weights before the step
        weights_are_finite = all(bool(weight.isfinite().all()) for weight in weights)
        if math.isfinite(row["loss"]) and weights_are_finite:
            return row | self._validated(run)
        if run.validation is not None:  # another learning rate will be chosen
            return {"epoch": epoch, "loss": math.inf, "validation_loss": math.inf, "validation_accuracy": 0.0}
        raise ConfigError(
            f"{self.model.network.name}: the loss is not finite in epoch {epoch} at learning rate "
            f"{run.learning_rate:g}: give lower ones (--learning-rates)"
        )

    def _drawn(self, rows: Index, rng: np.random.Generator) -> tuple[Array, Array]:
        """Return a batch [shape=(clips, length, bands)] and its targets [shape=(clips, classes)]."""
        whole = np.stack([crop(self.inputs[i], self.n_cropped, rng) for i in rows])
        batch = (whole - self.model.level.cpu().numpy()) / self.model.spread.cpu().numpy()
        if self.masks:
            mask(batch, self.recipe, rng)
        one_hot = np.eye(len(self.classes), dtype=np.float32)[self.targets[rows]]
        return mixup(batch, one_hot, self.recipe, rng)

    def _on_device(self, values: Array) -> Tensor:
        return torch.from_numpy(values).to(self.device)

    def _validated(self, run: Run) -> Row:
        """Return loss and accuracy on the inner fold, where the run has one."""
        if run.validation is None:
            return {}
        loss, accuracy = self.test(run.validation)
        return {"validation_loss": loss, "validation_accuracy": accuracy}

    @torch.no_grad()
    def _scores(self, rows: Index) -> Tensor:
        self.model.eval()
        parts = []
        for start in range(0, len(rows), self.recipe.batch_size):
            some = rows[start : start + self.recipe.batch_size]
            x = self._on_device(np.stack([self.inputs[i] for i in some]))
            parts.append(self.model(self.model.standardised(x)))
        return torch.cat(parts)


def write_checkpoint(
    path: Path, model: nn.Module, state: dict[str, Any], optimizer: torch.optim.Optimizer | None = None
) -> None:
    """Write a model, further JSON-able `state`, and the optimiser's moments."""
    tensors = {MODEL + name: value for name, value in model.state_dict().items()}
    if optimizer is not None:
        for number, moments in optimizer.state_dict()["state"].items():
            tensors |= {f"{OPTIMIZER}{number}.{name}": value for name, value in moments.items()}
    copies = {name: value.detach().cpu().clone().contiguous() for name, value in tensors.items()}
    write_atomic(path, save(copies, {KEY: json.dumps(state)}))


def read_checkpoint(
    path: Path, model: nn.Module, optimizer: torch.optim.Optimizer, classes: Sequence[str]
) -> dict[str, Any] | None:
    """Restore a model and its optimiser; return the further state.

    None where there is no such file, a damaged one, or one of other `classes` or another order of them: the
    training begins anew.
    """
    try:
        with safe_open(path, framework="pt") as file:
            state: dict[str, Any] = json.loads(file.metadata()[KEY])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError, KeyError, TypeError, ValueError):
        return None
    weights = {name[len(MODEL) :]: value for name, value in tensors.items() if name.startswith(MODEL)}
    shapes = {name: value.shape for name, value in model.state_dict().items()}
    if state.get("classes") != list(classes) or {n: v.shape for n, v in weights.items()} != shapes:
        return None
    model.load_state_dict(weights)
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    moments: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        if name.startswith(OPTIMIZER):
            number, part = name[len(OPTIMIZER) :].split(".")
            like = parameters[int(number)]
            # in the memory layout of the parameter: the next step rounds the same way
            moment = value if part == "step" else torch.empty_like(like).copy_(value)
            moments.setdefault(int(number), {})[part] = moment.detach()
    optimizer.load_state_dict({**optimizer.state_dict(), "state": moments})
    return state


@contextmanager
def own_random_state(
    device: torch.device, seed: int, *names: str, draws: bool = True
) -> Iterator[np.random.Generator]:
    """Give the generator of a named stream; seed torch, NumPy and Python by it, and restore them at the end.

    Dropout and users' modules draw from the global states; other threads that use them wait. With
    `draws=False` the module draws nothing by itself: the global states stay, and no thread waits.
    """
    rng = _seeds.generator(seed, "training", *names)
    first = int(rng.integers(2**32))
    if not draws:
        yield rng
        return
    # not torch.manual_seed, which would seed every GPU there is
    module = None if device.type == "cpu" else torch.get_device_module(device)
    with _seeds.global_states:
        python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002
        cpu, gpu = torch.get_rng_state(), module and module.get_rng_state()
        try:
            random.seed(first)
            np.random.seed(first)  # noqa: NPY002
            torch.default_generator.manual_seed(first)
            if module:
                module.manual_seed(first)
            yield rng
        finally:
            random.setstate(python)
            np.random.set_state(numpy)  # noqa: NPY002
            torch.set_rng_state(cpu)
            if module:
                module.set_rng_state(gpu)
