from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from tests.model.conftest import classifier
from tests.sounds import SR, noises

from elmarc import MFCCFeatures, RandomCNNFeatures, SoundClassifier, _defaults
from elmarc.classifiers import CLASSIFIERS
from elmarc.datasets.base import Dataset, n_units
from elmarc.errors import AudioError, ConfigError
from elmarc.evaluation.splits import inner_splits, make_splits
from elmarc.features.recipes import PEAKS
from elmarc.features.sounds import Waveforms
from elmarc.model.learning import Units, units_of
from elmarc.study import build


@pytest.mark.parametrize("classifier", CLASSIFIERS)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_the_most_probable_class_is_predicted(fitted, classifier: str) -> None:
    model = fitted(classifier=classifier)
    X, _ = noises(60, seed=1)
    shares = model.predict_proba(X)
    np.testing.assert_allclose(shares.sum(axis=1), 1.0)
    predicted = model.predict(X)
    assert np.array_equal(model.classes_[shares.argmax(axis=1)], predicted)
    alone = model.estimator_.predict(model._features_of(X))
    assert np.array_equal(predicted, model.classes_[alone])


def test_the_defaults_are_v2_and_ridge(fitted, sounds) -> None:
    model = SoundClassifier(random_state=1).fit(sounds[0][:12], sounds[1][:12])
    assert isinstance(model.features_, RandomCNNFeatures)
    assert (model.features_.network, model.features_.recipe) == (_defaults.NETWORK, "v2")
    assert {column.rpartition("/")[2] for column in model.extractor_.columns} == set(PEAKS)
    assert [name for name, _ in model.estimator_.steps] == ["standardise", "squash", "classifier"]
    old = fitted(recipe="2018")
    assert statistics_of(old) == {"mean"}
    assert not hasattr(old.estimator_, "steps")


def statistics_of(model: SoundClassifier) -> set[str]:
    return {column.rpartition("/")[2] for column in model.extractor_.columns}


@pytest.mark.parametrize("recipe", ["2018", "v2"])
def test_its_features_are_those_of_the_transformer_and_the_command_line(clips, recipe: str) -> None:
    from elmarc.datasets.base import Dataset
    from elmarc.study.load import parse_config

    options = {"recipe": recipe, "duration": 0.5, "n_filters": 4}
    model = classifier("timbral", **options, store=False).fit(clips)
    transformed = RandomCNNFeatures("timbral", **options, store=False).fit_transform(clips)
    assert np.array_equal(model.extractor_.extract(clips).matrix.X, transformed)
    data = Dataset("noise", clips, ("dark", "bright", "plain"), "folds")
    config = parse_config(
        {
            "recipe": recipe,
            "data": "clips/",
            "network": {"kind": "timbral", "n_filters": 4},
            "classifier": "ridge",
            "input": {"seconds": 0.5},
        }
    )
    extractor, _ = build.extractor(config, data)
    assert np.array_equal(extractor.extract(clips).matrix.X, transformed)
    assert extractor.definition == model.extractor_.definition


@pytest.mark.parametrize("network", ["7x96", "mfcc"])
def test_a_name_stands_for_features(sounds, network: str) -> None:
    X, labels = sounds[0][:12], sounds[1][:12]
    named = SoundClassifier(network, random_state=3).fit(X, labels)
    composed = classifier(network, random_state=3).fit(X, labels)
    assert np.array_equal(named.predict_proba(X), composed.predict_proba(X))
    assert named.expected_ == composed.expected_


def test_any_features_of_the_interface_may_be_given(sounds) -> None:
    X, labels = sounds
    model = SoundClassifier(MFCCFeatures(n_mfcc=13), "svm").fit(X, labels)
    assert model.extractor_.columns == MFCCFeatures(n_mfcc=13).fit(X).extractor_.columns
    assert [name for name, _ in model.estimator_.steps] == ["standardise", "squash", "classifier"]
    assert model.score(X, labels) > 0.5


def test_paths_clips_and_waveforms_give_the_same_model(clips, sounds) -> None:
    X, labels = sounds
    by_paths = classifier().fit([str(clip.path) for clip in clips], labels)
    by_arrays = classifier().fit(X, labels)
    new, _ = noises(9, seed=2)
    np.testing.assert_allclose(by_paths.predict_proba(new), by_arrays.predict_proba(new), rtol=1e-4)
    assert by_paths.expected_ == by_arrays.expected_


def test_official_folds_are_kept_and_labels_come_from_the_clips(clips) -> None:
    model = classifier().fit(clips)
    assert model.classes_.tolist() == ["bright", "dark", "plain"]
    assert (model.expected_.n_folds, model.expected_.n_clips) == (5, 45)
    assert model.n_clips_ == {"bright": 15, "dark": 15, "plain": 15}


def test_what_to_expect_holds_on_new_clips(fitted) -> None:
    model = fitted()
    found = model.expected_
    assert (found.n_clips, found.n_folds) == (45, 10)
    assert found.chance == 1 / 3
    assert found.majority == pytest.approx(1 / 3, abs=0.03)  # folds are not quite equal
    assert found.low < found.accuracy < found.high == found.interval[1]
    X, labels = noises(150, seed=3)
    assert found.low < model.score(X, labels) < found.high
    assert f"{100 * found.accuracy:.1f} % of new clips" in str(found)


def test_groups_stay_together(sounds) -> None:
    """Clips of a group are copies: torn apart, their labels would seem easy to learn."""
    X, _ = noises(12, seed=4)
    copies = (
        np.repeat(X, 4, axis=0) + np.random.default_rng(0).normal(size=(48, X.shape[1])).astype("f4") / 500
    )
    labels = np.repeat(np.random.default_rng(5).permutation(["a", "b"] * 6), 4)
    groups = np.repeat(np.arange(12), 4)
    torn = classifier().fit(copies, labels)
    whole = classifier().fit(copies, labels, groups=groups)
    assert torn.expected_.accuracy > 0.9
    assert whole.expected_.accuracy < 0.8
    assert whole.scale_ < torn.scale_ / 2  # less sure of itself, too
    with pytest.raises(ValueError, match=r"groups has shape \(3,\), expected one for each of 48 clips"):
        classifier().fit(copies, labels, groups=[1, 2, 3])


@pytest.mark.parametrize("empty", [None, float("nan"), "", pd.NA])
@pytest.mark.parametrize("form", [list, np.asarray, pd.Series])
def test_a_clip_without_a_group_stands_alone(sounds, form: Any, empty: Any) -> None:
    """As in a CSV file: clips without a group are no group, or all would be in one fold."""
    groups = [empty if i % 2 else f"g{i}" for i in range(45)]
    if form is np.asarray and isinstance(empty, float):
        groups = [1.0 * i if i % 2 == 0 else empty for i in range(45)]
    found = units_of(Waveforms((), ()), np.zeros(45), form(groups)).groups
    assert [name == "" for name in found] == [i % 2 == 1 for i in range(45)]
    assert n_units(found) == 45


def test_folds_follow_from_labels_as_text_and_from_nothing_else() -> None:
    """Ten classes and more: as numbers they stand in another order than as text."""
    rng = np.random.default_rng(0)
    numbers, groups = np.arange(96) % 12 + 1, [f"g{g}" for g in rng.integers(0, 24, 96)]
    forms = (numbers, numbers.astype(str), numbers.astype(object), numbers.astype(str).astype(object))
    expected = make_splits(numbers.astype(str).tolist(), [""] * 96, kind="none", groups=groups)
    for labels in forms:
        found = units_of(Waveforms((), ()), labels, groups).splits()
        for (train, test), own in zip(expected.splits, found.splits, strict=True):
            assert np.array_equal(train, own[0])
            assert np.array_equal(test, own[1])
        inner, other = (inner_splits(y, groups, n_folds=5, seed=0) for y in (labels, numbers.astype(str)))
        assert all(np.array_equal(a[1], b[1]) for a, b in zip(inner, other, strict=True))


def test_a_data_set_says_how_its_folds_are_made(clips) -> None:
    loose = tuple(replace(clip, fold=None) for clip in clips)
    data = Dataset("noise", loose, ("dark", "bright", "plain"), n_folds=3, shuffle=True)
    model = classifier(n_filters=4).fit(data)
    assert (model.expected_.n_folds, model.expected_.n_clips) == (3, 45)
    assert classifier(n_filters=4).fit(loose).expected_.n_folds == 10


def test_lists_are_no_groups() -> None:
    units = Units(("a", "b", "a"), ("train", "train", "test"), ("", "", ""))
    assert (units.split_kind, units.together) == ("lists", ())
    assert Units(("a", "b"), ("1", "2"), ("", "")).together == ("1", "2")
    assert Units(("a", "b"), ("1", "2"), ("x", "")).together == ("x", "")


def test_an_unreadable_clip_is_left_out_of_fit_and_refused_in_predict(clips, tmp_path: Path) -> None:
    bad = tmp_path / "bad.wav"
    bad.write_bytes(b"rubbish")
    with pytest.warns(UserWarning, match=r"1 of 46 clips cannot be used and were left out: .*bad\.wav"):
        model = classifier().fit([*clips, replace(clips[0], id="bad", path=bad)])
    assert model.expected_.n_clips == 45
    with pytest.raises(AudioError, match=r"bad\.wav"):
        model.predict([clips[0].path, bad])


def test_rates_of_waveforms_are_brought_to_the_front_ends() -> None:
    X, labels = noises(30, seed=6)
    twice = np.repeat(X, 2, axis=1)
    model = classifier(input_sr=2 * SR).fit(twice, labels)
    assert model.extractor_.frontend.sr == SR
    assert np.array_equal(model.predict([(y, 2 * SR) for y in twice]), model.predict(twice))


def test_one_class_and_no_labels_are_refused(sounds, clips) -> None:
    with pytest.raises(ConfigError, match="y holds 1 class"):
        classifier().fit(sounds[0], ["a"] * 45)
    with pytest.raises(ValueError, match="requires y"):
        classifier().fit([clip.path for clip in clips])


def test_where_no_score_can_be_had_it_is_said(sounds) -> None:
    X, labels = sounds
    with pytest.warns(UserWarning, match="no accuracy to expect can be computed"):
        model = classifier().fit(X[:4], ["a", "a", "a", "b"])
    assert model.expected_ is None
    assert len(model.predict(X)) == len(labels)


def test_it_is_a_scikit_learn_classifier(sounds) -> None:
    model = SoundClassifier("timbral", "elm")
    assert repr(model) == "SoundClassifier(classifier='elm', features='timbral')"
    assert clone(model).get_params() == model.get_params()
    model = SoundClassifier(RandomCNNFeatures("timbral")).set_params(features__n_filters=4)
    assert clone(model).features.n_filters == 4
    louder = make_pipeline(FunctionTransformer(lambda X: 2 * X), classifier())
    assert cross_val_score(louder, *sounds, cv=3).mean() > 0.5


def test_integers_are_labels_too(sounds) -> None:
    X, labels = sounds
    codes = np.array([{"dark": 7, "bright": -1, "plain": 3}[label] for label in labels])
    model = classifier().fit(X, codes)
    assert model.classes_.tolist() == [-1, 3, 7]
    assert set(model.predict(X)) <= {-1, 3, 7}


def test_the_global_state_is_left_alone(sounds) -> None:
    before = np.random.get_state()[1].copy()  # noqa: NPY002  # the state that must not change
    classifier(classifier="elm").fit(*sounds)
    assert np.array_equal(before, np.random.get_state()[1])  # noqa: NPY002
