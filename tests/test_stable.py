"""What docs/stable.md lists is what elmarc exports."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer

import elmarc
from elmarc.cli.app import app

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "stable.md").read_text(encoding="utf-8")
COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]


def listed(heading: str) -> set[str]:
    """Return the names in backquotes of a paragraph, up to its first full stop."""
    (paragraph,) = (text for text in PAGE.split("\n\n") if text.startswith(f"**{heading}**"))
    return set(re.findall(r"`(\w+)`", paragraph.partition(": ")[2].partition("`.")[0] + "`"))


def test_the_python_names() -> None:
    assert listed("Python") == set(elmarc.__all__) - {"__version__"}


def test_the_errors() -> None:
    assert listed("Errors and warnings") == set(elmarc.errors.__all__)


def test_the_commands() -> None:
    assert listed("Commands") == set(COMMANDS)


@pytest.mark.parametrize("name", [name for name in elmarc.__all__ if name != "__version__"])
def test_every_name_can_be_had(name: str) -> None:
    assert getattr(elmarc, name) is not None
