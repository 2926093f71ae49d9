"""The table of the corpus in docs/lab/reliability.md says what there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import soundfile as sf
from tests.corpus import configs, names, results, sounds, stores

DOCS = Path(__file__).parents[2] / "docs" / "lab" / "reliability.md"
ROW = re.compile(r"^\| ([a-zA-Z ]+) \| (\d+) \| [^|]*\|$", re.MULTILINE)
OF_LIBSNDFILE = ("odd sound files", "whole sound files")  # as many as it has formats
LEAST = {
    "odd sound files": 160,
    "names of clips": 30,
    "links and what is no file": 15,
    "damaged stores of features": 36,
    "damaged results": 25,
    "configurations that cannot be": 150,
}


def counted() -> dict[str, int]:
    return {
        "odd sound files": len(sounds.odd()),
        "whole sound files": len(sounds.whole()),
        "names of clips": len({*names.NAMES.values(), names.TOO_DEEP, *names.ALIKE}),
        "links and what is no file": len(names.LINKS) + len(names.FOLDERS),
        "damaged stores of features": len(stores.DAMAGES),
        "damaged results": len(results.damages()),
        "configurations that cannot be": len(configs.bad()),
        "odd lines in configurations": len(configs.odd()),
        "good configurations": len(configs.GOOD_TEXTS),
    }


def written() -> dict[str, int]:
    section = DOCS.read_text(encoding="utf-8").split("## A corpus of bad files")[1].split("\n## ")[0]
    return {name: int(number) for name, number in ROW.findall(section)}


def test_the_table_names_every_group() -> None:
    assert written().keys() == counted().keys()


@pytest.mark.parametrize("group", counted())
def test_the_table_is_right(group: str) -> None:
    if group in OF_LIBSNDFILE and not sf.__libsndfile_version__.startswith("1.2."):
        pytest.skip("the table is that of libsndfile 1.2")
    assert written()[group] == counted()[group] >= LEAST.get(group, 1)
