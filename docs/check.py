"""Hold the documentation to the program: links, commands, configurations and code. `make docs` runs it.

- every relative link and anchor of the pages at the root and in docs/ leads somewhere;
- `python` blocks run, and so do the `elmarc ...` lines of `console` blocks, on made-up clips (see blocks.py);
- those marked `norun: REASON` behind the language are not run, but they are Python, or commands and options
  that exist, with values of the right kind;
- the notebook runs, and is kept without outputs (see notebook.py);
- `yaml` blocks are valid configurations, but for those marked `yaml fragment`, which are only YAML.
"""

from __future__ import annotations

import ast
import re
import shlex
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import typer
import yaml
from blocks import Block, commands, run_pages
from notebook import problems as problems_of_notebook

from elmarc.cli.app import app
from elmarc.errors import ElmarcError
from elmarc.study.load import parse_config

ROOT = Path(__file__).resolve().parents[1]
FILES = [page for name in ("*", "docs/**/*", "studies/**/*") for page in sorted(ROOT.glob(f"{name}.md"))]
NOTEBOOKS = sorted((ROOT / "docs").rglob("*.ipynb"))
FENCE = re.compile(r"^```([^\n]*)\n(.*?)^```[ \t]*$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
RUN = ("python", "console")
HEADING = re.compile(r"^#+\s+(.+)$", re.MULTILINE)


def main() -> int:
    """Check every file; print what is wrong."""
    pages = {path: blocks(path.read_text(encoding="utf-8")) for path in FILES}
    problems = {
        path: [*links(path), *(what for block in found for what in read(block))]
        for path, found in pages.items()
    }
    with tempfile.TemporaryDirectory() as folder:
        ran = {
            str(path): [block for block in found if block.language in RUN] for path, found in pages.items()
        }
        for name, found in run_pages(
            {name: found for name, found in ran.items() if found}, Path(folder)
        ).items():
            problems[Path(name)] += found
        for path in NOTEBOOKS:
            problems[path] = list(problems_of_notebook(path, Path(folder)))
    for path, found in problems.items():
        print("\n".join(f"{path.relative_to(ROOT)}: {what}" for what in found), end="\n" if found else "")
    n_run = sum(block.runs for found in ran.values() for block in found)
    n_problems = sum(len(found) for found in problems.values())
    n_blocks = sum(map(len, pages.values()))
    print(f"{len(problems)} files, {n_blocks} blocks, {n_run} of them run, {n_problems} problems")
    return 1 if n_problems else 0


def blocks(text: str) -> list[Block]:
    """Return the fenced blocks of a page."""
    return [
        Block(match[1].strip(), match[2], text.count("\n", 0, match.start()) + 1)
        for match in FENCE.finditer(text)
    ]


def links(path: Path) -> Iterator[str]:
    """Yield the relative links that lead nowhere."""
    prose = FENCE.sub("", path.read_text(encoding="utf-8"))
    for target in LINK.findall(prose):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        file = (path.parent / name).resolve() if name else path
        if not file.exists():
            yield f"{target}: no such file"
        elif anchor and anchor not in anchors(file):
            yield f"{target}: no such heading"


def anchors(file: Path) -> set[str]:
    """Return the anchors that a Markdown file's headings get."""
    headings = HEADING.findall(FENCE.sub("", file.read_text(encoding="utf-8")))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def read(block: Block) -> Iterator[str]:
    """Yield what can be seen to be wrong with a block without running it."""
    for what in _read(block):
        yield f"block at line {block.line}: {what}"


def _read(block: Block) -> Iterator[str]:
    if block.language in RUN and not block.runs and not block.reason:
        yield "norun wants a reason behind it"
    if block.language == "python" and ">>> " not in block.body:
        try:
            ast.parse(block.body)
        except SyntaxError as problem:
            yield f"not Python: {problem}"
    elif block.language == "console":
        for line in commands(block.body):
            yield from command(line)
    elif block.language == "yaml":
        try:
            document = yaml.safe_load(block.body)
            if block.kind == "yaml":
                parse_config({"name": "block", **document})
        except (yaml.YAMLError, ElmarcError, TypeError) as problem:
            yield str(problem)


def command(line: str) -> Iterator[str]:
    """Parse an `elmarc` line without running it."""
    words = shlex.split(re.split(r"\s[|>&]", line)[0], comments=True)
    current = typer.main.get_command(app)
    try:
        while hasattr(current, "commands"):
            if not words[1:] or words[1] in ("--help", "--version"):
                return
            words, known = words[1:], current.commands
            if words[0] not in known:
                yield f"{line}: no such command {words[0]!r}"
                return
            current = known[words[0]]
        current.make_context(words[0], words[1:])
    except typer.Exit:
        return
    except Exception as problem:  # click's own kinds, whichever click typer brings
        yield f"{line}: {getattr(problem, 'message', '') or problem}"


if __name__ == "__main__":
    sys.exit(main())
