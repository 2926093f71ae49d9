"""Configurations by name: values that cannot be, texts that are none, bombs, and odd lines; also of 2018."""

from __future__ import annotations

import copy
import json
from typing import Any

import yaml
from tests.config.test_files import BOMBS
from tests.fuzz.of_configs import LINES, OLD, YAML

Text = tuple[str, str]  # the suffix of its file, and what is in it
GOOD: dict[str, Any] = {
    "data": "toy", "network": {"kind": "temporal", "n_filters": 4}, "classifier": "knn",
    "frontend": {"kind": "logmel"}, "input": {"seconds": 0.2, "fix_length": "repeat-pad"},
}  # fmt: skip
MUCH, MOST = 10**12, 10**30
BAD: dict[str, list[Any]] = {  # values of dotted keys that are refused when it is read, or when it is built
    "name": ["a/b", "..", "", [], {}, "\x1b[31m", "a\nb"],
    "recipe": ["v3", 2, None, True],
    "data": ["", None, 3, {}, {"kind": "zebra"}, {"kind": "clips"}, {"path": "x"}, {"kind": ["toy", {}]}],
    "data.kind": ["named", "table", "lists", "object", 1],
    "data.target": ["colour", 3],
    "data.n_folds": [0, 1, -5, 2.5, "two"],
    "data.shuffle": ["yes", 1],
    "network": ["zebra", "", 3, True, {"size": "small"}, {"kind": "vgg", "zebra": 1}],
    "network.kind": ["vggg", None, 1, {}, "external", "single_layer"],
    "network.n_filters": [0, -1, 1.5, "8", True, MUCH, MOST],
    "network.size": ["huge", 1],
    "network.narrower": [0, -1, 2, MUCH],
    "network.layers": [["zebra"], [1], "pool", ["temporal", "temporal"], {}],
    "network.precision": ["float64", 32],
    "network.compat": ["2019", True],
    "network.filter_shape": [[7, 96]],
    "frontend": ["zebra", 1, {"kind": "mfcc"}, {"kind": "waveform"}],
    "frontend.sr": [0, -1, 1.5, "12k", MUCH, MOST],
    "frontend.n_mels": [0, -1, 1, MUCH, MOST],
    "frontend.n_fft": [0, MUCH, MOST, 2.5],
    "frontend.hop_length": [0, -1],
    "frontend.fmin": [-1, 1e9, "low"],
    "frontend.fmax": [0, -1, 1e9],
    "frontend.power": [0, -1, "two"],
    "frontend.top_db": [0, -80],
    "frontend.scale_db": [0],
    "frontend.levelling": [-1, 2],
    "frontend.pad_mode": ["wrap", 1],
    "input.seconds": [0, -1, "long", 1e12, 1e300],
    "input": [
        {"n_frames": MUCH, "fix_length": "zero-pad"},
        {"n_frames": MOST, "fix_length": "repeat-pad"},
        {"n_frames": 10**8, "fix_length": "zero-pad"},
        {"n_samples": 5, "fix_length": "crop"},
        "long",
        [],
    ],
    "input.n_frames": [5, 0],
    "input.n_samples": [5],
    "input.fix_length": ["stretch", 1, True],
    "pooling": [[], ["median"], "zebra", 1, {}],
    "classifier": ["zebra", 1, {}, {"name": "knn", "zebra": 1}],
    "classifier.standardise": ["hard", 2],
    "classifier.ridge": [True, "yes"],
    "protocol": ["zebra", 1, None],
    "seed": [-1, 1.5, "one", None, True, {}],
    "batch_size": [0, -1, 1.5, "many"],
    "n_workers": [0, -1, 1.5],
    "device": ["tpu", "cuda:x", "mps", 1],
    "strict": ["yes", 1],
    "features_file": [1, {}, "a\x1b"],
    "features_name": ["x", "a/b"],
    "zebra": [1],
    "networks": ["vgg"],
    "n_filters": [4],
}
BAD_2018: dict[str, list[Any]] = {
    "experiment_name": [[], None],
    "features_type": ["MFC", None, "MFCC"],
    "model_type": ["SVMM", 1],
    "sampling_rate": [0, -1, 1.5, "12k"],
    "dataset": ["zebra", None, 1],
    "audio_path": [None, 3],
    "load_extracted_features": ["features.pkl", 3],
    "train_set_list": [None, 3],
    "fix_length_by": ["stretch", 1],
    "CNN": [None, [], {}],
    "CNN.signal": ["spectrum", "spectrogram"],
    "CNN.n_samples": [0, -1, 1.5],
    "CNN.architecture": ["cnn_large", None, "cnn_single"],
    "CNN.num_filters": [0, -1, 1.5, "many"],
    "CNN.selected_features_list": [[], [7], [-8], ["a"], 1],
    "CNN.batch_size": [0],
    "zebra": [1],
}
TEXTS: dict[str, Text] = {
    "empty": (".yaml", ""),
    "a word": (".yaml", "toy"),
    "a list": (".yaml", "- data: toy"),
    "two documents": (".yaml", "data: toy\n---\ndata: toy\n"),
    "tabs": (".yaml", "data:\n\tkind: toy\n"),
    "a key alone": (".yaml", "data\nnetwork: vgg\n"),
    "json in half": (".json", json.dumps(GOOD)[:40]),
    "json with a comment": (".json", "// good\n" + json.dumps(GOOD)),
    "json with NaN": (".json", '{"seed": NaN, "data": "toy", "network": "vgg"}'),
    "toml without a value": (".toml", "data ="),
    "toml of a key twice": (".toml", 'data = "toy"\ndata = "toy"\nnetwork = "vgg"\n'),
    "another suffix": (".ini", "data = toy"),
    "no suffix": ("", "data: toy"),
    "python that runs": (".py", "import os\nos.system('true')\nconfig_main = {}\n"),
    "python of two dicts": (".py", "a = {}\nb = {}\n"),
    "python of no dict": (".py", "a = 1\n"),
    "python that is none": (".py", "config_main = {"),
    "python 2": (".py", "print 'x'\nconfig_main = {}\n"),
}
GOOD_TEXTS: dict[str, Text] = {
    "yaml": (".yaml", yaml.safe_dump(GOOD)),
    "json": (".json", json.dumps(GOOD)),
    "toml": (".toml", 'data = "toy"\nnetwork = "vgg"\n'),
    "sweep": (".yaml", yaml.safe_dump({**GOOD, "seed": [0, 1]})),
    "mark of UTF-8": (".yaml", "\ufeffdata: toy\nnetwork: vgg\n"),
    "lines of windows": (".yaml", "data: toy\r\nnetwork: vgg\r\n"),
    **{f"of 2018, {k}": (".py", f"config_main = {document!r}\n") for k, document in enumerate(OLD)},
}


def with_value(document: dict[str, Any], key: str, value: Any) -> dict[str, Any]:
    """Return a copy of a document with another value at a dotted key."""
    changed = copy.deepcopy(document)
    *owners, last = key.split(".")
    place: Any = changed
    for owner in owners:
        place[owner] = place = {"source": "toy"} if isinstance(place[owner], str) else place[owner]
    place[last] = value
    return changed


def _put(document: dict[str, Any], key: str, value: Any) -> dict[str, Any]:
    if key.startswith(("data.", "classifier.")):
        document = {**document, "data": {"source": "toy"}, "classifier": {"name": "knn"}}
    return with_value(document, key, value)


def _shown(value: Any) -> str:
    return json.dumps(value)[:30]


def bad() -> dict[str, Text]:
    """Return what has to be refused."""
    found = dict(TEXTS)
    for key, values in BAD.items():
        for value in values:
            found[f"{key} = {_shown(value)}"] = ".yaml", yaml.safe_dump(_put(GOOD, key, value))
    for key, values in BAD_2018.items():
        for value in values:
            found[f"2018, {key} = {_shown(value)}"] = (
                ".py",
                f"config_main = {with_value(OLD[0], key, value)!r}\n",
            )
    return found | {f"bomb, {name}": (f".{name.rsplit('.', 1)[1]}", text) for name, text in BOMBS.items()}


def odd() -> dict[str, Text]:
    """Return what may be read or refused: lines in YAML and in files of 2018."""
    whole = yaml.safe_dump(GOOD)
    found = {f"yaml, {line[:30]!r}": (".yaml", f"{whole}{line}\n") for line in YAML}
    lines = {f"2018, {line[:30]!r}": (".py", f"{line}\nconfig_main = {OLD[0]!r}\n") for line in LINES}
    return found | lines
