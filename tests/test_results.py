"""result.json: what was written is read back, and whatever else lies there is refused in a sentence."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.simulated import simulated_result

from elmarc.errors import StoreError
from elmarc.results import Result, load


@pytest.fixture
def whole() -> Result:
    return simulated_result()


def test_what_is_written_is_read(tmp_path: Path, whole: Result) -> None:
    assert load(whole.save(tmp_path)) == whole
    assert load(tmp_path / "result.json").to_json() == whole.to_json()


def test_a_count_is_a_count_again(whole: Result) -> None:
    text = replace(whole, cost={"n_parameters": 3399, "multiply_adds_per_clip": 40116}).to_json()
    assert Result.from_json(text).to_json() == text  # or ranking.json has 3399.0 where a run went on


def test_the_file_is_json_of_every_member(tmp_path: Path, whole: Result) -> None:
    text = json.dumps(asdict(whole), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    assert whole.save(tmp_path).read_bytes() == whole.to_json().encode() == text.encode()


@pytest.mark.parametrize(
    ("value", "error"), [(float("nan"), ValueError), (Path("x"), TypeError), (np.float32(1), TypeError)]
)
def test_what_is_no_json_is_not_written(tmp_path: Path, whole: Result, value: Any, error: Any) -> None:
    with pytest.raises(error):
        replace(whole, best_params={"C": value}).save(tmp_path)
    assert list(tmp_path.iterdir()) == []


def put(*keys: Any, value: Any) -> Callable[[dict[str, Any]], None]:
    def do(document: dict[str, Any]) -> None:
        for key in keys[:-1]:
            document = document[key]
        document[keys[-1]] = value

    return do


def without(key: str) -> Callable[[dict[str, Any]], None]:
    return lambda document: document.pop(key)


CHANGES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "no accuracy": without("accuracy"),
    "no predictions": without("predictions"),
    "no version": without("schema_version"),
    "newer": put("schema_version", value=99),
    "accuracy is text": put("accuracy", value="0.5"),
    "accuracy is null": put("accuracy", value=None),
    "accuracy above 1": put("accuracy", value=1.5),
    "accuracy below 0": put("accuracy", value=-0.5),
    "accuracy is NaN": put("accuracy", value=float("nan")),
    "accuracy is infinite": put("accuracy", value=float("inf")),
    "macro_f1 is a list": put("macro_f1", value=[0.5]),
    "seed is a fraction": put("seed", value=0.5),
    "classes is a text": put("classes", value="ab"),
    "classes hold numbers": put("classes", value=[1, 2]),
    "no classes": put("classes", value=[]),
    "predictions is a number": put("predictions", value=3),
    "predictions hold numbers": put("predictions", value=[1]),
    "predictions are empty": put("predictions", value=[]),
    "folds are empty": put("folds", value=[]),
    "folds hold null": put("folds", value=[None]),
    "a prediction without an id": put("predictions", 0, value={"label": "a", "predicted": "a", "fold": "0"}),
    "a label that is no class": put("predictions", 0, "label", value="zebra"),
    "a clip twice": lambda document: document["predictions"].append(document["predictions"][0]),
    "another accuracy": put("accuracy", value=0.25),
    "another macro_f1": put("macro_f1", value=0.25),
    "another recall": put("recalls", "dog", value=0.25),
    "a recall more": put("recalls", "zebra", value=0.25),
    "a fold's accuracy": put("folds", 0, "accuracy", value=0.25),
    "a fold's clips": put("folds", 0, "n_test", value=7),
    "a fold's name": put("folds", 0, "name", value="x"),
    "a prediction's fold": put("predictions", 0, "fold", value="2"),
    "a prediction less": lambda document: document["predictions"].pop(),
    "definition is a list": put("definition", value=[]),
    "timings hold texts": put("timings", value={"extract_s": "long"}),
    "notes is a text": put("notes", value="note"),
    "source is null": put("source", value=None),
    "recalls hold null": put("recalls", value={"a": None}),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_value_is_refused(tmp_path: Path, whole: Result, change: str) -> None:
    document = json.loads(whole.to_json())
    CHANGES[change](document)
    refused(tmp_path, json.dumps(document).encode())


def test_damaged_bytes_are_refused(tmp_path: Path, whole: Result) -> None:
    data = whole.to_json().encode()
    half = data[: len(data) // 2]
    for rubbish in (b"", b"{", b"null", b"[]", b"3", b'"text"', b"\xff" + data, b"[" * 100_000, half):
        refused(tmp_path, rubbish)


def test_flipped_bits_are_read_or_refused(tmp_path: Path, whole: Result, rng: np.random.Generator) -> None:
    data = whole.to_json().encode()
    for bit in rng.choice(len(data) * 8, 300, replace=False):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << (bit % 8)
        (tmp_path / "result.json").write_bytes(flipped)
        with contextlib.suppress(StoreError):
            assert isinstance(load(tmp_path / "result.json"), Result)


def refused(folder: Path, data: bytes) -> None:
    path = folder / "result.json"
    path.write_bytes(data)
    with pytest.raises(StoreError, match=r"result\.json: "):
        load(path)
