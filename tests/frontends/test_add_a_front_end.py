"""A new front-end is one file and one line: docs/add-a-front-end.md is followed to the letter."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import elmarc

PACKAGE = Path(elmarc.__file__).parent
PAGE = Path(__file__).resolve().parents[2] / "docs" / "add-a-front-end.md"

USE = """
import json
import numpy as np
import yaml
from elmarc.study.load import json_schema, parse_config
from elmarc.study.sweep import apply_overrides
from elmarc.study.spec import parse_experiment
from elmarc.study import build
from elmarc.frontends.pcen import PCEN

document = yaml.safe_load('''YAML''')
document["data"] = {"source": "toy", "target": "rhythm"}
config = parse_experiment(apply_overrides(document, ["network.n_filters=4", "frontend.hop_length=512"]))
data = build.dataset(config.data)
extractor, _ = build.extractor(config, data)
matrix = extractor.extract(data.clips[:3]).matrix
alone = extractor.extract(data.clips[2:3]).matrix
mixed = parse_config({**document, "network": ["vgg", "sample_level", "mfcc"]}).experiments
try:
    parse_experiment({**document, "frontend": {"kind": "pcen", "memory_s": -1}})
except Exception as error:
    refused = str(error)
print(json.dumps({
    "front": matrix.definition["frontend"]["kind"], "hop": extractor.frontend.hop_length,
    "length": extractor.length, "finite": bool(np.isfinite(matrix.X).all()),
    "same": bool((matrix.X[2] == alone.X[0]).all()), "kinds": [cell.frontend.kind for cell in mixed],
    "keys": sorted(json_schema()["$defs"]["PCENSection"]["properties"]), "refused": refused,
}))
"""


def blocks(language: str) -> list[str]:
    text = PAGE.read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


@pytest.fixture
def extended(tmp_path: Path) -> Path:
    """A copy of the package with the page's file and line in it."""
    (file,), (line,) = blocks("python"), blocks("text")
    package = tmp_path / "elmarc"
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    (package / "frontends" / "pcen.py").write_text(file, encoding="utf-8")
    table = package / "frontends" / "__init__.py"
    listed = table.read_text(encoding="utf-8").replace(
        '    "logmel": LogMel,\n', f'    "logmel": LogMel,\n{line}'
    )
    imported = "from elmarc.frontends.mfcc import MFCC\n"
    table.write_text(listed.replace(imported, f"{imported}from elmarc.frontends.pcen import PCEN\n"))
    return tmp_path


def test_the_page_adds_a_front_end_that_configurations_and_extraction_know(extended: Path) -> None:
    (yaml,) = blocks("yaml fragment")
    done = subprocess.run(
        [sys.executable, "-c", USE.replace("YAML", yaml)],
        env={**os.environ, "PYTHONPATH": str(extended)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "front": "pcen", "hop": 512, "length": 1 + 96000 // 512, "finite": True, "same": True,
        "kinds": ["pcen", "waveform", "mfcc"],
        "keys": ["gain", "hop_length", "kind", "memory_s", "n_mels", "sr"],
        "refused": "config: frontend.memory_s: found -1.0, expected a positive number",
    }  # fmt: skip
