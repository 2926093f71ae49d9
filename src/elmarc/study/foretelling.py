"""Folders of results, untrained and trained -> how well the one foretells the other."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from elmarc._io import write_atomic
from elmarc.agreement.agree import agreements
from elmarc.agreement.records import Agreement
from elmarc.errors import ConfigError
from elmarc.reports import figures
from elmarc.reports.agreements import FORMS
from elmarc.reports.page_agreement import agreement_page
from elmarc.reports.plots_agreement import agreement_figure
from elmarc.results import Result
from elmarc.study.proxies import naswot_scores
from elmarc.study.summary import read_results, tell_apart

WRITTEN = [  # patterns of what `write_agreements` writes
    *(f"agreement.{ending}" for ending in (*FORMS, "html")),
    *figures.names("scatter-*"),
]


def agreements_of(
    ranked: Path, trained: Path, *, short: Path | None = None, naswot: bool = False, trust: bool = False
) -> tuple[list[Agreement], list[str]]:
    """Return the agreement of two folders of results on each data set that both have, and notes.

    Parameters
    ----------
    ranked, trained : Path
        Folders of `elmarc rank` and `elmarc train`.
    short : Path or None
        A folder of training for a few epochs.
    naswot : bool
        Whether NASWOT is computed as a further control, from the clips.
    trust : bool
        Whether modules that the ranking names may be imported for it.

    Raises
    ------
    ElmarcError
        A folder has no results, or both have nothing in common.
    """
    notes: list[str] = []
    sides: list[Sequence[Result]] = []
    for folder in (ranked, trained, short):
        found, some = read_results(folder) if folder else ([], [])
        kept, more = tell_apart(found)
        sides.append(kept)
        notes += [f"{folder}: {note}" for note in [*some, *more]]
    proxies = {"NASWOT": naswot_scores(sides[0], ranked, trust=trust)} if naswot else None
    try:
        return agreements(*sides[:2], short=sides[2], proxies=proxies), notes
    except ConfigError as problem:
        raise ConfigError(f"{ranked} and {trained}: {problem}") from None


def write_agreements(found: Sequence[Agreement], folder: Path) -> None:
    """Write `agreement.txt`, `.csv`, `.json` and `.html` of all data sets, and a scatter plot of each.

    Parameters
    ----------
    found : sequence of Agreement
        One a data set.
    folder : Path
    """
    write_atomic(folder / "agreement.html", agreement_page(found))  # first: by it the folder is known
    for ending, form in FORMS.items():
        write_atomic(folder / f"agreement.{ending}", form(found))
    for agreement in found:
        name = re.sub(r"[/\\]", "-", agreement.dataset)
        figures.save(agreement_figure(agreement), folder / f"scatter-{name}")
