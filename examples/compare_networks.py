"""Is one network better than another, or did the draw of the weights decide?

    python examples/compare_networks.py

Three seeds each, on the same clips and folds. On rhythm expect `temporal` ahead of `timbral` by some 50
points, with an interval well above zero and a p-value under 0.05. docs/statistics.md says what is tested.
"""

from __future__ import annotations

import tempfile

from elmarc.comparison.compare import compare
from elmarc.comparison.records import Comparison
from elmarc.study.cells import make_cells
from elmarc.study.runner import run_cells
from elmarc.study.studies import grid_cells


def main(seeds: int = 3) -> Comparison:
    """Print and return the comparison of two networks on toy's rhythms."""
    cells = grid_cells(
        {"name": "compare", "recipe": "2018", "data": {"kind": "toy", "target": "rhythm"}},
        networks=[{"kind": name, "size": "small"} for name in ("timbral", "temporal")],
        classifiers=["linear_svm"],
        seeds=seeds,
        standardise=True,
    )
    with tempfile.TemporaryDirectory() as folder:
        comparison = compare(run_cells(make_cells(cells, folder)))
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
