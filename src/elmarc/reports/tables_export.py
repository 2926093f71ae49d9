"""The ranking for a paper: LaTeX with booktabs."""

from __future__ import annotations

import re

from elmarc.comparison.records import Comparison, SystemScore
from elmarc.reports.tables import percent

SPECIAL = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%",
    "_": r"\_", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}",
    ">": r"\textgreater{}",
}  # fmt: skip


def to_latex(comparison: Comparison) -> str:
    """Return the ranking as a LaTeX table that needs the package booktabs."""
    share = f"{100 * comparison.confidence:.0f}"
    rows = "\n".join(map(_row, comparison.scores))
    caption = escape(f"{comparison.dataset}, {comparison.protocol}: accuracy in %")
    return rf"""\begin{{table}}
\centering
\caption{{{caption} (mean $\pm$ standard deviation over seeds), {share}\,\% interval, macro-F1;
systems of one classifier that share a letter are not told apart.
Chance {100 * comparison.chance:.1f}\,\%, largest class {100 * comparison.majority:.1f}\,\%.}}
\begin{{tabular}}{{llrrrl}}
\toprule
Network & Classifier & Accuracy & Interval & Macro-F1 & Ties \\
\midrule
{rows}
\bottomrule
\end{{tabular}}
\end{{table}}
"""


def escape(text: str) -> str:
    r"""Return text that LaTeX sets as it stands.

    >>> escape("frame_level & 5 %")
    'frame\\_level \\& 5 \\%'
    """
    return re.sub(r"[\\{}$&#%_~^<>]", lambda found: SPECIAL[found[0]], text)


def _row(score: SystemScore) -> str:
    accuracy = percent(score.accuracy, score.deviation).replace("±", r"$\pm$")
    cells = [
        escape(score.name), escape(score.system.classifier), accuracy,
        f"{100 * score.low:.1f}--{100 * score.high:.1f}", f"{100 * score.macro_f1:.1f}", score.ties,
    ]  # fmt: skip
    return " & ".join(cells) + r" \\"
