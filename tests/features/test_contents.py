from __future__ import annotations

from pathlib import Path

from elmarc.datasets.base import Clip
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
