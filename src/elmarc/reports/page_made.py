"""How the results of a page were made: command, dates, data, versions, definitions, and what was left out."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePath
from typing import Any

from elmarc.comparison.records import system_of
from elmarc.reports.page_private import Folders
from elmarc.results import Result

ORIGINS = {
    "folder": "a folder",
    "table": "a table",
    "named": "a known data set",
    "toy": "synthetic",
}


def _origin(source: Mapping[str, Any]) -> str:
    """Say where clips came from, by name.

    >>> _origin({"kind": "table", "path": "/home/anna/sounds.csv"})
    'from sounds.csv (a table)'
    """
    kind = ORIGINS.get(source["kind"], source["kind"])
    name = source.get("name") or PurePath(source.get("path", "")).name
    return f"from {name} ({kind})" if name else kind


class Made:
    """What the page's last part lists; no text of it holds a folder of the user's.

    Parameters
    ----------
    results : sequence of Result
    """

    def __init__(self, results: Sequence[Result]) -> None:
        self._results, self._folders = results, Folders(results)

    @property
    def commands(self) -> list[str]:
        """The commands that made the results, as far as these say."""
        return self._each(r.command for r in self._results)

    @property
    def dates(self) -> str:
        """The day of the first result and that of the last, in UTC."""
        days = sorted({r.created[:10] for r in self._results if r.created})
        return " to ".join(dict.fromkeys((days[0], days[-1]))) if days else ""

    @property
    def data(self) -> list[str]:
        """Each data set: its name, its clips, their groups and where they came from."""
        return [self._data_set(name) for name in sorted({r.dataset for r in self._results})]

    def _data_set(self, name: str) -> str:
        own = [r for r in self._results if r.dataset == name]
        groups = {p.id: p.group for r in own for p in r.predictions}
        n_groups = len({group or clip for clip, group in groups.items()})
        grouped = f" in {n_groups} groups" if any(groups.values()) else ""
        origins = "; ".join(sorted({_origin(r.source) for r in own if r.source}))
        return f"{name}: {len(groups)} clips{grouped}" + (f", {origins}" if origins else "")

    @property
    def seeds(self) -> str:
        """All seeds."""
        return ", ".join(map(str, sorted({r.seed for r in self._results})))

    @property
    def versions(self) -> str:
        """Programs and machines."""
        return ", ".join(sorted({f"{k} {v}" for r in self._results for k, v in r.environment.items()}))

    @property
    def notes(self) -> list[str]:
        """What the results' readers should know."""
        return self._each(note for r in self._results for note in r.notes)

    @property
    def skipped(self) -> list[str]:
        """The clips that gave no features, with the reason."""
        skipped = (s for r in self._results for s in r.skipped)
        return self._each(
            f"{s.id}: {self._folders.hide(s.reason).removeprefix(s.id + ': ')}" for s in skipped
        )

    @property
    def definitions(self) -> list[tuple[str, str]]:
        """Each definition, seeds aside, after the names of what was made with it."""
        names: dict[str, dict[str, None]] = defaultdict(dict)
        for r in self._results:
            names[system_of(r).definition][f"{r.label} + {r.classifier} ({r.recipe})"] = None
        return [(", ".join(made), self._pretty(text)) for text, made in names.items()]

    @property
    def elmarc_version(self) -> str:
        """The version of elmarc that made the newest results, or ""."""
        return max((r.environment.get("elmarc", "") for r in self._results), default="")

    def _pretty(self, text: str) -> str:
        return json.dumps(self._hidden(json.loads(text)), indent=2, ensure_ascii=False)

    def _hidden(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: self._hidden(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self._hidden(item) for item in value]
        return self._folders.hide(value) if isinstance(value, str) else value

    def _each(self, texts: Iterable[str]) -> list[str]:
        return sorted({self._folders.hide(text) for text in texts if text})
