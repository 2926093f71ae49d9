"""The tables of docs/lab/recipe-search.md: what each option of a recipe gives, and 2018 against v2.

    python -m studies.recipes.search options --data ../shared/data --store STORE
    python -m studies.recipes.search final --data ../shared/data --store STORE --size small --seeds 3
    python -m studies.recipes.search joined --data ../shared/data --store STORE --size large --seeds 5
    python -m studies.recipes.search cost --size large

`options` changes one thing at a time on small networks; `final` runs both recipes with the same classifiers;
`joined` puts v2's features of several networks and the MFCC side by side; `cost` times the extraction.
Accuracies are nested, in percent; every cell is an ordinary configuration.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Sequence
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np

from elmarc.classifiers import make_classifier
from elmarc.evaluation.protocol import evaluate
from elmarc.evaluation.splits import make_splits
from elmarc.features.extractor import FeatureExtractor
from elmarc.features.matrix import FeatureMatrix
from elmarc.features.recipes import default_frontend
from elmarc.features.store import FeatureStore
from elmarc.networks import STUDY_NETWORKS
from elmarc.results import Result
from elmarc.study import build
from elmarc.study.cells import make_cells
from elmarc.study.run import run_cells
from elmarc.study.spec import Experiment, parse_experiment
from elmarc.study.sweep import apply_overrides

TASKS = ("toy-rhythm", "toy-timbre", "esc10", "fsdd")
FRAMES = {"esc10": 235, "fsdd": 64}
SAMPLES = {"esc10": 60000, "fsdd": 16384}
OPTIONS: dict[str, list[str]] = {
    "2018": [],
    "2018, standardised": ["classifier.standardise=true"],
    "+ fixed scaling": ["classifier.standardise=true", "frontend.shift_db=25", "frontend.scale_db=20"],
    "+ half levelling": ["classifier.standardise=true", "frontend.levelling=0.5"],
    "+ std": ["classifier.standardise=true", "pooling=[mean, std]", "network.narrower=2"],
    "+ std, lag1, lag8": [
        "classifier.standardise=true",
        "pooling=[mean, std, lag1, lag8]",
        "network.narrower=4",
    ],
    "v2": ["recipe=v2"],
    "v2 without scaling": ["recipe=v2", "frontend.shift_db=0", "frontend.scale_db=1"],
    "v2 without levelling": ["recipe=v2", "frontend.levelling=0"],
    "v2 without std": ["recipe=v2", "pooling=[mean, lag1, lag8]"],
    "v2 without lags": ["recipe=v2", "pooling=[mean, std]", "network.narrower=2"],
    "v2 without squashing": ["recipe=v2", "classifier.standardise=true"],
    "v2 with max": ["recipe=v2", "pooling=[mean, std, max, lag1, lag8]"],
    "v2 with ppv": ["recipe=v2", "pooling=[mean, std, ppv, lag1, lag8]"],
}


def data_section(task: str, data: Path, work: Path) -> dict[str, Any]:
    """Return the `data` section of a task; of the spoken digits every fifth take is used."""
    if task.startswith("toy"):
        return {"source": "toy", "target": task.removeprefix("toy-")}
    if task == "esc10":
        return {"source": "esc10", "audio": str(data / "esc10")}
    table = work / "fsdd-600.csv"
    with (data / "fsdd" / "fsdd.csv").open() as file:
        rows = [r for r in csv.DictReader(file) if int(Path(r["path"]).stem.split("_")[2]) % 5 == 0]
    with table.open("w", newline="") as file:
        writer = csv.DictWriter(file, ("path", "label", "fold"))
        writer.writeheader()
        writer.writerows(rows)
    return {"source": str(table), "audio": str(data / "fsdd")}


def cell(
    task: str, network: str, changes: Sequence[str], *, args: argparse.Namespace, **keys: Any
) -> Experiment:
    """Return one configuration; clips are fed once, digits repeated to 1.4 s, both to 27 s for vgg."""
    waveform = default_frontend({"kind": network}) == "waveform"
    length = {"n_samples": SAMPLES.get(task)} if waveform else {"n_frames": FRAMES.get(task)}
    if network == "vgg":
        length = {"n_frames": 1280}
    own_length = task.startswith("toy") or args.own_length
    document = {
        "recipe": "2018",
        "data": data_section(task, args.data, args.store),
        "network": {"kind": network, "size": args.size},
        "frontend": {"kind": "waveform" if waveform else "logmel"},
        **({} if own_length else {"input": {**length, "fix_length": "repeat-pad"}}),
        "classifier": {"name": "ridge"},
        **keys,
    }
    fitting = [text for text in changes if not (waveform and "_db" in text)]
    return parse_experiment(apply_overrides(document, fitting))


def run(cells: Sequence[Experiment], args: argparse.Namespace) -> list[Result]:
    return run_cells(make_cells(cells, args.store / "runs"), store=FeatureStore(args.store), n_jobs=2)


def options(args: argparse.Namespace) -> None:
    """Print, for each option and network, the accuracy on each task."""
    print("| option | network | " + " | ".join(args.tasks) + " | mean |")
    print("|---" * (len(args.tasks) + 3) + "|")
    for name, changes in OPTIONS.items():
        means = []
        for network in args.networks:
            if default_frontend({"kind": network}) == "waveform" and "scaling" in name:
                continue
            cells = [
                cell(task, network, changes, args=args, seed=seed)
                for seed in range(args.seeds)
                for task in args.tasks
            ]
            scores = (
                np.array([100 * r.accuracy for r in run(cells, args)]).reshape(args.seeds, -1).mean(axis=0)
            )
            means.append(scores)
            row(name, network, scores)
        row(name, "all", np.mean(means, axis=0))


def row(name: str, network: str, scores: Any) -> None:
    print(
        f"| {name} | {network} | " + " | ".join(f"{s:.1f}" for s in scores) + f" | {np.mean(scores):.1f} |",
        flush=True,
    )


def final(args: argparse.Namespace) -> None:
    """Print both recipes side by side, mean over seeds and half the width of its 95 % interval over clips."""
    print("| task | network | classifier | features 2018, v2 | 2018 | v2 | v2 - 2018 |")
    print("|---" * 7 + "|", flush=True)
    for task in args.tasks:
        for network in args.networks:
            for classifier in args.classifiers:
                both = []
                for changes in (["classifier.standardise=true"], ["recipe=v2"]):
                    cells = [
                        cell(task, network, changes, args=args, seed=seed, classifier={"name": classifier})
                        for seed in range(args.seeds)
                    ]
                    both.append(run(cells, args))
                print(compared(task, network, classifier, *both), flush=True)


def compared(task: str, network: str, classifier: str, old: list[Result], new: list[Result]) -> str:
    """Return a row; the interval of the difference is a bootstrap over clips, paired."""
    right = [
        np.array([[p.label == p.predicted for p in r.predictions] for r in side]).mean(axis=0)
        for side in (old, new)
    ]
    drawn = np.random.default_rng(0).integers(0, len(right[0]), (2000, len(right[0])))
    low, high = np.percentile(100 * (right[1] - right[0])[drawn].mean(axis=1), (2.5, 97.5))
    means = [100 * float(np.mean([r.accuracy for r in side])) for side in (old, new)]
    spread = [100 * float(np.std([r.accuracy for r in side])) for side in (old, new)]
    texts = [f"{mean:.1f} ± {s:.1f}" for mean, s in zip(means, spread, strict=True)]
    sizes = f"{old[0].n_features}, {new[0].n_features}"
    difference = f"{means[1] - means[0]:+.1f} [{low:+.1f}, {high:+.1f}]"
    return f"| {task} | {network} | {classifier} | {sizes} | {texts[0]} | {texts[1]} | {difference} |"


def joined(args: argparse.Namespace) -> None:
    """Print the accuracy of v2 on the features of all networks together, with and without the MFCC."""
    print("| task | features | classifier | n_features | accuracy a seed | mean |")
    print("|---" * 6 + "|", flush=True)
    for task in args.tasks:
        for classifier in args.classifiers:
            for names in (tuple(args.networks), (*args.networks, "mfcc")):
                scores = []
                for seed in range(args.seeds):
                    matrix = joined_matrix(task, names, seed, args)
                    parts = make_splits(matrix.labels, matrix.folds, kind="folds")
                    spec = make_classifier(
                        classifier, random_state=seed, standardise="squashed", ridge=classifier == "elm"
                    )
                    found = evaluate(spec, matrix.X, matrix.y, parts, keep_together=matrix.folds, n_jobs=2)
                    scores.append(100 * found.accuracy)
                each = " ".join(f"{score:.1f}" for score in scores)
                features = f"{' + '.join(names)} | {classifier} | {matrix.X.shape[1]}"
                print(f"| {task} | {features} | {each} | {np.mean(scores):.1f} |", flush=True)


def joined_matrix(task: str, names: Sequence[str], seed: int, args: argparse.Namespace) -> FeatureMatrix:
    matrices = []
    for name in names:
        if name == "mfcc":
            document = {"data": data_section(task, args.data, args.store), "network": "mfcc"}
            front = {"kind": "mfcc", "fixed_length": 2048, "fix_length": "repeat-pad"}
            config = parse_experiment({**document, "frontend": front})
        else:
            config = cell(task, name, ["recipe=v2"], args=args, seed=seed)
        data = build.dataset(config.data)
        extractor, _ = build.extractor(config, data, store=FeatureStore(args.store))
        matrices.append(extractor.extract(data.clips).matrix)
    return reduce(FeatureMatrix.join, matrices)


def cost(args: argparse.Namespace) -> None:
    """Print seconds of processor time from a waveform of 29.2 s to its features, the least of five tries."""
    print("| network | 2018 | v2 | ratio |")
    print("|---|---|---|---|")
    y = 0.1 * np.random.default_rng(0).standard_normal((1, 350_400)).astype(np.float32)
    for network in args.networks:
        seconds = []
        for recipe in ("2018", "v2"):
            section = {"kind": network, "size": args.size}
            reads_samples = default_frontend(section) == "waveform"
            length = {"n_samples": 350_000} if reads_samples else {"n_frames": 1368}
            document = {"data": "toy", "network": section, "recipe": recipe, "input": length}
            config = parse_experiment(document)
            extractor, _ = build.extractor(config, build.dataset(config.data))
            seconds.append(min(timed(extractor, y) for _ in range(5)))
        print(
            f"| {network} | {seconds[0]:.3f} | {seconds[1]:.3f} | {seconds[1] / seconds[0]:.2f} |", flush=True
        )


def timed(extractor: FeatureExtractor, y: Any) -> float:
    start = time.process_time()
    extractor.extract_waveforms(y)
    return time.process_time() - start


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("options", "final", "joined", "cost"))
    parser.add_argument("--data", type=Path, help="folder with esc10/ and fsdd/")
    parser.add_argument("--store", type=Path, default=Path("recipe-store"))
    parser.add_argument("--size", choices=("small", "large"), default="small")
    parser.add_argument("--networks", nargs="+", default=list(STUDY_NETWORKS))
    parser.add_argument("--classifiers", nargs="+", default=["svm", "elm", "ridge"])
    parser.add_argument("--tasks", nargs="+", default=list(TASKS))
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--own-length", action="store_true", help="feed clips at their data set's length")
    args = parser.parse_args()
    args.store.mkdir(parents=True, exist_ok=True)
    {"options": options, "final": final, "joined": joined, "cost": cost}[args.what](args)


if __name__ == "__main__":
    main()
