"""Agreements of untrained and trained rankings as text, CSV and JSON, each a pure function of them."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

import pandas as pd
from rich.console import Group, RenderableType
from rich.text import Text

from elmarc._io import csv_text
from elmarc.agreement.answer import answer, estimate_text, loss_text
from elmarc.agreement.correlation import LEAST, Estimate
from elmarc.agreement.records import Agreement, Foreteller
from elmarc.agreement.regret import Loss
from elmarc.reports.terminal import WIDTH, Grid, plain_text

VERSION = 1
HEADINGS = {
    "spearman": "Spearman", "kendall": "Kendall", "partial": "partial", "ceiling": "seeds",
    "lost_1": "first 1 loses", "lost_3": "first 3 lose", "times": "sooner",
}  # fmt: skip
GROUPS = {
    "rank": ("spearman", "kendall"), "limits": ("partial", "ceiling"), "regret": ("lost_1", "lost_3"),
    "time": ("times",),
}  # fmt: skip
"""Columns that stand in one table; groups come below each other where the width asks for it."""


def shown(agreement: Agreement) -> RenderableType:
    """Return what to print of an agreement: heading, answer, table and legend.

    The layout follows the width of the console that prints it.

    Parameters
    ----------
    agreement : Agreement
    """
    first, *others = answer(agreement)
    return Group(
        Text(heading(agreement), style="bold"), "", Text(first, style="bold green"), *map(Text, others),
        _grid(agreement), *(Text(line, style="dim") for line in legend(agreement)), "",
    )  # fmt: skip


def _grid(agreement: Agreement) -> Grid:
    keys, rows = columns(agreement), texts(agreement)
    shown = {group: [key for key in own if key in keys] for group, own in GROUPS.items()}
    return Grid(
        columns={group: {key: HEADINGS[key] for key in own} for group, own in shown.items() if own},
        cells=[
            (name, group, row)
            for name, row in rows.items()
            for group, own in shown.items()
            if any(row[key] for key in own)
        ],
        levels={},
        forms=[keys],
        heading="ranked by",
    )


def columns(agreement: Agreement) -> list[str]:
    """Return those of `HEADINGS` under which there is anything to show.

    Parameters
    ----------
    agreement : Agreement
    """
    return [key for key in HEADINGS if any(row[key] for row in texts(agreement).values())]


def texts(agreement: Agreement) -> dict[str, dict[str, str]]:
    """Return what the table says of each foreteller, by column; "" where there is nothing.

    Parameters
    ----------
    agreement : Agreement
    """
    return {f.name: _cells(agreement, f) for f in agreement.foretellers}


def heading(agreement: Agreement) -> str:
    """Say in one line what was compared.

    Parameters
    ----------
    agreement : Agreement
    """
    units = "groups of clips" if agreement.grouped else "clips"
    untrained, trained = agreement.n_seeds
    return (
        f"{agreement.dataset}: untrained against trained ({agreement.trained_name}), "
        f"{len(agreement.architectures)} architectures, {agreement.n_units} {units}, at least {untrained} "
        f"untrained and {trained} trained seeds"
    )


def legend(agreement: Agreement) -> list[str]:
    """Return a sentence for each thing that the table shows.

    Parameters
    ----------
    agreement : Agreement
    """
    given = sorted({name for f in agreement.foretellers for name in f.given})
    lines = [
        "Spearman, Kendall (tau-b): correlation of the ranking with the trained one. Controls put the "
        "largest number first.",
        f"partial: Spearman given {', '.join(given)}, itself apart.",
        "seeds: Spearman of one seed with another. first 1, first 3: points of accuracy lost by training "
        "these alone, in as many other architectures of the same space.",
        "sooner: training of all took so many times as long.",
        f"Intervals: {100 * agreement.confidence:.0f} %, over architectures, seeds and clips; those of "
        f"correlations need {LEAST} architectures, and one more for each that is given.",
    ]
    return lines if given else [line for line in lines if not line.startswith("partial")]


def _cells(agreement: Agreement, foreteller: Foreteller) -> dict[str, str]:
    times = agreement.times_sooner(foreteller)
    return {
        "spearman": estimate_text(foreteller.spearman),
        "kendall": estimate_text(foreteller.kendall),
        "partial": estimate_text(foreteller.partial),
        "ceiling": estimate_text(foreteller.ceiling),
        **{f"lost_{k}": loss_text(regret.expected) for k, regret in foreteller.regrets.items()},
        "times": "" if times is None else f"{times:.1f} x",
    }


def to_text(found: Sequence[Agreement], *, width: int = WIDTH) -> str:
    """Return what the terminal shows as plain text.

    Parameters
    ----------
    found : sequence of Agreement
        One a data set.
    width : int
        The most characters of a line.
    """
    return plain_text(Group(*map(shown, found)), width=width)


def to_frame(found: Sequence[Agreement]) -> pd.DataFrame:
    """Return one row a data set and foreteller with every number that belongs to it.

    Parameters
    ----------
    found : sequence of Agreement
        One a data set.

    Returns
    -------
    DataFrame
        Correlations lie in [-1, 1], regrets (`lost_...`) in [0, 1]. Each number stands beside `..._low` and
        `..._high`, the ends of its interval. `lost_1`, `lost_3`: expected of as many other architectures;
        `lost_1_here`: of these; `lost_1_measured`: the plain difference. What does not exist is NaN.
    """
    return pd.DataFrame([_row(agreement, f) for agreement in found for f in agreement.foretellers])


def _row(agreement: Agreement, foreteller: Foreteller) -> dict[str, Any]:
    row = {
        "dataset": agreement.dataset, "trained": agreement.trained_name, "foreteller": foreteller.name,
        "kind": foreteller.kind, "n_architectures": len(agreement.architectures),
    }  # fmt: skip
    estimates = {key: getattr(foreteller, key) for key in ("spearman", "kendall", "partial", "ceiling")}
    for key, estimate in (estimates | {"trained_ceiling": agreement.trained_ceiling}).items():
        row |= _with_ends(key, estimate)
    row["given"] = ", ".join(foreteller.given)
    for k, regret in foreteller.regrets.items():
        row |= _with_ends(f"lost_{k}", regret.expected) | _with_ends(f"lost_{k}_here", regret.here)
        row[f"lost_{k}_measured"] = regret.measured
    row |= {"seconds": foreteller.seconds, "trained_seconds": sum(agreement.trained_seconds) or None}
    return row | {"times_sooner": agreement.times_sooner(foreteller)}


def _with_ends(key: str, number: Estimate | Loss | None) -> dict[str, float | None]:
    ends = {"": "value", "_low": "low", "_high": "high"}
    return {f"{key}{end}": getattr(number, name, None) for end, name in ends.items()}


def to_csv(found: Sequence[Agreement]) -> str:
    """Return `to_frame` as CSV text.

    Parameters
    ----------
    found : sequence of Agreement
    """
    return csv_text(to_frame(found))


def to_json(found: Sequence[Agreement]) -> str:
    """Return agreements as JSON text; equal agreements give equal bytes.

    Scores of every architecture are in it. `null` stands for what does not exist. A key keeps its name and
    meaning within one `version`; new keys may come.

    Parameters
    ----------
    found : sequence of Agreement
        One a data set.
    """
    return json.dumps(document(found), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def document(found: Sequence[Agreement]) -> dict[str, Any]:
    """Return what `to_json` writes, as dicts, lists, numbers and text.

    Parameters
    ----------
    found : sequence of Agreement
        One a data set.
    """
    return {"version": VERSION, "agreements": [_finite(own) for own in _documents(found)]}


def _documents(found: Sequence[Agreement]) -> Iterator[dict[str, Any]]:
    for agreement in found:
        document = {"answer": answer(agreement), **asdict(agreement)}
        for own, foreteller in zip(document["foretellers"], agreement.foretellers, strict=True):
            own["times_sooner"] = agreement.times_sooner(foreteller)
        yield document


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


FORMS: dict[str, Callable[[Sequence[Agreement]], str]] = {"txt": to_text, "csv": to_csv, "json": to_json}
"""Ending -> form: the files `agreement.*`."""
