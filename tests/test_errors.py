"""Errors and warnings are public, and in one place."""

from __future__ import annotations

import ast
from pathlib import Path

from elmarc import errors


def test_every_error_and_warning_of_elmarc_is_in_one_module() -> None:
    own = {name for name, kind in vars(errors).items() if isinstance(kind, type)}
    for path in Path(errors.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) and own & {ast.unparse(base) for base in node.bases}:
                assert path.name == "errors.py" or node.name.startswith("_"), f"{path}: {node.name}"
