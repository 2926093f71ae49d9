from __future__ import annotations

import re
from pathlib import Path

import pytest

from elmarc.datasets import DATASETS, NAMED, open_dataset
from elmarc.datasets.named import RECORDED
from elmarc.errors import DatasetError


def test_the_names() -> None:
    assert (*RECORDED, "toy") == DATASETS
    assert DATASETS == ("gtzan", "ballroom", "extended_ballroom", "urbansound8k", "esc10", "esc50", "toy")


@pytest.mark.parametrize(
    ("data", "options", "message"),
    [
        ("gtzna", {}, "gtzna: no such data set, folder or CSV file; did you mean 'gtzan'?"),
        ("my/clips", {}, "my/clips: no such data set, folder or CSV file: expected gtzan, .*toy, a folder"),
        ("esc10", {}, "esc10: where do its clips lie.*audio=DIR"),
        ("esc10", {"audio": "nowhere"}, "esc10: found nothing at nowhere, expected the folder of its clips"),
        ("esc10", {"target": "rhythm"}, "target: esc10 does not take it: leave it out"),
        ("toy", {"target": "pitch"}, "target 'pitch' is unknown: expected rhythm or timbre"),
    ],
)
def test_what_cannot_be_opened_is_named(data: str, options: dict[str, str], message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        open_dataset(data, **options)  # type: ignore[arg-type]


def test_a_file_that_is_no_table_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "clips.txt").write_text("cat/1.wav")
    with pytest.raises(DatasetError, match=r"clips\.txt: .* folder with one sub-folder per class"):
        open_dataset(tmp_path / "clips.txt")


def test_a_folder_that_is_called_like_a_data_set(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.rename(folder.parent / "esc10")
    monkeypatch.chdir(folder.parent)
    assert open_dataset("esc10").classes == ("cat", "dog")


def test_the_docs_list_every_data_set() -> None:
    text = (Path(__file__).parents[2] / "docs" / "datasets.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| ([\d,]+) \|", text, re.MULTILINE)
    assert {name: int(n.replace(",", "")) for name, n in rows} == {
        name: facts.n_clips for name, facts in NAMED.items()
    }
