"""Downloads from a server on this machine that breaks off, refuses, or sends something else."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import sys
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from elmarc.datasets import NAMED, download
from elmarc.datasets.download import offer
from elmarc.datasets.named import Archive
from elmarc.errors import ConfigError, DatasetError

pytest.importorskip("pooch")


@dataclass
class Server:
    """What is served, and how."""

    content: bytes
    url: str = ""
    status: int = 200
    kind: str = "application/zip"
    n_sent: int | None = None  # bytes sent before it breaks off
    has_length: bool = True
    n_requests: int = 0


def handler_of(server: Server) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            server.n_requests += 1
            if server.status != 200:
                self.send_error(server.status)
                return
            self.send_response(200)
            if server.has_length:
                self.send_header("Content-Length", str(len(server.content)))
            self.send_header("Content-Type", server.kind)
            self.end_headers()
            with suppress(OSError):  # a client that only asks for the size does not read on
                self.wfile.write(server.content[: server.n_sent])

        def log_message(self, *_: object) -> None:
            pass

    return Handler


def zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """Serve an archive of 300 kB in place of ESC-50's."""
    served = Server(zipped({"ESC/meta/a.csv": b"a,b\n", "ESC/audio/1.wav": os.urandom(300_000)}))
    http = ThreadingHTTPServer(("127.0.0.1", 0), handler_of(served))
    threading.Thread(target=http.serve_forever, daemon=True).start()
    served.url = f"http://127.0.0.1:{http.server_port}/esc.zip?download=1"
    put(monkeypatch, served)
    yield served
    http.shutdown()
    http.server_close()


def put(monkeypatch: pytest.MonkeyPatch, server: Server, *, md5: str = "") -> None:
    archive = Archive(server.url, md5 or hashlib.md5(server.content).hexdigest(), "ESC")
    monkeypatch.setitem(NAMED, "esc50", replace(NAMED["esc50"], archive=archive))


def test_the_size_comes_first_and_the_clips_lie_where_it_says(server: Server, tmp_path: Path) -> None:
    offered = offer("esc50", to=tmp_path / "data")
    assert offered.size == len(server.content)
    text = f"esc50: 0.3 MB, from {server.url} to {tmp_path / 'data' / 'ESC'}; licence: CC BY-NC 3.0"
    assert str(offered) == text
    assert not list((tmp_path / "data").iterdir())
    steps: list[tuple[int, int]] = []
    folder = offered.fetch(progress=lambda n_bytes, total: steps.append((n_bytes, total)))
    assert folder == offered.folder
    assert sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*.*")) == [
        "audio/1.wav",
        "meta/a.csv",
    ]
    assert steps[-1] == (offered.size, offered.size)
    assert len(steps) > 3
    assert list(folder.parent.iterdir()) == [folder]  # the archive is gone


def test_what_broke_off_is_not_taken_for_whole(server: Server, tmp_path: Path) -> None:
    offered = offer("esc50", to=tmp_path)
    server.n_sent = 100_000
    with pytest.raises(
        DatasetError, match=r"esc50: not downloaded \(.*\): try again, or download it in anoth"
    ):
        offered.fetch()
    assert not offered.folder.exists()
    server.n_sent = None
    assert (offered.fetch() / "meta" / "a.csv").read_bytes() == b"a,b\n"


KILLED = """
import os, sys
from pathlib import Path
from elmarc.datasets import download
from elmarc.datasets.named import Archive

def killed(archive, folder):
    place = unpack(archive, folder)
    next(place.rglob("*.wav")).unlink()  # as if it were half unpacked
    os.kill(os.getpid(), 9)

unpack, download.unpack = download.unpack, killed
download.Offer("esc50", Archive(*sys.argv[1:4]), None, Path(sys.argv[4]), "").fetch()
"""


def test_a_process_that_was_killed_leaves_no_half_of_a_folder(server: Server, tmp_path: Path) -> None:
    offered = offer("esc50", to=tmp_path)
    arguments = [*offered.archive, str(tmp_path)]
    assert subprocess.run([sys.executable, "-c", KILLED, *arguments], check=False).returncode == -9
    assert not offered.folder.exists()
    n_requests = server.n_requests
    assert sorted(path.name for path in offered.fetch().rglob("*.*")) == ["1.wav", "a.csv"]
    assert server.n_requests == n_requests  # the archive had come
    assert list(tmp_path.iterdir()) == [offered.folder]


def test_an_unknown_size(server: Server, tmp_path: Path) -> None:
    server.has_length = False
    offered = offer("esc50", to=tmp_path)
    assert offered.size is None
    assert "esc50: an unknown size, from" in str(offered)
    assert offered.fetch().is_dir()


@pytest.mark.parametrize("status", [404, 410, 401, 403, 503])
def test_what_a_server_refuses_is_named(server: Server, tmp_path: Path, status: int) -> None:
    server.status = status
    message = (
        rf"esc50: cannot be downloaded \({status} .*/esc\.zip.*\): try .*, see https://github\.com.*--audio"
    )
    with pytest.raises(DatasetError, match=message):
        offer("esc50", to=tmp_path / "data")
    assert not (tmp_path / "data").exists()


def test_a_source_that_goes_between_offer_and_fetch(server: Server, tmp_path: Path) -> None:
    offered = offer("esc50", to=tmp_path)
    server.status = 404
    with pytest.raises(DatasetError, match=r"not downloaded \(404"):
        offered.fetch()


def test_a_page_to_log_in_is_not_taken_for_the_archive(server: Server, tmp_path: Path) -> None:
    server.kind = "text/html; charset=utf-8"
    with pytest.raises(DatasetError, match="is a web page, not the archive: it may want a login"):
        offer("esc50", to=tmp_path)


def test_without_a_network_there_is_a_way_out(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.url = "http://127.0.0.1:1/esc.zip"
    put(monkeypatch, server)
    with pytest.raises(
        DatasetError, match=r"esc50: cannot be downloaded \(.*refused.*name its folder with --aud"
    ):
        offer("esc50", to=tmp_path)


def test_a_wrong_checksum(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(monkeypatch, server, md5="0" * 32)
    with pytest.raises(DatasetError, match=r"another checksum than the known md5 0000.*, and was deleted"):
        offer("esc50", to=tmp_path).fetch()
    assert not list(tmp_path.iterdir())


def test_a_disk_that_is_too_small(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("", (), {"free": 99}))
    with pytest.raises(DatasetError, match=r"esc50: has 300,\d+ bytes, and .* has 99 free: use another disk"):
        offer("esc50", to=tmp_path)


def test_what_is_there_already_is_not_fetched_again(server: Server, tmp_path: Path) -> None:
    offer("esc50", to=tmp_path).fetch()
    with pytest.raises(DatasetError, match=r"ESC is there already: use it as --audio"):
        offer("esc50", to=tmp_path)


def test_a_file_of_the_archives_name_is_neither_replaced_nor_removed(server: Server, tmp_path: Path) -> None:
    mine = tmp_path / "esc.zip"
    mine.write_bytes(b"mine")
    assert offer("esc50", to=tmp_path).fetch().is_dir()
    assert mine.read_bytes() == b"mine"


def test_names_without_an_archive() -> None:
    with pytest.raises(DatasetError, match="toy: is made where it is used"):
        offer("toy")
    with pytest.raises(DatasetError, match=r"extended_ballroom: no archive of it is known: see .*--audio"):
        offer("extended_ballroom")
    with pytest.raises(ConfigError, match="unknown data set 'esc5': did you mean 'esc50'"):
        offer("esc5")


def test_without_pooch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(DatasetError, match=r"pip install 'elmarc\[data\]'"):
        offer("esc50", to=tmp_path)


def tarred(path: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for member, content in members:
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


@pytest.mark.parametrize(
    "bad",
    [
        member("../out.txt"),
        member("set/link", tarfile.SYMTYPE, "/etc"),
        member("set/link", tarfile.SYMTYPE, "../../.."),
        member("set/link", tarfile.LNKTYPE, "../../inner/set.tar.gz"),
        member("set/pipe", tarfile.FIFOTYPE),
    ],
)
def test_unsafe_archives_leave_nothing(tmp_path: Path, bad: tarfile.TarInfo) -> None:
    (tmp_path / "inner").mkdir()
    archive = tarred(tmp_path / "inner" / "set.tar.gz", (member("set/a.txt"), b"a"), (bad, b""))
    with pytest.raises(DatasetError, match=r"set\.tar\.gz: cannot be unpacked"):
        download.unpack(archive, "set")
    assert [path.name for path in tmp_path.rglob("*")] == ["inner", "set.tar.gz"]


@pytest.mark.parametrize("name", ["../out.txt", "/out.txt", "set/../../out.txt"])
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_nothing_is_written_outside(tmp_path: Path, name: str, kind: str) -> None:
    (tmp_path / "inner").mkdir()
    archive = tmp_path / "inner" / f"set.{kind}"
    if kind == "zip":
        archive.write_bytes(zipped({"set/a.txt": b"a", name: b"b"}))
    else:
        tarred(archive, (member("set/a.txt"), b"a"), (member(name), b"b"))
    try:
        inside = {download.unpack(archive, "set").parent}
    except DatasetError:
        inside = set()
    assert all(inside & set(path.parents) for path in tmp_path.rglob("out.txt"))
    assert not Path("/out.txt").exists()


def test_good_tar_files_and_damaged_ones(tmp_path: Path) -> None:
    good = tarred(tmp_path / "set.tar.gz", (member("set/deep/a.txt"), os.urandom(50_000)))
    assert (download.unpack(good, "set") / "deep" / "a.txt").stat().st_size == 50_000
    cut = tmp_path / "cut.tar.gz"
    cut.write_bytes(good.read_bytes()[:20_000])
    with pytest.raises(DatasetError, match=r"cut\.tar\.gz: cannot be unpacked"):
        download.unpack(cut, "other")
    with pytest.raises(DatasetError, match="it holds no folder elsewhere"):
        download.unpack(good, "elsewhere")


def test_a_disk_that_is_full_while_unpacking(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(zipfile.ZipFile, "extractall", full)
    with pytest.raises(DatasetError, match=r"esc50: not downloaded \(.*No space left"):
        offer("esc50", to=tmp_path).fetch()


@pytest.mark.parametrize("name", [name for name, facts in NAMED.items() if facts.archive])
def test_the_archives_are_those_of_the_packages_indexes(name: str) -> None:
    known = {
        "gtzan": ("mirdata", "gtzan_genre", "all"),
        "ballroom": ("mirdata", "ballroom", "audio"),
        "urbansound8k": ("soundata", "urbansound8k", "all"),
    }
    package, module, key = known.get(name, ("soundata", "esc50", "all"))
    pytest.importorskip(f"{package}.core", exc_type=ImportError)
    remote = __import__(f"{package}.datasets.{module}", fromlist=["REMOTES"]).REMOTES[key]
    archive = NAMED[name].archive
    assert archive is not None
    assert (archive.url, archive.md5) == (remote.url, remote.checksum)
