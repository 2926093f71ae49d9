"""Configurations that were good once: their texts, their structure, and files of the 2018 program."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml
from hypothesis import strategies as st
from tests.fuzz.mutations import damaged
from tests.fuzz.structures import edited
from tests.fuzz.watch import CANARY, Fault, refusal, watched

from elmarc.errors import ElmarcError
from elmarc.frontends import FRONTENDS
from elmarc.networks import NETWORKS
from elmarc.study.load import load_config, to_yaml

WHOLES: tuple[dict[str, Any], ...] = (
    {"name": "a", "data": "toy", "network": "vgg"},
    {
        "name": "b", "data": {"source": "clips.csv", "fold_column": "fold"},
        "network": {"kind": "single_layer", "size": "large", "filter_shape": [7, 86], "pool_shape": [1, 11]},
        "frontend": {"kind": "logmel", "sr": 12000, "n_mels": 96, "fmax": 6000.0},
        "input": {"n_frames": 200, "fix_length": "repeat-pad"}, "pooling": ["mean", "max"],
        "classifier": {"name": "elm", "ridge": True}, "protocol": "paper", "seed": 3, "batch_size": 5,
    },
    {
        "data": {"kind": "lists", "audio": "audio/", "train": "a", "validation": "b", "test": "c"},
        "network": {"kind": "sample_level", "n_filters": 12, "layers": ["pool1", "pool6"]},
        "input": {"n_samples": 4000}, "classifier": "svm", "recipe": "2018", "precision": "float32",
    },
    {"data": "esc10", "network": "mfcc", "frontend": {"kind": "mfcc", "n_mfcc": 20}, "seed": [0, 1, 2]},
    {
        "kind": "sweep", "data": {"source": "sounds"},
        "network": [{"kind": "vgg", "size": ["small", "large"]}, "temporal", "sample_level", None],
        "classifier": ["ridge", {"name": "svm"}], "seed": [0, 1],
    },
    {
        "data": {"source": "hf:who/what", "split": "train"},
        "network": {"kind": "external", "factory": f"{CANARY}:make", "options": {"a": [1, 2]},
        "unit": "frames"},
    },
)  # fmt: skip
OLD: tuple[dict[str, Any], ...] = (
    {
        "experiment_name": "v0", "features_type": "CNN", "model_type": "SVM", "SVM_verbose": 1,
        "load_extracted_features": False, "sampling_rate": 12000, "dataset": "GTZAN", "audio_path": "/a/",
        "save_extracted_features_folder": "f/", "results_folder": "r/", "train_set_list": "a.txt",
        "val_set_list": "b.txt", "test_set_list": "c.txt", "audios_list": False,
        "CNN": {
            "signal": "waveform", "n_samples": 350000, "architecture": "sample_level", "num_filters": 512,
            "selected_features_list": [0, 1, 2, 6], "batch_size": 5,
        },
    },
    {
        "experiment_name": "v1", "features_type": "CNN", "model_type": "ELM", "sampling_rate": 8000,
        "dataset": "ExtendedBallroom", "audio_path": "/a/", "results_folder": "r/", "audios_list": "all.txt",
        "save_extracted_features_folder": "f/", "fix_length_by": "zero-pad", "load_extracted_features": "x",
        "CNN": {
            "signal": "spectrogram", "n_mels": 96, "n_frames": 1376, "architecture": "cnn_single",
            "num_filters": 3585, "selected_features_list": [1], "filter_shape": [7, 86], "pool_shape": [1,
            11],
        },
    },
    {
        "features_type": "MFCC", "model_type": "KNN", "sampling_rate": 12000, "dataset": "UrbanSound8K",
        "audio_path": "/a/", "audios_list": "all.txt", "results_folder": "r/", "fix_length_by": "crop",
        "save_extracted_features_folder": "f/", "MFCC": {"number": 20, "fixed_length": 100},
    },
)  # fmt: skip
LINES = (
    "import os", f"import {CANARY}", f"from {CANARY} import *", "a = 'x'", "a = a + a", "a = [a, a]",
    "b = 12 * 3",
    "b = -b", "b = b / 0", "b = 7 ** 99999999", "b = 1 << 99999999", "c = os.path.join(a, 'y')", "a: int = 3",
    "a += 1", "del a", "os.system('true')", "__import__('os').system('true')", "a, b = 1, 2", "a = b = 3",
    "d = {**d}", "d = {**config_main}", "config_main['seed'] = 1", "for i in range(3): pass", "a = lambda: 0",
    "a = f'{b}'", "if True:\n    a = 1", "def f():\n    return 1", "class A: pass", "'''text'''", "a = 1e999",
    "a = '\\ud800'", "a = b'x'", "a = 1j", "a = ...", "config = {}", "config_main = 3", "a = (" * 60, "\0",
    "\f",
    "a = [x for x in y]", "a = 0x_1", "a = 99999999999999999999", "a = {1: 2}", "a = {'a': {'a': 1}}['a']",
)  # fmt: skip
YAML = (
    "a: &a [*a]", "b: &b {c: 1}", "c: *b", "<<: {seed: 3}", "data: !!python/object/apply:os.system [true]",
    f"network: !!python/name:{CANARY}.make", "name: !!binary YQ==", "seed: 0o17", "seed: 1_000", "seed: 1:30",
    "seed: .inf", "? [a, b]\n: c", "? {a: b}\n: c", "--- \n", "...", "%YAML 9.9\n---", "name: 2024-01-01",
    "seed: !!int x", "data: !!set {toy}", "data: !!omap [a: b]", "name: !!str 3", "- 1", "\t", "'", '"',
    "{", "&",
    "seed: 1\nseed: 2", "name: |\n  a\n  b", "=: 1", "name: ~", "1: 2", "null: 3", "on: off",
)  # fmt: skip
WORDS = (
    *NETWORKS, *FRONTENDS, "external", "toy", "gtzan", "folder", "table", "lists", "svm", "elm", "ridge",
    "knn",
    "paper", "nested", "v2", "small", "large", "crop", "repeat-pad", "mean", "std", "sweep", "mirdata:x",
    [7, 96], [[7, 96], [1, 1]], ["vgg", "temporal"], {"kind": "mfcc"}, {"size": "small", "n_filters": 3},
    12000, 96, 1376, "auto", "cuda:0", "hf:a/b", "2018", "bfloat16", "pool", [0, 1],
)  # fmt: skip
PAIRS = ("seed=1", "network.kind=vgg", "data.path.x=1", "a..b=1", "=1", "x", "seed=[0, 1]", "network=", ".=1",
         "network.size=[small, large]", "input.n_frames=-5", "data=&a [*a]",
         "classifier.name=!!int x")  # fmt: skip

Example = tuple[str, bytes, list[str]]


@st.composite
def examples(draw) -> Example:
    suffix, text = draw(st.one_of(_documents(), _texts()))
    return suffix, text, draw(st.one_of(st.just([]), st.lists(st.sampled_from(PAIRS), max_size=2)))


@st.composite
def _documents(draw) -> tuple[str, bytes]:
    suffix = draw(st.sampled_from([".yaml", ".json"]))
    document = draw(edited(WHOLES, words=WORDS))
    text = json.dumps(document) if suffix == ".json" else yaml.safe_dump(document, allow_unicode=True)
    return suffix, text.encode(errors="surrogatepass")


@st.composite
def _texts(draw) -> tuple[str, bytes]:
    suffix = draw(st.sampled_from([".yaml", ".yml", ".toml", ".json"]))
    if suffix == ".toml":
        text = 'name = "a"\ndata = "toy"\nseed = [0, 1]\n[network]\nkind = "vgg"\nsize = "small"\n'
    else:
        text = yaml.safe_dump(draw(st.sampled_from(WHOLES)), default_flow_style=suffix == ".json")
    lines = text.splitlines()
    for _ in range(draw(st.integers(0, 2))):
        lines.insert(draw(st.integers(0, len(lines))), draw(st.sampled_from(YAML)))
    whole = "\n".join(lines).encode()
    return suffix, draw(st.one_of(st.just(whole), damaged([whole])))


@st.composite
def old_examples(draw) -> Example:
    document = draw(edited(OLD, words=(*WORDS, "SVM", "cnn_audio", "frame_level", "logmel")))
    lines = [f"config_main = {document!r}"]
    for _ in range(draw(st.integers(0, 4))):
        lines.insert(draw(st.integers(0, len(lines))), draw(st.sampled_from(LINES)))
    whole = "\n".join(lines).encode(errors="surrogatepass")
    return ".py", draw(st.one_of(st.just(whole), damaged([whole]))), []


def check(example: Example, folder: Path) -> str:
    """A configuration that is read is the same when it is written and read again."""
    suffix, text, overrides = example
    path = folder / f"config{suffix}"
    path.write_bytes(text)
    with watched(folder):
        try:
            config = load_config(path, overrides)
        except ElmarcError as problem:
            if not (path.name in str(problem) or str(problem).startswith("--set")):
                raise Fault(f"the message does not name the file: {problem}") from None
            return refusal(problem)
        written = to_yaml(config)
        path.with_suffix(".yaml").write_text(written, encoding="utf-8")
        if load_config(path.with_suffix(".yaml")) != config:
            raise Fault(f"written and read again, it is another:\n{written}")
    return "read"
