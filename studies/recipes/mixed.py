"""The table of docs/lab/mixed.md: what each part of the network `mixed` adds.

    python -m studies.recipes.mixed --data ../shared/data --seeds 2

Recipe v2 with about 3,500 features, ridge, official folds, nested. One thing is changed at a time, and the
number of kernels with it, so that the number of features stays. Of the digits, every second recording.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
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

SETS = ("toy", "esc10", "words20/words20.csv", "drum_styles/drum_styles.csv", "fsdd/fsdd.csv")
ONE = dict.fromkeys((8, 24, 48, 88), 1)
OPEN = dict.fromkeys((16, 40, 64, 88), 1)
BASE: dict[str, Any] = {"statistics": PEAKS, "n_filters": 28}


def less_its_mean(*axes: int) -> Any:
    """Return what takes the mean over axes (0: frames, 1: bands) out of kernels."""
    return staticmethod(lambda kernel, n: kernel - kernel.mean(axis=axes, keepdims=True))


PARTS: dict[str, dict[str, Any]] = {
    "**`mixed`**": {},
    "all of mean zero over time": {"centred": less_its_mean(0)},
    "all of mean zero over bands": {"centred": less_its_mean(1)},
    "all of mean zero over both at once": {"centred": less_its_mean(0, 1)},
    "none of mean zero": {"centred": staticmethod(lambda kernel, n: kernel)},
    "no beats": {"statistics": PEAKS[:4], "n_filters": 33},
    "lag 8 as well": {"statistics": (*PEAKS[:4], "lag8", *PEAKS[4:]), "n_filters": 23},
    "one zone": {"zones": ONE, "n_filters": 54},
    "weights without correlation": {"smoothness": 0.0},
    "no biases": {"bias": 0.0},
    "no maximum": {"statistics": ("mean", "std", *PEAKS[3:]), "n_filters": 36},
    "kernels of 3, 7 and 15 frames": {"frames": (3, 7, 15)},
    "none of these, 16, 40, 64 and 88 bands": {
        "zones": OPEN, "n_filters": 75, "smoothness": 0.0, "centred": staticmethod(lambda kernel, n: kernel),
        "bias": 0.0, "statistics": STATISTICS, "frames": (3, 7, 15), "steps": dict.fromkeys(OPEN, 2),
    },
}  # fmt: skip
DIGITS_STEP = 2  # every second recording


def opened(name: str, folder: Path) -> Dataset:
    if name == "toy":
        return open_dataset("toy", target="rhythm")
    if name == "esc10":
        return open_dataset(name, audio=folder / name)
    data = open_dataset(folder / name)
    return replace(data, clips=data.clips[::DIGITS_STEP]) if name.startswith("fsdd") else data


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
    parser.add_argument(
        "--data", type=Path, required=True, help="folder with esc10/, words20/, drum_styles/, fsdd/"
    )
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
    print("| variant | toy rhythm | ESC-10 | words | drums | digits | mean |\n|---|---|---|---|---|---|---|")
    for variant, row in scores.items():
        print(f"| {variant} | " + " | ".join(f"{value:.1f}" for value in [*row, np.mean(row)]) + " |")


if __name__ == "__main__":
    main()
