"""Is one network better than another, or did the draw of the weights decide?

    python examples/compare_networks.py

Three seeds each, on the same clips and folds. On rhythm expect `temporal` ahead of `timbral` by some 50
points, with an interval well above zero and a p-value under 0.05. docs/statistics.md says what is tested.
"""

from __future__ import annotations

import elmarc
from elmarc.comparison.records import Comparison


def main(seeds: int = 3) -> Comparison:
    """Print and return the comparison of two networks on toy's rhythms."""
    ranking = elmarc.rank(
        "toy", networks="timbral,temporal", classifiers="linear_svm", recipe="2018", size="small",
        seeds=seeds, baseline=False,
    )  # fmt: skip
    (comparison,) = ranking.comparisons
    better, worse = comparison.scores
    (contrast,) = comparison.families[0].contrasts
    print(f"{better.label}: {100 * better.accuracy:.1f} %, {worse.label}: {100 * worse.accuracy:.1f} %")
    print(
        f"difference: {100 * contrast.difference:.1f} points, 95 % interval "
        f"{100 * contrast.low:.1f} to {100 * contrast.high:.1f}, p = {contrast.p_value:.4f}"
    )
    return comparison


if __name__ == "__main__":
    main()
