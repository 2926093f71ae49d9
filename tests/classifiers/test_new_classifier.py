"""A new classifier is one file and one line: the rest of elmarc then knows it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import elmarc

MODULE = '''"""The nearest class mean."""

from sklearn.neighbors import NearestCentroid


class NearestMean(NearestCentroid):
    """The class whose mean is nearest."""
'''
IMPORT = "from elmarc.errors import ConfigError\n"
LINE = '    "nearest_mean": Entry(lambda _: NearestMean(), {"shrink_threshold": [None, 0.5]}),\n'
ASK = """
import json
import numpy as np
from sklearn.model_selection import StratifiedKFold
from elmarc.classifiers import make_classifier
from elmarc.study import load, spec
from elmarc.evaluation.search import candidate_scores

y = np.arange(40) % 2
X = np.random.default_rng(0).normal(size=(40, 3)) + 9 * y[:, None]
scores = candidate_scores(
    make_classifier("nearest_mean", standardise=True), X, y, list(StratifiedKFold(4).split(X, y)))
config = spec.parse_experiment(
    {"data": {"source": "toy"}, "network": "vgg", "classifier": {"name": "nearest_mean"}})
print(json.dumps({
    "candidates": len(scores.candidates), "accuracy": scores.scores.mean(),
    "configured": config.classifier.name,
    "in the schema": "nearest_mean" in json.dumps(load.json_schema()),
}))
"""


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A copy of elmarc with one file and one line more."""
    copy = tmp_path / "elmarc"
    shutil.copytree(Path(elmarc.__file__).parent, copy, ignore=shutil.ignore_patterns("__pycache__"))
    (copy / "classifiers" / "nearest_mean.py").write_text(MODULE)
    table = copy / "classifiers" / "grids.py"
    text = table.read_text()
    first = "CLASSIFIERS: dict[str, Entry] = {\n"
    assert IMPORT in text
    assert first in text
    text = text.replace(IMPORT, IMPORT + "from elmarc.classifiers.nearest_mean import NearestMean\n")
    table.write_text(text.replace(first, first + LINE))
    return tmp_path


def test_one_file_and_one_line(package: Path) -> None:
    found = subprocess.run(
        [sys.executable, "-c", ASK],
        env={**os.environ, "PYTHONPATH": str(package)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert not found.returncode, found.stderr
    expected = {"candidates": 2, "accuracy": 1.0, "configured": "nearest_mean", "in the schema": True}
    assert json.loads(found.stdout) == expected
