"""The 2018 `config_file.py`: whatever it asked for is asked for, under today's names."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from elmarc.config import legacy
from elmarc.study.load import load_config, to_yaml
from elmarc.study.sections import FRONTEND_SECTIONS
from elmarc.study.spec import Experiment, ListsData, parse_experiment

LogMelFrontEnd, WaveformFrontEnd, MFCCFrontEnd = (
    FRONTEND_SECTIONS[kind] for kind in ("logmel", "waveform", "mfcc")
)

README_GTZAN = """\
config_main = {

    # Experimental setup
    'experiment_name': 'v0_or_any_name',
    'features_type': 'CNN',
    'model_type': 'SVM',
    'SVM_verbose': 1,
    'load_extracted_features': False,
    'sampling_rate': 12000,

    # Dataset configuration
    'dataset': 'GTZAN',
    'audio_path': '/path_to_audio/jpons/GTZAN/',
    'save_extracted_features_folder': '../data/GTZAN/features/',
    'results_folder': '../data/GTZAN/results/',
    'train_set_list': '/path_to_train_set/jpons/GTZAN_partitions/train_filtered.txt',
    'val_set_list': '/path_to_val_set/jpons/GTZAN_partitions/valid_filtered.txt',
    'test_set_list': '/path_to_test_set/jpons/GTZAN_partitions/test_filtered.txt',
    'audios_list': False,

    # Waveform model: sample level CNN
    'CNN': {
        'signal': 'waveform',
        'n_samples': 350000,

        'architecture': 'sample_level',
        'num_filters': 512,
        'selected_features_list': [0, 1, 2, 3, 4, 5, 6],

        'batch_size': 5
    }
}
"""
README_BALLROOM = """\
config_main = {

    # Experimental setup
    'experiment_name': 'v0_or_any_name',
    'features_type': 'CNN',
    'model_type': 'ELM',
    'load_extracted_features': False,
    'sampling_rate': 12000,

    # Dataset configuration
    'dataset': 'ExtendedBallroom',
    'audio_path': '/path_to_audio/jpons/extended_ballroom/',
    'save_extracted_features_folder': '../data/Extended_Ballroom/features/',
    'results_folder': '../data/Extended_Ballroom/results/',
    'train_set_list': None,
    'val_set_list': None,
    'test_set_list': None,
    'audios_list': '/path_to_all_audios/jpons/extended_ballroom/all_files.txt',

    # Spectrogram model: 7x86 CNN
    'CNN': {
        'signal': 'spectrogram',
        'n_mels': 96,
        'n_frames': 1376,

        'architecture': 'cnn_single',
        'num_filters': 3585,
        'selected_features_list': [1],
        'filter_shape': [7,86],
        'pool_shape': [1,11],

        'batch_size': 5
    }
}
"""
CNN = {
    "signal": "spectrogram",
    "n_mels": 96,
    "n_frames": 1376,
    "architecture": "cnn_small_filters",
    "num_filters": 32,
    "selected_features_list": [0, 1, 2, 3, 4],
    "batch_size": 5,
}
WAVEFORM = {"signal": "waveform", "n_samples": 48000, "n_mels": ..., "n_frames": ...}
MAIN: dict[str, Any] = {
    "experiment_name": "v0",
    "features_type": "CNN",
    "model_type": "SVM",
    "load_extracted_features": False,
    "sampling_rate": 12000,
    "dataset": "Ballroom",
    "audio_path": "/data/ballroom/",
    "save_extracted_features_folder": "features/",
    "results_folder": "results/",
    "train_set_list": None,
    "val_set_list": None,
    "test_set_list": None,
    "audios_list": "all.txt",
    "fix_length_by": "crop",
    "CNN": CNN,
    "MFCC": {"number": 20, "fixed_length": 2048},
}


def without_ellipsis(section: dict[str, Any]) -> dict[str, Any]:
    return {
        key: without_ellipsis(value) if isinstance(value, dict) else value
        for key, value in section.items()
        if value is not ...
    }


def document(cnn: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    """MAIN with changes; `...` leaves a key out."""
    main = {**copy.deepcopy(MAIN), **changes}
    if cnn is not None:
        main["CNN"] = {**CNN, **cnn}
    return without_ellipsis(main)


def read(main: dict[str, Any]) -> Experiment:
    text = f"config_main = {main!r}\n"
    return parse_experiment(legacy.read_document(text, "config_file.py"), source="config_file.py")


def load(folder: Path, text: str, overrides: tuple[str, ...] = ()) -> Experiment:
    path = folder / "config_file.py"
    path.write_text(text)
    config = load_config(path, overrides)
    assert isinstance(config, Experiment)
    return config


# The README's two examples, as they stand


def test_readme_gtzan(tmp_path: Path) -> None:
    config = load(tmp_path, README_GTZAN)
    assert config.name == "v0_or_any_name"
    assert config.data == ListsData(
        kind="lists",
        name="gtzan",
        audio="/path_to_audio/jpons/GTZAN/",
        train=Path("/path_to_train_set/jpons/GTZAN_partitions/train_filtered.txt"),
        validation=Path("/path_to_val_set/jpons/GTZAN_partitions/valid_filtered.txt"),
        test=Path("/path_to_test_set/jpons/GTZAN_partitions/test_filtered.txt"),
    )
    assert config.frontend == WaveformFrontEnd(kind="waveform", sr=12000)
    assert config.network is not None
    assert (config.network.kind, config.network.n_filters, config.network.layers) == (
        "sample_level",
        512,
        None,
    )
    assert (config.input.n_samples, config.input.fix_length) == (350000, "crop")
    assert (config.classifier.name, config.classifier.standardise) == ("svm", False)
    assert (config.protocol, config.batch_size) == ("paper", 5)
    assert (config.store, config.results) == (Path("../data/GTZAN/features"), Path("../data/GTZAN/results"))


def test_readme_extended_ballroom(tmp_path: Path) -> None:
    config = load(tmp_path, README_BALLROOM)
    assert isinstance(config.data, ListsData)
    assert (config.data.name, config.data.train) == ("extended_ballroom", None)
    assert config.data.files == Path("/path_to_all_audios/jpons/extended_ballroom/all_files.txt")
    assert config.frontend == LogMelFrontEnd(kind="logmel")
    assert config.network is not None
    assert (config.network.kind, config.network.n_filters, config.network.layers) == ("7x86", 3585, None)
    assert (config.input.n_frames, config.input.fix_length) == (1376, "crop")
    assert (config.classifier.name, config.protocol) == ("elm", "paper")


@pytest.mark.parametrize("text", [README_GTZAN, README_BALLROOM], ids=["gtzan", "ballroom"])
def test_the_converted_file_means_the_same(text: str, tmp_path: Path) -> None:
    config = load(tmp_path, text)
    (tmp_path / "new.yaml").write_text(to_yaml(config))
    assert load_config(tmp_path / "new.yaml") == config


def test_overrides_use_the_new_names(tmp_path: Path) -> None:
    config = load(tmp_path, README_BALLROOM, ("classifier.name=svm", "protocol=nested"))
    assert (config.classifier.name, config.protocol) == ("svm", "nested")


@pytest.mark.parametrize(
    "text",
    [
        "config = {!r}",
        "settings = {!r}",
        "import os\nextra = {{}}\nconfig_main = {!r}\nconfig = config_main\n'''DOCUMENTATION'''",
    ],
)
def test_the_dict_is_found(text: str, tmp_path: Path) -> None:
    assert load(tmp_path, text.format(document())).name == "v0"


# Networks

NETWORKS = [
    ("cnn_small_filters", [0, 1, 2, 3, 4], "vgg", None),
    ("cnn_small_filters", [4], "vgg", ("pool5",)),
    ("cnn_small_filters", [-1, 0], "vgg", ("pool5", "pool1")),
    ("cnn_small_filters", [1, 1], "vgg", ("pool2",)),
    ("cnn_music", [0], "timbral", None),
    ("cnn_music", [1], "temporal", None),
    ("cnn_music", [0, 1], "timbral_temporal", None),
    ("cnn_music", [1, 0], "timbral_temporal", ("temporal", "timbral")),
    ("cnn_audio", [0, 1], "timbral_temporal_audio", None),
    ("cnn_audio", [1], "timbral_temporal_audio", ("temporal",)),
    ("sample_level", [0, 6], "sample_level", ("conv0", "pool6")),
    ("frame_level", [0, 1, 2, 3], "frame_level", None),
    ("frame_level_many", [4, 5], "frame_level_many", ("conv32", "back1")),
]


def cnn_of(architecture: str, selected: list[int]) -> dict[str, Any]:
    signal = WAVEFORM if architecture.startswith(("sample_", "frame_")) else {}
    return {**signal, "architecture": architecture, "selected_features_list": selected}


@pytest.mark.parametrize(("architecture", "selected", "kind", "layers"), NETWORKS)
def test_maps_by_index_are_layers_by_name(
    architecture: str, selected: list[int], kind: str, layers: tuple[str, ...] | None
) -> None:
    network = read(document(cnn_of(architecture, selected))).network
    assert network is not None
    assert (network.kind, network.n_filters, network.layers) == (kind, 32, layers)


@pytest.mark.parametrize(
    ("filter_shape", "pool_shape", "selected", "kind", "layers"),
    [
        ([7, 96], [1, 1], [1], "7x96", None),
        ([7, 86], [1, 11], [1], "7x86", None),
        ([7, 86], [1, 11], [0, 1], "7x86", ("conv", "pool")),
        ([7, 86], [1, 1], [1], "single_layer", ("pool",)),
    ],
)
def test_single_layers_by_shape(
    filter_shape: list[int],
    pool_shape: list[int],
    selected: list[int],
    kind: str,
    layers: tuple[str, ...] | None,
) -> None:
    cnn = {"architecture": "cnn_single", "filter_shape": filter_shape, "pool_shape": pool_shape}
    network = read(document({**cnn, "selected_features_list": selected})).network
    assert network is not None
    assert (network.kind, network.layers) == (kind, layers)
    if kind == "single_layer":
        shapes = network.model_dump(mode="json")
        assert (shapes["filter_shape"], shapes["pool_shape"]) == (filter_shape, pool_shape)


def test_the_study_shapes_at_other_bands_keep_their_shape() -> None:
    cnn = {"architecture": "cnn_single", "filter_shape": [7, 86], "pool_shape": [1, 11], "n_mels": 128}
    network = read(document({**cnn, "selected_features_list": [1]})).network
    assert network is not None
    assert network.kind == "single_layer"


def test_layer_names_are_those_of_the_networks() -> None:
    from elmarc.networks import build_network

    for architecture, maps in legacy.MAPS.items():
        name = legacy.NAMES.get(architecture, architecture)
        shapes = {"filter_shape": (7, 86), "pool_shape": (1, 11)} if name == "single_layer" else {}
        assert build_network(name, size="small", **shapes).layer_names == maps
    for name, layers in legacy.DEFAULT_LAYERS.items():
        assert build_network(name, size="small").layers == layers


@pytest.mark.parametrize(
    ("architecture", "compat"),
    [("frame_level", "2018"), ("frame_level_many", "2018"), ("sample_level", None)],
)
def test_the_frame_level_defect_is_asked_for(architecture: str, compat: str | None) -> None:
    config = read(document(cnn_of(architecture, [0, 1])))
    assert config.network is not None
    assert config.network.compat == compat
    assert any("defect" in note for note in config.notes) == (compat is not None)


# Everything else


@pytest.mark.parametrize(("old", "new"), legacy.CLASSIFIERS.items())
def test_classifiers(old: str, new: str) -> None:
    assert read(document(model_type=old)).classifier.name == new


@pytest.mark.parametrize(("old", "new"), legacy.DATASETS.items())
def test_data_sets(old: str, new: str) -> None:
    data = read(document(dataset=old)).data
    assert isinstance(data, ListsData)
    assert (data.name, data.audio, data.files) == (new, "/data/ballroom/", Path("all.txt"))


def test_the_prefix_is_kept_to_the_letter() -> None:
    data = read(document(audio_path="/data/x//clip_")).data
    assert isinstance(data, ListsData)
    assert data.audio == "/data/x//clip_"


def test_one_list_goes_before_three() -> None:
    config = read(document(train_set_list="a.txt"))
    assert isinstance(config.data, ListsData)
    assert (config.data.files, config.data.train) == (Path("all.txt"), None)
    assert any("train_set_list" in note for note in config.notes)


@pytest.mark.parametrize("fix", ["zero-pad", "repeat-pad", "crop"])
def test_lengths(fix: str) -> None:
    config = read(document({"n_frames": 188}, fix_length_by=fix))
    assert (config.input.n_frames, config.input.n_samples, config.input.fix_length) == (188, None, fix)


@pytest.mark.parametrize("fix", [False, ...])
def test_without_a_rule_clips_are_cropped_and_a_note_says_so(fix: object) -> None:
    config = read(document(fix_length_by=fix))
    assert config.input.fix_length == "crop"
    assert any(note.startswith("fix_length_by is not set") for note in config.notes)


@pytest.mark.parametrize(("sr", "fmax"), [(12000, None), (22050, 6000.0), (8000, None)])
def test_bands_end_where_they_did(sr: int, fmax: float | None) -> None:
    frontend = read(document({"n_mels": 64}, sampling_rate=sr)).frontend
    assert frontend == LogMelFrontEnd(kind="logmel", sr=sr, n_mels=64, fmax=fmax, pad_mode="reflect")


@pytest.mark.parametrize("fix", ["zero-pad", "repeat-pad", "crop"])
def test_mfcc(fix: str) -> None:
    config = read(document(features_type="MFCC", fix_length_by=fix))
    assert config.network is None
    assert config.frontend == MFCCFrontEnd(
        kind="mfcc", n_mfcc=20, fixed_length=2048, fix_length=fix, pad_mode="reflect"
    )


@pytest.mark.parametrize("fix", [False, ...])
def test_mfcc_without_a_rule_reads_the_whole_clip(fix: object) -> None:
    frontend = read(document(features_type="MFCC", fix_length_by=fix, CNN=...)).frontend
    assert frontend == MFCCFrontEnd(kind="mfcc", pad_mode="reflect")
    assert frontend.options()["fixed_length"] is None


def test_older_files_without_later_keys_are_read() -> None:
    config = read(document({"signal": ..., "batch_size": ...}, model_type=..., MFCC=...))
    assert (config.classifier.name, config.frontend.kind, config.batch_size) == ("svm", "logmel", None)


def test_what_has_no_effect_is_noted() -> None:
    config = read(document({"n_samples": 9, "filter_shape": [7, 96]}, SVM_verbose=2))
    assert "without effect here: SVM_verbose, MFCC, CNN.filter_shape, CNN.n_samples" in config.notes


def test_the_missing_seed_is_noted() -> None:
    config = read(document())
    assert config.seed == 0
    assert "no seed" in config.notes[0]


# Stored features


def test_a_feature_file_is_read_with_this_files_settings() -> None:
    config = read(document(load_extracted_features="features/mine.npz", model_type="KNN"))
    assert (config.features_file, config.store) == (Path("features/mine.npz"), Path("features"))
    assert config.classifier.name == "knn"
    assert any("this file's settings" in note for note in config.notes)


def test_a_folder_is_a_store() -> None:
    config = read(document(load_extracted_features="../v1.0/features/"))
    assert (config.features_file, config.store) == (None, Path("../v1.0/features"))


@pytest.mark.parametrize(("architecture", "selected", "kind", "layers"), NETWORKS)
def test_a_file_is_read_as_its_text_is(
    tmp_path: Path, architecture: str, selected: list[int], kind: str, layers: tuple[str, ...] | None
) -> None:
    main = document(cnn_of(architecture, selected))
    assert load(tmp_path, f"config_main = {main!r}\n") == read(main)


def test_a_file_with_shapes_of_its_own_is_read(tmp_path: Path) -> None:
    cnn = {"architecture": "cnn_single", "filter_shape": [7, 86], "pool_shape": [1, 1]}
    main = document({**cnn, "selected_features_list": [1]})
    assert load(tmp_path, f"config_main = {main!r}\n") == read(main)
