"""The commands that describe: networks, data sets, configurations. Each imports what it alone needs."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

from rich import box
from rich.markup import escape
from rich.table import Table

from elmarc._io import write_atomic
from elmarc._types import Size
from elmarc.cli import console
from elmarc.cli.folders import CONFIGURATION, check_output
from elmarc.cli.folders import NETWORKS as SPACE
from elmarc.errors import ConfigError
from elmarc.networks import NETWORKS, build_network
from elmarc.study.request import Clips


def networks_list(*, as_json: bool) -> None:
    """List the networks."""
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
    table = Table(title="filters (features) of the two sizes, and the shortest input", box=box.SIMPLE_HEAD)
    for column in ("network", "input", "large", "small", "shortest"):
        table.add_column(column, no_wrap=True)
    for row in rows:
        sizes = [f"{row[size]['n_filters']} ({row[size]['n_features']})" for size in ("large", "small")]
        table.add_row(row["name"], row["input"], *sizes, f"{row['min_input_length']} {row['unit']}")
    console.out.print(table)
    console.out.print("Layer by layer: elmarc networks show NAME", highlight=False)


def networks_sample(
    space: str, *, n: int, seed: int, target: float | None, output: Path, force: bool, quiet: bool
) -> None:
    """Draw architectures from a space into a file."""
    from elmarc.config import network_files
    from elmarc.networks import spaces

    check_output(network_files.write_path(output), SPACE, option="--output", force=force)
    sections = spaces.sample_space(space, n=n, seed=seed, target=target)
    heading = f"{network_files.DRAWN} Rank it: elmarc rank DATA --networks THIS_FILE"
    about = {"space": space, "seed": seed, "target": target}
    write_atomic(output, network_files.space_text(sections, heading=heading, about=about))
    if not quiet:
        console.out.print(f"{output}: {len(sections)} networks", highlight=False, markup=False)


def networks_show(
    name: str,
    size: Size,
    n_filters: int | None,
    length: int | None,
    shapes: dict[str, str | None],
    *,
    as_json: bool,
) -> None:
    """Show one network layer by layer."""
    from elmarc.audio.length import STUDY_LENGTH
    from elmarc.frontends import FRONTENDS

    pairs: dict[str, Any] = {key: _pair(key, text) for key, text in shapes.items() if text}
    if name in NETWORKS and NETWORKS[name].required:
        pairs = {"filter_shape": (7, 96), "pool_shape": (1, 1)} | pairs
    net = build_network(name, size=size, n_filters=n_filters, **pairs)
    unit = net.input_unit
    front = FRONTENDS[NETWORKS[name].frontend]()
    length = length or front.n_positions(STUDY_LENGTH.seconds(unit))
    rows = net.layer_costs(length)
    if as_json:
        console.print_json(
            {"name": name, "input_length": length, "unit": unit, "n_features": net.n_features,
             "n_parameters": net.n_parameters, "multiply_adds": net.multiply_adds(length),
             "min_input_length": net.min_input_length, "layers": [dataclasses.asdict(row) for row in rows]}
        )  # fmt: skip
        return
    table = Table("layer", "kind", "channels x positions", "parameters", "multiply-adds")
    for row in rows:
        read = "[bold]" if row.layer in net.layers else ""
        shape = " x ".join(map(str, row.shape))
        table.add_row(
            f"{read}{row.layer}", row.kind, shape, f"{row.n_parameters:,}", f"{row.multiply_adds:,}"
        )
    console.out.print(table)
    console.out.print(
        f"{name}: {net.n_features} features, {net.n_parameters:,} parameters, "
        f"{net.multiply_adds(length):,} multiply-adds for {length} {unit}; "
        f"needs at least {net.min_input_length} {unit}. Features are read from the layers in bold.",
        highlight=False,
    )


def datasets_list(*, as_json: bool) -> None:
    """List the data sets known by name."""
    from elmarc.datasets import NAMED

    rows = [
        {
            "name": name,
            "n_clips": facts.n_clips,
            "n_classes": len(facts.classes),
            "licence": facts.licence,
            "url": facts.url,
            "citation": facts.citation,
        }
        for name, facts in NAMED.items()
    ]
    if as_json:
        console.print_json(rows)
        return
    table = Table(box=box.SIMPLE_HEAD)
    for column in ("name", "clips", "classes"):
        table.add_column(column, no_wrap=True)
    table.add_column("where", overflow="fold")
    for row in rows:
        table.add_row(*(escape(str(row[key])) for key in ("name", "n_clips", "n_classes", "url")))
    console.out.print(table)
    console.out.print(
        "Any folder with one sub-folder a class, and any CSV `path,label[,fold]`, works as well."
    )


def datasets_validate(clips: Clips, *, decode: bool, as_json: bool) -> int:
    """Check a data set; return the exit code."""
    from elmarc.datasets import validate
    from elmarc.study import build
    from elmarc.study.spec import parse_experiment

    config = parse_experiment({"data": clips.data_section(), "network": "mfcc"})
    found = build.dataset(config.data, keep_missing=True)
    report = validate(found, decode=decode)
    if as_json:
        console.print_json(report.to_dict())
    else:
        console.out.print(escape(str(report)), highlight=False, soft_wrap=True)
    return 0 if report.ok else 1


def config_convert(config: Path, output: Path | None, *, force: bool) -> None:
    """Print a configuration in today's form."""
    from elmarc.study.load import load_config, to_yaml

    text = to_yaml(load_config(config))
    if output is None:
        console.out.out(text, highlight=False)
    else:
        check_output(output, CONFIGURATION, option="--output", force=force, read=[config])
        write_atomic(output, text)


def config_schema() -> None:
    """Print the JSON schema of a configuration."""
    from elmarc.study.load import json_schema

    console.print_json(json_schema())


def _pair(key: str, text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d+)[,x](\d+)", text)
    if match is None:
        raise ConfigError(f"--{key.replace('_', '-')} {text}: expected FRAMES,BANDS as in 7,96")
    return int(match[1]), int(match[2])
