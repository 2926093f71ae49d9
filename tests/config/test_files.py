"""Small files that stand for too much: refused in a sentence, in seconds, whatever they are."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from elmarc.errors import ConfigError
from elmarc.study.load import load_config, parse_config
from elmarc.study.sweep import apply_overrides

LAUGHS = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 10)
)
SUMS = "a = 'xxxxxxxxxxxxxxxxx'\n" + "a = a + a\n" * 40
BOMBS = {
    "aliases.yaml": LAUGHS,
    "itself.yaml": "data: &a [*a]",
    "itself in a mapping.yaml": "data: &a {b: *a}",
    "digits.yaml": f"seed: {'9' * 5000}",
    "digits.json": '{"seed": %s}' % ("9" * 5000),
    "digits.toml": f"seed = {'9' * 5000}",
    "date.yaml": "name: 2024-13-45",
    "date.toml": "name = 2024-13-45",
    "time.yaml": "name: 2024-01-01 99:99:99",
    "tag.yaml": "name: !!int x",
    "empty tag.yaml": "name: !!int ''",
    "flag.yaml": "name: !!bool perhaps",
    "float.yaml": "name: !!float '.'",
    "stamp.yaml": "name: !!timestamp now",
    "binary.yaml": "name: !!binary '%'",
    "set.yaml": "data: !!set {toy}",
    "ordered.yaml": "data: !!omap [a: b]",
    "pairs.yaml": "data: !!pairs [a: b]",
    "list of empty lists.yaml": "network: [[]]",
    "not a number.yaml": "data: toy\nnetwork: {kind: external, factory: 'a:b', options: {c: [.nan]}}",
    "bands.yaml": "data: toy\nnetwork: vgg\nfrontend: {n_mels: 9223372036854775808}",
    "filters.yaml": "data: toy\nnetwork: vgg\nfrontend: {n_mels: 1000000}",
    "points.yaml": "data: toy\nnetwork: vgg\nfrontend: {n_fft: 10000000000}",
    "python.yaml": "name: !!python/object/apply:os.system [true]",
    "deep.yaml": "[" * 20000,
    "deep.json": "[" * 200000,
    "deep.toml": "a = " + "[" * 20000,
    "long.yaml": "name: " + "x" * 400_000,
    "text.py": SUMS + "CONFIG = {'name': a}",
    "list.py": "a = [1]\n" + "a = a + a\n" * 40 + "x = a",
    "number.py": "a = 99999\n" + "a = a * a\n" * 40 + "x = a",
    "path.py": "import os\na = 'xxxxxxxxxx'\n" + "a = os.path.join(a, a)\n" * 40 + "x = a",
    "shared.py": "a = [1, 1, 1, 1, 1, 1, 1, 1, 1]\n" + "a = [a, a, a, a, a, a, a, a, a]\n" * 12 + "x = a",
    "digits.py": f"a = {'9' * 5000}",
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_are_refused_in_a_sentence(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text(BOMBS[name])
    start = time.monotonic()
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert time.monotonic() - start < 10
    assert len(str(caught.value)) < 5000


def test_bombs_on_the_command_line() -> None:
    with pytest.raises(ConfigError, match="--set seed="):
        apply_overrides({}, [f"seed={'9' * 5000}"])
    with pytest.raises(ConfigError, match="--set data="):
        apply_overrides({}, ["data=&a [*a]"])


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    with pytest.raises(ConfigError, match=r"pipe\.yaml: is a pipe, a socket or a device"):
        load_config(tmp_path / "pipe.yaml")


@pytest.mark.parametrize("name", [".", "..", "...", "a/b", "a\\b", "a\nb", "\x1b[31m", ""])
def test_a_name_that_is_no_name_of_a_folder(name: str) -> None:
    with pytest.raises(ConfigError, match="name"):
        parse_config({"name": name, "data": "toy", "network": "vgg"})


@pytest.mark.parametrize("name", ["a", ".hidden", "v1.2", "a..b", "lieder & töne"])
def test_names_that_may_be(name: str) -> None:
    assert parse_config({"name": name, "data": "toy", "network": "vgg"}).name == name
