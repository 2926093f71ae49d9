"""Pipes, sockets, devices and links that lead nowhere: told at once, never waited for."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import pytest
from tests.cli.conftest import Run, rank

from elmarc.cli import console

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="has no such files")


@pytest.fixture
def special(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A class folder that holds what is no clip, by names of clips."""
    place = folder / "low"
    os.mkfifo(place / "pipe.wav")
    (place / "zero.wav").symlink_to("/dev/zero")
    (place / "loop.wav").symlink_to("loop.wav")
    (place / "nowhere.wav").symlink_to("nothing")
    (place / "up").symlink_to("..")
    (place / "folder.wav").mkdir()
    monkeypatch.chdir(place)  # the path of a socket is short
    with socket.socket(socket.AF_UNIX) as made:
        made.bind("socket.wav")
    monkeypatch.chdir(folder.parent)
    return folder


TOLD = {
    "pipe": "is a pipe", "zero": "is a device", "socket": "is a socket", "loop": "Too many levels",
    "nowhere": "no such file",
}  # fmt: skip


def test_among_clips_they_are_left_out(elmarc: Run, special: Path) -> None:
    code, _, err = rank(elmarc, special)
    assert code == 0, err
    told = {line.split("/")[1].split(".")[0]: line for line in err.splitlines() if line.startswith("skipped")}
    assert set(told) == set(TOLD)
    assert all(words in told[name] for name, words in TOLD.items())


@pytest.mark.parametrize("options", [[], ["--decode"]])
def test_validate_lists_them_on_a_narrow_terminal(
    elmarc: Run, special: Path, options: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console, "out", console.PlainConsole(width=20))
    code, out, _ = elmarc("datasets", "validate", special, *options)
    assert code == 1
    assert [name for name in TOLD if f"low/{name}.wav" not in out] == []


COMMANDS = {
    "t.csv": ("rank", "t.csv"),
    "c.yaml": ("run", "c.yaml"),
    "c.py": ("run", "c.py"),
    "n.yaml": ("rank", "clips", "--networks", "n.yaml"),
    "f.npz": ("rank", "clips", "--features", "f.npz"),
    "f.csv": ("rank", "clips", "--features", "f.csv"),
    "f.parquet": ("rank", "clips", "--features", "f.parquet"),
    "f.pt": ("rank", "clips", "--features", "f.pt"),
    "m.elmarc": ("predict", "m.elmarc", "clips"),
    "a.wav": ("extract", "a.wav", "--network", "temporal", "-o", "out.npz"),
    "r/result.json": ("report", "r", "-o", "page.html"),
    "list.txt": ("run", "lists.yaml"),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_named_on_the_command_line_they_are_refused(elmarc: Run, folder: Path, name: str) -> None:
    Path("lists.yaml").write_text("data: {kind: lists, audio: clips/, files: list.txt}\nnetwork: temporal\n")
    Path(name).parent.mkdir(exist_ok=True)
    os.mkfifo(name)
    code, _, err = elmarc(*COMMANDS[name])
    assert code == 2
    assert name in err
    assert "pipe" in err
