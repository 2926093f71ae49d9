"""The commands that show networks, data sets and the store; heavy modules load when one runs."""

from __future__ import annotations

import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from elmarc import _defaults
from elmarc._types import Size
from elmarc.cli.options import Json, Output, Quiet, Store, command, completer
from elmarc.errors import ConfigError
from elmarc.study.request import Clips

if TYPE_CHECKING:
    from rich.table import Table

    from elmarc.features.store import FeatureStore


def networks(
    name: Annotated[
        str | None,
        typer.Argument(
            help="Show this one's layers: one of {networks}, or single_layer.",
            autocompletion=completer("networks", more=["single_layer"]),
        ),
    ] = None,
    size: Annotated[Size, typer.Option(help="About 3,500 features, or about 160.")] = _defaults.SIZE,
    n_filters: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Width, in place of --size.")
    ] = None,
    length: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Frames or samples of a clip; default: 29.2 s.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List the networks, or show one layer by layer.

    Of each layer: its shape, parameters and multiply-adds; of the network, the shortest input it takes.
    """
    if name is None:
        _list_networks(as_json=as_json)
    else:
        _show_network(name, size, n_filters, length, as_json=as_json)


def datasets_list(as_json: Json = False) -> None:
    """List the data sets that are known by name."""
    from elmarc.cli import console
    from elmarc.datasets import NAMED

    rows = [
        {"name": name, "n_clips": facts.n_clips, "n_classes": len(facts.classes), "licence": facts.licence,
         "url": facts.url, "citation": facts.citation}
        for name, facts in NAMED.items()
    ]  # fmt: skip
    if as_json:
        console.print_json(rows)
        return
    table = _table("name", "clips", "classes")
    table.add_column("where", overflow="fold")
    for row in rows:
        table.add_row(*(str(row[key]) for key in ("name", "n_clips", "n_classes", "url")))
    console.out.print(table)
    console.say("Any folder with one sub-folder per class, and any CSV `path,label[,fold]`, works as well.")


@command()
def datasets_validate(
    clips: Clips,
    decode: Annotated[bool, typer.Option(help="Read every clip to its end, not its header alone.")] = False,
    as_json: Json = False,
) -> None:
    """List files that are missing, unreadable, duplicated or not in the list. Exit code 1 if any is."""
    from elmarc.cli import console
    from elmarc.datasets import validate
    from elmarc.study import build
    from elmarc.study.spec import parse_experiment

    config = parse_experiment({"data": clips.data_section(), "network": "mfcc"})
    report = validate(build.dataset(config.data, keep_missing=True), decode=decode)
    if as_json:
        console.print_json(report.to_dict())
    else:
        console.say(str(report))
    raise typer.Exit(0 if report.ok else 1)


def datasets_download(
    name: Annotated[
        str,
        typer.Argument(help="One of {datasets}.", autocompletion=completer("datasets"), show_default=False),
    ],
    to: Annotated[Path, typer.Option(metavar="DIR", help="The folder to unpack it in.")] = Path(),
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    quiet: Quiet = False,
) -> None:
    """Show how large a data set is, and download, check and unpack it."""
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

    from elmarc.cli import console
    from elmarc.datasets.download import offer

    offered = offer(name, to=to)
    console.say(str(offered))
    if not yes:
        if not sys.stdin.isatty():
            raise ConfigError("no terminal to confirm the download on: add --yes")
        typer.confirm("download it?", abort=True)
    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console.err, disable=quiet, transient=True) as bar:
        task = bar.add_task("", total=offered.size)
        folder = offered.fetch(
            progress=lambda n_bytes, total: bar.update(task, completed=n_bytes, total=total)
        )
    console.say(
        f"{offered.name}: lies in {folder}; rank it with: elmarc rank {offered.name} --audio {folder}"
    )


def store(
    store: Store = None,
    prune: Annotated[
        bool, typer.Option("--prune", help="Remove damaged files, and what killed runs left behind.")
    ] = False,
    older_than: Annotated[
        int | None,
        typer.Option(min=0, metavar="DAYS", help="With --prune: features with nothing new for longer, too."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="With --prune: list what would be removed; remove nothing.")
    ] = False,
    as_json: Json = False,
) -> None:
    """List the stored features, or remove some.

    Features of each clip are stored once, and damaged ones are computed again when they are read.
    """
    if not prune and (dry_run or older_than is not None):
        raise ConfigError(f"{'--dry-run' if dry_run else '--older-than'}: nothing is removed without --prune")
    features = Output(store=store).open_store()
    if features.root.exists() and not features.root.is_dir():
        raise ConfigError(f"{features.root}: is a file, expected the folder of a store: name it with --store")
    if prune:
        _prune(features, older_than, dry_run=dry_run, as_json=as_json)
    else:
        _list_store(features, as_json=as_json)


def _list_networks(*, as_json: bool) -> None:
    from elmarc.cli import console
    from elmarc.networks import NETWORKS

    rows: list[dict[str, Any]] = [
        {"name": name, "input": preset.frontend,
         "large": {"n_filters": preset.large, "n_features": preset.maps * preset.large},
         "small": {"n_filters": preset.small, "n_features": preset.maps * preset.small},
         "min_input_length": preset.shortest, "unit": preset.unit, "study": preset.study}
        for name, preset in NETWORKS.items()
    ]  # fmt: skip
    if as_json:
        console.print_json(rows)
        return
    table = _table("network", "input", "large", "small", "shortest")
    table.title = "filters (features) of the two sizes, and the shortest input"
    for row in rows:
        sizes = [f"{row[size]['n_filters']} ({row[size]['n_features']})" for size in ("large", "small")]
        table.add_row(row["name"], row["input"], *sizes, f"{row['min_input_length']} {row['unit']}")
    console.out.print(table)
    console.say("Layer by layer: elmarc networks NAME")


def _show_network(name: str, size: Size, n_filters: int | None, length: int | None, *, as_json: bool) -> None:
    from elmarc.audio.length import STUDY_LENGTH
    from elmarc.cli import console
    from elmarc.frontends import FRONTENDS
    from elmarc.networks import NETWORKS, build_network

    is_free = name in NETWORKS and NETWORKS[name].required
    shapes: dict[str, Any] = {"filter_shape": (7, 96), "pool_shape": (1, 1)} if is_free else {}
    net = build_network(name, size=size, n_filters=n_filters, **shapes)
    unit = net.input_unit
    length = length or FRONTENDS[NETWORKS[name].frontend]().n_positions(STUDY_LENGTH.seconds(unit))
    rows = net.layer_costs(length)
    if as_json:
        console.print_json(
            {"name": name, "input_length": length, "unit": unit, "n_features": net.n_features,
             "n_parameters": net.n_parameters, "multiply_adds": net.multiply_adds(length),
             "min_input_length": net.min_input_length, "layers": [asdict(row) for row in rows]}
        )  # fmt: skip
        return
    table = _table("layer", "kind", "channels x positions", "parameters", "multiply-adds")
    for row in rows:
        bold = "[bold]" if row.layer in net.layers else ""
        shape = " x ".join(map(str, row.shape))
        table.add_row(
            f"{bold}{row.layer}", row.kind, shape, f"{row.n_parameters:,}", f"{row.multiply_adds:,}"
        )
    console.out.print(table)
    console.say(
        f"{name}: {net.n_features} features, {net.n_parameters:,} parameters, "
        f"{net.multiply_adds(length):,} multiply-adds for {length} {unit}; "
        f"needs at least {net.min_input_length} {unit}. Features are read from the layers in bold."
    )


def _list_store(store: FeatureStore, *, as_json: bool) -> None:
    from rich.markup import escape

    from elmarc.cli import console

    rows: list[dict[str, Any]] = [
        {"features": entry.name, "folder": entry.folder.name, "n_rows": entry.n_rows,
         "n_bytes": entry.n_bytes, "n_damaged": entry.n_damaged,
         "written": datetime.fromtimestamp(entry.written_s, UTC).isoformat(timespec="minutes")}
        for entry in store.entries()
    ]  # fmt: skip
    if as_json:
        console.print_json({"store": str(store.root), "definitions": rows})
        return
    table = _table("features", "rows", "MB", "damaged", "last written", "folder")
    for row in rows:
        numbers = (str(row["n_rows"]), f"{row['n_bytes'] / 1e6:.1f}", str(row["n_damaged"] or ""))
        table.add_row(escape(row["features"]), *numbers, row["written"], row["folder"][:12])
    console.out.print(table)
    n_rows, n_bytes = (sum(row[key] for row in rows) for key in ("n_rows", "n_bytes"))
    console.say(f"{store.root}: {n_rows} rows of {len(rows)} definitions, {n_bytes / 1e6:.1f} MB")


def _prune(store: FeatureStore, older_than: int | None, *, dry_run: bool, as_json: bool) -> None:
    from elmarc.cli import console

    removed = store.prune(older_than_days=older_than, dry_run=dry_run)
    names = [str(path.relative_to(store.root)) for path in removed]
    if as_json:
        console.print_json({"store": str(store.root), "removed": names, "dry_run": dry_run})
        return
    for name in names:
        console.say(name)
    console.say(f"{len(names)} {'to be removed' if dry_run else 'removed'}")


def _table(*columns: str) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD)
    for column in columns:
        table.add_column(column, no_wrap=True)
    return table
