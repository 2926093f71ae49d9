"""Agreements as a page: one HTML file without a script; sentences, the table and the scatter plots."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from elmarc.agreement.answer import answer
from elmarc.agreement.records import Agreement
from elmarc.reports import agreements
from elmarc.reports.page import STYLES, Drawn, assets, drawn, environment, policy
from elmarc.reports.plots_agreement import agreement_caption, agreement_figure
from elmarc.reports.published import bibtex

TITLE = "Does the untrained ranking foretell the trained one?"
NO_BREAK = "\N{NO-BREAK SPACE}"


@dataclass(frozen=True)
class _Section:
    """What the template shows of one data set."""

    number: int
    agreement: Agreement

    @property
    def id(self) -> str:
        return f"set{self.number}"

    @property
    def name(self) -> str:
        return self.agreement.dataset

    @property
    def heading(self) -> str:
        return agreements.heading(self.agreement)

    @property
    def answer(self) -> tuple[str, ...]:
        return answer(self.agreement)

    @property
    def legend(self) -> list[str]:
        return agreements.legend(self.agreement)

    @property
    def columns(self) -> list[str]:
        return [agreements.HEADINGS[key] for key in agreements.columns(self.agreement)]

    @property
    def rows(self) -> list[tuple[str, list[str]]]:
        keys, rows = agreements.columns(self.agreement), agreements.texts(self.agreement)
        return [(name, [own[key].replace(" ", NO_BREAK) for key in keys]) for name, own in rows.items()]

    @property
    def drawn(self) -> Drawn:
        figure, caption = agreement_figure(self.agreement), agreement_caption(self.agreement)
        return drawn("scatter", "scatter", figure, f"{self.id}-", caption)


def agreement_page(found: Sequence[Agreement]) -> str:
    """Return the page as HTML text; equal agreements give equal text.

    Parameters
    ----------
    found : sequence of Agreement
        One a data set.
    """
    style = assets(STYLES)
    return environment().get_template("agreement.html.j2").render(
        title=TITLE, policy=policy("", style), style=style, bibtex=bibtex(),
        sections=[_Section(number, agreement) for number, agreement in enumerate(found)],
    )  # fmt: skip
