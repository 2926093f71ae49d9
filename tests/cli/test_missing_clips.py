"""Whatever opens a published data set, a share of its clips may be missing, and no more."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import Run

from elmarc.datasets.base import MOST_MISSING
from elmarc.datasets.named import GTZAN_LISTS, NAMED
from elmarc.errors import DatasetError
from elmarc.study import build
from elmarc.study.spec import parse_experiment

MOST = int(MOST_MISSING * NAMED["gtzan"].n_clips)
LISTS = resources.files("elmarc.datasets") / "splits"


def without(n_missing: int, folder: Path) -> dict[str, dict[str, Any]]:
    """Make files for all but some of GTZAN's clips; return the data sections that mean them."""
    files = {part: Path(str(LISTS / name)) for part, name in GTZAN_LISTS.items()}
    names = [name for file in files.values() for name in file.read_text().split()]
    missing = {k * len(names) // n_missing for k in range(n_missing)}
    for k, name in enumerate(names):
        if k not in missing:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).touch()
    lists = {part: str(file) for part, file in files.items()}
    return {
        "named": {"source": "gtzan", "audio": str(folder)},
        "lists": {"kind": "lists", "name": "gtzan", "audio": f"{folder}/", **lists},
    }


@pytest.mark.parametrize("n_missing", [0, 1, MOST, MOST + 1, 837])
@pytest.mark.parametrize("kind", ["named", "lists"])
def test_a_tenth_may_be_missing_by_name_and_by_lists(kind: str, n_missing: int, tmp_path: Path) -> None:
    section = without(n_missing, tmp_path / "clips")[kind]
    config = parse_experiment({"data": section, "network": "mfcc"})
    if n_missing > MOST:
        with pytest.raises(DatasetError, match=f"{n_missing} of 930 clips are missing.*at most 10 %"):
            build.dataset(config.data)
        return
    data = build.dataset(config.data)
    assert len(data.clips) == 930 - n_missing
    assert [f"{n_missing} of 930 clips are missing" in note for note in data.notes] == [True] * bool(
        n_missing
    )


def test_class_folders_count_as_well(tmp_path: Path) -> None:
    """Where no list names the clips, their number is known."""
    for k in range(400 - 30):
        file = tmp_path / f"{k % 10 + 1:03d} - class" / f"{k % 5 + 1}-{1000 + k}-A.ogg"
        file.parent.mkdir(exist_ok=True)
        file.touch()
    section = {"source": "esc10", "audio": str(tmp_path)}
    config = parse_experiment({"data": section, "network": "mfcc"})
    assert build.dataset(config.data).notes == ("esc10: 30 of 400 clips are missing",)
    for file in sorted(tmp_path.rglob("*.ogg"))[:11]:
        file.unlink()
    with pytest.raises(DatasetError, match="esc10: 41 of 400 clips are missing"):
        build.dataset(config.data)


def test_every_command_refuses_a_tenth_of_a_data_set(elmarc: Run, tmp_path: Path) -> None:
    section = without(837, tmp_path / "clips")["lists"]
    lines = [f"  {key}: {value}" for key, value in section.items()]
    Path("config.yaml").write_text("\n".join(["network: mfcc", "classifier: knn", "data:", *lines]))
    for words in (
        ("reproduce", "gtzan", "--audio", "clips", "--size", "small", "--seeds", 1),
        ("run", "config.yaml"),
        ("rank", "gtzan", "--audio", "clips"),
        ("fit", "gtzan", "--audio", "clips", "-o", "m.elmarc"),
    ):
        code, said, err = elmarc(*words, *(() if "-o" in words else ("-o", "out")))
        assert code == 2
        assert "837 of 930 clips are missing" in err
        assert not said
        assert not Path("out/report.html").exists()
