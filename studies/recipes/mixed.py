"""The table of docs/lab/mixed.md: what each part of the network `mixed` adds.

    python -m studies.recipes.mixed --data ../shared/data --seeds 2

Recipe v2 with about 3,600 features, ridge, official folds, nested. One thing is changed at a time, in a
network that has lag 8 as well; the number of kernels changes with it, so that the number of features stays.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from elmarc.audio.length import fit_length
from elmarc.classifiers import make_classifier
from elmarc.datasets import Dataset, open_dataset, suggest_input_length
from elmarc.evaluation.protocol import evaluate
from elmarc.evaluation.splits import make_splits
from elmarc.features.pooling import pool
from elmarc.features.recipes import PEAKS, RECIPES, STATISTICS
from elmarc.frontends import LogMel
from elmarc.networks.mixed import Mixed

SETS = ("toy", "esc10", "words20/words20.csv", "drum_styles/drum_styles.csv")
ONE = dict.fromkeys((8, 24, 48, 88), 1)
BASE: dict[str, Any] = {"statistics": (*PEAKS[:4], "lag8", *PEAKS[4:]), "n_filters": 21}
PARTS: dict[str, dict[str, Any]] = {
    "lag 8 as well": {},
    "no lag 8: `mixed`": {"statistics": PEAKS, "n_filters": 25},
    "no beats": {"statistics": (*PEAKS[:4], "lag8"), "n_filters": 26},
    "one zone": {"zones": ONE, "n_filters": 37},
    "white kernels": {"smoothness": 0.0},
    "no kernel with mean zero": {"zero_mean": 0.0},
    "no biases": {"bias": 0.0},
    "no maximum": {"statistics": ("mean", "std", "lag1", "lag8", *PEAKS[4:]), "n_filters": 25},
    "short kernels": {"frames": (3, 7, 15)},
    "none of these": {
        "zones": dict.fromkeys((16, 40, 64, 88), 1), "n_filters": 75, "smoothness": 0.0, "zero_mean": 0.0,
        "bias": 0.0, "statistics": STATISTICS, "frames": (3, 7, 15),
        "steps": dict.fromkeys((16, 40, 64, 88), 2),
    },
}  # fmt: skip


def opened(name: str, folder: Path) -> Dataset:
    if name == "toy":
        return open_dataset("toy", target="rhythm")
    return open_dataset(name, audio=folder / name) if name == "esc10" else open_dataset(folder / name)


def inputs(data: Dataset) -> np.ndarray[Any, Any]:
    """Return the log-mels of v2 (n_clips, frames, bands), as long as `rank` makes them."""
    front = LogMel(**RECIPES["v2"].frontends["logmel"])
    seconds = (data.input_length or suggest_input_length(data)).frames_s
    n_frames = front.n_positions(seconds)
    return np.stack([fit_length(front(clip.load()), n_frames, how="repeat-pad") for clip in data.clips])


def accuracy(data: Dataset, x: Any, seed: int, *, statistics: Any, n_filters: int, **parts: Any) -> float:
    """Return the percentage of clips that ridge classifies correctly from one draw of the weights."""
    import torch

    network = type("Variant", (Mixed,), parts)("mixed", n_filters=n_filters, layers=None, seed=seed)
    blocks = (torch.from_numpy(x[i : i + 8]) for i in range(0, len(x), 8))
    features = torch.cat([pool(network, block, statistics=statistics) for block in blocks]).numpy()
    head = make_classifier("ridge", random_state=seed, standardise="squashed")
    labels = np.array([clip.label for clip in data.clips])
    folds = make_splits(labels.tolist(), [clip.fold or "" for clip in data.clips], kind="folds")
    return 100 * evaluate(head, features, labels, folds).accuracy


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with esc10/, words20/, drum_styles/")
    parser.add_argument("--seeds", type=int, default=3)
    args = parser.parse_args()
    scores: dict[str, list[float]] = {name: [] for name in PARTS}
    for name in SETS:
        data = opened(name, args.data)
        x = inputs(data)
        for variant, parts in PARTS.items():
            settings = {**BASE, **parts}
            each = [accuracy(data, x, seed, **settings) for seed in range(args.seeds)]
            scores[variant].append(float(np.mean(each)))
            print(f"{name}: {variant}: {scores[variant][-1]:.1f}", flush=True)
    print("| variant | toy rhythm | ESC-10 | words | drums | mean |\n|---|---|---|---|---|---|")
    for variant, row in scores.items():
        print(f"| {variant} | " + " | ".join(f"{value:.1f}" for value in [*row, np.mean(row)]) + " |")


if __name__ == "__main__":
    main()
