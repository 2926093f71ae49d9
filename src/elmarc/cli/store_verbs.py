"""The commands about the store of features: their options and help."""

from __future__ import annotations

from typing import Annotated

import typer

from elmarc.cli.folders import existing_store
from elmarc.cli.options import Json, Store


def info(store: Store = None, as_json: Json = False) -> None:
    """Say which features are stored, how many rows, and how much space they take."""
    from elmarc.cli import inventory

    inventory.info(existing_store(store), as_json=as_json)


def verify(store: Store = None, as_json: Json = False) -> None:
    """Check every shard against its checksum; set damaged ones aside. Exit code 1 if there was one."""
    from elmarc.cli import inventory

    raise typer.Exit(inventory.verify(existing_store(store), as_json=as_json))


def prune(
    store: Store = None,
    older_than: Annotated[
        int | None,
        typer.Option(min=0, help="Days: remove features to which nothing was added for longer than this."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be removed; remove nothing.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Remove shards that were set aside, what killed runs left behind, and features that are old."""
    from elmarc.cli import inventory

    inventory.prune(existing_store(store), older_than_days=older_than, dry_run=dry_run, as_json=as_json)
