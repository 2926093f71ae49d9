from __future__ import annotations

import re
from pathlib import Path

import yaml
from tests.simulated import simulated_result

from elmarc.comparison.compare import compare
from elmarc.reports.citation import bibtex
from elmarc.reports.tables_export import to_latex


def test_latex_sets_every_system_and_escapes_names():
    results = [
        simulated_result(name, skill=skill, seed=seed, dataset="50 % & more")
        for name, skill in (("frame_level", 0.8), ("{net}", 0.5))
        for seed in range(2)
    ]
    comparison = compare(results)
    text = to_latex(comparison)
    body = text[text.index(r"\midrule") : text.index(r"\bottomrule")]
    first = comparison.scores[0]
    assert body.count(r"\\") == 2
    assert rf"frame\_level & svm & {100 * first.accuracy:.1f} $\pm$ {100 * first.deviation:.1f}" in body
    assert r"\{net\} & svm" in body
    assert r"50 \% \& more" in text
    assert all(text.count(rf"\begin{{{name}}}") == 1 for name in ("table", "tabular"))
    assert not re.search(r"(?<!\\)[%#]", text)


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
