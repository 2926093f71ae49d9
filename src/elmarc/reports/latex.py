r"""The ranking as a LaTeX table; it needs \usepackage{booktabs} and text in UTF-8."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from elmarc.comparison.answer import not_run
from elmarc.comparison.records import Comparison, SystemScore
from elmarc.reports import wording

ESCAPES = str.maketrans(
    {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "±": r"$\pm$"}
    | {"<": r"\textless{}", ">": r"\textgreater{}"}
    | {character: "\\" + character for character in "&%$#_{}"}
)


def to_latex(comparison: Comparison) -> str:
    """Return the ranking as a LaTeX table with caption and label: a row a network, best first.

    How differences were tested is said in comments above it.
    """
    classifiers = comparison.classifiers
    names = list(dict.fromkeys(score.name for score in comparison.scores))
    found = {(score.name, score.system.classifier): score for score in comparison.scores}
    keys = ("accuracy", "interval", "macro-F1", *(["ties"] if wording.has_ties(comparison) else []))
    n = len(keys)
    rows = [
        _row(escape(name), *(_cells(found.get((name, classifier)), keys) for classifier in classifiers))
        for name in names
    ]
    last = 1 + n * len(classifiers)
    lines = [
        *(f"% {family.name}: {family.method}" for family in comparison.families),
        r"\begin{table}", r"\centering\small", rf"\caption{{{escape(caption(comparison))}}}",
        rf"\label{{{label(comparison)}}}",
        rf"\begin{{tabular}}{{l{('r' * 3 + 'l' * (n - 3)) * len(classifiers)}}}", r"\toprule",
        _row("", *([rf"\multicolumn{{{n}}}{{c}}{{{escape(c)}}}"] for c in classifiers)),
        "".join(rf"\cmidrule(lr){{{2 + n * k}-{1 + n * (k + 1)}}}" for k in range(len(classifiers))),
        _row("network", *([keys] * len(classifiers))),
        r"\midrule", *rows, r"\midrule",
        *(
            rf"{escape(name)} & \multicolumn{{{last - 1}}}{{l}}{{{wording.percent(level)}}} \\"
            for name, level in wording.levels(comparison).items()
        ),
        r"\bottomrule", r"\end{tabular}",
        *(rf"\par {escape(sentence)}" for sentence in not_run(comparison)), r"\end{table}",
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def caption(comparison: Comparison) -> str:
    """Return what the table shows, in plain text: about two lines."""
    spread = " (mean ± standard deviation over seeds)" if wording.several_seeds(comparison) else ""
    share = f"{100 * comparison.confidence:.0f} %"
    ties = " Systems of one classifier that share a letter are not significantly different."
    return (
        f"{wording.heading(comparison)}. Accuracy in %{spread}, its {share} interval and macro-F1."
        f"{ties if wording.has_ties(comparison) else ''}"
    )


def label(comparison: Comparison) -> str:
    """Return the table's label, as in "tab:ranking-sounds-nested"."""
    return "tab:ranking-" + re.sub(r"[^A-Za-z0-9]+", "-", f"{comparison.dataset}-{comparison.protocol}")


def escape(text: str) -> str:
    r"""Return text that LaTeX prints as it stands.

    >>> print(escape("timbral_temporal & 50 %"))
    timbral\_temporal \& 50 \%
    """
    return text.translate(ESCAPES)


def _cells(score: SystemScore | None, keys: Sequence[str]) -> list[str]:
    texts = {} if score is None else wording.cells(score)
    return [escape(texts.get(key, "")).replace("-", "--") for key in keys]


def _row(name: str, *parts: Iterable[str]) -> str:
    return " & ".join([name, *(cell for part in parts for cell in part)]) + r" \\"
