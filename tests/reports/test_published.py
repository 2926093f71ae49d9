from __future__ import annotations

from datetime import date
from pathlib import Path

import yaml

from elmarc import __version__
from elmarc.reports.published import bibtex


def test_the_citation_file_has_the_version_and_a_date():
    cff = yaml.safe_load((Path(__file__).parents[2] / "CITATION.cff").read_text(encoding="utf-8"))
    assert str(cff["version"]) == __version__
    assert cff["date-released"] >= date(2026, 11, 30)


def test_bibtex_says_what_the_citation_file_says():
    cff = yaml.safe_load((Path(__file__).parents[2] / "CITATION.cff").read_text(encoding="utf-8"))
    study = cff["preferred-citation"]
    text = bibtex().replace("{CNN}", "CNN")
    for fact in (study["title"], str(study["year"]), study["collection-title"], study["notes"]):
        assert f"{{{fact}}}" in text
    names = " and ".join(f"{a['family-names']}, {a['given-names']}" for a in study["authors"])
    assert f"{{{names}}}" in text
    assert f"{{{cff['version']}}}" in text
    assert f"{{{cff['title']}}}" in text
