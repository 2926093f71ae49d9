"""What a race over the 41 architectures loses, from their learning curves: the second study of README.md.

    python -m studies.foretell.curves --data ../shared/data -o runs/curves
    python -m studies.foretell.race --data ../shared/data -o runs/curves

Races are run on the curves: each fold is once the one that chooses. Untrained scores are computed. Written is
`results/race.csv`, a row for each data set, way, share of the cost and first fold; printed are its means.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from elmarc._io import csv_text, write_atomic
from elmarc.comparison.ranks import average_ranks
from elmarc.features.store import FeatureStore
from elmarc.study.cells import make_cells
from elmarc.study.race import KEPT, rung_epochs
from elmarc.study.run import run_cells
from studies.foretell.curves import ORDER, excerpts
from studies.foretell.plan import FULL

RESULTS = Path(__file__).parent / "results" / "race.csv"
SHARES = (0.05, 0.1, 0.2, 1.0)  # of the cost of training all; 1: all architectures enter
UNTRAINED = (("v2", "ridge"), ("2018", "svm"), ("2018", "elm"))
N_RANDOM = 200
Measure = Callable[[pd.DataFrame, dict[str, pd.Series]], list[np.ndarray]]


def untrained(name: str, data: Path, output: Path) -> dict[str, pd.Series]:
    """Return the untrained accuracy of each architecture, by recipe and classifier; one seed."""
    found: dict[str, pd.Series] = {}
    for recipe in dict.fromkeys(recipe for recipe, _ in UNTRAINED):
        heads = [head for each, head in UNTRAINED if each == recipe]
        configs = [
            config
            for config in FULL.ranking([excerpts(name, data, output)], recipe)
            if config.seed == 0 and config.head_name in heads
        ]
        cells = make_cells(configs, output / "untrained")
        results = run_cells(cells, store=FeatureStore(output / "store"), n_jobs=1)
        for head in heads:
            of_head = {r.features: r.accuracy for r in results if r.classifier == head}
            found[f"{head} {recipe}"] = pd.Series(of_head)
    return found


def curves(name: str, output: Path) -> pd.DataFrame:
    """Return the learning curves of a data set: network, fold, epoch, loss, validation_*, cpu_s."""
    files = sorted((output / "curves").glob(f"{name}*.csv"))
    return pd.concat([pd.read_csv(file, dtype={"fold": str}) for file in files], ignore_index=True)


def standing(table: pd.DataFrame, fold: str, epoch: int) -> pd.DataFrame:
    """Return where each architecture stands on a fold after some epochs."""
    own = table[(table["fold"] == fold) & (table["epoch"] <= epoch)]
    last = own[own["epoch"] == epoch].set_index("network")
    return pd.DataFrame(
        {
            "accuracy": last["validation_accuracy"],
            "loss": -last["validation_loss"],
            "train_loss": -own.groupby("network")["loss"].sum(),
        }
    )


def race(
    table: pd.DataFrame, scores: dict[str, pd.Series], measures: tuple[str, ...], fold: str, share: float
) -> tuple[str, float, int]:
    """Return the winner, the cost over that of training all, and how many entered.

    `measures` are columns of `standing`, or names of untrained scores, the first of which says who enters.
    """
    epochs = rung_epochs(int(table["epoch"].max()))
    cost = table.groupby(["network", "fold", "epoch"])["cpu_s"].sum()
    total = cost.sum()
    by_untrained = [m for m in measures if m in scores]
    names = sorted(table["network"].unique())
    order = sorted(names, key=lambda n: -scores[by_untrained[0]][n]) if by_untrained else names
    for n_entering in range(len(order), 0, -1):
        left, spent, before = order[:n_entering], 0.0, 0
        for number, until in enumerate(epochs, start=1):
            spent += sum(cost[n, fold, e] for n in left for e in range(before + 1, until + 1))
            now, before = standing(table, fold, until).loc[left], until
            columns = [(scores[m][left] if m in scores else now[m]).to_numpy(dtype=float) for m in measures]
            ranks = average_ranks(columns)
            best = sorted(range(len(left)), key=lambda i: (ranks[i], -now["loss"].iloc[i]))
            n_left = 1 if number == len(epochs) else math.ceil(n_entering / KEPT**number)
            left = [left[i] for i in best[:n_left]]
        spent += cost[left[0]].drop(fold, level="fold").sum()
        if spent <= share * total:
            break
    return left[0], spent / total, n_entering


def at_random(table: pd.DataFrame, final: pd.Series, fold: str, others: list[str], share: float) -> float:
    """Return the mean accuracy of the best, by the first fold, of as many at random as are affordable."""
    rng = np.random.default_rng(0)
    last = final.unstack("fold")
    n = max(1, int(share * len(last)))
    found = []
    for _ in range(N_RANDOM):
        some = last.iloc[rng.permutation(len(last))[:n]]
        best = int(some[fold].to_numpy().argmax())
        found.append(float(some[others].mean(axis=1).iloc[best]))
    return float(np.mean(found))


WAYS: dict[str, tuple[str, ...]] = {
    "untrained, accuracy, loss, TSE": ("ridge v2", "accuracy", "loss", "train_loss"),
    "the same with svm 2018": ("svm 2018", "accuracy", "loss", "train_loss"),
    "the same with elm 2018": ("elm 2018", "accuracy", "loss", "train_loss"),
    "accuracy, loss, TSE": ("accuracy", "loss", "train_loss"),
    "accuracy, loss": ("accuracy", "loss"),
    "accuracy": ("accuracy",),
    "TSE": ("train_loss",),
    "untrained, TSE": ("ridge v2", "train_loss"),
    "svm 2018, TSE": ("svm 2018", "train_loss"),
    "accuracy, TSE": ("accuracy", "train_loss"),
}


def main() -> None:
    """Write a row for each race, and print means."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of esc10/, words20/, ...")
    parser.add_argument("-o", "--output", type=Path, default=Path("runs/curves"), help="that of the curves")
    parser.add_argument("--sets", default=",".join(ORDER), help="with commas between")
    args = parser.parse_args()
    rows = []
    for name in args.sets.split(","):
        table = curves(name, args.output)
        scores = untrained(name, args.data, args.output)
        final = table[table["epoch"] == table["epoch"].max()].set_index(["network", "fold"])
        final = final["validation_accuracy"]
        folds = sorted(table["fold"].unique())
        for fold in folds:
            others = [each for each in folds if each != fold]
            accuracy = final.unstack("fold")[others].mean(axis=1)
            best = accuracy.max()
            common = {"dataset": name, "fold": fold, "best": best}
            for share in SHARES:
                for way, measures in WAYS.items():
                    winner, cost, n = race(table, scores, measures, fold, share)
                    found = {"way": way, "share": share, "cost": cost, "n": n, "winner": winner}
                    rows.append(common | found | {"lost": 100 * (best - accuracy[winner])})
                chance = at_random(table, final, fold, others, share)
                n = max(1, int(share * len(accuracy)))
                found = {"way": "at random", "share": share, "cost": n / len(accuracy), "n": n}
                rows.append(common | found | {"lost": 100 * (best - chance)})
            for key, of_all in scores.items():
                first = of_all[accuracy.index].idxmax()
                found = {"way": f"untrained alone, {key}", "share": 0.0, "cost": 0.0, "n": 1, "winner": first}
                rows.append(common | found | {"lost": 100 * (best - accuracy[first])})
    races = pd.DataFrame(rows)
    write_atomic(RESULTS, csv_text(races))
    means = races.groupby(["way", "share", "dataset"])[["lost", "cost", "n"]].mean().unstack("dataset")
    print(means.round(2).to_string())


if __name__ == "__main__":
    main()
