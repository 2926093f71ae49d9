from __future__ import annotations

from pathlib import Path

import pytest

from elmarc.audio import content_hash
from elmarc.datasets.base import Clip
from elmarc.features import contents
from elmarc.features.contents import contents_of


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
