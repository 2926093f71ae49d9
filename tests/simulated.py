"""Results of pretended systems whose true skill is known: no audio, no networks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from elmarc.metrics import macro_f1
from elmarc.results import FoldScore, Prediction, Result

CLASSES = ["dog", "rain", "sea", "clock"]
SKILLS = np.linspace(0.35, 0.95, 12)
TIMES = {"extract_s": 2.0, "classify_s": 1.0, "s_per_clip": 0.1}


def simulated_result(
    features: str = "vgg", classifier: str = "svm", *, skill: float = 0.7, seed: int = 0, n_clips: int = 120,
    n_folds: int = 4, classes: Sequence[str] = CLASSES, dataset: str = "sounds", protocol: str = "nested",
    shift: float = 0.0, group_size: int = 1, **changes,
) -> Result:  # fmt: skip
    """Return a result right on about `skill + shift` of the clips; the same clips are hard for each.

    `group_size` clips in a row share a group and their difficulty; 1 leaves clips on their own.
    """
    rng = np.random.default_rng([seed, *map(ord, features + classifier)])
    difficulty = np.random.default_rng(5).random(n_clips)[np.arange(n_clips) // group_size]
    right = 0.5 * difficulty + 0.5 * rng.random(n_clips) < np.sqrt((skill + shift) / 2)
    predictions = []
    for i in range(n_clips):
        label = classes[i % len(classes)]
        wrong = classes[(i + 1 + int(rng.integers(len(classes) - 1))) % len(classes)]
        said = label if right[i] else wrong
        group = f"recording {i // group_size}" if group_size > 1 else ""
        fold = str(i * n_folds // n_clips + 1)
        predictions.append(Prediction(f"{label}/{i:03d}.wav", label, said, fold, group))
    return result_of(
        predictions, features=features, classifier=classifier, seed=seed, classes=list(classes),
        dataset=dataset, protocol=protocol, **changes,
    )  # fmt: skip


def result_of(predictions: list[Prediction], *, classes: list[str], **changes) -> Result:
    """Wrap predictions in a record whose scores follow from them."""
    folds = []
    for name in sorted({p.fold for p in predictions}):
        right = [p.label == p.predicted for p in predictions if p.fold == name]
        folds.append(FoldScore(name, len(right), float(np.mean(right)), {"C": 1}))
    recalls = {
        c: float(np.mean([p.predicted == c for p in predictions if p.label == c]))
        for c in classes
        if any(p.label == c for p in predictions)
    }
    seed = changes.get("seed", 0)
    pairs = [(p.label, p.predicted) for p in predictions]
    record = {
        "dataset": "sounds", "features": "vgg", "classifier": "svm", "protocol": "nested", "seed": seed,
        "n_features": 3585, "macro_f1": macro_f1(*zip(*pairs, strict=True)), "best_params": {"C": 1},
        "definition": {"network": changes.get("features", "vgg"), "seed": seed},
        "definition_key": f"key{seed}",
        "size": "large", "n_filters": 717,
    }  # fmt: skip
    accuracy = float(np.mean([fold.accuracy for fold in folds]))
    return Result(
        classes=classes, n_clips=len(predictions), accuracy=accuracy, recalls=recalls, folds=folds,
        predictions=predictions, **(record | changes),
    )  # fmt: skip


def side(skills=SKILLS, classifier="svm", seeds=2, timings=TIMES, **changes):
    """Return results of one network a skill; parameters go down as skills go up."""
    return [
        simulated_result(
            f"net{k}", classifier, skill=skill, seed=seed, n_clips=80, timings=timings, n_features=40 + k % 5,
            cost={"n_parameters": 1000.0 - 7 * k, "multiply_adds_per_clip": 10.0 * (k % 4 + 1)}, **changes,
        )
        for k, skill in enumerate(skills)
        for seed in range(seeds)
    ]  # fmt: skip


def trained(skills=SKILLS, **changes):
    return side(skills, "trained", timings={"extract_s": 1.0, "train_s": 100.0}, **changes)
