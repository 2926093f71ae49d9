"""CSV files and lists of clips that were good once."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import soundfile as sf
from hypothesis import strategies as st
from tests.fuzz.mutations import damaged
from tests.fuzz.watch import Fault, refusal, watched

from elmarc._names import printable
from elmarc.datasets import base, open_lists, table
from elmarc.errors import ElmarcError

N_CLIPS = 6
CLIPS = [f"{label}/{k}.wav" for k in range(N_CLIPS // 2) for label in ("dog", "rain")]
HEADERS = (
    "path,label",
    "path,label,fold",
    "Path, label ,split",
    "label,path,group,mood",
    "path,label,start,end",
)
CELLS = (
    "", " ", "dog", "rain", "dog;rain", "dog,rain", '"dog', '"dog"', '"a\nb"', "a\rb", "1", "0.5", "-1",
    "nan",
    "1e999", "train", "Validation", "=1+1", "../x.wav", "/etc/passwd", "\0", "é", "\ud800", "'", '""',
    "x" * 300,
    "dog/0.wav", "rain/0.wav", "0.05", "00", "[dog, rain]", "\t", "\u2028", "\x1b[31m",
)  # fmt: skip
LINES = (
    "",
    ",",
    ",,,,,,",
    "#",
    "path,label",
    '"',
    "dog/0.wav",
    "\u2028",
    "\x0c",
    "a" * 200_000,
    "\ufeff",
    "/",
    "~",
    "..",
)
Example = tuple[str, bytes, str]


@st.composite
def examples(draw) -> Example:
    header = draw(st.sampled_from(HEADERS))
    rows = [_row(header, k) for k in range(N_CLIPS)]
    for _ in range(draw(st.integers(0, 3))):
        row = draw(st.sampled_from(rows))
        place, cell = draw(st.integers(0, len(row))), draw(st.sampled_from(CELLS))
        row[place : place + draw(st.integers(0, 1))] = [cell]
    text = draw(st.sampled_from(["\n", "\r\n"])).join([header, *(",".join(row) for row in rows)])
    return "csv", draw(_encoded(text)), draw(st.sampled_from(["keep", "skip", "raise"]))


@st.composite
def list_examples(draw) -> Example:
    rows = list(CLIPS)
    for _ in range(draw(st.integers(0, 3))):
        rows.insert(draw(st.integers(0, len(rows))), draw(st.sampled_from((*LINES, *CELLS))))
    text = draw(st.sampled_from(["\n", "\r\n"])).join(rows)
    return "list", draw(_encoded(text)), draw(st.sampled_from(["keep", "skip", "raise"]))


def _row(header: str, k: int) -> list[str]:
    cells = {
        "path": CLIPS[k], "label": CLIPS[k].split("/")[0], "fold": str(k % 3), "start": "0", "end": "0.05",
        "split": ("train", "validation", "test")[k // 2], "group": f"g{k}", "mood": "calm",
    }  # fmt: skip
    return [cells[name.strip().lower()] for name in header.split(",")]


@st.composite
def _encoded(draw, text: str) -> bytes:
    data = text.encode(errors="surrogatepass")
    if draw(st.booleans()):
        return draw(damaged([data]))
    return draw(st.sampled_from([data, b"\xef\xbb\xbf" + data, text.encode("utf-16", errors="replace")]))


def check(example: Example, folder: Path) -> str:
    """A table that is read gives each of its lines, and each as it stands."""
    kind, data, on_missing = example
    _make_clips(folder)
    path = folder / f"clips.{kind}"
    path.write_bytes(data)
    with watched(folder):
        try:
            if kind == "csv":
                made = table.load(path, on_missing=on_missing)
            else:
                made = open_lists(f"{folder}/", files=path, on_missing=on_missing)
        except ElmarcError as problem:
            if (
                path.name not in str(problem)
                and path.stem not in str(problem)
                and "lists: " not in str(problem)
            ):
                raise Fault(f"the message does not name the file: {problem}") from None
            return refusal(problem)
    lines = _of_csv(data) if kind == "csv" else _of_list(data)
    wanted = [(printable(name), printable(label)) for name, label in lines]
    found = [(clip.id, clip.label) for clip in made.clips]
    if on_missing != "skip" and found != wanted:
        raise Fault(f"{found} was read of {wanted}")
    if set(found) - set(wanted):
        raise Fault(f"{set(found) - set(wanted)} are none of {wanted}")
    return "read"


def _make_clips(folder: Path) -> None:
    for name in CLIPS:
        if not (folder / name).exists():
            (folder / name).parent.mkdir(exist_ok=True)
            sf.write(folder / name, np.full(800, 0.1), 8000)


def _of_csv(data: bytes) -> list[tuple[str, str]]:
    """Read a table once more, by columns counted, and strictly: each line as long as the header."""
    first, *rows = [
        row for row in csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True) if row
    ]
    columns = [name.strip().lower() for name in first]
    wanted = []
    for row in rows:
        if any(cell.strip() for cell in row[len(columns) :]):
            raise Fault(f"a row of {len(row)} cells under {len(columns)} columns was read: {row}")
        cells = dict(zip(columns, map(str.strip, row), strict=False))
        times = [float(cells[name]) if cells.get(name) else None for name in ("start", "end")]
        name = Path(cells["path"]).as_posix() + base.segment_text(*times)
        wanted.append((name, cells["label"]))
    return wanted


def _of_list(data: bytes) -> list[tuple[str, str]]:
    rows = [line.strip() for line in io.StringIO(data.decode("utf-8-sig"), newline=None)]
    return [(row.lstrip("/"), Path(row).parent.name) for row in rows if row]
