"""Which untrained network suits a folder of clips?

    python examples/rank_folder.py [FOLDER]

FOLDER has one sub-folder a class. Without it, expect the built-in clips to be ranked by rhythm, with the
temporal network first: about 70 %, beside about 25 % (chance) for the timbral one and the MFCC.
"""

from __future__ import annotations

import sys

import elmarc


def main(data: str = "toy", networks: tuple[str, ...] = ("timbral", "temporal")) -> None:
    """Print the ranking of `networks`, small, each with an SVM; `output=` keeps the results."""
    print(elmarc.rank(data, networks=networks, classifiers="svm", recipe="2018", size="small", seeds=1))


if __name__ == "__main__":
    main(*sys.argv[1:2])
