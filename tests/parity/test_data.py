"""The small part of the fixtures is what its script cuts from the whole."""

from __future__ import annotations

import pytest
from tests.conftest import SMALL_FIXTURES, fixture_files, fixtures_folder
from tests.parity.make_data import differences


def test_the_small_part_is_of_the_whole_fixtures() -> None:
    if fixtures_folder() == SMALL_FIXTURES:
        pytest.skip("the whole fixtures are not at hand")
    assert not differences(fixtures_folder())


def test_it_is_small_and_has_every_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ELMARC_FIXTURES", str(SMALL_FIXTURES))
    assert [len(fixture_files(kind)) for kind in ("arch", "frontend", "elm")] == [8, 2, 3]
    assert sum(path.stat().st_size for path in SMALL_FIXTURES.rglob("*")) < 2 * 2**20
