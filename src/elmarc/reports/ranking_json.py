"""ranking.json: everything that a comparison says, for other programs, in a stable form.

A key keeps its name and meaning within one `version`; new keys may come. Accuracies lie in [0, 1], and
differences in [-1, 1]. Systems are named by their label, as in "vgg + svm". `null` stands for what does not
exist: the deviation of one seed, degrees of freedom without bound, intervals where nothing is tested.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from elmarc.comparison.answer import answer, details
from elmarc.comparison.records import Comparison, Contrast, Family, SystemScore

VERSION = 2


def to_json(comparison: Comparison) -> str:
    """Return a comparison as JSON text; equal comparisons give equal bytes."""
    return json.dumps(document(comparison), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def document(comparison: Comparison) -> dict[str, Any]:
    """Return what `to_json` writes, as dicts, lists, numbers and text."""
    return {
        "version": VERSION,
        "dataset": comparison.dataset,
        "protocol": comparison.protocol,
        "note": comparison.note,
        "answer": list(answer(comparison)),
        "details": list(details(comparison)),
        "confidence": comparison.confidence,
        "chance": comparison.chance,
        "majority": comparison.majority,
        "design": asdict(comparison.design),
        "failed": [asdict(failed) for failed in comparison.failed],
        "systems": [_system(score) for score in comparison.scores],
        "families": [_family(comparison, family) for family in comparison.families],
    }


def _system(score: SystemScore) -> dict[str, Any]:
    return {
        "label": score.label, "network": score.name, "classifier": score.system.classifier,
        "size": score.system.size, "accuracy": score.accuracy, "sd_seeds": score.deviation, "low": score.low,
        "high": score.high, "ties": score.ties, "macro_f1": score.macro_f1, "n_clips": score.n_clips,
        "seeds": list(score.seeds), "by_seed": list(score.by_seed), "recalls": score.recalls,
        "cost": score.cost,
    }  # fmt: skip


def _family(comparison: Comparison, family: Family) -> dict[str, Any]:
    return {
        "name": family.name,
        "kind": family.kind,
        "classifier": family.classifier,
        "method": family.method,
        "members": [comparison.scores[k].label for k in family.members],
        "contrasts": [_contrast(comparison, contrast) for contrast in family.contrasts],
    }


def _contrast(comparison: Comparison, contrast: Contrast) -> dict[str, Any]:
    a, b = comparison.scores[contrast.a], comparison.scores[contrast.b]
    return {
        "a": a.label, "b": b.label, "difference": contrast.difference, "low": contrast.low,
        "high": contrast.high, "standard_error": contrast.standard_error,
        "df": contrast.df, "p_adjusted": contrast.p_value, "differs": contrast.differs,
    }  # fmt: skip
