"""A new data set is one row of a table: the rest of elmarc then knows it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.datasets.conftest import Write

import elmarc

DOCS = Path(__file__).parents[2] / "docs" / "datasets.md"
ASK = """
import json, sys
from elmarc.study import load, spec
from elmarc.datasets import DATASETS, NAMED, open_dataset

assert "torch" not in sys.modules
print(json.dumps({
    "known": "birds" in DATASETS,
    "opened": len(open_dataset("birds", audio=sys.argv[1])),
    "listed": NAMED["birds"].url,
    "configured": spec.parse_experiment(
        {"data": {"source": "birds", "audio": sys.argv[1]}, "network": "vgg"}).data.source,
    "in the schema": "birds" in json.dumps(load.json_schema()),
}))
"""


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A copy of elmarc with one row more, the one shown in the documentation."""
    source = Path(elmarc.__file__).parent
    copy = tmp_path / "src" / "elmarc"
    shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__"))
    (row,) = re.findall(r'^    "birds": Named\(.*?^    \),\n', DOCS.read_text(), re.MULTILINE | re.DOTALL)
    table = copy / "datasets" / "named.py"
    text = table.read_text()
    assert text.count('    "toy": Named(') == 1
    table.write_text(text.replace('    "toy": Named(', f'{row}    "toy": Named('))
    return copy.parent


def test_one_row_of_the_table(package: Path, tmp_path: Path, write_clip: Write) -> None:
    for name in ("owl/1", "owl/2", "wren/1", "wren/2"):
        write_clip(f"birds/{name}.wav", seconds=0.2)
    found = subprocess.run(
        [sys.executable, "-c", ASK, str(tmp_path / "birds")],
        env={**os.environ, "PYTHONPATH": str(package)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert not found.returncode, found.stderr
    assert json.loads(found.stdout) == {
        "known": True,
        "opened": 4,
        "listed": "https://example.org/birds",
        "configured": "birds",
        "in the schema": True,
    }
