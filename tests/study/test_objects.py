"""Modules as objects in a ranking: ranked as a file's would be, fitted, and never taken for another."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import elmarc
from elmarc.errors import ConfigError
from elmarc.networks.make import register

CODE = """
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, width=6):
        super().__init__()
        self.conv = nn.Conv1d(96, width, 5)

    def forward(self, x):
        return self.conv(x.transpose(1, 2)).relu()
"""
QUICK: dict[str, Any] = {"recipe": "2018", "classifiers": "ridge", "baseline": False, "progress": False}


@pytest.fixture
def net(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> type[nn.Module]:
    """The class of models.py, which lies in the current folder."""
    monkeypatch.chdir(tmp_path)
    Path("models.py").write_text(CODE)
    names: dict[str, Any] = {"__name__": "models"}
    exec(compile(CODE, "models.py", "exec"), names)
    return names["Net"]


def predictions(ranking: elmarc.Ranking) -> dict[int, list[str]]:
    return {r.seed: [p.predicted for p in r.predictions] for r in ranking.results}


def test_a_class_is_ranked_as_its_file_is(net: type[nn.Module], tones: Path) -> None:
    by_file = elmarc.rank(tones, networks=["models.py:Net"], **QUICK)
    by_class = elmarc.rank(tones, networks=net, **QUICK)
    assert predictions(by_class) == predictions(by_file)
    assert set(by_class.to_frame()["network"]) == {"Net"}


def test_a_module_keeps_its_weights_through_rank_fit_and_load(
    net: type[nn.Module], tones: Path, tmp_path: Path
) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(7)
        module = net()
    before = {key: value.clone() for key, value in module.state_dict().items()}
    ranking = elmarc.rank(tones, networks=[module], **QUICK)
    assert ranking.best.name == "Net (kept weights)"
    seeds = predictions(ranking)
    assert seeds[0] == seeds[1]  # no weights are drawn

    with torch.no_grad():
        module.conv.weight.zero_()  # the ranking is of what was handed over
    model = ranking.fit()
    module.load_state_dict(before)
    clips = sorted(tones.rglob("*.wav"))
    features = elmarc.RandomCNNFeatures(module, recipe="2018", duration=0.5, store=False)
    expected = elmarc.SoundClassifier(features, standardise=True).fit(
        clips, [clip.parent.name for clip in clips]
    )
    assert np.array_equal(model.predict_proba(clips), expected.predict_proba(clips))
    model.save(tmp_path / "m.elmarc")
    again = elmarc.load(tmp_path / "m.elmarc", network=net())  # the code; the weights are in the file
    assert np.array_equal(again.predict_proba(clips), model.predict_proba(clips))


def test_networks_of_one_class_are_numbered_and_never_mixed(net: type[nn.Module], tones: Path) -> None:
    drawn = {"kind": "external", "factory": net(), "weights": "redraw", "name": "drawn"}
    found = elmarc.rank(tones, networks=[net(6), net(9), net, drawn], **QUICK)
    names = {"Net (kept weights)", "Net 2 (kept weights)", "Net 3", "drawn"}
    assert set(found.to_frame()["network"]) == names
    assert len(found.results) == 2 * len(names)


def test_two_sections_of_one_name_are_refused(tones: Path) -> None:
    gru = {"kind": "external", "factory": "torch.nn:GRU"}
    both = [{**gru, "options": {"input_size": 96, "hidden_size": n}} for n in (4, 8)]
    with pytest.raises(ConfigError, match="several are called 'GRU': give each a name"):
        elmarc.rank(tones, networks=both, **QUICK)


def test_equal_modules_are_one_text_and_changed_ones_another(net: type[nn.Module]) -> None:
    module = net()
    text, kept = register(module, "net-1")
    assert register(module, "net-1")[0] == text
    assert len({text, register(module, "net-2")[0], register(module)[0], register(module)[0]}) == 4
    with torch.no_grad():
        module.conv.bias += 1
    assert register(module, "net-1")[0] != text
    assert not torch.equal(kept.conv.bias, module.conv.bias)


def test_another_process_says_that_it_has_no_such_module(
    net: type[nn.Module], tones: Path, tmp_path: Path
) -> None:
    elmarc.rank(tones, networks=[net()], output="ranked", **QUICK)
    words = [sys.executable, "-m", "elmarc", "fit", "--from", "ranked", "-o", "m.elmarc"]
    said = subprocess.run(words, capture_output=True, text=True, check=False)
    assert said.returncode == 2
    assert "held in memory" in " ".join(said.stderr.split())
