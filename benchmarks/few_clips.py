"""What 25 labelled clips give: five classes of five clips each, tested on 100 clips of other recordings.

    python -m benchmarks.few_clips --data ../shared/data/esc10

Training clips come from one official fold of ESC-10 and test clips from the others, so no recording is in
both. Accuracies are means over the draws, with their range.
"""

from __future__ import annotations

import argparse
import time
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np

from elmarc import MFCCFeatures, RandomCNNFeatures, SoundClassifier, open_dataset
from elmarc.datasets import Clip
from elmarc.errors import CutWarning

N_CLASSES, N_EACH, N_TEST = 5, 5, 20  # test clips of each class


def draw(clips: tuple[Clip, ...], seed: int) -> tuple[list[Clip], list[Clip]]:
    """Return the clips to fit on and those to predict: classes, fold and clips follow from the seed."""
    rng = np.random.default_rng(seed)
    classes = rng.permutation(sorted({clip.label for clip in clips}))[:N_CLASSES]
    fold = rng.choice(sorted({clip.fold for clip in clips}))
    fitted: list[Clip] = []
    new: list[Clip] = []
    for label in classes:
        shuffled = [clips[i] for i in rng.permutation(len(clips)) if clips[i].label == label]
        fitted += [replace(clip, fold=None) for clip in shuffled if clip.fold == fold][:N_EACH]
        new += [clip for clip in shuffled if clip.fold != fold][:N_TEST]
    return fitted, new


def main() -> None:
    """Print one line for the default model and one for MFCC with the same classifier."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="the folder of ESC-10")
    parser.add_argument("--draws", type=int, default=10)
    args = parser.parse_args()
    warnings.simplefilter("ignore", CutWarning)  # a clip of 7 s is among them
    clips = open_dataset("esc10", audio=args.data).clips
    models = {
        "default": SoundClassifier(RandomCNNFeatures(store=False)),
        "mfcc": SoundClassifier(MFCCFeatures()),
    }
    scores: dict[str, list[float]] = {name: [] for name in models}
    seconds: dict[str, list[float]] = {name: [] for name in models}
    for seed in range(args.draws):
        fitted, new = draw(clips, seed)
        for name, model in models.items():
            start = time.perf_counter()
            model.fit(fitted, [clip.label for clip in fitted])
            seconds[name].append(time.perf_counter() - start)
            right = model.predict(new) == np.array([clip.label for clip in new])
            scores[name].append(100 * float(right.mean()))
    for name, accuracies in scores.items():
        print(
            f"{name}: {np.mean(accuracies):.1f} % of 100 held-out clips right ({args.draws} draws: "
            f"{min(accuracies):.0f} to {max(accuracies):.0f}); median of fit {np.median(seconds[name]):.1f} s"
        )


if __name__ == "__main__":
    main()
