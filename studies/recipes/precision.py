"""Do accuracies move when the convolutions run in bfloat16?

    python -m studies.recipes.precision --data ../shared/data --store STORE

ESC-10, official folds, nested, standardised features, large networks. The interval of the difference is a
paired bootstrap over clips, of the mean over seeds; `features` is the median relative deviation of a clip's
feature vector from its float32 one.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from elmarc.features.store import FeatureStore
from elmarc.study import build
from elmarc.study.spec import Experiment
from studies.recipes.search import cell, compared, run

STANDARDISED = ["classifier.standardise=true"]
PRECISIONS = (STANDARDISED, [*STANDARDISED, "network.precision=bfloat16"])


def deviation(pair: tuple[Experiment, Experiment], store: Path) -> float:
    """Return the median over clips of |bfloat16 - float32| / |float32|, from the stored features."""
    data = build.dataset(pair[0].data)
    single, half = (
        build.extractor(config, data, store=FeatureStore(store))[0].extract(data.clips).matrix.X
        for config in pair
    )
    return float(np.median(np.linalg.norm(half - single, axis=1) / np.linalg.norm(single, axis=1)))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with esc10/")
    parser.add_argument("--store", type=Path, default=Path("precision-store"))
    parser.add_argument("--size", choices=("small", "large"), default="large")
    parser.add_argument("--networks", nargs="+", default=["vgg", "timbral_temporal", "sample_level"])
    parser.add_argument("--classifiers", nargs="+", default=["svm", "elm"])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--own-length", action="store_true", help="feed clips at the data set's length")
    args = parser.parse_args()
    args.store.mkdir(parents=True, exist_ok=True)
    print("| network | classifier | features | float32 | bfloat16 | difference |")
    print("|---" * 6 + "|", flush=True)
    for network in args.networks:
        for classifier in args.classifiers:
            sides = [
                [
                    cell("esc10", network, changes, args=args, seed=seed, classifier={"name": classifier})
                    for seed in range(args.seeds)
                ]
                for changes in PRECISIONS
            ]
            old, new = (run(cells, args) for cells in sides)
            columns = compared("esc10", network, classifier, old, new).split(" | ")
            moved = f"{100 * deviation((sides[0][0], sides[1][0]), args.store):.2g} %"
            print(" | ".join([f"| {network}", classifier, moved, *columns[-3:]]), flush=True)


if __name__ == "__main__":
    main()
