"""Which untrained network suits a folder of clips?

    python examples/rank_folder.py [FOLDER]

FOLDER has one sub-folder a class. Without it, expect the built-in clips to be ranked by rhythm, with the
temporal network first: about 70 %, beside about 25 % (chance) for the timbral one and the MFCC.
"""

from __future__ import annotations

import sys
import tempfile

from elmarc.comparison.compare import compare
from elmarc.reports import tables
from elmarc.study.cells import make_cells
from elmarc.study.runner import run_cells
from elmarc.study.studies import data_section, grid_cells


def main(data: str = "toy", networks: tuple[str, ...] = ("mfcc", "timbral", "temporal")) -> None:
    """Print the ranking of `networks`, small, each with an SVM."""
    sections = [name if name == "mfcc" else {"kind": name, "size": "small"} for name in networks]
    document = {"name": "rank", "recipe": "2018", "data": data_section(data)}
    cells = grid_cells(document, networks=sections, classifiers=["svm"], seeds=1, standardise=True)
    with tempfile.TemporaryDirectory() as folder:  # name a folder of your own to keep and resume the results
        results = run_cells(make_cells(cells, folder))
    print(tables.to_text(compare(results)))


if __name__ == "__main__":
    main(*sys.argv[1:2])
