"""The tutorial notebook as a page, beside the notebook itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

NOTEBOOK = Path(__file__).resolve().parents[1] / "tutorial.ipynb"


def on_files(files: Any, config: Any) -> Any:
    """Add the page."""
    files.append(File.generated(config, "tutorial.md", content=page(json.loads(NOTEBOOK.read_text("utf-8")))))
    return files


def page(notebook: dict[str, Any]) -> str:
    """Return the cells as Markdown.

    >>> cells = [{"cell_type": "code", "source": ["x = 1"]}]
    >>> page({"cells": cells}).splitlines()[-3:]
    ['```python', 'x = 1', '```']
    """
    parts = ["[Open as a notebook](tutorial.ipynb)"]
    for cell in notebook["cells"]:
        text = "".join(cell["source"])
        parts.append(f"```python\n{text}\n```" if cell["cell_type"] == "code" else text)
    heading = parts.pop(1) if parts[1:] and parts[1].startswith("# ") else ""
    return "\n\n".join(filter(None, [heading, *parts])) + "\n"
