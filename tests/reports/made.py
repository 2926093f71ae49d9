"""Comparisons made by hand: every number known, no test or bootstrap run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np

from elmarc.comparison.records import Comparison, Contrast, Design, Family, System, SystemScore

NETWORKS = {"vgg": 0.9, "temporal": 0.6, "mfcc": 0.55, "frame_level": 0.4}
STUDY = {
    "timbral_temporal": 0.83, "temporal": 0.812, "vgg": 0.79, "timbral": 0.78, "7x86": 0.77, "7x96": 0.765,
    "mfcc": 0.74, "frame_level_many": 0.52, "frame_level": 0.48, "sample_level": 0.443,
}  # fmt: skip


def made(
    networks: Mapping[str, float] = NETWORKS, classifiers: Sequence[str] = ("svm",), *, n_seeds: int = 1,
    dataset: str = "sounds", protocol: str = "nested", note: str = "", chance: float = 0.1,
    majority: float = 0.1, n_groups: int = 0, can_tell: bool = True, timed: bool = True,
) -> Comparison:  # fmt: skip
    """Return a comparison of networks (by their accuracy) with each classifier, 3 points apart."""
    pairs = [
        (name, classifier, accuracy - 0.03 * k)
        for k, classifier in enumerate(classifiers)
        for name, accuracy in networks.items()
    ]
    pairs.sort(key=lambda pair: -pair[2])
    scores = tuple(_score(*pair, n_seeds, can_tell, timed) for pair in pairs)
    design = Design(
        n_seeds, n_groups or 400, n_groups > 0, can_tell, 0.08 if can_tell else None, ("More seeds help.",), 5
    )
    return Comparison(
        dataset, protocol, note, scores, tuple(_families(scores)), design, 0.95, chance, majority
    )


def _score(
    name: str, classifier: str, accuracy: float, n_seeds: int, lettered: bool, timed: bool
) -> SystemScore:
    features = name.split(" ")[0]
    offsets = np.linspace(-0.02, 0.02, n_seeds) if n_seeds > 1 else np.zeros(1)
    by_seed = tuple(float(x) for x in accuracy + offsets)
    rank = sum(map(ord, name))
    cost = {"s_per_clip": 0.01 + rank / 1e4} if timed else {}
    if features != "mfcc":
        cost |= {"n_parameters": 100.0 * rank, "multiply_adds_per_clip": 1e6 * rank}
    return SystemScore(
        System(features, classifier, "small", "", "2018", name), name, accuracy, by_seed,
        float(np.std(by_seed, ddof=1)) if n_seeds > 1 else None, accuracy - 0.041, accuracy + 0.037,
        accuracy - 0.01, {"dog": accuracy, "rain": accuracy}, tuple(range(n_seeds)), 400,
        ("ab" if accuracy > 0.7 else "bc") if lettered else "", cost,
    )  # fmt: skip


def _families(scores: Sequence[SystemScore]) -> list[Family]:
    families = []
    for classifier in dict.fromkeys(score.system.classifier for score in scores):
        members = [k for k, score in enumerate(scores) if score.system.classifier == classifier]
        baseline = [k for k in members if scores[k].is_baseline]
        every = [pair for pair in combinations(members, 2) if not set(pair) & set(baseline)]
        against = [(k, b) for b in baseline for k in members if k != b]
        for kind, name, chosen in (
            ("pairs", f"networks with {classifier}", every),
            ("baseline", f"networks against mfcc, with {classifier}", against),
        ):
            if chosen:
                contrasts = tuple(_contrast(scores, a, b) for a, b in chosen)
                families.append(Family(name, kind, classifier, tuple(members), contrasts, "paired t, Holm"))
    return families


def _contrast(scores: Sequence[SystemScore], a: int, b: int) -> Contrast:
    difference = scores[a].accuracy - scores[b].accuracy
    differs = abs(difference) > 0.1
    return Contrast(
        a, b, difference, difference - 0.1, difference + 0.1, 0.03, 41.5, 0.001 if differs else 0.4, differs
    )
