"""A configuration is read as what it says, or refused in a sentence before anything is made of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.corpus import configs
from tests.corpus.configs import Text
from tests.corpus.watching import harmless
from tests.fuzz import of_configs

from elmarc.study import build
from elmarc.study.load import load_config
from elmarc.study.spec import Experiment

BAD, ODD = configs.bad(), configs.odd()
pytestmark = pytest.mark.filterwarnings("ignore:.*mel bands")


def built(text: Text, folder: Path) -> str:
    """Read a configuration and make its extractor; return "read" or "refused"."""
    suffix, content = text
    if of_configs.check((suffix, content.encode(), []), folder) == "refused":
        return "refused"
    config = load_config(folder / f"config{suffix}")
    said: list[str] = []
    if isinstance(config, Experiment) and config.input.fix_length:
        with harmless(folder, said):
            build.extractor(config, None)
    return "refused" if said else "read"


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_is_refused(tmp_path: Path, name: str) -> None:
    assert built(BAD[name], tmp_path) == "refused"


@pytest.mark.parametrize("name", ODD)
def test_an_odd_line_is_read_or_refused(tmp_path: Path, name: str) -> None:
    built(ODD[name], tmp_path)


@pytest.mark.parametrize("name", configs.GOOD_TEXTS)
def test_the_good_ones_are_read(tmp_path: Path, name: str) -> None:
    assert built(configs.GOOD_TEXTS[name], tmp_path) == "read"
