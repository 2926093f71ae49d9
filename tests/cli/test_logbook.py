"""`--log-file` keeps what a run says, and names are completed without loading torch."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

START = "import sys; sys.argv[0] = 'elmarc'; from elmarc.cli import main; main()"


def elmarc(*words: str, folder: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-X", "importtime", "-c", START, *words],
        env={**os.environ, **environment}, cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_the_log_has_the_command_the_versions_and_the_error(tmp_path: Path) -> None:
    log = tmp_path / "new" / "log.txt"
    done = elmarc("--log-file", str(log), "rank", str(tmp_path / "absent"), "-q")
    text = log.read_text(encoding="utf-8")
    assert done.returncode == 2
    assert f"command: elmarc --log-file {log} rank" in text
    assert "torch 2." in text
    assert "ERROR" in text
    assert "absent: no such data set" in text
    assert "exit code 2 after" in text


def test_a_log_is_appended_to(tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    for _ in range(2):
        elmarc("--log-file", str(log), "datasets", "list")
    assert log.read_text(encoding="utf-8").count("exit code 0 after") == 2


def test_a_log_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    done = elmarc("--log-file", str(tmp_path), "networks", "list")
    assert done.returncode == 2
    assert "name another file" in done.stderr


@pytest.mark.parametrize("options", [[], ["--log-file", "log.txt"]])
@pytest.mark.parametrize(
    "words", [["rank", "absent"], ["run", "absent.yaml"], ["predict", "absent", "a.wav"]]
)
def test_an_error_is_printed_once(tmp_path: Path, options: list[str], words: list[str]) -> None:
    done = elmarc(*options, *words, folder=tmp_path)
    assert done.returncode == 2
    shown = [line for line in done.stderr.splitlines() if not line.startswith("import time:")]
    assert len(shown) == len(set(shown)) > 0
    assert sum("absent" in line for line in shown) == 1, shown


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["elmarc", "rank", "--networks", "vgg,timbral_temporal_"], "vgg,timbral_temporal_audio"),
        (["elmarc", "rank", "--classifiers", "rid"], "ridge"),
        (["elmarc", "rank", "to"], "toy"),
        (["elmarc", "reproduce", "gt"], "gtzan"),
    ],
)
def test_names_are_completed_without_torch(words: list[str], expected: str) -> None:
    done = elmarc(
        _ELMARC_COMPLETE="complete_bash", COMP_WORDS=" ".join(words), COMP_CWORD=str(len(words) - 1)
    )
    assert expected in done.stdout.split()
    assert " torch\n" not in done.stderr
