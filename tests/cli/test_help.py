"""Help and lists are there at once, and fit a terminal."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from elmarc.cli.app import app

EVERY_HELP = """
import sys
import typer
from typer.testing import CliRunner
from elmarc.cli.app import app

def words(command, *before):
    yield [*before, "--help"]
    for name, inner in getattr(command, "commands", {}).items():
        yield from words(inner, *before, name)

runner = CliRunner()
asked = [*words(typer.main.get_command(app)), ["networks"], ["networks", "--json"]]
for words in asked:
    done = runner.invoke(app, words)
    assert done.exit_code == 0, (words, done.output)
assert len(asked) > 15, asked
print(sorted({name.partition(".")[0] for name in sys.modules} & set(sys.argv[1:])))
"""
HEAVY = ("torch", "sklearn", "pandas", "scipy", "matplotlib", "joblib")


def test_help_and_the_list_of_networks_load_nothing_heavy() -> None:
    done = subprocess.run(
        [sys.executable, "-c", EVERY_HELP, *HEAVY], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.replace("'", '"')) == []


def commands(command: Any, *before: str) -> Iterator[tuple[str, ...]]:
    """Yield the words of every command."""
    inner = getattr(command, "commands", {})
    if not inner:
        yield before
    for name, each in inner.items():
        yield from commands(each, *before, name)


def shown(*words: str) -> str:
    asked = [*words, "--help"] if "--help-all" not in words else [*words]
    done = CliRunner().invoke(app, asked, terminal_width=80, env={"COLUMNS": "80"})
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.mark.parametrize("words", [(), *commands(typer.main.get_command(app))], ids=" ".join)
def test_help_fits_a_terminal_and_cuts_no_name(words: tuple[str, ...]) -> None:
    text = shown(*words)
    command: Any = typer.main.get_command(app)
    for word in words:
        command = command.commands[word]
    options = [name for parameter in command.params for name in parameter.opts if name.startswith("--")]
    assert set(options) <= set(re.findall(r"--[a-z-]+", text))
    assert max(map(len, text.splitlines())) <= 80
    assert not re.search(r"…|\w\.\.\.$", text, re.MULTILINE)
    assert len(text.splitlines()) <= 40


def test_all_options_are_explained_on_request() -> None:
    text = shown("rank", "--help-all")
    assert "With --executor dask: a scheduler" in text
    assert "With --executor dask" not in shown("rank")


def test_the_commands_are_a_dozen_and_one() -> None:
    known = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    assert set(known) == {
        "demo", "rank", "train", "extract", "fit", "predict", "report", "run", "reproduce", "agreement",
        "networks", "datasets", "store",
    }  # fmt: skip
