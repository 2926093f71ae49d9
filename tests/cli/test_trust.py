"""Results may be anybody's: code that they name is imported only where the user says so."""

from __future__ import annotations

import json
import shlex
import shutil
from pathlib import Path

import pytest
from tests.cli.conftest import Run

import elmarc as library
from elmarc.results import collect

MARKED = """
from pathlib import Path
from torch import nn

with open({log!r}, "a") as log:
    log.write("imported ")

class MyNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(96, 4, 5)

    def forward(self, x):
        return self.conv(x.transpose(1, 2)).relu()
"""


@pytest.fixture
def log(elmarc: Run, folder: Path, tmp_path: Path) -> Path:
    """A ranking in `out`, whose winner is a module of a file; the log that an import of it writes to."""
    log = tmp_path / "log"
    (tmp_path / "models.py").write_text(MARKED.format(log=str(log)), encoding="utf-8")
    words = ("--networks", "models.py:MyNet", "--no-baseline", "--set", "input.n_frames=40", "--seeds", 1)
    code, said, err = elmarc("rank", folder, *words, "--classifiers", "ridge", "-o", "out")
    assert code == 0, err
    (tmp_path / "advice").write_text(next(line for line in said.splitlines() if "elmarc fit" in line))
    log.unlink()
    return log


def test_who_ranks_a_module_is_shown_how_to_fit_it(elmarc: Run, log: Path) -> None:
    advice = shlex.split(Path("advice").read_text().split("; ")[0])
    assert elmarc(*advice[advice.index("elmarc") + 1 :])[0] == 0
    assert "--trust" in advice


@pytest.mark.parametrize(
    "words",
    [
        ("fit", "--from", "out", "-o", "m.elmarc"),
        ("fit", "clips", "--from", "out", "-o", "m.elmarc"),
    ],
    ids=["fit", "fit on other clips"],
)
def test_what_results_name_is_imported_only_where_they_are_trusted(
    elmarc: Run, log: Path, words: tuple[str, ...]
) -> None:
    code, _, err = elmarc(*words)
    assert code == 2
    assert "models.py:MyNet, code that would be imported and run" in err
    assert "--trust" in err
    assert not log.exists()
    elmarc(*words, "--trust")
    assert log.exists()


def test_a_report_imports_nothing(elmarc: Run, log: Path) -> None:
    assert elmarc("report", "out")[0] == 0
    assert not log.exists()


def test_results_of_another_network_are_not_taken_over(elmarc: Run, log: Path, folder: Path) -> None:
    """Where a run goes on in a folder that somebody else prepared, the user's own network counts."""
    (theirs,) = collect("out")
    shutil.rmtree("out")
    mine = {"kind": "temporal", "n_filters": 4, "size": None}
    settings = {"networks": [mine], "classifiers": "ridge", "seeds": 1, "baseline": False, "output": "out"}
    first = library.rank(folder, progress=False, **settings)
    (file,) = Path("out").rglob("result.json")
    document = json.loads(file.read_text())
    document["config"] |= {key: theirs.config[key] for key in ("network", "frontend", "input")}
    file.write_text(json.dumps(document))
    again = library.rank(folder, progress=False, **settings)
    again.fit()
    assert again.results[0].config == collect("out")[0].config == first.results[0].config
    assert not log.exists()
