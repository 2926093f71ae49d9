"""Downloads from a server on this machine that breaks off, refuses, or has changed."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
import threading
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from elmarc.datasets import sources, transfer, unpacking
from elmarc.datasets.download import Offer, offer
from elmarc.datasets.opening import RECORDED, dataset_module
from elmarc.datasets.sources import SOURCES, Source
from elmarc.errors import ConfigError, DatasetError

pytest.importorskip("pooch")


@dataclass
class Server:
    """What is served, how, and what was asked for."""

    content: bytes
    url: str = ""
    etag: str = '"one"'
    status: int = 200
    kind: str = "application/zip"
    sends: list[int] = field(default_factory=list)  # bytes of the next answers, before they break off
    says_length: bool = True
    heeds_ranges: bool = True
    asked: list[str | None] = field(default_factory=list)  # the ranges
    sent: int = 0
    answered: int = 0

    def settle(self) -> None:
        """Wait until every question is answered: a client may leave before."""
        while self.answered < len(self.asked):
            time.sleep(0.001)


def handler_of(server: Server) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            try:
                self.answer()
            finally:
                server.answered += 1

        def answer(self) -> None:
            asked = self.headers.get("Range")
            server.asked.append(asked)
            same = self.headers.get("If-Range") in (None, server.etag)
            start = int(asked[6:-1]) if asked and same and server.heeds_ranges else 0
            if server.status != 200 or start > len(server.content):
                self.send_error(server.status if server.status != 200 else 416)
                return
            body = server.content[start:]
            self.send_response(206 if start else 200)
            if start:
                self.send_header(
                    "Content-Range", f"bytes {start}-{len(server.content) - 1}/{len(server.content)}"
                )
            if server.says_length:
                self.send_header("Content-Length", str(len(body)))
            self.send_header("ETag", server.etag)
            self.send_header("Content-Type", server.kind)
            self.end_headers()
            size = server.sends.pop(0) if server.sends else len(body)
            try:
                self.wfile.write(body[:size])
            except OSError:
                return  # who only asks for the size does not read on
            server.sent += len(body[:size])

        def log_message(self, *_: object) -> None:
            pass

    return Handler


def zipped(files: dict[str, bytes]) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return held.getvalue()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """Serve an archive of 300 kB in place of ESC-50's."""
    served = Server(zipped({"ESC/meta/a.csv": b"a,b\n", "ESC/audio/1.wav": os.urandom(300_000)}))
    http = ThreadingHTTPServer(("127.0.0.1", 0), handler_of(served))
    threading.Thread(target=http.serve_forever, daemon=True).start()
    served.url = f"http://127.0.0.1:{http.server_port}/esc.zip"
    put(monkeypatch, served)
    yield served
    http.shutdown()
    http.server_close()


def put(monkeypatch: pytest.MonkeyPatch, server: Server, *, md5: str | None = "") -> None:
    known = hashlib.md5(server.content).hexdigest() if md5 == "" else md5
    monkeypatch.setitem(SOURCES, "esc50", Source(server.url, "esc.zip", "ESC", known))


def ask(server: Server, to: Path) -> Offer:
    """Return the offer, and forget that the size was asked for."""
    offered = offer("esc50", to=to)
    server.settle()
    server.asked.clear()
    server.sent = server.answered = 0
    return offered


def test_the_size_is_said_first_and_the_clips_lie_where_it_says(server: Server, tmp_path: Path) -> None:
    offered = ask(server, tmp_path / "data")
    assert offered.size == len(server.content)
    text = f"esc50: 0.3 MB, from {server.url} to {tmp_path / 'data' / 'ESC'}; licence: CC BY-NC 3.0"
    assert str(offered) == text
    assert not list((tmp_path / "data").iterdir())
    told: list[tuple[int, int | None]] = []
    folder = offered.fetch(progress=lambda have, total: told.append((have, total)))
    assert folder == offered.folder
    assert sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*.*")) == [
        "audio/1.wav",
        "meta/a.csv",
    ]
    assert told[-1] == (offered.size, offered.size)
    assert list(folder.parent.iterdir()) == [folder]  # the archive and what came of it are gone


def test_what_broke_off_is_taken_up_within_a_run(server: Server, tmp_path: Path) -> None:
    offered = ask(server, tmp_path)
    server.sends = [100_000, 50_000]
    offered.fetch(pause_s=0)
    assert server.asked == [None, "bytes=100000-", "bytes=150000-"]
    server.settle()
    assert server.sent == len(server.content)  # nothing came twice


def test_what_broke_off_is_taken_up_by_the_next_run(server: Server, tmp_path: Path) -> None:
    offered = ask(server, tmp_path)
    server.sends = [10_000] * transfer.TRIES
    total = f"{len(server.content):,}"
    with pytest.raises(
        DatasetError, match=f"esc50: broke off after 40,000 of {total} bytes: run the same comm"
    ):
        offered.fetch(pause_s=0)
    again = ask(server, tmp_path)
    assert ", 0.0 MB of them here already, from" in str(again)
    assert (again.fetch() / "meta" / "a.csv").read_bytes() == b"a,b\n"
    assert server.asked == ["bytes=40000-"]


def test_halves_of_two_versions_are_never_joined(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.sends = [0, *[10_000] * transfer.TRIES]
    with pytest.raises(DatasetError, match="broke off"):
        ask(server, tmp_path).fetch(pause_s=0)
    server.content, server.etag = zipped({"ESC/new.txt": os.urandom(100_000)}), '"two"'
    put(monkeypatch, server, md5=None)  # no checksum would find it
    folder = ask(server, tmp_path).fetch()
    assert (folder / "new.txt").stat().st_size == 100_000


@pytest.mark.parametrize("change", [{"heeds_ranges": False}, {"etag": ""}])
def test_servers_that_do_not_go_on_send_all_again(
    server: Server, tmp_path: Path, change: dict[str, object]
) -> None:
    for key, value in change.items():
        setattr(server, key, value)
    offered = ask(server, tmp_path)
    server.sends = [100_000]
    offered.fetch(pause_s=0)
    server.settle()
    assert server.sent == 100_000 + len(server.content)


def test_a_size_that_is_not_said(server: Server, tmp_path: Path) -> None:
    server.says_length = False
    offered = ask(server, tmp_path)
    assert offered.size is None
    assert "esc50: an unknown size, from" in str(offered)
    assert offered.fetch().is_dir()


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (404, r"esc50: http.*/esc\.zip is gone \(404\): .*; see https://github\.com"),
        (410, r"is gone \(410\)"),
        (401, r"wants a login or a permission \(401\): get it by hand"),
        (403, r"wants a login or a permission \(403\)"),
        (503, r"answered 503 Service Unavailable: try again later"),
    ],
)
def test_what_a_server_refuses_is_said(server: Server, tmp_path: Path, status: int, message: str) -> None:
    server.status = status
    with pytest.raises(DatasetError, match=message):
        offer("esc50", to=tmp_path / "data")
    assert not (tmp_path / "data").exists()


def test_a_source_that_goes_between_offer_and_fetch(server: Server, tmp_path: Path) -> None:
    offered = ask(server, tmp_path)
    server.status = 404
    with pytest.raises(DatasetError, match="is gone"):
        offered.fetch()
    assert len(server.asked) == 1  # no sense in asking again


def test_a_page_to_log_in_is_not_taken_for_the_archive(server: Server, tmp_path: Path) -> None:
    server.kind = "text/html; charset=utf-8"
    with pytest.raises(DatasetError, match="is a web page, not the archive: it may want a login"):
        offer("esc50", to=tmp_path)


def test_a_server_that_is_not_there(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server.url = "http://127.0.0.1:1/esc.zip"
    put(monkeypatch, server)
    with pytest.raises(DatasetError, match=r"127\.0\.0\.1:1/esc\.zip cannot be reached \(.*refused"):
        offer("esc50", to=tmp_path)


def test_a_wrong_checksum(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(monkeypatch, server, md5="0" * 32)
    offered = ask(server, tmp_path)
    with pytest.raises(DatasetError, match=r"another checksum than the known md5 0000.*, and was deleted"):
        offered.fetch()
    assert not list(tmp_path.iterdir())  # and the next attempt begins anew


def test_a_checksum_that_nobody_knows_is_said(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(monkeypatch, server, md5=None)
    offered = ask(server, tmp_path)
    assert str(offered).endswith("; no checksum is known, so what comes cannot be checked")
    assert offered.fetch().is_dir()


def test_a_disk_that_is_too_small(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("", (), {"free": 99}))
    with pytest.raises(DatasetError, match=r"esc50: has 300,\d+ bytes, and .* has 99 free: use another disk"):
        offer("esc50", to=tmp_path)


def test_what_is_there_already_is_not_fetched_again(server: Server, tmp_path: Path) -> None:
    ask(server, tmp_path).fetch()
    with pytest.raises(DatasetError, match=r"ESC is there already: use it as --audio"):
        offer("esc50", to=tmp_path)


def test_a_file_of_the_archives_name_is_neither_replaced_nor_removed(server: Server, tmp_path: Path) -> None:
    source = SOURCES["esc50"]
    mine = tmp_path / source.file
    mine.write_bytes(b"mine")
    with pytest.raises(DatasetError, match="is another file than would be fetched"):
        offer("esc50", to=tmp_path)
    assert mine.read_bytes() == b"mine"
    mine.write_bytes(server.content)
    assert offer("esc50", to=tmp_path).fetch(pause_s=0).is_dir()
    assert mine.read_bytes() == server.content


def test_names_without_a_source() -> None:
    with pytest.raises(DatasetError, match="toy: is made where it is used"):
        offer("toy")
    with pytest.raises(DatasetError, match=r"extended_ballroom: no archive of it is known: see .*--audio"):
        offer("extended_ballroom")
    with pytest.raises(ConfigError, match="unknown data set 'esc5': did you mean 'esc50'"):
        offer("esc5")


def test_without_pooch(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    offered = ask(server, tmp_path)
    monkeypatch.setitem(__import__("sys").modules, "pooch", None)
    with pytest.raises(DatasetError, match=r"pip install 'elmarc\[data\]'"):
        offered.fetch()


def tarred(path: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for member, content in members:
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    found = tarfile.TarInfo(name)
    found.type, found.linkname = kind, target
    return found


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (member("../out.txt"), r"holds \.\./out\.txt, a path that leads out of it"),
        (member("/tmp/out.txt"), r"holds /tmp/out\.txt, a path that leads out of it"),
        (member("set/link", tarfile.SYMTYPE, "/etc"), "holds a link or device, set/link"),
        (member("set/link", tarfile.LNKTYPE, "set/a.txt"), "holds a link or device"),
        (member("set/pipe", tarfile.FIFOTYPE), "holds a link or device"),
    ],
)
def test_unsafe_archives_leave_nothing(tmp_path: Path, bad: tarfile.TarInfo, message: str) -> None:
    (tmp_path / "inner").mkdir()
    archive = tarred(tmp_path / "inner" / "set.tar.gz", (member("set/a.txt"), b"a"), (bad, b""))
    with pytest.raises(DatasetError, match=message):
        unpacking.unpack(archive, "set")
    assert [path.name for path in tmp_path.rglob("*")] == ["inner", "set.tar.gz"]


@pytest.mark.parametrize("name", ["../out.txt", "/out.txt", "set\\..\\..\\out.txt", "C:/out.txt"])
def test_unsafe_zip_files_leave_nothing(tmp_path: Path, name: str) -> None:
    (tmp_path / "inner").mkdir()
    archive = tmp_path / "inner" / "set.zip"
    archive.write_bytes(zipped({"set/a.txt": b"a", name: b"b"}))
    with pytest.raises(DatasetError, match="a path that leads out of it"):
        unpacking.unpack(archive, "set")
    assert [path.name for path in tmp_path.rglob("*")] == ["inner", "set.zip"]


def test_good_tar_files_and_damaged_ones(tmp_path: Path) -> None:
    good = tarred(tmp_path / "set.tar.gz", (member("set/deep/a.txt"), os.urandom(50_000)))
    assert (unpacking.unpack(good, "set") / "deep" / "a.txt").stat().st_size == 50_000
    cut = tmp_path / "cut.tar.gz"
    cut.write_bytes(good.read_bytes()[:20_000])
    with pytest.raises(DatasetError, match=r"cut\.tar\.gz: cannot be unpacked"):
        unpacking.unpack(cut, "other")
    with pytest.raises(DatasetError, match="holds no folder elsewhere"):
        unpacking.unpack(good, "elsewhere")


def test_an_archive_that_unpacks_to_more_than_there_is_room_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bomb.zip").write_bytes(zipped({"set/a.txt": b"a" * 1000}))
    monkeypatch.setattr(unpacking.shutil, "disk_usage", lambda _: type("", (), {"free": 999}))
    with pytest.raises(DatasetError, match="holds more than there is space for"):
        unpacking.unpack(tmp_path / "bomb.zip", "set")


@pytest.mark.parametrize("name", SOURCES)
def test_the_sources_are_those_of_the_packages_indexes(name: str) -> None:
    known = {"gtzan": ("mirdata", "gtzan_genre", "all"), "ballroom": ("mirdata", "ballroom", "audio"),
             "urbansound8k": ("soundata", "urbansound8k", "all")}  # fmt: skip
    package, module, key = known.get(name, ("soundata", "esc50", "all"))
    pytest.importorskip(f"{package}.core", exc_type=ImportError)
    remote = __import__(f"{package}.datasets.{module}", fromlist=["REMOTES"]).REMOTES[key]
    assert (SOURCES[name].url, SOURCES[name].md5) == (remote.url, remote.checksum)


def test_every_source_is_of_a_data_set_that_elmarc_knows() -> None:
    assert set(SOURCES) <= set(RECORDED)
    assert sources.source_of("esc10", page=dataset_module("esc10").URL) is sources.ESC
