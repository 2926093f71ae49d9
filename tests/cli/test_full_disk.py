"""Full disks, read-only places, files where folders are needed: a sentence that names them, exit code 2."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import Run, rank

from elmarc._io import write_atomic
from elmarc.cli import app as cli


def fill(monkeypatch: pytest.MonkeyPatch, *endings: str) -> None:
    """Let files of these endings find the disk full when they are flushed to it, as a full disk does."""
    fsync = os.fsync

    def full(descriptor: int) -> None:
        name = os.readlink(f"/proc/self/fd/{descriptor}")
        if any(ending in name for ending in endings):
            raise OSError(errno.ENOSPC, "No space left on device")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", full)


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left") as caught:
        write_atomic(tmp_path / "a.csv", "text")
    assert caught.value.filename == str(tmp_path / "a.csv")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc")
@pytest.mark.parametrize("file", ["ranking.csv", "figure", "result.json"])
def test_an_output_disk_that_fills_ends_the_run_with_2(
    elmarc: Run, folder: Path, monkeypatch: pytest.MonkeyPatch, file: str
) -> None:
    fill(monkeypatch, file)
    code, _, err = rank(elmarc, folder, "--quiet", "--classifiers", "knn")
    assert code == 2
    said = [line for line in err.splitlines() if "No space left on device" in line]
    assert len(said) == 1
    assert said[0].startswith("error: ")
    assert file in said[0]
    assert ".part" not in said[0]
    assert "Traceback" not in err


NETWORK = ("--network", "temporal", "--set", "network.n_filters=4", "--set", "network.size=null")
COMMANDS = {
    "features.npz": ("extract", "clips", *NETWORK),
    "features.parquet": ("extract", "clips", *NETWORK),
    "frames.npz": ("extract", "clips", *NETWORK, "--per-frame"),
    "frames.parquet": ("extract", "clips", *NETWORK, "--per-frame"),
    "own.elmarc": ("fit", "clips", *NETWORK, "--classifier", "knn"),
    "said.csv": ("predict", "model.elmarc", "clips"),
    "said.json": ("predict", "model.elmarc", "clips"),
}  # every command that writes one file


@pytest.fixture
def inputs(elmarc: Run, folder: Path, tmp_path: Path) -> Path:
    """A folder with clips and a model of them."""
    assert elmarc(*COMMANDS["own.elmarc"], "--quiet", "-o", "model.elmarc")[0] == 0
    return tmp_path


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc")
@pytest.mark.parametrize("file", COMMANDS)
def test_a_file_that_finds_the_disk_full_ends_its_command_with_2(
    elmarc: Run, inputs: Path, monkeypatch: pytest.MonkeyPatch, file: str
) -> None:
    before = sorted(inputs.iterdir())
    fill(monkeypatch, file)
    code, _, err = elmarc(*COMMANDS[file], "-o", file)
    said = [line for line in err.splitlines() if "No space left on device" in line]
    assert (code, len(said), "Traceback" in err) == (2, 1, False)
    assert said[0].startswith("error: ")
    assert file in said[0]
    assert [path for path in sorted(inputs.iterdir()) if path not in before and path.name != "cache"] == []


@pytest.mark.parametrize("file", COMMANDS)
def test_a_file_in_the_way_of_a_folder_is_refused(elmarc: Run, inputs: Path, file: str) -> None:
    (inputs / "file").write_text("a file")
    code, _, err = elmarc(*COMMANDS[file], "-o", f"file/{file}")
    assert (code, "Traceback" in err) == (2, False)
    assert "file" in err
    assert "a file lies where a folder is needed" in err


def test_a_full_store_is_said_once_for_all_networks(
    elmarc: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("elmarc.features.store.write_shard", full)
    code, _, err = rank(elmarc, folder, "--quiet", "--store", "full", "--classifiers", "knn")
    assert code == 0
    assert err.count("features cannot be stored") == 1  # of two definitions


@pytest.mark.parametrize("options", [(), ("--prune",)])
def test_a_store_that_is_a_file_is_refused(elmarc: Run, tmp_path: Path, options: tuple[str, ...]) -> None:
    (tmp_path / "store").write_text("a file")
    code, _, err = elmarc("store", *options, "--store", "store")
    assert code == 2
    assert "store: is a file, expected the folder of a store" in err


def test_a_store_or_output_that_is_a_file_is_refused(elmarc: Run, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("a file")
    for option in ("--store", "--output"):
        code, _, err = rank(elmarc, folder, "--quiet", option, "file")
        assert code == 2
        assert "file: cannot be written (a file lies where a folder is needed)" in err


def test_system_errors_are_one_sentence(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**_: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system", "out/a.csv")

    monkeypatch.setattr(cli, "app", fail)
    assert cli.main() == 2
    assert capsys.readouterr().err.startswith("error: out/a.csv: Read-only file system: check the path")
