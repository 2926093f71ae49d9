from __future__ import annotations

import copy
import hashlib
import io
import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.model.conftest import classifier
from tests.sounds import noises
from torch import nn

import elmarc
from elmarc import RandomCNNFeatures, SoundClassifier
from elmarc.classifiers import CLASSIFIERS
from elmarc.errors import ModelError
from elmarc.features import store
from elmarc.frontends import LogMel
from elmarc.model import file as model_file
from elmarc.model.file import FORMAT, MAGIC, pack, unpack, unzip, zip_of
from elmarc.networks import ExternalNetwork

KNOWN = (model_file.DESCRIPTION, model_file.CLASSIFIER, model_file.WEIGHTS, model_file.UNKNOWN)


@pytest.fixture(scope="module")
def new() -> np.ndarray:
    return noises(12, seed=9)[0]


def parts_of(path: Path) -> dict[str, bytes]:
    return unpack(path.read_bytes(), known=KNOWN)


def changed(path: Path, change) -> Path:
    """Rewrite a model's description under a right checksum."""
    parts = parts_of(path)
    about = json.loads(parts[model_file.DESCRIPTION])
    change(about)
    path.write_bytes(pack({**parts, model_file.DESCRIPTION: json.dumps(about).encode()}))
    return path


def test_an_accuracy_without_an_interval_is_saved_as_such(sounds, tmp_path: Path) -> None:
    """Three groups of clips are too few for an interval."""
    groups = np.repeat(["ada", "ben", "cem"], 15)
    model = classifier("timbral", "knn").fit(*sounds, groups=groups)
    model.save(tmp_path / "m.elmarc")
    again = elmarc.load(tmp_path / "m.elmarc")
    assert again.expected_ == model.expected_
    assert again.expected_.interval is None
    assert "right (no interval: too few groups of clips), from 45 clips in 3 folds" in str(again.expected_)


@pytest.mark.parametrize("classifier", CLASSIFIERS)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_loaded_model_says_what_the_saved_one_says(fitted, new, tmp_path: Path, classifier: str) -> None:
    model = fitted(classifier=classifier)
    model.save(tmp_path / "m.elmarc")
    again = elmarc.load(tmp_path / "m.elmarc")
    assert np.array_equal(again.predict_proba(new), model.predict_proba(new))
    assert np.array_equal(again.predict(new), model.predict(new))
    assert (again.expected_, again.best_params_, again.n_clips_) == (
        model.expected_,
        model.best_params_,
        model.n_clips_,
    )
    again.save(tmp_path / "again.elmarc")
    model.save(tmp_path / "twice.elmarc")
    first = (tmp_path / "m.elmarc").read_bytes()
    assert first == (tmp_path / "again.elmarc").read_bytes() == (tmp_path / "twice.elmarc").read_bytes()


@pytest.mark.parametrize(
    "options",
    [
        {"network": "mfcc"},
        {"network": "sample_level", "n_filters": 4, "fix_length": "zero-pad", "duration": 1.0},
        {"network": {"kind": "single_layer", "filter_shape": (7, 40), "pool_shape": (1, 1), "n_filters": 4},
         "frontend": LogMel(n_mels=40)},
        {"network": "timbral", "frontend": {"top_db": None}, "statistics": ("max", "ppv"), "recipe": "2018"},
        {"network": "timbral", "layers": ["timbral"], "random_state": np.random.RandomState(3)},
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore::elmarc.errors.CutWarning")
def test_every_kind_of_features_comes_back(sounds, new, tmp_path: Path, options) -> None:
    model = classifier(**options).fit(*sounds)
    model.save(tmp_path / "m.elmarc")
    again = elmarc.load(tmp_path / "m.elmarc")
    assert np.array_equal(again.predict_proba(new), model.predict_proba(new))
    assert again.extractor_.definition == model.extractor_.definition
    assert again.classes_.dtype == model.classes_.dtype


@pytest.mark.parametrize("labels", [[3, 1, 2], [True, False, True], np.array(["x", "y", "z"], dtype=object)])
def test_labels_keep_their_type(sounds, new, tmp_path: Path, labels) -> None:
    y = np.asarray(labels)[np.arange(45) % 3]
    model = classifier().fit(sounds[0], y)
    model.save(tmp_path / "m.elmarc")
    predicted = elmarc.load(tmp_path / "m.elmarc").predict(new)
    assert predicted.dtype == model.predict(new).dtype == y.dtype
    assert np.array_equal(predicted, model.predict(new))


def test_a_new_process_says_the_same(fitted, new, tmp_path: Path) -> None:
    model = fitted()
    model.save(tmp_path / "m.elmarc")
    np.save(tmp_path / "new.npy", new)
    script = (
        "import numpy as np, elmarc; m = elmarc.load('m.elmarc'); X = np.load('new.npy');"
        "np.savez('said.npz', labels=m.predict(X), shares=m.predict_proba(X))"
    )
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True)
    said = np.load(tmp_path / "said.npz")
    assert np.array_equal(said["labels"], model.predict(new))
    assert np.array_equal(said["shares"], model.predict_proba(new))


def test_the_file_says_what_is_in_it_and_nothing_of_this_machine(fitted, tmp_path: Path) -> None:
    fitted().save(tmp_path / "m.elmarc")
    parts = parts_of(tmp_path / "m.elmarc")
    assert set(parts) == {*KNOWN} - {model_file.WEIGHTS}  # which follow from the seed
    about = json.loads(parts[model_file.DESCRIPTION])
    assert about["elmarc"] == elmarc.__version__
    assert about["expected"]["n_clips"] == 45
    assert about["classes"]["values"] == ["bright", "dark", "plain"]
    assert not {"store", "device", "n_workers", "batch_size"} & about["parameters"]["features"].keys()
    assert str(Path.home()) not in parts[model_file.DESCRIPTION].decode()


def test_an_unfitted_model_is_not_saved(tmp_path: Path) -> None:
    from sklearn.exceptions import NotFittedError

    with pytest.raises(NotFittedError):
        SoundClassifier().save(tmp_path / "m.elmarc")


def test_any_changed_byte_of_a_model_is_refused(fitted, tmp_path: Path, rng) -> None:
    path = tmp_path / "m.elmarc"
    fitted().save(path)
    good = path.read_bytes()
    for place in [*range(80), *rng.integers(len(good), size=200).tolist()]:
        bad = bytearray(good)
        bad[place] ^= int(rng.integers(1, 256))
        path.write_bytes(bad)
        with pytest.raises(ModelError, match=r"m\.elmarc: "):
            elmarc.load(path)
    for length in rng.integers(len(good), size=50).tolist():
        path.write_bytes(good[:length])
        with pytest.raises(ModelError, match=r"m\.elmarc: "):
            elmarc.load(path)


def test_no_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "absent", tmp_path):
        with pytest.raises(ModelError, match="cannot be read"):
            elmarc.load(path)


def test_other_features_are_refused(fitted, tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "m.elmarc"
    fitted().save(path)
    with monkeypatch.context() as patch:
        patch.setattr(store, "SCHEMA_VERSION", store.SCHEMA_VERSION + 1)
        with pytest.raises(ModelError, match=r"was fitted on features of elmarc .* computed in another way"):
            elmarc.load(path)
    changed(path, lambda about: about["parameters"]["features"].update(random_state=5))
    with pytest.raises(ModelError, match="their network differ"):
        elmarc.load(path)


@pytest.mark.parametrize(
    "change",
    [
        lambda about: about.pop("scale"),
        lambda about: about.update(scale=float("nan")),
        lambda about: about.update(scale=-1),
        lambda about: about["parameters"]["features"].update(input_sr="12000"),
        lambda about: about["parameters"]["features"].update(sr=float("inf")),
        lambda about: about["parameters"].update(random_state=float("inf")),
        lambda about: about["classes"].update(values=["dark", "plain"]),
        lambda about: about["classes"].update(values=["dark", "dark", "plain"]),
        lambda about: about.update(parameters=[]),
        lambda about: about["parameters"].update(strange=1),
        lambda about: about["parameters"]["features"].update(strange=1),
        lambda about: about["parameters"]["features"].update(kind="LogisticRegression"),
        lambda about: about["parameters"]["features"].pop("kind"),
        lambda about: about["parameters"]["features"].update(random_state=float("inf")),
        lambda about: about["parameters"]["features"].update(network="toaster"),
        lambda about: about["parameters"]["features"].update(frontend={"kind": "toaster"}),
        lambda about: about["parameters"]["features"].update(
            network={"kind": "external", "factory": "evil:Net"}
        ),
        lambda about: about["classes"].update(dtype="V999999999999"),
        lambda about: about.update(length="long"),
        lambda about: about.update(expected={"accuracy": 1}),
    ],
)
def test_a_description_that_makes_no_sense_is_refused(fitted, tmp_path: Path, change) -> None:
    fitted().save(tmp_path / "m.elmarc")
    with pytest.raises(ModelError, match=r"m\.elmarc: "):
        elmarc.load(changed(tmp_path / "m.elmarc", change))


def test_the_classifier_of_another_model_is_refused(fitted, tmp_path: Path) -> None:
    fitted().save(tmp_path / "m.elmarc")
    fitted("mfcc").save(tmp_path / "other.elmarc")
    parts = parts_of(tmp_path / "m.elmarc")
    parts[model_file.CLASSIFIER] = parts_of(tmp_path / "other.elmarc")[model_file.CLASSIFIER]
    (tmp_path / "m.elmarc").write_bytes(pack(parts))
    with pytest.raises(ModelError, match=r"m\.elmarc: standardise\.mean_ is .*, expected float64 \(160,\)"):
        elmarc.load(tmp_path / "m.elmarc")


def test_a_classifier_that_lacks_an_array_is_refused(fitted, tmp_path: Path) -> None:
    path = tmp_path / "m.elmarc"
    fitted(classifier="elm").save(path)
    parts = parts_of(path)
    inner = unzip(parts[model_file.CLASSIFIER])
    for name in inner:
        rest = zip_of({key: array for key, array in inner.items() if key != name})
        path.write_bytes(pack({**parts, model_file.CLASSIFIER: rest}))
        with pytest.raises(
            ModelError, match=rf"m\.elmarc: {re.escape(name.removesuffix('.npy'))} is missing"
        ):
            elmarc.load(path)


@pytest.mark.parametrize("other", [[0] * 3, 3, -1])
def test_a_clip_of_no_class_among_nearest_neighbours_is_refused(fitted, tmp_path: Path, other) -> None:
    model = copy.deepcopy(fitted(classifier="knn"))
    nearest = model.estimator_[-1]
    nearest._y = np.array(other if isinstance(other, list) else [*nearest._y[:-1], other])
    with pytest.raises(ModelError, match="_y "):
        model.save(tmp_path / "m.elmarc")
    assert not (tmp_path / "m.elmarc").exists()


@pytest.mark.parametrize("name", [*model_file.OF_THIS_MACHINE, "n_jobs", "verbose", "cache", "memory"])
def test_where_and_how_to_compute_is_never_taken_from_a_file(fitted, tmp_path: Path, name: str) -> None:
    """An edited `store` made `predict` write into any folder, an edited `device` gave a traceback."""
    path = tmp_path / "m.elmarc"
    for value in ("meta", str(tmp_path / "elsewhere"), 10**9, -1, None):
        for place in ({}, {"features": {}}):
            fitted().save(path)

            def edit(about, value=value, place=place) -> None:
                owner = about["parameters"]["features"] if place else about["parameters"]
                owner.update({name: value})

            with pytest.raises(ModelError, match=rf"m\.elmarc: sets '{name}', which no model file does"):
                elmarc.load(changed(path, edit))
    fitted().save(path)
    parameters = elmarc.load(path).features_.get_params(deep=False)
    defaults = RandomCNNFeatures(store=None).get_params(deep=False)  # features of new clips are not stored
    assert all(parameters[key] == defaults[key] for key in model_file.OF_THIS_MACHINE)
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize(
    ("rates", "possible"),
    [
        ({"input_sr": 2}, False),
        ({"input_sr": 99}, False),
        ({"input_sr": 12000.0}, False),
        ({"input_sr": 2_000_000}, False),
        ({"input_sr": 10**30}, False),
        ({"input_sr": 8000}, True),
        ({"input_sr": 192_000}, True),
        ({"input_sr": None}, True),
    ],
)
def test_rates_of_a_file_are_those_of_recorders(fitted, tmp_path: Path, rates, possible: bool) -> None:
    """A clip in memory is resampled whole: at 2 Hz it grew 6,000 times."""
    path = tmp_path / "m.elmarc"
    fitted().save(path)
    changed(path, lambda about: about["parameters"]["features"].update(rates))
    if possible:
        assert elmarc.load(path).features_.input_sr == rates["input_sr"]
        return
    with pytest.raises(ModelError, match=r"m\.elmarc: input_sr .*100 to 1000000 Hz"):
        elmarc.load(path)


@pytest.mark.filterwarnings("ignore::elmarc.errors.CutWarning")
def test_a_rate_that_would_be_refused_is_not_saved(sounds, tmp_path: Path) -> None:
    model = classifier(n_filters=4, input_sr=50, duration=1.0).fit(*sounds)
    with pytest.raises(ModelError, match=r"input_sr 50, sr 12000: a model file holds rates of 100"):
        model.save(tmp_path / "m.elmarc")


HUGE = "x" * 100_000
JUNK = [None, True, -1, 10**30, float("nan"), "", HUGE, [], [HUGE] * 2, [[HUGE]], {}, {"a": HUGE}, {HUGE: 1}]


@pytest.mark.parametrize(
    "place",
    [
        ("classes",), ("classes", "values"), ("classes", "dtype"), ("expected",), ("expected", "accuracy"),
        ("expected", "n_clips"), ("best_params",), ("n_clips",), ("scale",), ("length",), ("fix_length",),
        ("network",), ("definition",), ("definition_key",), ("elmarc",), ("n_samples",), ("parameters",),
        ("parameters", "classifier"), ("parameters", "standardise"), ("parameters", "random_state"),
        ("parameters", "features"),
        *(("parameters", "features", key) for key in (
            "kind", "network", "frontend", "recipe", "input_sr", "statistics", "layers", "precision",
        )),
    ],
    ids=".".join,
)  # fmt: skip
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_any_value_of_a_description_is_refused_in_short_or_a_model_that_works(
    fitted, new, tmp_path: Path, place: tuple[str, ...]
) -> None:
    """Two axes of `classes_` were printed whole, in five million characters."""
    path = tmp_path / "m.elmarc"
    fitted("mfcc").save(path)
    whole = path.read_bytes()
    for value in JUNK:
        path.write_bytes(whole)

        def edit(about, value=value) -> None:
            for key in place[:-1]:
                about = about[key]
            about[place[-1]] = value

        try:
            model = elmarc.load(changed(path, edit))
        except ModelError as problem:
            assert str(problem).startswith(f"{path}: ")  # noqa: PT017
            assert len(str(problem)) < 1000 + len(str(path))  # noqa: PT017
            continue
        shares = model.predict_proba(new)
        assert shares.shape == (len(new), len(model.classes_))
        assert set(model.predict(new).tolist()) <= set(model.classes_.tolist())
        assert len(str(model.expected_)) < 1000


@pytest.mark.parametrize(
    "values", [[["a", "b"], ["c", "d"]], [["a"], ["b"], ["c"]], ["a", "a", "b"], ["a"], [], "abc"]
)
def test_labels_of_two_axes_or_twice_the_same_are_refused(fitted, tmp_path: Path, values) -> None:
    fitted().save(tmp_path / "m.elmarc")
    with pytest.raises(ModelError, match=r"m\.elmarc: "):
        elmarc.load(changed(tmp_path / "m.elmarc", lambda about: about["classes"].update(values=values)))


@pytest.mark.parametrize(
    ("classifier", "params"),
    [
        ("svm", {"classifier__kernel": "precomputed"}),
        ("svm", {"classifier__kernel": "poly"}),
        ("svm", {"classifier__C": "much"}),
        ("svm", {"classifier__gamma": -1}),
        ("svm", {"classifier__cache_size": 10**9}),
        ("svm", {"classifier": "elsewhere"}),
        ("svm", {"memory": "elsewhere"}),
        ("svm", {"classifier__probability": True}),
        ("knn", {"classifier__n_neighbors": 10**9}),
        ("knn", {"classifier__n_neighbors": 0}),
        ("knn", {"classifier__metric": "precomputed"}),
        ("knn", {"classifier__n_jobs": 10**6}),
        ("elm", {"classifier__n_hidden": 10**9}),
        ("elm", {"classifier__activation": "eval"}),
        ("ridge", {"classifier__alphas": 1}),
    ],
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_hyper_parameters_are_those_that_fit_chooses_from(
    fitted, tmp_path: Path, classifier: str, params
) -> None:
    path = tmp_path / "m.elmarc"
    fitted(classifier=classifier).save(path)
    with pytest.raises(ModelError, match=r"m\.elmarc: "):
        elmarc.load(changed(path, lambda about: about["best_params"].update(params)))


def test_a_model_of_an_earlier_form_is_refused_in_a_sentence(fitted, tmp_path: Path) -> None:
    path = tmp_path / "m.elmarc"
    fitted().save(path)
    path.write_bytes(path.read_bytes().replace(b"elmarc model 3\n", b"elmarc model 2\n", 1))
    with pytest.raises(ModelError, match=r"model format 2, this elmarc reads 3: .* or fit the model again"):
        elmarc.load(path)


class Own(nn.Module):
    """A user's network."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.conv = nn.Conv1d(96, 8, 5)

    def forward(self, x):
        return torch.relu(self.conv(x.transpose(1, 2)))


def own(seed: int) -> ExternalNetwork:
    return ExternalNetwork(Own(seed), layers=["conv"], input_unit="frames", input_length=20, n_bands=96)


@pytest.fixture(scope="module")
def of_own(sounds) -> SoundClassifier:
    with torch.random.fork_rng():
        return classifier(own(0), n_workers=1).fit(*sounds)


def test_a_network_of_ones_own_is_asked_for_again_and_its_weights_are_kept(
    of_own, new, tmp_path: Path
) -> None:
    path = tmp_path / "m.elmarc"
    of_own.save(path)
    assert model_file.WEIGHTS in parts_of(path)
    with pytest.raises(ModelError, match=r"m\.elmarc: its network is one of your own, .*: give it again"):
        elmarc.load(path)
    with torch.random.fork_rng():
        other = own(1)  # another draw: the weights come from the file
        again = elmarc.load(path, network=other)
    assert np.array_equal(again.predict_proba(new), of_own.predict_proba(new))
    assert other.definition() != again.extractor_.definition["network"]  # what was given stays as it was


def test_another_network_than_it_was_fitted_with_is_refused(of_own, fitted, tmp_path: Path) -> None:
    of_own.save(tmp_path / "own.elmarc")
    wider = nn.Sequential(nn.Flatten(1, 2), nn.Linear(20 * 96, 8))
    other = ExternalNetwork(wider, layers=["1"], input_unit="frames", input_length=20, n_bands=96)
    with pytest.raises(ModelError, match="its weights are not those of the network given"):
        elmarc.load(tmp_path / "own.elmarc", network=other)
    fitted().save(tmp_path / "ours.elmarc")
    with pytest.raises(ModelError, match="its network is elmarc's '7x96': leave out network="):
        elmarc.load(tmp_path / "ours.elmarc", network=other)


PARTS = {"a.json": b"{}", "b.bin": bytes(range(256))}


def refused(data: bytes, match: str) -> None:
    with pytest.raises(ModelError, match=match):
        unpack(data, known=PARTS)


def resealed(body: bytes, version: int = FORMAT) -> bytes:
    """Return a file as one who means harm would make it: with a right checksum."""
    head = MAGIC + f"{version}\n".encode()
    return head + hashlib.sha256(head + body).hexdigest().encode() + b"\n" + body


def test_what_is_packed_is_unpacked_and_equal_parts_give_equal_bytes() -> None:
    assert unpack(pack(PARTS), known=PARTS) == PARTS
    assert pack(PARTS) == pack(dict(reversed(PARTS.items()))) == resealed(zip_of(PARTS))


def test_any_changed_byte_is_refused(rng: np.random.Generator) -> None:
    good = pack(PARTS)
    places = {*range(120), *rng.integers(len(good), size=400).tolist()}
    for place in places:
        bad = bytearray(good)
        bad[place] ^= int(rng.integers(1, 256))
        refused(bytes(bad), "damaged|model format")


def test_any_shorter_or_longer_file_is_refused(rng: np.random.Generator) -> None:
    good = pack(PARTS)
    for length in {*range(100), *rng.integers(len(good), size=100).tolist()}:
        refused(good[:length], "damaged")
    for more in (b"\0", b"\n", good):
        refused(good + more, "damaged")


@pytest.mark.parametrize(
    "data", [b"", b"PK\x03\x04", b"\x80\x04\x95", MAGIC, MAGIC + b"1", MAGIC + b"x\n" * 9]
)
def test_other_files_are_no_models(data: bytes) -> None:
    refused(data, "no model file of elmarc, or damaged")


def test_a_newer_format_is_named() -> None:
    refused(
        resealed(zip_of(PARTS), version=FORMAT + 1),
        f"model format {FORMAT + 1}, this elmarc reads {FORMAT}: install",
    )


@pytest.mark.parametrize("name", ["../a.json", "/etc/passwd", "a.json/", "c.bin"])
def test_parts_that_no_model_has_are_refused(name: str) -> None:
    refused(resealed(zip_of({name: b""})), "holds a part")


def test_a_part_that_is_there_twice_is_refused() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.json", "1")
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("a.json", "2")
    refused(resealed(buffer.getvalue()), "a part is there twice")


def test_what_would_grow_is_refused_before_it_is_unpacked() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.json", bytes(10**7))
    assert len(buffer.getvalue()) < 2 * 10**4
    refused(resealed(buffer.getvalue()), "its parts are compressed")


def test_rubbish_under_a_right_checksum_is_refused(rng: np.random.Generator) -> None:
    body = zip_of(PARTS)
    refused(resealed(b"rubbish"), "its zip cannot be read")
    for place in rng.integers(len(body), size=300).tolist():
        bad = bytearray(body)
        bad[place] ^= int(rng.integers(1, 256))
        try:
            unpack(resealed(bytes(bad)), known=PARTS)
        except ModelError:
            continue  # dates and flags may change without harm: anything but a refusal is an answer
