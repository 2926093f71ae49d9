"""Mistakes in a 2018 `config_file.py` are named by its own keys, and nothing in it is ever run."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest
from tests.config.test_legacy import document, read

from elmarc.config import legacy
from elmarc.errors import ConfigError


@pytest.mark.parametrize(
    ("main", "message"),
    [
        (document(model_typ="SVM", model_type=...), r"^config_file\.py: model_typ: .*'model_type'"),
        (document({"num_filter": 3}), r"CNN\.num_filter: unknown key; did you mean 'CNN\.num_filters'"),
        (document(architecture="cnn_single"), r"architecture: unknown key; did you mean 'CNN\.architecture'"),
        (document({"num_filters": ...}), r"CNN\.num_filters: missing"),
        (document({"num_filters": "32"}), r"CNN\.num_filters: found '32' \(text\), expected a whole number"),
        (document({"architecture": "cnn_smal_filters"}), r"CNN\.architecture: .*mean 'cnn_small_filters'"),
        (document({"selected_features_list": [5]}), "CNN: selected_features_list: found 5, .* has 0 pool1"),
        (document({"selected_features_list": []}), r"CNN\.selected_features_list: .*at least 1 items"),
        (document({"selected_features_list": [True]}), r"CNN\.selected_features_list\.0: .*whole number"),
        (document({"signal": "waveform"}), "CNN: signal: .*cnn_small_filters reads 'spectrogram'"),
        (document({"architecture": "cnn_single", "selected_features_list": [1]}), "cnn_single needs both"),
        (document(CNN=...), "CNN: missing, and features_type asks for it"),
        (document(features_type="MFCC", MFCC=...), "MFCC: missing, and features_type asks for it"),
        (document(features_type="MFCC", MFCC={"number": 20}), r"MFCC\.fixed_length: missing"),
        (document(features_type="cnn"), "features_type: found 'cnn' .*did you mean 'CNN'"),
        (document(dataset="GTZN"), "dataset: found 'GTZN' .*did you mean 'GTZAN'"),
        (document(audios_list=False), "train_set_list: missing; give the three lists"),
        (document(fix_length_by="pad"), "fix_length_by: found 'pad' .*'crop', 'zero-pad' or 'repeat-pad'"),
        (document(audio_path=...), "audio_path: missing"),
        (document(audios_list=True), "audios_list: found True"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_by_its_2018_key(main: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read(main)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1\ny = 2", "found no `config_main = "),
        ("a = {}\nb = {}", "found no `config_main = "),
        ("config_main = 3", "config_main is not a dict"),
        ("config_main = dict(a=1)", r"line 1: `dict\(a=1\)` would have to be executed"),
        ("config_main = {'audio_path': input()}", r"line 1: `input\(\)` would have to be executed"),
    ],
)
def test_a_file_without_a_readable_dict_is_refused(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        legacy.read_document(text, "config_file.py")


class Trap:
    """Unpickling it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("name", ["v0_MFCC_1525.pkl", "features.pickle", "bare"])
def test_a_pickle_is_refused_unopened(name: str, tmp_path: Path) -> None:
    path, trace = tmp_path / name, tmp_path / "trace"
    path.write_bytes(pickle.dumps(Trap(trace)))
    with pytest.raises(ConfigError, match=r"load_extracted_features: .* is a pickle .*set it to False"):
        read(document(load_extracted_features=str(path)))
    assert not trace.exists()


def test_a_path_longer_than_any_file_name_is_no_traceback() -> None:
    assert read(document(load_extracted_features="x" * 5000)).store == Path("x" * 5000)
