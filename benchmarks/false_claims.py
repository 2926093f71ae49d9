"""How often equally good networks are called different, and how often an interval holds the true accuracy.

Makes the table of docs/statistics.md: python benchmarks/false_claims.py [repetitions]
"""

from __future__ import annotations

import sys

import numpy as np
from scipy.special import ndtri

from elmarc.comparison.compare import compare
from elmarc.results import FoldScore, Prediction, Result

SKILL = 0.6
CASES = [
    (0.0, 1, 300, 2), (0.0, 3, 300, 2), (0.02, 3, 300, 2), (0.02, 3, 300, 6), (0.02, 3, 2000, 2),
    (0.02, 2, 1000, 4), (0.02, 5, 1000, 2),
]  # fmt: skip


def simulated(right: np.ndarray, name: str, seed: int) -> Result:
    predictions = [Prediction(str(i), "a", "a" if r else "b", "test") for i, r in enumerate(right)]
    accuracy = float(right.mean())
    return Result(
        dataset="simulated", classes=["a", "b"], n_clips=len(right), features=name, n_features=1,
        classifier="svm", protocol="nested", seed=seed, accuracy=accuracy, macro_f1=accuracy,
        recalls={"a": accuracy},
        folds=[FoldScore("test", len(right), accuracy)], best_params={}, predictions=predictions, recipe={},
        recipe_key="",
    )  # fmt: skip


def study(
    rng: np.random.Generator, spread: float, n_seeds: int, n_clips: int, n_systems: int
) -> list[Result]:
    """Return equally good networks: a clip's difficulty is shared, a draw of weights moves the skill."""
    difficulty = rng.normal(size=n_clips)
    cells = []
    for system in range(n_systems):
        for seed in range(n_seeds):
            heard = 0.7 * difficulty + np.sqrt(1 - 0.7**2) * rng.normal(size=n_clips)
            skill = SKILL + spread * rng.normal()
            cells.append(simulated(heard < ndtri(skill), f"net{system}", seed))
    return cells


def main(repetitions: int) -> None:
    rng = np.random.default_rng(1)
    print(
        "| spread of weights | seeds | clips | systems | false claims | coverage |\n|---|---|---|---|---|---|"
    )
    for spread, n_seeds, n_clips, n_systems in CASES:
        claims, covered = 0, 0.0
        for _ in range(repetitions):
            compared = compare(study(rng, spread, n_seeds, n_clips, n_systems), n_resamples=200)
            claims += bool((compared.p_value <= 0.05).any())
            covered += float(np.mean([s.low <= SKILL <= s.high for s in compared.scores]))
        print(
            f"| {100 * spread:.0f} points | {n_seeds} | {n_clips} | {n_systems} | "
            f"{100 * claims / repetitions:.1f} % | {100 * covered / repetitions:.1f} % |"
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 600)
