"""A race: which network to train, found in a part of the time that training all of them takes.

Networks are trained for a few epochs on one fold; the better third goes on from its checkpoints, and the
better third of these is trained whole (successive halving: Jamieson & Talwalkar, AISTATS 2016). Better is a
smaller sum of the training losses so far (TSE: see `nested.Rung`), which foretold more than losses
and accuracies on the held-out fold, or untrained scores: docs/lab/race.md. The winner is trained on the other
folds too, and their mean is the accuracy to expect: they took no part in the choice. Untrained scores say who
enters where the budget is small, and whether training gains anything.

What decides the race is written as it is found: a race that was broken off goes on to the same end.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import pandas as pd

from elmarc._io import write_atomic
from elmarc.comparison.compare import Score, score_alone
from elmarc.errors import ConfigError, ElmarcError
from elmarc.features.cache import front_ends
from elmarc.features.store import FeatureStore
from elmarc.reports import figures
from elmarc.results import Result
from elmarc.study.cells import Cell
from elmarc.study.executors import Pool, Threads, n_threads_for
from elmarc.study.forecast import n_at_once, n_parts, training_pace
from elmarc.study.observer import Observer
from elmarc.study.run import run_cells
from elmarc.study.trainings import RACED, WEIGHTS, Trainings
from elmarc.training.nested import Rung

KEPT = 3  # one of so many goes on
N_RUNGS = 3
DEAR = 2  # times the median cost: such networks are the first that a small budget leaves out
PLAN, FOUND, FIGURE = "race-plan.json", "race.json", "race"
SCHEMA = 1


@dataclass(frozen=True)
class Plan:
    """What a race does with its budget.

    Parameters
    ----------
    epochs : tuple of int
        Trained at the end of each rung.
    entering : tuple of str
        Networks, by name.
    left_out : mapping of str to str
        The others, and why.
    seconds : mapping of str to float
        Of the whole training of each network, all folds.
    n_folds : int
        That the winner is trained on.
    cells : tuple of str
        Folders of the cells that were planned for.
    budget_s : float
    """

    epochs: tuple[int, ...]
    entering: tuple[str, ...]
    left_out: Mapping[str, str]
    seconds: Mapping[str, float]
    n_folds: int
    cells: tuple[str, ...]
    budget_s: float

    @classmethod
    def read(cls, file: Path, cells: Sequence[Cell], budget_s: float) -> Plan | None:
        """Return the plan of an earlier start; None where there is none, or one of other cells or budget."""
        try:
            keys: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
            plan = cls(**keys | {key: tuple(keys[key]) for key in ("epochs", "entering", "cells")})
        except (OSError, ValueError, TypeError, LookupError):
            return None
        return plan if (plan.cells, plan.budget_s) == (_folders(cells), budget_s) else None


@dataclass(frozen=True)
class Standing:
    """A network at a rung: its untrained accuracy, how far its training has come, and whether it goes on."""

    network: str
    untrained: float
    rung: Rung
    passes: bool


@dataclass(frozen=True)
class Found:
    """What a race found.

    Parameters
    ----------
    plan : Plan
    rungs : tuple of tuple of Standing
        Networks at the end of each rung, best first.
    results : tuple of Result
        Of the untrained systems, and of the winner, trained.
    trained, untrained : Score
        The accuracy of the winner, and that of the best untrained system, on the clips that took no part in
        the choice of the winner.
    name : str
        Of that untrained system.
    """

    plan: Plan
    rungs: tuple[tuple[Standing, ...], ...]
    results: tuple[Result, ...]
    trained: Score
    untrained: Score
    name: str

    @property
    def winner(self) -> str:
        """The network that was trained whole on all folds."""
        return self.rungs[-1][0].network

    @property
    def cost(self) -> float:
        """Seconds of all trainings of the race over those of training all networks whole, as planned."""
        n_folds, seconds = self.plan.n_folds, self.plan.seconds
        before, spent = 0, seconds[self.winner] * (n_folds - 1) / n_folds
        for epochs, standings in zip(self.plan.epochs, self.rungs, strict=True):
            share = (epochs - before) / self.plan.epochs[-1] / n_folds
            spent += sum(seconds[standing.network] for standing in standings) * share
            before = epochs
        return spent / sum(seconds.values())

    def answer(self) -> list[str]:
        """Return what to use, and why, in lines."""
        n = [len(standings) for standings in self.rungs]
        best = self.trained.accuracy > self.untrained.accuracy
        lines = [
            f"Race: {n[0]} networks trained for {_epochs(self.plan.epochs[0])} on one fold, "
            + ", ".join(f"{k} for {e}" for k, e in zip(n[1:], self.plan.epochs[1:], strict=True))
            + f"; about {100 * self.cost:.0f} % of the time of training all",
            f"Best network to train: {self.winner}; accuracy to expect {_percent(self.trained)}",
            f"Best untrained: {self.name}, {_percent(self.untrained)} on the same clips",
            "Use " + (f"{self.winner}, trained" if best else f"{self.name}, untrained"),
        ]
        return lines + [f"not raced: {name}: {why}" for name, why in self.plan.left_out.items()]

    def document(self) -> dict[str, Any]:
        """Return it JSON-able, the results apart."""
        return {
            "schema": SCHEMA, "winner": self.winner, "accuracy_to_expect": asdict(self.trained),
            "best_untrained": self.name, "best_untrained_there": asdict(self.untrained),
            "rungs": [[asdict(standing) for standing in standings] for standings in self.rungs],
            "left_out": dict(self.plan.left_out),
        }  # fmt: skip

    def to_frame(self) -> pd.DataFrame:
        """Return a row for each network and rung: network, epochs, accuracy, passes."""
        return pd.DataFrame(
            {"network": s.network, "epochs": s.rung.epochs, "accuracy": s.rung.accuracy, "passes": s.passes}
            for standings in self.rungs
            for s in standings
        )


def run_race(
    cells: Sequence[Cell],
    *,
    budget_s: float,
    store: FeatureStore | None = None,
    observer: Observer | None = None,
    n_jobs: int = 1,
    executor: Pool | None = None,
    keep_going: bool = True,
    command: str = "",
) -> Found:
    """Score networks untrained, race them, train the winner, and write what was found.

    Parameters
    ----------
    cells : sequence of Cell
        From `Train.race`, of one data set: untrained systems, and the networks to train.
    budget_s : float
        Seconds. What the untrained scores leave of them decides how many networks enter; nothing is stopped.
    store, observer, n_jobs, executor, keep_going, command
        As for `run_cells`.

    Raises
    ------
    ElmarcError
        No network can be trained, or none within the budget.
    """
    start, observer = time.monotonic(), observer or Observer()
    trained = [cell for cell in cells if cell.config.training is not None]
    classified = [cell for cell in cells if cell.config.training is None]
    how: dict[str, Any] = {
        "store": store, "observer": observer, "n_jobs": n_jobs, "executor": executor, "command": command,
    }  # fmt: skip
    untrained = run_cells(classified, keep_going=keep_going, **how)
    by_network = {cell.config.network: cell.finished() for cell in classified}
    of_raced = {cell.config.label: by_network.get(cell.config.network) for cell in trained}
    scores = {name: result.accuracy for name, result in of_raced.items() if result is not None}
    folder = trained[0].folder.parents[1]
    plan = Plan.read(folder / PLAN, trained, budget_s)
    if plan is None:
        plan = make_plan(trained, scores, budget_s, executor, spent_s=time.monotonic() - start)
        write_atomic(folder / PLAN, json.dumps(asdict(plan), indent=1) + "\n")
    racing = [cell for cell in trained if cell.config.label in plan.entering]
    rungs: list[tuple[Standing, ...]] = []
    for number, epochs in enumerate(plan.epochs, start=1):
        found = _rung(racing, epochs, store, observer, executor, keep_going)
        if not found:
            raise ElmarcError("no network could be trained: see what was left out, and why")
        n_passing = 1 if number == len(plan.epochs) else math.ceil(len(plan.entering) / KEPT**number)
        rungs.append(tuple(ordered(found, scores, n_passing)))
        passing = [standing.network for standing in rungs[-1] if standing.passes]
        racing = [cell for cell in racing if cell.config.label in passing]
    _continue(racing[0])
    (result,) = run_cells(racing, **how)
    best = max(untrained, key=lambda each: each.accuracy)
    chosen_by = None if racing[0].material.dataset.split_kind == "lists" else result.folds[0].name
    expected, without = (unchosen(each, chosen_by) for each in (result, best))
    name = f"{best.label} + {best.classifier}"
    answer = Found(plan, tuple(rungs), (*untrained, result), expected, without, name)
    write_atomic(folder / FOUND, json.dumps(answer.document(), indent=1) + "\n")
    figures.save(figures.race_figure(answer.to_frame(), {name: without.accuracy}), folder / FIGURE)
    return answer


def _epochs(n: int) -> str:
    return f"{n} epoch" + "s" * (n > 1)


def _percent(score: Score) -> str:
    text = f"{100 * score.accuracy:.1f} %"
    if score.low is None or score.high is None:
        return text
    return f"{text} ({100 * score.confidence:.0f} % CI {100 * score.low:.1f} to {100 * score.high:.1f})"


def make_plan(
    cells: Sequence[Cell],
    scores: Mapping[str, float],
    budget_s: float,
    executor: Pool | None,
    *,
    spent_s: float = 0.0,
) -> Plan:
    """Decide which networks enter: as many as the budget, less what is spent, is enough for.

    The dearest stays out first, while it costs more than twice the median, then the lowest untrained score.

    Raises
    ------
    ElmarcError
        The budget is too small for any.
    """
    left_out: dict[str, str] = {}
    seconds: dict[str, float] = {}
    for cell in cells:
        name = cell.config.label
        if name not in scores:
            left_out[name] = "it has no untrained score"
            continue
        try:
            seconds[name] = _whole_s(cell, executor)
        except ElmarcError as problem:
            left_out[name] = str(problem)
    recipe = cells[0].config.training
    assert recipe is not None
    epochs = rung_epochs(recipe.epochs)
    n_folds = max(2, n_parts(cells[0].material.dataset))
    entering = sorted(seconds, key=lambda name: (-scores[name], name))
    while entering and race_s([seconds[n] for n in entering], epochs, n_folds) > budget_s - spent_s:
        dearest = max(entering, key=seconds.__getitem__)
        is_dear = seconds[dearest] > DEAR * median(seconds[name] for name in entering)
        out = dearest if is_dear else entering[-1]
        left_out[out] = (
            f"its training alone takes about {seconds[out]:.0f} s"
            if is_dear
            else "its untrained score is low, and the budget is not enough for all"
        )
        entering.remove(out)
    if not entering:
        least = min((race_s([s], epochs, n_folds) for s in seconds.values()), default=None)
        raise ConfigError(
            f"budget {budget_s:g} s: no network can be trained in it, {spent_s:.0f} s are spent"
            + (f", the cheapest takes about {least:.0f} s: give more time, fewer --epochs or smaller networks"
               if least else f": {'; '.join(f'{name}: {why}' for name, why in left_out.items())}")
        )  # fmt: skip
    return Plan(epochs, tuple(entering), left_out, seconds, n_folds, _folders(cells), budget_s)


def rung_epochs(n_epochs: int) -> tuple[int, ...]:
    """Return how many epochs are trained at the end of each rung.

    >>> rung_epochs(40)
    (5, 14, 40)
    """
    return tuple(sorted({math.ceil(n_epochs / KEPT**k) for k in range(N_RUNGS)}))


def race_s(seconds: Sequence[float], epochs: Sequence[int], n_folds: int) -> float:
    """Return how long a race takes at most, where these are the seconds of whole trainings on all folds.

    The dearest networks are taken to pass, and the dearest one to win.
    """
    dearest, total, before = sorted(seconds, reverse=True), 0.0, 0
    for number, until in enumerate(epochs):
        n_left = math.ceil(len(dearest) / KEPT**number)
        total += sum(dearest[:n_left]) * (until - before) / epochs[-1] / n_folds
        before = until
    return total + dearest[0] * (n_folds - 1) / n_folds


def ordered(found: Mapping[str, Rung], untrained: Mapping[str, float], n_passing: int) -> list[Standing]:
    """Return networks by the sums of their training losses, the first `n_passing` of which go on.

    Parameters
    ----------
    found : mapping of str to Rung
        By network.
    untrained : mapping of str to float
        Accuracy of each, untrained: for the record.
    n_passing : int
    """
    order = sorted(found, key=lambda name: (found[name].train_loss, found[name].loss, name))
    return [
        Standing(name, untrained[name], found[name], place < n_passing) for place, name in enumerate(order)
    ]


def unchosen(result: Result, chosen_by: str | None) -> Score:
    """Return the accuracy without the fold that the network was chosen by, which flatters the best."""
    rest = [each for each in result.predictions if each.fold != chosen_by]
    return score_alone(rest, n_classes=len(result.classes))


def _rung(
    cells: Sequence[Cell],
    epochs: int,
    store: FeatureStore | None,
    observer: Observer,
    executor: Pool | None,
    keep_going: bool,
) -> dict[str, Rung]:
    """Train networks so far; return where each stands. One that cannot be trained is reported, and is out."""
    config, found = cells[0].config, dict[str, Rung]()

    def keep(cell: Cell, rung: Rung) -> None:
        found[cell.config.label] = rung

    def fail(failed: Sequence[Cell], problem: ElmarcError) -> None:
        if not keep_going:
            raise problem
        observer.on_failure([cell.fail(problem) for cell in failed])

    observer.on_start([cell.config for cell in cells], 0)
    threads = None if executor else Threads(n_threads_for(config.device, config.n_workers))
    with front_ends(store) as cache, nullcontext(executor) if threads is None else threads as pool:
        assert pool is not None
        Trainings(cells, pool, cache, observer, lambda: None, until=epochs).run(keep=keep, fail=fail)
    return found


def _continue(cell: Cell) -> None:
    """Let the training of a cell go on from the checkpoint of the race, where it is of the same clips."""
    if cell.material.dataset.split_kind == "lists":
        return  # the list that was held out in the race is learned from now
    (cell.folder / WEIGHTS).mkdir(exist_ok=True)
    for file in (cell.folder / RACED).glob("*.safetensors"):
        there = cell.folder / WEIGHTS / file.name
        if not there.exists():
            write_atomic(there, file.read_bytes())


def _whole_s(cell: Cell, executor: Pool | None) -> float:
    """Return the seconds of training a network whole on all folds, as many at a time as there are slots."""
    assert cell.config.training is not None
    data = cell.material.dataset
    parts = n_parts(data)
    n_seen = max(1, parts - 1) * cell.config.training.epochs * len(data.clips)
    return training_pace(cell) * n_seen / min(parts, n_at_once(cell, executor))


def _folders(cells: Sequence[Cell]) -> tuple[str, ...]:
    return tuple(sorted(cell.folder.name for cell in cells))
