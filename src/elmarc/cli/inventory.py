"""What `elmarc store` prints."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from rich.markup import escape
from rich.table import Table

from elmarc.cli import console
from elmarc.features.store import FeatureStore


def info(store: FeatureStore, *, as_json: bool) -> None:
    """List the definitions of a store."""
    entries = list(store.entries())
    if as_json:
        rows: list[dict[str, Any]] = [
            {"features": entry.name, "folder": entry.folder.name, "n_rows": entry.n_rows,
             "n_bytes": entry.n_bytes, "n_damaged": entry.n_damaged, "written": _date(entry.written_s)}
            for entry in entries
        ]  # fmt: skip
        console.print_json({"store": str(store.root), "definitions": rows})
        return
    table = Table("features", "rows", "MB", "damaged shards", "last written", "folder", box=None)
    for entry in entries:
        numbers = f"{entry.n_rows}", f"{entry.n_bytes / 1e6:.1f}", f"{entry.n_damaged or ''}"
        table.add_row(escape(entry.name), *numbers, _date(entry.written_s), entry.folder.name[:12])
    console.out.print(table)
    size = sum(entry.n_bytes for entry in entries) / 1e6
    n_rows = sum(entry.n_rows for entry in entries)
    console.out.print(
        f"{escape(str(store.root))}: {n_rows} rows of {len(entries)} definitions, {size:.1f} MB",
        highlight=False,
        soft_wrap=True,
    )


def verify(store: FeatureStore, *, as_json: bool) -> int:
    """Check a store; return the exit code."""
    n_shards, problems = store.verify()
    if as_json:
        console.print_json({"store": str(store.root), "n_shards": n_shards, "damaged": problems})
    else:
        for problem in problems:
            console.out.print(escape(problem), highlight=False, soft_wrap=True)
        console.out.print(f"{n_shards} shards, {len(problems)} damaged", highlight=False)
    return 1 if problems else 0


def prune(store: FeatureStore, *, older_than_days: int | None, dry_run: bool, as_json: bool) -> None:
    """Clear a store and say what went."""
    gone = store.prune(older_than_days=older_than_days, dry_run=dry_run)
    names = [str(path.relative_to(store.root)) for path in gone]
    if as_json:
        console.print_json({"store": str(store.root), "removed": names, "dry_run": dry_run})
        return
    for name in names:
        console.out.print(escape(name), highlight=False, soft_wrap=True)
    console.out.print(f"{len(names)} {'to be removed' if dry_run else 'removed'}", highlight=False)


def _date(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="minutes")
