"""What the SVM's and the ELM's grid cost, beside GridSearchCV on raw features and one pseudo-inverse a fit.

    python -m benchmarks.bench_classifiers --clips 400 1000 2000 4000 --output classifiers.json

The plain side is slow, so it runs on some folds, and on larger sets on some candidates; its time is scaled
to the whole grid, and the table says from what. Both sides run one after the other in one process.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import GridSearchCV, ParameterGrid, StratifiedKFold

from elmarc.classifiers import ClassifierSpec, make_classifier
from elmarc.evaluation.search import GridScores, Split, candidate_scores

N_FEATURES, N_CLASSES, N_FOLDS, N_JOBS = 3584, 10, 10, 2
Row = dict[str, Any]


def features(n_clips: int, *, seed: int = 0) -> tuple[NDArray[np.float32], NDArray[np.str_]]:
    """Features as a network gives them: positive, of sizes that differ by decades, some channels dead."""
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.arange(n_clips) % N_CLASSES)
    hidden = 0.5 * rng.normal(size=(N_CLASSES, 40))[y] + rng.normal(size=(n_clips, 40))
    responses = hidden @ rng.normal(size=(40, N_FEATURES)) / 6 + 0.3 * rng.normal(size=(n_clips, N_FEATURES))
    X = np.maximum(responses + 2 * rng.normal(size=N_FEATURES), 0) * rng.lognormal(1, 1, size=N_FEATURES)
    return X.astype(np.float32), y.astype(str)


def thinned(spec: ClassifierSpec, every: int) -> ClassifierSpec:
    """Keep one candidate in `every`, spread over the grid's kernels."""
    kept = list(ParameterGrid(spec.grid))
    kept.sort(key=lambda params: (str(params.get("kernel")), str(params.get("gamma"))))
    return replace(spec, grid=[{name: [value] for name, value in params.items()} for params in kept[::every]])


def grid_search_raw(spec: ClassifierSpec, X: Any, y: Any, splits: list[Split]) -> GridScores:
    search = GridSearchCV(spec.estimator, spec.grid, cv=splits, n_jobs=N_JOBS, refit=False).fit(X, y)
    found = search.cv_results_
    scores = np.array([found[f"split{k}_test_score"] for k in range(len(splits))]).T
    return GridScores(found["params"], scores, np.unique(y), [])


def pseudo_inverses(spec: ClassifierSpec, X: Any, y: Any, splits: list[Split]) -> GridScores:
    return candidate_scores(spec, X, y, splits, n_jobs=N_JOBS, share=False)


PLAIN = {"svm": grid_search_raw, "elm": pseudo_inverses}


def timed(call: Callable[[], GridScores]) -> tuple[GridScores, float]:
    start = time.perf_counter()
    found = call()
    return found, time.perf_counter() - start


def compare(name: str, n_clips: int, *, folds: int, every: int) -> Row:
    """Time one grid both ways; the plain way on some folds and one candidate in `every`."""
    X, y = features(n_clips)
    splits = list(StratifiedKFold(N_FOLDS).split(X, y))
    spec = make_classifier(name)
    part = thinned(spec, every)
    shared, shared_s = timed(lambda: candidate_scores(spec, X, y, splits, n_jobs=N_JOBS))
    plain, measured_s = timed(lambda: PLAIN[name](part, X, y, splits[:folds]))
    rows = [shared.candidates.index(params) for params in plain.candidates]
    share = folds / N_FOLDS * len(plain.candidates) / len(shared.candidates)
    return {
        "classifier": name,
        "n_clips": n_clips,
        "n_candidates": len(shared.candidates),
        "shared_s": shared_s,
        "plain_measured_s": measured_s,
        "plain_s": measured_s / share,
        "plain_from": f"{folds} of {N_FOLDS} folds, {len(rows)} of {len(shared.candidates)} candidates",
        "ratio": measured_s / share / shared_s,
        "same_scores": bool(np.array_equal(shared.scores[rows, :folds], plain.scores)),
        "same_best": int(shared.scores[rows, :folds].mean(axis=1).argmax()) == plain.best,
        "load_average": os.getloadavg()[0],
    }


def to_markdown(rows: list[Row]) -> str:
    return "\n".join(
        [
            f"{N_FEATURES} features, {N_FOLDS} folds, {N_JOBS} threads a side. Plain: GridSearchCV on raw",
            "features for the SVM, one pseudo-inverse a candidate and fold for the ELM.",
            "",
            "| grid | clips | elmarc, s | plain, s | plain measured on | ratio | same scores and best |",
            "|---|---|---|---|---|---|---|",
            *map(table_row, rows),
        ]
    )


def table_row(row: Row) -> str:
    same = "yes" if row["same_scores"] and row["same_best"] else "no"
    return (
        f"| {row['classifier']} | {row['n_clips']} | {row['shared_s']:.1f} | {row['plain_s']:.0f} "
        f"| {row['plain_from']} | {row['ratio']:.0f} | {same} |"
    )


def measure(clips: list[int], classifiers: list[str], plain_folds: int | None) -> list[Row]:
    """Compare every grid at every number of clips, printing as it goes."""
    rows = []
    for n_clips in clips:
        for name in classifiers:
            folds = plain_folds or (N_FOLDS if n_clips <= 400 else 1)
            every = 4 if name == "svm" and n_clips > 2000 else 1
            rows.append(compare(name, n_clips, folds=folds, every=every))
            print(table_row(rows[-1]), file=sys.stderr)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clips", type=int, nargs="+", default=[400, 1000, 2000, 4000])
    parser.add_argument("--classifiers", nargs="+", choices=list(PLAIN), default=list(PLAIN))
    parser.add_argument("--folds", type=int, help="that the plain side runs: all up to 400 clips, else one")
    parser.add_argument("--output", type=Path, help="JSON file; the table goes beside it as .md")
    options = parser.parse_args()
    rows = measure(options.clips, options.classifiers, options.folds)
    print(to_markdown(rows))
    if options.output:
        options.output.write_text(json.dumps(rows, indent=2) + "\n")
        options.output.with_suffix(".md").write_text(to_markdown(rows) + "\n")


if __name__ == "__main__":
    main()
