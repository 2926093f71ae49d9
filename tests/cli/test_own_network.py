"""Modules of one's own by the command line: ranked beside the study's, and never served old results."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from tests.cli.conftest import Run
from torch import nn

from elmarc import FeatureMatrix, RandomCNNFeatures, open_dataset
from elmarc.features.assemble import FeatureOptions, assemble
from elmarc.results import collect

MINE = """
from torch import nn

class MyNet(nn.Module):
    elmarc = {"key": "mine-1"}

    def __init__(self, width=8):
        super().__init__()
        self.conv = nn.Conv1d(96, width, 5)
        self.norm = nn.BatchNorm1d(width)

    def forward(self, x):
        return self.norm(self.conv(x.transpose(1, 2))).relu()
"""
MOVED = MINE.replace(".relu()", ".abs()").replace("mine-1", "mine-2")
UNNAMED = MINE.replace('elmarc = {"key": "mine-1"}', "")
AST = {
    "kind": "external",
    "factory": "transformers:ASTModel",
    "options": {
        "hidden_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 32,
        "num_mel_bins": 96,
        "max_length": 40,
    },
    "layers": ["layers.0", "layers.1", "pooler_output"],
    "output": "tokens channels",
    "key": "ast-1",
}


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    (tmp_path / "models.py").write_text(MINE, encoding="utf-8")
    return tmp_path / "models.py"


def ranked(elmarc: Run, folder: Path, *options: object) -> tuple[pd.DataFrame, str]:
    code, out, err = elmarc(
        "rank", folder, "--classifiers", "ridge", "-o", "out", "--set", "input.n_frames=40", *options
    )
    assert code == 0, err
    return pd.read_csv("out/ranking.csv"), out


def test_a_module_from_a_file_is_ranked_beside_vgg(elmarc: Run, folder: Path, mine: Path) -> None:
    code, _, err = elmarc(
        "rank", folder, "--networks", "vgg,models.py:MyNet", "--classifiers", "ridge", "-o", "out"
    )
    assert code == 0, err
    table = pd.read_csv("out/ranking.csv")
    assert set(table["network"]) == {"vgg", "MyNet", "mfcc"}
    assert {result.seed for result in collect("out") if result.features == "MyNet"} == {0, 1}


def test_a_module_of_another_key_is_served_neither_old_rows_nor_old_results(
    elmarc: Run, folder: Path, mine: Path
) -> None:
    options = ("--networks", "models.py:MyNet", "--no-baseline", "--seeds", 1)

    def network() -> tuple[str, str]:
        ranked(elmarc, folder, *options)
        newest = max(Path("out/cells").iterdir(), key=lambda cell: (cell / "result.json").stat().st_mtime_ns)
        return newest.name, json.loads((newest / "result.json").read_text())["definition"]["features"]

    first, before = network()
    stamp = mine.stat().st_mtime
    mine.write_text(MOVED, encoding="utf-8")
    os.utime(mine, (stamp, stamp))
    second, after = network()
    assert first != second
    assert (before["network"]["key"], after["network"]["key"]) == ("mine-1", "mine-2")
    matrices = []
    for text in (MINE, MOVED):
        mine.write_text(text, encoding="utf-8")
        assert elmarc("extract", folder, "--network", "models.py:MyNet", "-o", "f.npz")[0] == 0
        matrices.append(FeatureMatrix.load("f.npz").X)
    assert not np.array_equal(*matrices)
    mine.write_text(MINE, encoding="utf-8")
    ranked(elmarc, folder, *options)
    assert len(list(Path("out/cells").iterdir())) == 2  # the first result is found again


def test_the_winners_command_extracts_what_won(elmarc: Run, folder: Path, mine: Path) -> None:
    _, out = ranked(
        elmarc,
        folder,
        "--networks",
        "models.py:MyNet",
        "--no-baseline",
        "--recipe",
        "2018",
        "--set",
        "network.options.width=6",
    )
    command = next(line for line in out.splitlines() if line.startswith("features of the best")).split(
        ": ", 1
    )[1]
    words = shlex.split(command)
    assert words[words.index("--network") :][:2] == ["--network", "models.py:MyNet"]
    assert "--size" not in words
    assert elmarc(*words[1:])[0] == 0
    found = FeatureMatrix.load("features.npz")
    assert found.X.shape == (12, 6)
    (definition,) = {json.dumps(r.definition["features"]) for r in collect("out") if r.seed == 0}
    assert json.loads(definition) == found.definition


def test_the_transformer_gives_the_features_of_the_command_line(
    elmarc: Run, folder: Path, mine: Path
) -> None:
    assert elmarc("extract", folder, "--network", f"{mine}:MyNet", "--recipe", "v2", "-o", "f.npz")[0] == 0
    found = FeatureMatrix.load("f.npz")
    paths = [str(clip.path) for clip in open_dataset(folder).clips]
    assert np.array_equal(
        RandomCNNFeatures(f"{mine}:MyNet", recipe="v2", store=False).fit_transform(paths), found.X
    )


def test_the_studys_options_are_left_out_and_wrong_ones_refused(
    elmarc: Run, folder: Path, mine: Path
) -> None:
    both = ("--networks", "temporal,models.py:MyNet", "--seeds", 1, "--no-baseline")
    table, _ = ranked(elmarc, folder, *both, "--set", "network.n_filters=4", "--set", "network.size=null")
    assert set(table["network"]) == {"temporal", "MyNet"}
    for key, said in (("network.n_filters=4", "n_filters"), ("network.lairs=[x]", "lairs")):
        code, _, err = elmarc("rank", folder, "--networks", "models.py:MyNet", "--no-baseline", "--set", key)
        assert code == 2
        assert f"network.{said}: unknown key" in err
    code, _, err = elmarc("rank", folder, "--networks", "models.py:MyNat")
    assert code == 2
    assert "did you mean 'MyNet'" in err


def test_a_module_without_a_key_is_computed_again(elmarc: Run, folder: Path, mine: Path) -> None:
    words = ("rank", folder, "--networks", "models.py:MyNet", "--no-baseline", "--seeds", 2, "-o", "out")
    predictions = []
    for text in (UNNAMED, UNNAMED.replace(".relu()", ".tanh()")):
        mine.write_text(text, encoding="utf-8")
        code, _, err = elmarc(*words, "--classifiers", "ridge")
        assert code == 0, err
        newest = [r for r in collect("out") if r.definition["features"]["network"]["run"]]
        predictions.append(len(newest))
    assert "MyNet states no key: its features are not stored" in Path("out/ranking.txt").read_text()
    assert predictions == [2, 4]  # the results of both runs, which are two systems
    runs = {result.definition["features"]["network"]["run"] for result in collect("out")}
    assert len(runs) == 2
    code, _, err = elmarc("extract", folder, "--network", "models.py:MyNet", "-o", "f.npz")
    assert code == 0, err
    before = FeatureMatrix.load("f.npz").X
    mine.write_text(UNNAMED, encoding="utf-8")
    assert elmarc("extract", folder, "--network", "models.py:MyNet", "-o", "f.npz")[0] == 0
    assert not np.array_equal(FeatureMatrix.load("f.npz").X, before)


def test_a_configuration_sweeps_over_modules(elmarc: Run, folder: Path, mine: Path) -> None:
    Path("sweep.yaml").write_text(
        f"""
data: {folder}
recipe: "2018"
network:
  - {{kind: external, factory: "models.py:MyNet", options: {{width: 4}}, name: narrow}}
  - {{kind: external, factory: "models.py:MyNet", layers: [conv], weights: keep}}
input: {{n_frames: 40}}
classifier: ridge
seed: [0, 1]
""",
        encoding="utf-8",
    )
    code, _, err = elmarc("run", "sweep.yaml", "-o", "out")
    assert code == 0, err
    found = {(result.features, result.seed): result for result in collect("out")}
    names = {"narrow", "MyNet (kept weights)"}
    assert set(found) == {(name, seed) for name in names for seed in (0, 1)}
    assert found["narrow", 0].n_features == 4
    kept = [found["MyNet (kept weights)", seed].definition["features"]["network"] for seed in (0, 1)]
    assert kept[0] == kept[1]


def test_a_transformer_of_transformers_goes_through_rank(elmarc: Run, folder: Path) -> None:
    pytest.importorskip("transformers")
    Path("ast.yaml").write_text(
        json.dumps(
            {
                "data": str(folder),
                "network": AST,
                "input": {"n_frames": 40},
                "recipe": "v2",
                "classifier": ["ridge", "svm"],
            }
        ),
        encoding="utf-8",
    )
    code, _, err = elmarc("run", "ast.yaml", "-o", "out")
    assert code == 0, err
    assert {(r.features, r.n_features, r.recipe) for r in collect("out")} == {("ASTModel", 3 * 16 * 4, "v2")}


class Residual(nn.Module):
    """A convolution with BatchNorm and a way around it, over a picture."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.conv = nn.Conv2d(1, 6, 3, padding=1), nn.Conv2d(6, 6, 3, padding=1)
        self.norm, self.act = nn.BatchNorm2d(6), nn.ReLU(inplace=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.act(self.stem(x))
        return self.act(y + self.norm(self.conv(y)))


class Attention(nn.Module):
    """Two encoder layers over frames."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Linear(96, 16)
        layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.encoder(self.embed(x))


class Recurrent(nn.LSTM):
    """An LSTM over the bands."""

    def __init__(self) -> None:
        super().__init__(96, 7, batch_first=True, bidirectional=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x)[0]


CASES = {
    "transformer": {
        "factory": "x:Attention",
        "layers": ["encoder.layers.0", "output"],
        "output": "time channels",
    },
    "recurrent": {"factory": "x:Recurrent", "output": "time channels"},
    "residual": {
        "factory": "x:Residual",
        "layers": ["norm", "output"],
        "input": "1 bands time",
        "output": "channels bands time",
    },
    "transformers": AST,
}


@pytest.mark.parametrize("case", CASES)
def test_features_do_not_depend_on_batches_and_workers(folder: Path, case: str) -> None:
    if case == "transformers":
        pytest.importorskip("transformers")
    own: dict[str, Callable[[], nn.Module]] = {
        "x:Attention": Attention,
        "x:Recurrent": Recurrent,
        "x:Residual": Residual,
    }
    section = dict(CASES[case])
    factory = str(section.pop("factory"))
    if factory in own:
        section = {"kind": "external", "factory": f"{__name__}:{factory.removeprefix('x:')}", **section}
    else:
        section["factory"] = factory
    clips = open_dataset(folder).clips
    rows = [
        assemble(
            FeatureOptions(section, recipe="v2", input_length=40),
            device="cpu",
            batch_size=batch,
            n_workers=workers,
        ).extract(clips)
        for batch, workers in ((1, 1), (8, 1), (8, 4))
    ]
    assert rows[0].matrix.X.std(axis=0).max() > 0
    assert all(np.array_equal(one.matrix.X, rows[0].matrix.X) for one in rows)


def test_a_network_of_timm_is_read(folder: Path) -> None:
    pytest.importorskip("timm")  # and torchvision, which it imports
    section = {
        "kind": "external",
        "factory": "timm:create_model",
        "options": {"model_name": "resnet10t", "in_chans": 1},
        "layers": ["layer1", "layer2", "layer3", "layer4"],
        "input": "1 bands time",
        "output": "channels bands time",
        "reduction": {"layer1": 4, "layer2": 8, "layer3": 16, "layer4": 32},
    }
    found = assemble(FeatureOptions(section, input_length=64)).extract(open_dataset(folder).clips)
    assert found.matrix.X.shape == (12, 4 * (64 + 128 + 256 + 512))
