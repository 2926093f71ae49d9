"""A damaged result is refused by name, or says what follows from its predictions; others stay as they are."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from tests.corpus.results import PLACES, damages
from tests.corpus.watching import harmless
from tests.fuzz import of_results
from tests.simulated import simulated_result

from elmarc.results import collect, load

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="has no pipes")
DAMAGES = damages()
READ = {  # what nobody can tell from a right one, and is harmless
    "unknown key", "clips of 2^63", "seed of 10^400", "dataset with escapes", "dataset of 1 MB",
    "accuracy twice",
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_result_is_refused_by_name(tmp_path: Path, name: str) -> None:
    good = [simulated_result(network, n_clips=16, n_folds=2) for network in ("vgg", "temporal")]
    for k, result in enumerate(good):
        (tmp_path / str(2 * k)).mkdir()
        result.save(tmp_path / str(2 * k))
    path = tmp_path / "1" / "result.json"
    path.parent.mkdir()
    DAMAGES[name](path)
    said: list[str] = []
    with harmless(tmp_path, said):
        load(path)
    with harmless(tmp_path, said):
        collect(tmp_path)
    if name not in PLACES:
        data = path.read_bytes()
        assert of_results.check(data, path.parent) in ("read", "refused")
    assert all(sentence.startswith(str(path)) for sentence in said)
    assert len(said) == (0 if name in READ else 2)
    path.rename(tmp_path / "away")
    assert collect(tmp_path) == good
