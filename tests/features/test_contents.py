from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from elmarc.audio import content_hash
from elmarc.datasets.base import Clip
from elmarc.errors import ConfigError
from elmarc.features import contents
from elmarc.features.contents import HashMemo, contents_of, signature_of, user_memo


def test_equal_bytes_have_equal_hashes_and_a_missing_file_a_reason(tmp_path: Path) -> None:
    for name, data in [("a", b"one"), ("b", b"one"), ("c", b"two")]:
        (tmp_path / name).write_bytes(data)
    clips = [Clip(name, tmp_path / name, "x") for name in "abcd"]
    found = contents_of(clips, n_workers=2)
    a, b, c, d = map(found.of, clips)
    assert a == b != c
    assert d == ""
    assert "no such file" in str(found.problems["d"])


def test_segments_have_hashes_of_their_own_and_their_file_is_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "long"
    path.write_bytes(b"one")
    read: list[Path] = []
    monkeypatch.setattr(contents, "content_hash", lambda path: read.append(path) or content_hash(path))
    clips = [Clip(str(end), path, "x", end=end) for end in (None, 1.0, 2.0)]
    found = contents_of(clips)
    assert read == [path]
    assert found.of(clips[0]) == content_hash(path)
    assert len(set(found.hashes.values())) == 3


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Switch the memo on, an hour later than it is, and list the files that are read for their hash."""
    if os.name != "posix":
        pytest.skip("no memo where directory entries have no time of change")
    names: list[str] = []
    later = time.time_ns() + 3600 * 10**9
    monkeypatch.setenv("ELMARC_HASH_MEMO", "on")
    monkeypatch.setenv("ELMARC_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(contents.time, "time_ns", lambda: later)
    monkeypatch.setattr(contents, "content_hash", lambda p: names.append(p.name) or content_hash(p))
    return names


@pytest.fixture
def files(tmp_path: Path) -> list[Clip]:
    for name in "abc":
        (tmp_path / name).write_bytes(name.encode() * 50)
    return [Clip(name, tmp_path / name, "x") for name in "abc"]


def memo_file() -> Path:
    memo = user_memo()
    assert memo is not None
    return memo.file


def assert_right(files: list[Clip]) -> None:
    found = contents_of(files)
    assert [found.of(clip) for clip in files] == [content_hash(clip.path) for clip in files]


def test_a_file_that_has_not_changed_is_read_once(files: list[Clip], read: list[str]) -> None:
    first = contents_of(files[:2])
    assert sorted(read) == ["a", "b"]
    again = contents_of(files)
    assert read[2:] == ["c"]
    assert {name: again.hashes[name] for name in "ab"} == first.hashes
    assert set(again.signatures) == {clip.path for clip in files}
    assert_right(files)


def in_place(path: Path) -> None:
    """Write other bytes, as many, and set the time back; again until the clock of the file system ticks."""
    before = path.stat()
    while path.stat().st_ctime_ns == before.st_ctime_ns:
        path.write_bytes(b"#" * before.st_size)
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def by_rename(path: Path) -> None:
    """Move another file, of the same size and time, into place."""
    before, other = path.stat(), path.with_name("other")
    other.write_bytes(b"#" * before.st_size)
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.replace(path)


def by_link(path: Path) -> None:
    by_rename(path)
    path.rename(path.with_name("target"))
    path.symlink_to(path.with_name("target"))


def longer(path: Path) -> None:
    path.write_bytes(b"#" * 1000)


@pytest.mark.parametrize("change", [in_place, by_rename, by_link, longer])
def test_a_file_that_has_changed_is_read(
    files: list[Clip], read: list[str], change: Callable[[Path], None]
) -> None:
    contents_of(files)
    change(files[1].path)
    read.clear()
    assert_right(files)
    assert read == ["b"]
    assert_right(files)
    assert read == ["b"]


def test_a_file_that_was_just_written_is_not_noted(
    files: list[Clip], read: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    just_now = max(clip.path.stat().st_ctime_ns for clip in files) + 10**9
    monkeypatch.setattr(contents.time, "time_ns", lambda: just_now)
    for _ in range(2):
        assert not contents_of(files).signatures
    assert len(read) == 6
    assert not memo_file().exists()


def test_a_file_that_is_gone_or_new_has_its_own_answer(files: list[Clip], read: list[str]) -> None:
    contents_of(files)
    files[0].path.unlink()
    found = contents_of(files)
    assert "no such file" in str(found.problems["a"])
    os.mkfifo(files[0].path)
    assert "a" in contents_of(files).problems


def test_a_clip_that_changes_after_the_memo_was_asked_is_not_heard(tmp_path: Path, read: list[str]) -> None:
    clip = Clip("s", tmp_path / "s.wav", "x")
    sf.write(clip.path, np.linspace(-1, 1, 500), 12000)
    contents_of([clip])
    found = contents_of([clip])
    assert read == ["s.wav"]
    assert len(found.load(clip, sr=12000)[0]) == 500
    sf.write(tmp_path / "t.wav", np.linspace(1, -1, 500), 12000)
    (tmp_path / "t.wav").replace(clip.path)
    with pytest.raises(contents.AudioError, match=r"s\.wav: the file has changed since the run began"):
        found.load(clip, sr=12000)


def garbage(file: Path) -> None:
    file.write_bytes(b"no database at all\n" * 1000)


def truncated(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:5000])


def empty(file: Path) -> None:
    file.write_bytes(b"")


def of_another_program(file: Path) -> None:
    file.unlink()
    with closing(sqlite3.connect(file)) as other, other:
        other.execute("CREATE TABLE files (name TEXT, what INTEGER)")


def of_other_columns_alike(file: Path) -> None:
    with closing(sqlite3.connect(file)) as memo, memo:
        memo.execute("UPDATE files SET sha256 = 'told by another', checksum = 7")


def another_hash(file: Path) -> None:
    with closing(sqlite3.connect(file)) as memo, memo:
        memo.execute("UPDATE files SET sha256 = ?", (bytes(32),))


def rows_swapped(file: Path) -> None:
    with closing(sqlite3.connect(file)) as memo, memo:
        (one, other) = memo.execute("SELECT path, sha256, checksum FROM files LIMIT 2").fetchall()
        memo.execute("UPDATE files SET sha256 = ?, checksum = ? WHERE path = ?", (*one[1:], other[0]))
        memo.execute("UPDATE files SET sha256 = ?, checksum = ? WHERE path = ?", (*other[1:], one[0]))


@pytest.mark.parametrize(
    "damage",
    [garbage, truncated, empty, of_another_program, of_other_columns_alike, another_hash, rows_swapped],
)
def test_a_damaged_memo_is_not_believed_and_made_anew(
    files: list[Clip], read: list[str], damage: Callable[[Path], None]
) -> None:
    contents_of(files)
    damage(memo_file())
    assert_right(files)
    read.clear()
    assert_right(files)
    assert read == []


def test_every_flipped_byte_is_found(files: list[Clip], read: list[str]) -> None:
    contents_of(files)
    whole = memo_file().read_bytes()
    right = {clip.path: content_hash(clip.path) for clip in files}
    signatures = {path: signature_of(path) for path in right}
    for place in range(0, len(whole), 11):
        damaged = bytearray(whole)
        damaged[place] ^= 0x11
        memo_file().write_bytes(damaged)
        found = HashMemo(memo_file()).known(signatures)
        assert found.items() <= right.items()


@pytest.mark.parametrize("what", ["folder", "fifo", "locked", "no folder"])
def test_a_memo_that_cannot_be_used_is_done_without(
    files: list[Clip], read: list[str], what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = memo_file()
    file.parent.mkdir(parents=True)
    if what == "folder":
        file.mkdir()
    elif what == "fifo":
        os.mkfifo(file)
    elif what == "no folder":
        file.parent.rmdir()
        file.parent.write_text("a file")
    monkeypatch.setattr(sqlite3, "connect", lambda *a, of=sqlite3.connect, **k: of(*a, **k, timeout=0))
    with closing(sqlite3.connect(file if what == "locked" else ":memory:")) as other:
        other.execute("BEGIN EXCLUSIVE")
        for _ in range(2):
            assert_right(files)
    assert len(read) == 6


def test_processes_that_note_at_once_lose_nothing(files: list[Clip], read: list[str], tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from elmarc.features.contents import HashMemo, Signature\n"
        "for i in range(40):\n"
        "    file = Path(sys.argv[2], str(i))\n"
        "    HashMemo(Path(sys.argv[1])).note({file: ('ab' * 32, Signature(i, 1, 2, 3))})\n"
    )
    file = tmp_path / "memo"
    started = [subprocess.Popen([sys.executable, "-c", code, file, f"/{name}"]) for name in "xyz"]
    assert [process.wait(timeout=240) for process in started] == [0, 0, 0]
    asked = {Path(f"/{name}/{i}"): contents.Signature(i, 1, 2, 3) for name in "xyz" for i in range(40)}
    assert HashMemo(file).known(asked) == dict.fromkeys(asked, "ab" * 32)


def test_names_that_are_not_utf8_are_noted(tmp_path: Path, read: list[str]) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff?%"))
    path.write_bytes(b"one")
    for _ in range(2):
        assert_right([Clip("x", path, "x")])
    assert len(read) == 1


def test_it_can_be_switched_off(files: list[Clip], read: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ELMARC_HASH_MEMO", "off")
    for _ in range(2):
        assert_right(files)
    assert len(read) == 6
    monkeypatch.setenv("ELMARC_HASH_MEMO", "yes")
    with pytest.raises(ConfigError, match=r"\$ELMARC_HASH_MEMO is 'yes': expected on or off"):
        contents_of(files)
