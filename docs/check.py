"""Hold the documentation to the program: links, commands, configurations and code. `make docs` runs it.

- every relative link and anchor of README.md, CHANGELOG.md and docs/ leads somewhere;
- `python` blocks are Python, those marked `python run` run, and those with prompts are doctests;
- `elmarc ...` lines of `console` blocks name commands and options that exist, with values of the right kind;
- `yaml` blocks are valid configurations, but for those marked `yaml fragment`, which are only YAML.
"""

from __future__ import annotations

import ast
import doctest
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import typer
import yaml

from elmarc._errors import ElmarcError
from elmarc.cli.app import app
from elmarc.config.loading import parse_config

ROOT = Path(__file__).resolve().parents[1]
FILES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^```([^\n]*)\n(.*?)^```[ \t]*$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+\s+(.+)$", re.MULTILINE)


def main() -> int:
    """Check every file; print what is wrong."""
    problems, n_blocks = [], 0
    for path in FILES:
        text = path.read_text(encoding="utf-8")
        found = list(links(path, FENCE.sub("", text)))
        for match in FENCE.finditer(text):
            n_blocks += 1
            line = text.count("\n", 0, match.start()) + 1
            found += [f"block at line {line}: {what}" for what in block(match[1].strip(), match[2])]
        problems += [f"{path.relative_to(ROOT)}: {what}" for what in found]
    print("\n".join([*problems, f"{len(FILES)} files, {n_blocks} blocks, {len(problems)} problems"]))
    return 1 if problems else 0


def links(path: Path, prose: str) -> Iterator[str]:
    """Yield the relative links that lead nowhere."""
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


def block(kind: str, body: str) -> Iterator[str]:
    """Yield what is wrong with a fenced block."""
    if kind.startswith("python"):
        yield from python(kind, body)
    elif kind == "console":
        for line in re.sub(r"\\\n", " ", body).splitlines():
            if line.startswith(("$ elmarc ", "elmarc ")):
                yield from command(line.removeprefix("$ "))
    elif kind.startswith("yaml"):
        try:
            document = yaml.safe_load(body)
            if kind == "yaml":
                parse_config({"name": "block", **document})
        except (yaml.YAMLError, ElmarcError, TypeError) as problem:
            yield str(problem)


def python(kind: str, body: str) -> Iterator[str]:
    """Compile a block; run it if it is marked or has prompts."""
    if ">>> " in body:
        test = doctest.DocTestParser().get_doctest(body, {}, "block", None, 0)
        report: list[str] = []
        doctest.DocTestRunner().run(test, out=report.append)
        yield from report
        return
    try:
        ast.parse(body)
    except SyntaxError as problem:
        yield f"not Python: {problem}"
        return
    if kind == "python run":
        yield from run(body)


def run(body: str) -> Iterator[str]:
    """Run a block in a folder and cache of its own."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "ELMARC_CACHE": folder}
        words = [sys.executable, "-W", "error", "-c", body]
        done = subprocess.run(words, env=environment, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        yield f"it fails: {done.stderr.strip().splitlines()[-1]}"


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
