"""Python files are read, never run: values come out as Python would make them, anything else is refused."""

from __future__ import annotations

import os.path
from pathlib import Path

import pytest

from elmarc.config.legacy import AssignmentReader
from elmarc.errors import ConfigError


def value(code: str) -> object:
    reader = AssignmentReader("c.py")
    reader.read(code)
    return reader.value_of("x")


@pytest.mark.parametrize(
    "code",
    [
        "x = {'a': None, 'b': [1, -2.5, True], 'c': 'text'}",
        "root = '/data/'\nx = root + 'clips' + '/'",
        "x = 4 * 12000 + 10 // 3 - 1",
        "import os\nroot = 'a'\nx = os.path.join(root, 'b', 'c.txt')",
        "base = {'a': 1, 'b': 2}\nx = {**base, 'b': 3}",
        "x = [1] + [2]",
        "x: int = 5",
        "x = y = 'twice'",
        "x = 1\nx = 2",
        '"""Documentation"""\nx = 1\n"""More of it"""\n',
    ],
)
def test_values_are_those_of_python(code: str) -> None:
    names: dict[str, object] = {"os": os}
    exec(code, names)
    assert value(code) == names["x"]


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("x = open('f').read()", r"c\.py, line 1: `open\('f'\)\.read\(\)` would have to be executed"),
        ("import os\nx = os.environ['HOME']", "line 2"),
        ("x = f'{1}'", "never executed"),
        ("x = unknown", "line 1: `unknown`"),
        ("x = 1\nx = missing + 1", "line 2"),
        ("x = 'a' * 3", "never executed"),
        ("x = 1 / 0", "never executed"),
        ("x = 10 ** 10 ** 10", "never executed"),
        ("x = {3: 1}", "never executed"),
        ("x = 1\nx['a'] = 2", "line 2"),
        ("x = {}\nx.update(a=1)", "line 2"),
        ("for i in range(3): x = i", "line 1"),
        ("x = 1\nif True:\n    x = 2", "line 2"),
        ("x = {", "line 1: not Python"),
        ("print 'python 2'", "not Python"),
        ("x = '\0'", "not Python"),
        ("x = " + "(" * 5000 + ")" * 5000, "not Python"),
    ],
)
def test_what_would_have_to_run_is_refused_with_its_line(code: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        value(code)


def test_what_cannot_be_read_matters_only_where_it_is_used() -> None:
    assert value("import time\nnow = time.time()\nx = 1") == 1
    with pytest.raises(ConfigError, match="line 1"):
        value("now = time.time()\nx = {'now': now}")


def test_nothing_is_executed(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    code = f"open({str(trace)!r}, 'w')\nx = 1"
    with pytest.raises(ConfigError, match="never executed"):
        value(code)
    assert not trace.exists()


def test_a_key_written_twice_is_noted() -> None:
    reader = AssignmentReader("c.py")
    reader.read("x = {'a': 1,\n 'a': 2}")
    assert reader.value_of("x") == {"a": 2}
    assert reader.notes == ["a is written twice; the last one counts (line 2)"]
