"""Events as the tables that Raven and Audacity open: tabs between, times in seconds.

Raven: Raven Pro User's Manual (Cornell Lab of Ornithology), chapter "Selection tables"; of several files, the
begin and end times count from the beginning of the first, as when they are opened in sequence. Audacity:
Audacity Manual, "Importing and Exporting Labels"; the times of one file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

RAVEN = (
    "Selection", "View", "Channel", "Begin Time (s)", "End Time (s)", "Low Freq (Hz)", "High Freq (Hz)",
    "Begin File", "File Offset (s)", "Annotation", "Score",
)  # fmt: skip


@dataclass(frozen=True)
class Marked:
    """An event of a file: begin and end in seconds from the file's beginning."""

    file: str
    start_s: float
    end_s: float
    label: str
    probability: float


def raven(events: Sequence[Marked], seconds: dict[str, float], *, high_hz: float) -> str:
    """Return a selection table.

    Parameters
    ----------
    events : sequence of Marked
    seconds : dict
        How long each file is, in the order in which they are opened.
    high_hz : float
        The upper border of the selections; the lower one is 0.
    """
    begins, total = {}, 0.0
    for file, length in seconds.items():
        begins[file], total = total, total + length
    lines = ["\t".join(RAVEN)]
    for number, e in enumerate(sorted(events, key=lambda e: begins[e.file] + e.start_s), start=1):
        begin = begins[e.file]
        times = f"{begin + e.start_s:.6f}", f"{begin + e.end_s:.6f}"
        place = Path(e.file).name, f"{e.start_s:.6f}"
        row = str(number), "Spectrogram 1", "1", *times, "0.0", f"{high_hz:.1f}", *place, _plain(e.label)
        lines.append("\t".join((*row, f"{e.probability:.4f}")))
    return "\n".join(lines) + "\n"


def audacity(events: Sequence[Marked]) -> str:
    """Return a label track, of the events of one file."""
    rows = (f"{e.start_s:.6f}\t{e.end_s:.6f}\t{_plain(e.label)}\n" for e in events)
    return "".join(rows)


def _plain(label: str) -> str:
    """Return a label without what would end a cell or a row."""
    return " ".join(label.split())
