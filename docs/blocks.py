"""Run the code blocks of a page, in order, in one folder with made-up clips in it.

A page's `python` blocks share their names, as the cells of a notebook do; its `console` blocks and they see
the same files. What is there from the start: `sounds/` (three classes of ten clips), `clips.csv` (the same
clips), `new/` (four clips without labels) and `recording.wav` (twenty seconds).
"""

from __future__ import annotations

import contextlib
import doctest
import io
import os
import re
import shlex
import sys
import traceback
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from unittest.mock import patch

import numpy as np
import soundfile as sf

from elmarc.cli import main as elmarc
from elmarc.datasets import toy

CLASSES = ("baby_cry", "dog_bark", "rain")
SECONDS = 2
NOT_RUN = re.compile(r"\bnorun\b:?\s*(.*)")


@dataclass(frozen=True)
class Block:
    """A fenced block: the words behind the fence, its text, and the line of the file it starts at."""

    kind: str
    body: str
    line: int

    @property
    def language(self) -> str:
        """The first word behind the fence."""
        return self.kind.split(" ")[0]

    @property
    def runs(self) -> bool:
        """Whether it is not marked."""
        return NOT_RUN.search(self.kind) is None

    @property
    def reason(self) -> str:
        """Why it is not run; empty for one that is, or has none."""
        found = NOT_RUN.search(self.kind)
        return found[1].strip() if found else ""


def run_pages(pages: dict[str, list[Block]], folder: Path) -> dict[str, list[str]]:
    """Run every page in a process and folder of its own, two at a time; return what went wrong on each."""
    os.environ["ELMARC_CACHE"] = str(folder / "cache")
    make_clips(folder / "clips")
    import elmarc.cli.studies
    import elmarc.features.extractor
    import elmarc.features.transformer  # noqa: F401  (loaded once, before the pages' processes part)

    tasks = []
    for n, (name, blocks) in enumerate(pages.items()):
        place = folder / str(n)
        place.mkdir()
        for made in (folder / "clips").iterdir():
            (place / made.name).symlink_to(made)
        tasks.append((name, blocks, place))
    with get_context("fork").Pool(2, maxtasksperchild=1) as pool:
        return dict(pool.imap_unordered(_run_page, tasks))


def make_clips(folder: Path) -> None:
    """Cut the clips of the pages from toy."""
    folder.mkdir()
    found = toy.load(target="timbre", n_variations=5)
    rows = ["path,label,fold"]
    for name, label in zip(CLASSES, found.classes, strict=False):
        (folder / "sounds" / name).mkdir(parents=True)
        for n, clip in enumerate([clip for clip in found.clips if clip.label == label][:10]):
            path = f"sounds/{name}/{n}.wav"
            sf.write(folder / path, clip.load(sr=12000)[: SECONDS * 12000], 12000)
            rows.append(f"{path},{name},{n % 5}")
    (folder / "clips.csv").write_text("\n".join(rows) + "\n")
    (folder / "new").mkdir()
    last = found.clips[-4:]
    for n, clip in enumerate(last):
        sf.write(folder / "new" / f"{n}.wav", clip.load(sr=12000)[: SECONDS * 12000], 12000)
    whole = np.concatenate([clip.load(sr=12000)[: 5 * 12000] for clip in last])
    sf.write(folder / "recording.wav", whole, 12000)


def _run_page(task: tuple[str, Sequence[Block], Path]) -> tuple[str, list[str]]:
    name, blocks, folder = task
    os.chdir(folder)
    names: dict[str, object] = {"__name__": "__main__"}
    found = []
    for block in blocks:
        if block.runs:
            run = run_python if block.language == "python" else run_console
            found += [f"block at line {block.line}: {what}" for what in run(block.body, names)]
    return name, found


def run_python(body: str, names: dict[str, object]) -> Iterator[str]:
    """Run a block, or the examples of one with prompts; a warning is a failure."""
    if ">>> " in body:
        report: list[str] = []
        test = doctest.DocTestParser().get_doctest(body, names, "block", None, 0)
        doctest.DocTestRunner().run(test, out=report.append, clear_globs=False)
        yield from report
        return
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("error")
            exec(compile(body, "block", "exec", dont_inherit=True), names)
    except Exception as problem:
        lines = [
            frame.lineno for frame in traceback.extract_tb(problem.__traceback__) if frame.filename == "block"
        ]
        yield f"line {lines[-1] if lines else '?'} of it fails: {type(problem).__name__}: {problem}"


def run_console(body: str, _: dict[str, object]) -> Iterator[str]:
    """Run the `elmarc` lines of a block, as if they were typed."""
    for line in commands(body):
        said = io.StringIO()
        words = shlex.split(re.split(r"\s[|>&]", line)[0], comments=True)
        with (
            patch.object(sys, "argv", words),
            contextlib.redirect_stdout(said),
            contextlib.redirect_stderr(said),
        ):
            try:
                code = elmarc()
            except SystemExit as end:
                code = int(end.code or 0)
            except Exception as problem:
                code = f"{type(problem).__name__}: {problem}"
        if code:
            last = said.getvalue().strip().splitlines()[-3:]
            yield f"{line}: ended with {code}: {' '.join(last)}"


def commands(body: str) -> Iterator[str]:
    r"""Yield the `elmarc` lines of a console block, continued lines joined.

    >>> list(commands("$ elmarc demo \\\n    -q\nwhat it says"))
    ['elmarc demo      -q']
    """
    for line in re.sub(r"\\\n", " ", body).splitlines():
        if line.startswith(("$ elmarc ", "elmarc ")):
            yield line.removeprefix("$ ")
