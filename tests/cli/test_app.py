"""Errors are printed once, and names are completed without loading torch."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

START = "import sys; sys.argv[0] = 'elmarc'; from elmarc.cli import main; sys.exit(main())"


def elmarc(*words: str, folder: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-X", "importtime", "-c", START, *words],
        env={**os.environ, **environment}, cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    "words", [["rank", "absent"], ["run", "absent.yaml"], ["predict", "absent", "a.wav"]]
)
def test_an_error_is_printed_once(tmp_path: Path, words: list[str]) -> None:
    done = elmarc(*words, folder=tmp_path)
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
