"""How well sounds of no class are told, by data set: each class left out in turn, and quite other sounds.

    python -m benchmarks.unknown --data ../shared/data

On official folds, with the defaults: a model is fitted on the other folds without a class. Printed are the
area under the ROC curve between the fold's clips of that class and its others, and the share of the others
that is called unknown; then the share called unknown of noise, near silence, tones and spoken words, by a
model of all classes. Of many classes every second or third is left out, in three folds.
"""

from __future__ import annotations

import argparse
import tempfile
import warnings
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score

from elmarc import RandomCNNFeatures, SoundClassifier, open_dataset
from elmarc.datasets import Clip
from elmarc.errors import CutWarning
from elmarc.model.unknown import LEVEL

SR, N_OTHER = 22050, 20
MOST_CLASSES, MOST_FOLDS = 10, 3


def other_sounds(seconds: float) -> dict[str, list[np.ndarray]]:
    """Return made sounds by kind, none of which is made as those that a model learns from."""
    rng, n = np.random.default_rng(1), round(SR * seconds)
    k, time = np.arange(n // 2 + 1) + 1, np.arange(n) / SR
    spectra = [np.fft.rfft(rng.standard_normal(n)) for _ in range(3 * N_OTHER)]
    noises = [np.fft.irfft(s / k**power, n) for s, power in zip(spectra, [0, 0.5, 1] * N_OTHER, strict=True)]
    return {
        "noise": [0.1 * y / y.std() for y in noises[:N_OTHER]],
        "quiet noise": [0.001 * y / y.std() for y in noises[N_OTHER : 2 * N_OTHER]],
        "silence": [1e-5 * y / y.std() for y in noises[2 * N_OTHER :]],
        "tones": [0.2 * np.sin(2 * np.pi * f * time) for f in np.geomspace(100, 4000, N_OTHER)],
    }


def main() -> None:
    """Print a line for each data set."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--data", type=Path, required=True, help="the folder of esc10, words20 and drum_styles"
    )
    parser.add_argument("--sets", default="esc10,words20,drum_styles")
    args = parser.parse_args()
    warnings.simplefilter("ignore", CutWarning)  # a clip of 7 s is among them
    words = open_dataset(args.data / "words20" / "words20.csv").clips
    with tempfile.TemporaryDirectory() as store:
        for name in args.sets.split(","):
            data = (
                open_dataset("esc10", audio=args.data / "esc10")
                if name == "esc10"
                else open_dataset(args.data / name / f"{name}.csv")
            )
            print(line(name, data.clips, words, store), flush=True)


def line(name: str, clips: tuple[Clip, ...], words: tuple[Clip, ...], store: str) -> str:
    """Return what was found for a data set."""
    classes, folds = sorted({c.label for c in clips}), sorted({c.fold for c in clips})[:MOST_FOLDS]
    areas, alarms = [], []
    whole = SoundClassifier(RandomCNNFeatures(store=store)).fit(clips)
    length = whole.extractor_.length
    features = RandomCNNFeatures(store=store, input_length=length)
    for fold in folds:
        for label in classes[:: -(-len(classes) // MOST_CLASSES)]:
            model = SoundClassifier(features).fit([c for c in clips if fold != c.fold and c.label != label])
            held_out = [c for c in clips if c.fold == fold]
            p, is_other = model.unknown(held_out), np.array([c.label == label for c in held_out])
            areas.append(roc_auc_score(is_other, -p))
            alarms.append(np.mean(p[~is_other] <= LEVEL))
    shares = []
    for kind, sounds in other_sounds(whole.clip_s).items():
        x = np.stack([whole.extractor_.extract_waveforms([resampled(y, whole)])[0] for y in sounds])
        shares.append(f"{kind} {100 * np.mean(whole.familiarity(x) <= LEVEL):.0f} %")
    if name != "words20":
        spoken = whole.unknown(list(words[:: len(words) // N_OTHER]))
        shares.append(f"spoken words {100 * np.mean(spoken <= LEVEL):.0f} %")
    return (
        f"{name}: AUROC {np.mean(areas):.3f} ({min(areas):.2f} to {max(areas):.2f}), false alarms "
        f"{100 * np.mean(alarms):.1f} %; called unknown: {', '.join(shares)}"
    )


def resampled(y: np.ndarray, model: SoundClassifier) -> np.ndarray:
    """Return samples at the rate of the model's front-end."""
    import soxr

    return soxr.resample(y, SR, model.extractor_.frontend.sr).astype(np.float32)


if __name__ == "__main__":
    main()
