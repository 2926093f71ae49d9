r"""The ranking as a LaTeX table; it needs \usepackage{booktabs} and text in UTF-8."""

from __future__ import annotations

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
    """Return the ranking as a LaTeX table with its caption: a row a network, best first."""
    classifiers = comparison.classifiers
    names = list(dict.fromkeys(score.name for score in comparison.scores))
    found = {(score.name, score.system.classifier): score for score in comparison.scores}
    keys = ("accuracy", "interval", "ties") if wording.has_ties(comparison) else ("accuracy", "interval")
    n = len(keys)
    rows = [
        _row(escape(name), *(_cells(found.get((name, classifier)), keys) for classifier in classifiers))
        for name in names
    ]
    last = 1 + n * len(classifiers)
    lines = [
        r"\begin{table}", r"\centering", rf"\caption{{{escape(caption(comparison))}}}",
        rf"\begin{{tabular}}{{l{('r' * 2 + 'l' * (n - 2)) * len(classifiers)}}}", r"\toprule",
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
    """Return what the table shows, in plain text."""
    return " ".join(
        [f"{wording.heading(comparison)}.", *wording.legend(comparison), wording.floor(comparison)]
    )


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
