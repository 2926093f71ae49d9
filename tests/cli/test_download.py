"""`elmarc datasets download`: what it says before and after, and when it asks."""

from __future__ import annotations

import hashlib
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO
from pathlib import Path

import pytest
from tests.cli.conftest import Run

from elmarc.datasets.named import NAMED, Archive

pytest.importorskip("pooch")


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def served(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Serve the twelve tones in place of the Ballroom set's dances."""
    archive = tmp_path / "served" / "dances.zip"
    archive.parent.mkdir()
    with zipfile.ZipFile(archive, "w") as held:
        for path in sorted(folder.rglob("*.wav")):
            dance = "Samba" if path.parent.name == "low" else "Waltz"
            held.write(path, f"Dances/{dance}/{path.name}")
    http = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(archive.parent)))
    threading.Thread(target=http.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{http.server_port}/dances.zip"
    md5 = hashlib.md5(archive.read_bytes()).hexdigest()
    facts = replace(NAMED["ballroom"], archive=Archive(url, md5, "Dances"))
    monkeypatch.setitem(NAMED, "ballroom", facts)
    yield url
    http.shutdown()
    http.server_close()


def test_what_is_downloaded_can_be_opened_as_it_is(elmarc: Run, served: str, tmp_path: Path) -> None:
    code, out, error = elmarc("datasets", "download", "Ballroom", "--to", "data", "--yes")
    assert code == 0, error
    before, after = out.splitlines()
    assert before.startswith(f"ballroom: 0.1 MB, from {served} to data/Dances; licence: none stated")
    assert after == "ballroom: lies in data/Dances; rank it with: elmarc rank ballroom --audio data/Dances"
    code, out, error = elmarc("datasets", "validate", "ballroom", "--audio", "data/Dances", "--json")
    assert '"n_clips": 12' in out, error
    code, _, error = elmarc("datasets", "download", "ballroom", "--to", "data", "--yes")
    assert code == 2
    assert "data/Dances is there already" in error


def test_where_nobody_can_be_asked_nothing_is_fetched(elmarc: Run, served: str, tmp_path: Path) -> None:
    code, out, error = elmarc("datasets", "download", "ballroom", "--to", "data")
    assert code == 2
    assert "ballroom: 0.1 MB, from" in out
    assert "no terminal to confirm the download on: add --yes" in error
    assert not list((tmp_path / "data").iterdir())


@pytest.mark.parametrize(("answer", "code", "fetched"), [("n", 130, False), ("y", 0, True)])
def test_it_asks_on_a_terminal(
    elmarc: Run,
    served: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    answer: str,
    code: int,
    fetched: bool,
) -> None:
    monkeypatch.setattr("sys.stdin", Terminal(f"{answer}\n"))
    assert elmarc("datasets", "download", "ballroom")[0] == code
    assert (tmp_path / "Dances").is_dir() is fetched
