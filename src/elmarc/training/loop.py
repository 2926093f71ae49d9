"""One training from its first epoch to its last, resumable at every epoch."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from elmarc.errors import ConfigError
from elmarc.features.parallel import full_precision
from elmarc.features.pooling import one_thread
from elmarc.networks.base import Network
from elmarc.networks.random_cnn import RandomCNN
from elmarc.training import augment, checkpoints
from elmarc.training.form import Trainable
from elmarc.training.inputs import Index, Inputs
from elmarc.training.randomness import own_random_state
from elmarc.training.recipe import TrainingRecipe

Array = NDArray[np.float32]
Row: TypeAlias = dict[str, Any]  # of a learning curve
Told: TypeAlias = Callable[["Run", int, Row], None]  # the run, the epochs done, the last one's row
SAVE_S = 10.0  # at most about this much work is lost when a run is killed, and the epoch it was in


@dataclass(frozen=True)
class Run:
    """One training of a network.

    Parameters
    ----------
    fold : str
        The held-out part that it must not see.
    learning_rate : float
        The highest of its steps.
    n_epochs : int
        At most so many.
    train : np.ndarray of int
        Rows to learn from.
    validation : np.ndarray of int or None
        Rows of the inner fold; where there are some, training stops once their loss gets no better.
    """

    fold: str
    learning_rate: float
    n_epochs: int
    train: Index
    validation: Index | None = None

    @property
    def part(self) -> str:
        """What it is for: "inner" where it chooses, "outer" where it is judged."""
        return "outer" if self.validation is None else "inner"


@dataclass(frozen=True)
class Curve:
    """What the epochs of a run gave: loss of the training, and of an inner fold loss and accuracy."""

    rows: list[Row]

    @property
    def best(self) -> Row:
        """The epoch with the least loss on the inner fold."""
        return min(self.rows, key=lambda row: float(row["validation_loss"]))

    def is_over(self, n_patient: int) -> bool:
        """Tell whether the last epochs were all no better than one before."""
        return bool(self.rows) and len(self.rows) - self.best["epoch"] >= n_patient


@contextmanager
def rounding_alike() -> Iterator[None]:
    """Let the calling thread compute alone and in full float32: weights do not depend on the number of cores.

    Sums over a batch that threads share round by their number. Several trainings at a time keep the other
    cores busy, and small networks learn faster that way as well.
    """
    with full_precision:
        if torch.get_num_threads() == 1:  # a worker's own: other threads' default is left alone
            yield
            return
        with one_thread():
            yield


class Trainer:
    """Trains one network again and again, from the same first weights.

    Parameters
    ----------
    network : Network
        Its weights are where each training begins.
    inputs : Inputs
    classes : sequence of str
    recipe : TrainingRecipe
    statistics : sequence of str
        What is kept of each map.
    seed : int
        Of all that is drawn on the way: order, crops, masks, mixtures.
    told : callable or None
        Called after each epoch; what it raises ends the training, which goes on from there when it is
        called again.
    check : callable or None
        Called before each step; what it raises ends the training, and the epoch at work is lost.
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
        told: Told | None = None,
        check: Callable[[], None] | None = None,
        save_s: float = SAVE_S,
    ) -> None:
        self.inputs, self.classes, self.recipe, self.seed = inputs, classes, recipe, seed
        self.told, self.check, self.save_s = told, check, save_s
        self.device = inputs.extractor.device
        self.targets = np.array([classes.index(label) for label in inputs.labels])
        self.crop = augment.crop_length(inputs.length, recipe, shortest=network.min_input_length)
        self.masks = network.input_unit == "frames"
        self.draws = not isinstance(network, RandomCNN)
        self.model = Trainable(network, n_classes=len(classes), statistics=statistics).to(self.device)
        self._first = {name: value.clone() for name, value in self.model.state_dict().items()}

    @rounding_alike()
    def train(self, run: Run, checkpoint: Path | None = None) -> Curve:
        """Train, or go on with what a checkpoint holds; the model has the weights then.

        Parameters
        ----------
        run : Run
        checkpoint : Path or None
            Where the training is kept between epochs, and its weights at the end. One whose classes stand in
            another order is begun anew.

        Raises
        ------
        ConfigError
            The loss is not finite.
        """
        self.model.load_state_dict(self._first)
        self._standardise(run)
        groups = self.model.groups(self.recipe.weight_decay)
        optimizer = torch.optim.AdamW(groups, lr=run.learning_rate, foreach=False)
        classes = list(self.classes)
        told = checkpoints.read(checkpoint, self.model, optimizer, classes=classes) if checkpoint else None
        curve, is_over = Curve(told["rows"] if told else []), bool(told and told["is_over"])
        if is_over:
            return curve
        saved = time.monotonic()
        while not is_over:
            epoch = len(curve.rows) + 1
            curve.rows.append(self._epoch(optimizer, run, epoch))
            stops = run.validation is not None and curve.is_over(self.recipe.n_patient)
            is_over = stops or epoch == run.n_epochs or not math.isfinite(curve.rows[-1]["loss"])
            with self._told_of(run, curve) as is_stopped:
                is_due = is_over or is_stopped or time.monotonic() - saved >= self.save_s
                if checkpoint and is_due:
                    document = {"rows": curve.rows, "is_over": is_over, "classes": classes}
                    checkpoints.write(checkpoint, self.model, document, None if is_over else optimizer)
                    saved = time.monotonic()
        return curve

    @contextmanager
    def _told_of(self, run: Run, curve: Curve) -> Iterator[bool]:
        """Tell of the last epoch; say whether that ends the training, which it does behind the block."""
        problem: BaseException | None = None
        try:
            if self.told is not None:
                self.told(run, len(curve.rows), curve.rows[-1])
        except BaseException as ended:
            problem = ended
        yield problem is not None
        if problem is not None:
            raise problem

    @rounding_alike()
    def predict(self, rows: Index) -> NDArray[np.intp]:
        """Return the class numbers of clips, which are seen whole."""
        found: NDArray[np.intp] = self._scores(rows).argmax(dim=1).cpu().numpy()
        return found

    def _standardise(self, run: Run) -> None:
        for buffer, values in zip(
            (self.model.level, self.model.spread), self.inputs.standards(run.train), strict=True
        ):
            buffer.copy_(torch.from_numpy(values))

    def _epoch(self, optimizer: torch.optim.Optimizer, run: Run, epoch: int) -> Row:
        """Learn from every clip once; return a row of the curve."""
        self.model.train()
        self.model.begin_epoch()
        losses = []
        weights = [weight for group in optimizer.param_groups for weight in group["params"]]
        names = (run.fold, run.part, f"{run.learning_rate:g}", str(epoch))
        with own_random_state(self.device, self.seed, *names, draws=self.draws) as rng:
            batches = self._batches(rng.permutation(run.train))
            for number, rows in enumerate(batches):
                if self.check is not None:
                    self.check()
                step = (epoch - 1) * len(batches) + number
                rate = self.recipe.learning_rate(run.learning_rate, step, run.n_epochs * len(batches))
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
        if math.isfinite(row["loss"]) and self._is_finite():
            return row | self._judged(run)
        if run.validation is not None:  # another learning rate will be chosen
            return {"epoch": epoch, "loss": math.inf, "validation_loss": math.inf, "validation_accuracy": 0.0}
        raise ConfigError(
            f"{self.model.network.name}: the loss is not finite in epoch {epoch} at learning rate "
            f"{run.learning_rate:g}: give lower ones (--learning-rates)"
        )

    def _is_finite(self) -> bool:
        """Tell whether the weights are: a loss is of the weights before the step."""
        return all(bool(torch.isfinite(p).all()) for p in self.model.parameters() if p.is_floating_point())

    def _batches(self, rows: Index) -> list[Index]:
        """Cut rows into batches of about one size: none is so small that it has no variance."""
        return np.array_split(rows, math.ceil(len(rows) / self.recipe.batch_size))

    def _drawn(self, rows: Index, rng: np.random.Generator) -> tuple[Array, Array]:
        """Return a batch [shape=(clips, length, bands)] and its targets [shape=(clips, classes)]."""
        whole = np.stack([augment.crop(self.inputs[i], self.crop, rng) for i in rows])
        batch = (whole - self.model.level.cpu().numpy()) / self.model.spread.cpu().numpy()
        if self.masks:
            augment.mask(batch, self.recipe, rng)
        one_hot = np.eye(len(self.classes), dtype=np.float32)[self.targets[rows]]
        return augment.mixup(batch, one_hot, self.recipe, rng)

    def _on_device(self, values: Array) -> Tensor:
        return torch.from_numpy(values).to(self.device)

    def _judged(self, run: Run) -> Row:
        """Return loss and accuracy on the inner fold, where the run has one."""
        if run.validation is None:
            return {}
        scores, targets = self._scores(run.validation), torch.from_numpy(self.targets[run.validation])
        loss = F.cross_entropy(scores.cpu(), targets)
        accuracy = float((scores.cpu().argmax(dim=1) == targets).float().mean())
        return {"validation_loss": float(loss), "validation_accuracy": accuracy}

    @torch.no_grad()
    def _scores(self, rows: Index) -> Tensor:
        self.model.eval()
        parts = []
        for start in range(0, len(rows), self.recipe.batch_size):
            some = rows[start : start + self.recipe.batch_size]
            x = self._on_device(np.stack([self.inputs[i] for i in some]))
            parts.append(self.model(self.model.standardised(x)))
        return torch.cat(parts)
