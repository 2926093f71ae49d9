"""Help and lists are there at once, and fit a terminal."""

from __future__ import annotations

import json
import subprocess
import sys

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
asked = [*words(typer.main.get_command(app)), ["networks", "list"], ["networks", "list", "--json"]]
for words in asked:
    done = runner.invoke(app, words)
    assert done.exit_code == 0, (words, done.output)
assert len(asked) > 20, asked
print(sorted({name.partition(".")[0] for name in sys.modules} & set(sys.argv[1:])))
"""
HEAVY = ("torch", "sklearn", "pandas", "scipy", "matplotlib", "joblib")


def test_help_and_the_list_of_networks_load_nothing_heavy() -> None:
    done = subprocess.run(
        [sys.executable, "-c", EVERY_HELP, *HEAVY], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.replace("'", '"')) == []
