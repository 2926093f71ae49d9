"""Results that were damaged, by name: their values, their text, and what lies in the place of their file."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.simulated import simulated_result
from tests.test_results import CHANGES

Document = dict[str, Any]
Make = Callable[[Path], object]  # puts something at a path
WHOLE = simulated_result(n_clips=16, n_folds=2).to_json()


def changed(change: Callable[[Document], object]) -> str:
    document = json.loads(WHOLE)
    change(document)
    return json.dumps(document)


def all_predictions(key: str, value: Any) -> Callable[[Document], object]:
    return lambda document: [p.update({key: value}) for p in document["predictions"]]


def one_class_more_for_all(document: Document) -> None:
    document["predictions"] = [{**p, "predicted": p["label"]} for p in document["predictions"]]


VALUES: dict[str, Callable[[Document], object]] = {
    **CHANGES,
    "older": lambda document: document.update(schema_version=0),
    "version is a text": lambda document: document.update(schema_version="1"),
    "all right, scores left": one_class_more_for_all,
    "all labels alike": all_predictions("label", "dog"),
    "all in a fold that is not there": all_predictions("fold", "9"),
    "labels and ids exchanged": lambda document: [
        p.update(id=p["label"], label=p["id"]) for p in document["predictions"]
    ],
    "predictions reversed, folds left": lambda document: [
        p.update(fold=q["fold"])
        for p, q in zip(document["predictions"], document["predictions"][::-1], strict=True)
    ],
    "classes twice": lambda document: document.update(classes=document["classes"] * 2),
    "folds twice": lambda document: document.update(folds=document["folds"] * 2),
    "unknown key": lambda document: document.update(zebra=1),
    "ids empty": all_predictions("id", ""),
    "fewer clips than predictions": lambda document: document.update(n_clips=3),
    "clips of 2^63": lambda document: document.update(n_clips=2**63),
    "seed of 10^400": lambda document: document.update(seed=10**400),
    "dataset with escapes": lambda document: document.update(dataset="\x1b[31mred\n"),
    "dataset of 1 MB": lambda document: document.update(dataset="x" * 10**6),
    "a class with escapes": lambda document: document.update(classes=["\x1b[2J", *document["classes"][1:]]),
}
TEXTS: dict[str, bytes] = {
    "empty": b"",
    "half": WHOLE.encode()[: len(WHOLE) // 2],
    "without its last brace": WHOLE.encode().rstrip()[:-1],
    "twice": WHOLE.encode() * 2,
    "line by line": WHOLE.encode().replace(b",\n", b"\n"),
    "zeros": bytes(len(WHOLE)),
    "utf-16": WHOLE.encode("utf-16"),
    "mark of UTF-8": b"\xef\xbb\xbf" + WHOLE.encode(),
    "latin 1": WHOLE.replace("dog", "d\xf6g").encode("latin-1"),
    "accuracy twice": WHOLE.replace('"accuracy"', '"accuracy": 0.25, "accuracy"', 1).encode(),
    "NaN": WHOLE.replace('"seed": 0', '"seed": NaN', 1).encode(),
    "lone surrogate": WHOLE.replace("dog", "\\ud800").encode(),
    "too deep": b'{"schema_version": ' + b"[" * 100_000,
    "digits": b'{"schema_version": ' + b"9" * 100_000 + b"}",
    "a list": b"[" + WHOLE.encode() + b"]",
    "a page": b"<html></html>",
}


def link(target: str) -> Make:
    return lambda path: path.symlink_to(target)


PLACES: dict[str, Make] = {
    "a folder": Path.mkdir,
    "a pipe": os.mkfifo,
    "a link to zeros": link("/dev/zero"),
    "a dangling link": link("nothing"),
    "a link of a long name": link("x" * 300),
    "a loop of links": lambda path: path.symlink_to(path.name),
}


def damages() -> dict[str, Make]:
    """Return what puts each damaged result at a path."""
    texts = {**TEXTS, **{name: changed(change).encode() for name, change in VALUES.items()}}
    return {
        **{name: (lambda path, text=text: path.write_bytes(text)) for name, text in texts.items()},
        **PLACES,
    }
