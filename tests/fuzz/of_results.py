"""result.json that was good once."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from tests.fuzz.mutations import damaged
from tests.fuzz.structures import edited
from tests.fuzz.watch import Fault, refusal, watched
from tests.simulated import CLASSES, simulated_result

from elmarc.comparison.compare import comparisons
from elmarc.errors import ElmarcError
from elmarc.reports import tables
from elmarc.results import Result, load, to_frame
from elmarc.study.summary import comparable

SCORES = ("accuracy", "macro_f1", "recalls", "folds", "predictions", "n_clips")
WORDS = (*CLASSES, "svm", "mfcc", "nested", "paper", "dog/000.wav", {"dog": 0.5}, 0.25, ["dog"], "sounds")


@cache
def wholes() -> tuple[Result, ...]:
    options: dict[str, Any] = {"n_clips": 16, "n_folds": 2}
    return (
        simulated_result(**options),
        simulated_result(**options, group_size=2, cost={"n_parameters": 3.0}, timings={"extract_s": 1.0}),
    )


@st.composite
def examples(draw) -> bytes:
    documents = [json.loads(whole.to_json()) for whole in wholes()]
    if draw(st.booleans()):
        return draw(damaged([whole.to_json().encode() for whole in wholes()]))
    return json.dumps(draw(edited(documents, words=WORDS))).encode()


def check(data: bytes, folder: Path) -> str:
    """A result that is read has scores that follow from its predictions, and can be compared and shown."""
    path = folder / "result.json"
    path.write_bytes(data)
    other = simulated_result("temporal", n_clips=16, n_folds=2)
    with watched(folder):
        try:
            result = load(path)
        except ElmarcError as problem:
            if not str(problem).startswith(str(path)):
                raise Fault(f"the message does not begin with the file: {problem}") from None
            return refusal(problem)
        if Result.from_json(result.to_json()) != result:
            raise Fault("written and read again, it is another")
        try:
            to_frame([result, other])
            for comparison in comparisons(comparable([result, other])[0]):
                for form in tables.FORMS.values():
                    form(comparison)
        except ElmarcError as problem:
            return refusal(problem)
    _check_scores(result)
    return "read"


def _check_scores(result: Result) -> None:
    """Refuse a score that does not follow from the predictions beside it."""
    right = {
        fold.name: [p.label == p.predicted for p in result.predictions if p.fold == fold.name]
        for fold in result.folds
    }
    shares = [sum(hits) / len(hits) for hits in right.values() if hits]
    if len(shares) < len(result.folds) or abs(sum(shares) / len(shares) - result.accuracy) > 1e-9:
        raise Fault(f"accuracy {result.accuracy} was read; its predictions give {shares}")
    for fold, share in zip(result.folds, shares, strict=True):
        if abs(fold.accuracy - share) > 1e-9 or fold.n_test != len(right[fold.name]):
            raise Fault(f"fold {fold} was read; its predictions give {share}")
    for name, recall in result.recalls.items():
        hits = [p.predicted == name for p in result.predictions if p.label == name]
        if not hits or abs(sum(hits) / len(hits) - recall) > 1e-9:
            raise Fault(f"recall {recall} of {name} was read; its predictions give {hits}")
