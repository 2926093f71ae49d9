"""A new network is one file and one line: docs/add-a-network.md is followed to the letter."""

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
PAGE = Path(__file__).resolve().parents[2] / "docs" / "add-a-network.md"

USE = """
import json
import math
import torch
import yaml
from typer.testing import CliRunner
from elmarc.cli.app import app
from elmarc.study.load import json_schema
from elmarc.study.spec import parse_experiment
from elmarc.study import build
from elmarc.networks import STUDY_NETWORKS, build_network, list_networks

network = build_network("two_layers")
maps = network(torch.randn(2, 40, 96))
stated = {cost.layer: list(cost.shape) for cost in network.layer_costs(40)}
config = parse_experiment(yaml.safe_load('''YAML'''))
data = build.dataset(config.data)
extractor, _ = build.extractor(config, data)
matrix = extractor.extract(data.clips[:2]).matrix
runner = CliRunner()
listed = json.loads(runner.invoke(app, ["networks", "--json"]).stdout)
print(json.dumps({
    "features": network.n_features, "layers": [list(maps[layer].shape[1:]) for layer in network.layers],
    "as stated": all(list(maps[layer].shape[1:]) == stated[layer] for layer in network.layers),
    "reductions": [info.reduction for info in network.layer_info],
    "study": "two_layers" in STUDY_NETWORKS, "row": matrix.X.shape[1],
    "family": matrix.definition["network"]["network"], "front": matrix.definition["frontend"]["kind"],
    "schema": "two_layers" in json.dumps(json_schema()),
    "help": "two_layers" in runner.invoke(app, ["networks", "--help"], terminal_width=200).stdout,
    "listed": [row["large"]["n_features"] for row in listed if row["name"] == "two_layers"],
}))
"""


def block(language: str, *, containing: str) -> str:
    blocks = re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    (found,) = (body for body in blocks if containing in body)
    return found


@pytest.fixture
def extended(tmp_path: Path) -> Path:
    """A copy of the package with the page's file and line in it."""
    package = tmp_path / "elmarc"
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    (package / "networks" / "two_layers.py").write_text(
        block("python", containing="class TwoLayers"), encoding="utf-8"
    )
    table, head = package / "networks" / "__init__.py", "NETWORKS: dict[str, Preset] = {\n"
    listed = table.read_text(encoding="utf-8")
    assert head in listed
    table.write_text(listed.replace(head, head + block("text", containing="Preset")), encoding="utf-8")
    return tmp_path


def test_the_page_adds_a_network_that_configurations_and_commands_know(extended: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", USE.replace("YAML", block("yaml fragment", containing="two_layers"))],
        env={**os.environ, "PYTHONPATH": str(extended)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "features": 3584, "layers": [[1792, 20], [1792, 10]], "as stated": True, "reductions": [2, 4],
        "study": False, "row": 3584, "family": "two_layers", "front": "logmel", "schema": True, "help": True,
        "listed": [3584],
    }  # fmt: skip
