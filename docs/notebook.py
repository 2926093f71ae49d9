"""The tutorial notebook: run as Jupyter runs it, kept without outputs, and shown on the site as a page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

SECONDS = 120  # a cell may take, on a machine that is busy


def problems(path: Path, folder: Path) -> Iterator[str]:
    """Run a notebook in a folder; yield what is wrong with it."""
    notebook = nbformat.read(path, as_version=4)
    if any(cell.get("outputs") or cell.get("execution_count") for cell in notebook.cells):
        yield "outputs are kept: clear them before you commit"
    client = NotebookClient(notebook, timeout=SECONDS, resources={"metadata": {"path": str(folder)}})
    try:
        client.execute()
    except CellExecutionError as problem:
        yield f"a cell fails: {problem.ename}: {problem.evalue}"
