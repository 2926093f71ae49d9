"""What a million clips take: time and memory of each step, and how they grow with the number of clips.

    python -m benchmarks.bench_million [--steps listing index ...] [--share 1] [--json FILE]

Every step runs in a process of its own, first on a tenth of the clips, then on all of them. Memory is the
peak over what the process held before the step, after imports and what the step starts from; files that are
mapped count as far as they are read. `growth` is log10 of the ratio of processor times: 1 is linear, 2 is
quadratic. Clips are made up: tiny files for the steps that read files, hashes for the store, random numbers
for features and predictions. Steps of files take 100,000 clips, all others 1,000,000; `--share` is a part of
that.

Ends with 1 where a step grows faster than n ** 1.5, or `ridge` or `elm` takes 1.5 GB or more.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from elmarc import metrics
from elmarc.classifiers import LeaveOneOutRidge, LeaveOneOutRidgeClassifier
from elmarc.classifiers.elm import ELMClassifier
from elmarc.comparison.compare import comparisons
from elmarc.datasets import folder as class_folders
from elmarc.datasets.base import Clip
from elmarc.features.assemble import FeatureOptions, assemble
from elmarc.features.contents import Contents, contents_of
from elmarc.features.extractor import FeatureExtractor
from elmarc.features.store import FeatureStore
from elmarc.reports.page import build_page
from elmarc.results import FoldScore, Prediction, Result, load

Work: TypeAlias = Callable[[], Any]
CLASSES = [f"class{i}" for i in range(10)]
N_FEATURES, N_HIDDEN, N_FOLDS = 224, 300, 10
SHARD = 512
MOST_GROWTH, MOST_MB = 1.5, 1500


def listing(n: int, folder: Path) -> Work:
    """List a folder of class folders."""
    _tiny_files(n, folder)
    return lambda: class_folders.load(folder / "clips")


def hashing(n: int, folder: Path) -> Work:
    """Hash every file, and note the hashes."""
    clips = _listed(n, folder)
    time.sleep(2.5)  # a file has to be two seconds old before its hash is noted
    return lambda: contents_of(clips)


def memo(n: int, folder: Path) -> Work:
    """Hash files that were hashed by an earlier run."""
    clips = _listed(n, folder)
    time.sleep(2.5)
    contents_of(clips)
    return lambda: contents_of(clips)


def index(n: int, folder: Path) -> Work:
    """Say which clips a store holds."""
    store, extractor = _store(n, folder)
    return lambda: len(store.index(extractor.definition))


def extract(n: int, folder: Path) -> Work:
    """Extract features that are all in the store."""
    _, extractor = _store(n, folder)
    clips = [Clip(f"{i:08d}.wav", Path(f"{i:08d}.wav"), CLASSES[i % 10]) for i in range(n)]
    contents = Contents({clip.id: _content(i) for i, clip in enumerate(clips)}, {})
    return lambda: extractor.extract(clips, contents=contents)


def result(n: int, folder: Path) -> Work:
    """Write a result of n predictions."""
    found = _result(n)
    return lambda: found.save(folder)


def reading(n: int, folder: Path) -> Work:
    """Read it again, and check it."""
    path = _result(n).save(folder)
    return lambda: load(path)


def compare(n: int, folder: Path) -> Work:
    """Compare two systems by their predictions."""
    results = [_result(n, seed) for seed in (0, 1)]
    return lambda: comparisons(results)


def report(n: int, folder: Path) -> Work:
    """Make the report page of two systems."""
    results = [_result(n, seed) for seed in (0, 1)]
    compared = comparisons(results)
    return lambda: (folder / "page.html").write_text(build_page(results, compared=compared))


def ridge(n: int, folder: Path) -> Work:
    """Fit `ridge`, its penalty by leave-one-out, on 224 features, and predict."""
    return _fit(LeaveOneOutRidgeClassifier(alphas=np.logspace(-3, 9, 25)), n, folder)


def elm(n: int, folder: Path) -> Work:
    """Fit `elm` with 300 hidden units and a ridge by leave-one-out, and predict."""
    return _fit(ELMClassifier(N_HIDDEN, regressor=LeaveOneOutRidge(), random_state=0), n, folder)


FILES, ROWS = 100_000, 1_000_000
STEPS: dict[str, tuple[Callable[[int, Path], Work], int]] = {
    step.__name__: (step, n)
    for step, n in [
        (listing, FILES), (hashing, FILES), (memo, FILES), (index, ROWS), (extract, ROWS), (result, ROWS),
        (reading, ROWS), (compare, ROWS), (report, ROWS), (ridge, ROWS), (elm, ROWS),
    ]
}  # fmt: skip


def _tiny_files(n: int, folder: Path) -> None:
    for i in range(n):
        parent = folder / "clips" / CLASSES[i % 10] / f"{i // 10000:03d}"
        if i % 10000 < 10:
            parent.mkdir(parents=True)
        (parent / f"{i:08d}.wav").write_bytes(b"%d" % i)


def _listed(n: int, folder: Path) -> tuple[Clip, ...]:
    os.environ |= {"ELMARC_CACHE": str(folder / "cache"), "ELMARC_HASH_MEMO": "on"}
    _tiny_files(n, folder)
    return class_folders.load(folder / "clips").clips


def _content(i: int) -> str:
    return hashlib.sha256(b"%d" % i).hexdigest()


def _store(n: int, folder: Path) -> tuple[FeatureStore, FeatureExtractor]:
    """Return a store of n rows in shards as a run writes them, and the extractor that they are of."""
    store = FeatureStore(folder / "store")
    extractor = assemble(FeatureOptions("mfcc"), store=store)
    rng = np.random.default_rng(0)
    for start in range(0, n, SHARD):
        names = [_content(i) for i in range(start, min(n, start + SHARD))]
        X = rng.standard_normal((len(names), len(extractor.columns)), np.float32)
        store.append(extractor.definition, names, X)
    return store, extractor


def _result(n: int, seed: int = 0) -> Result:
    """Return a result of n predictions, nine in ten right."""
    rng = np.random.default_rng(seed)
    truth, folds = np.arange(n) % 10, np.arange(n) // 10 % N_FOLDS
    said = np.where(rng.random(n) < 0.9, truth, rng.integers(10, size=n))
    predictions = [
        Prediction(f"{CLASSES[t]}/{i:08d}.wav", CLASSES[t], CLASSES[s], str(f + 1))
        for i, (t, s, f) in enumerate(zip(truth, said, folds, strict=True))
    ]
    labels, predicted = [p.label for p in predictions], [p.predicted for p in predictions]
    hits = [said[folds == f] == truth[folds == f] for f in range(N_FOLDS)]
    scores = [FoldScore(str(f + 1), len(hit), float(hit.mean())) for f, hit in enumerate(hits)]
    return Result(
        dataset="made", classes=CLASSES, n_clips=n, features=("temporal", "vgg")[seed], n_features=N_FEATURES,
        classifier="ridge", protocol="nested", seed=0, accuracy=float(np.mean([s.accuracy for s in scores])),
        macro_f1=metrics.macro_f1(labels, predicted), folds=scores, best_params={}, predictions=predictions,
        recalls=metrics.recalls(labels, predicted, classes=CLASSES), definition={}, definition_key="",
        clips_key="made",
    )  # fmt: skip


def _fit(model: Any, n: int, folder: Path) -> Work:
    """Return the work of fitting a mapped file of features whose levels differ by decades."""
    rng = np.random.default_rng(0)
    X = np.lib.format.open_memmap(folder / "X.npy", "w+", np.float32, (n, N_FEATURES))
    y = rng.integers(10, size=n)
    deviations, levels = rng.lognormal(0, 1, N_FEATURES), 10 * rng.standard_normal(N_FEATURES)
    for start in range(0, n, 10_000):
        part = rng.standard_normal((min(10_000, n - start), N_FEATURES))
        part[np.arange(len(part)), y[start : start + len(part)]] += 2
        X[start : start + len(part)] = part * deviations + levels
    X.flush()
    del X
    mapped = np.load(folder / "X.npy", mmap_mode="r")
    return lambda: float(np.mean(model.fit(mapped, y).predict(mapped) == y))


def measure(step: str, n: int, folder: Path) -> dict[str, float]:
    """Return the seconds, processor seconds and peak MB of one step in this process."""
    work = STEPS[step][0](n, folder)
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before, start, used = _status("VmRSS"), time.perf_counter(), time.process_time()
    work()
    return {
        "n": n,
        "s": time.perf_counter() - start,
        "cpu_s": time.process_time() - used,
        "mb": _status("VmHWM") - before,
    }


def _status(name: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) / 1024


def in_new_process(step: str, n: int) -> dict[str, float]:
    """Return what `measure` finds in a new process and a new folder."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "benchmarks.bench_million", "--one", step, str(n), folder]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{step}: {done.stderr}")
    found: dict[str, float] = json.loads(done.stdout)
    return found


def growth(few: dict[str, float], many: dict[str, float]) -> float:
    """Return the power of n by which the processor time grows."""
    return math.log(many["cpu_s"] / few["cpu_s"]) / math.log(many["n"] / few["n"])


def line(step: str, few: dict[str, float], many: dict[str, float]) -> str:
    """Return a row of the table."""
    each = (f"{run['s']:.2f} s, {run['mb']:.0f} MB" for run in (few, many))
    a_clip = f"{1e6 * many['cpu_s'] / many['n']:.1f} | {1e6 * many['mb'] / many['n']:.0f}"
    return f"| {step} | {many['n']:,.0f} | {' | '.join(each)} | {growth(few, many):.2f} | {a_clip} |"


def main() -> None:
    """Measure, print, and fail where a bound is not kept."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--steps", nargs="+", choices=list(STEPS), default=list(STEPS))
    parser.add_argument("--share", type=float, default=1.0)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        step, n, folder = options.one
        print(json.dumps(measure(step, int(n), Path(folder))))
        return
    print("| step | clips | a tenth | all | growth | cpu us a clip | bytes a clip |")
    print("|---|---|---|---|---|---|---|")
    found, broken = {}, []
    for step in options.steps:
        n = int(STEPS[step][1] * options.share)
        few, many = (in_new_process(step, k) for k in (n // 10, n))
        found[step] = [few, many]
        print(line(step, few, many), flush=True)
        if growth(few, many) > MOST_GROWTH or (step in ("ridge", "elm") and many["mb"] >= MOST_MB):
            broken.append(step)
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")
    if broken:
        raise SystemExit(f"a bound is not kept: {', '.join(broken)}")


if __name__ == "__main__":
    main()
