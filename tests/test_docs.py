"""The reference has every public name and command, and a block that fails is found."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import zlib
from pathlib import Path
from types import ModuleType

import pytest
import yaml

import elmarc

ROOT = Path(__file__).resolve().parents[1]
pytest.importorskip("mkdocs")


def hook(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def test_every_public_name_has_an_entry_in_the_inventory(tmp_path: Path) -> None:
    settings = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    settings |= {"docs_dir": str(tmp_path / "pages"), "site_dir": str(tmp_path / "site")}
    settings |= {"hooks": [str(ROOT / "docs/hooks/api.py")], "nav": [{"Reference": [{"Python": []}]}]}
    settings["plugins"][1]["mkdocstrings"]["handlers"]["python"]["paths"] = [str(ROOT / "src")]
    (tmp_path / "pages").mkdir()
    (tmp_path / "mkdocs.yml").write_text(yaml.safe_dump(settings))
    words = [sys.executable, "-m", "mkdocs", "build", "--strict", "-f", str(tmp_path / "mkdocs.yml")]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    packed = (tmp_path / "site" / "objects.inv").read_bytes().split(b"\n", 4)[4]
    entries = {line.split(" ")[0] for line in zlib.decompress(packed).decode().splitlines()}
    assert {f"elmarc.{name}" for name in elmarc.__all__} <= entries
    names = hook("hooks/api").public_names()
    assert {name for found in names.values() for name in found} <= entries


def test_every_command_is_in_the_reference() -> None:
    text = hook("hooks/commands").reference()
    for command in ("demo", "rank", "extract", "networks", "datasets validate", "store"):
        assert f"## elmarc {command}\n" in text
    assert "timbral_temporal" in text
    assert "{networks}" not in text


def test_the_index_lists_every_page() -> None:
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    pages = {page.relative_to(ROOT / "docs").as_posix() for page in (ROOT / "docs").rglob("*.md")}
    assert {page for page in pages - {"index.md"} if f"]({page})" not in index} == set()


def test_a_block_that_fails_is_found() -> None:
    blocks = hook("blocks")
    assert next(blocks.run_python("x = 1\nassert x == 2", {})).startswith(
        "line 2 of it fails: AssertionError"
    )
    assert not list(blocks.run_python("x = 1", {}))
    assert list(blocks.run_python(">>> 1 + 1\n3\n", {}))
    assert "ended with 2" in next(blocks.run_console("$ elmarc networks nothing", {}))
    assert not list(blocks.run_console("$ elmarc networks", {}))


def test_a_block_left_out_wants_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    check = hook("check")
    (block,) = check.blocks("```console norun\n$ elmarc demo\n```\n")
    assert "wants a reason" in next(check.read(block))
    (block,) = check.blocks("```console norun: minutes\n$ elmarc demo\n```\n")
    assert not list(check.read(block))


def test_a_cell_that_fails_and_outputs_that_are_kept_are_found(tmp_path: Path) -> None:
    nbformat = pytest.importorskip("nbformat")
    cell = nbformat.v4.new_code_cell("1 / 0", execution_count=3)
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "bad.ipynb")
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); from pathlib import Path; import notebook; "
        "print(*notebook.problems(Path('bad.ipynb'), Path('.')), sep='\\n')"
    )  # in a process of its own: Jupyter warns of what it uses itself
    words = [sys.executable, "-c", code, str(ROOT / "docs")]
    said = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert said.splitlines() == [
        "outputs are kept: clear them before you commit",
        "a cell fails: ZeroDivisionError: division by zero",
    ]
