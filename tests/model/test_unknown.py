"""Sounds of no class are told from others, and few of the model's own kind are taken for them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load, save
from tests.cli.conftest import Run
from tests.cli.conftest import elmarc as elmarc
from tests.model.conftest import classifier
from tests.model.test_file import KNOWN
from tests.sounds import noises, tone, write

import elmarc as library
from elmarc import SoundClassifier
from elmarc.datasets.toy import load as load_toy
from elmarc.errors import ModelError
from elmarc.model import file as model_file
from elmarc.model import timeline
from elmarc.model.file import pack, unpack
from elmarc.model.unknown import LEVEL, UNKNOWN, made_up_sounds, p_values


@pytest.fixture(scope="module")
def toy() -> Any:
    return load_toy(target="timbre", n_variations=20)


@pytest.fixture(scope="module")
def tunes(toy: Any) -> SoundClassifier:
    """Return a model of half of the toy set's clips, of three of its four timbres."""
    clips = [clip for clip in toy.clips if clip.label != toy.classes[0]]
    return SoundClassifier("timbral").fit(clips[::2])


def test_few_clips_of_its_own_kind_are_called_unknown_and_most_of_another_class(
    toy: Any, tunes: SoundClassifier
) -> None:
    own = [clip for clip in toy.clips if clip.label != toy.classes[0]][1::2]
    other = [clip for clip in toy.clips if clip.label == toy.classes[0]]
    p_own, p_other = tunes.unknown(own), tunes.unknown(other)
    assert np.mean(p_own <= LEVEL) <= 0.12
    assert p_own.min() >= 1 / (1 + len(own) + 2)
    assert (p_own[:, None] > p_other).mean() > 0.85  # the area under the ROC curve
    assert tunes.check_ is not None
    assert tunes.check_.auroc > 0.7
    assert tunes.check_.false_alarms < 0.15


@pytest.mark.parametrize("level", [0.3, 1e-3])
def test_noise_silence_and_tones_are_unknown(tunes: SoundClassifier, level: float) -> None:
    rng, n = np.random.default_rng(9), int(tunes.extractor_.frontend.sr * tunes.clip_s)
    noise = rng.standard_normal((10, n))
    tones = np.sin(np.outer(np.geomspace(0.05, 1.0, 10), np.arange(n)))
    sounds = np.concatenate([level / 3 * noise, level * tones, 1e-6 * noise]).astype(np.float32)
    p = tunes.familiarity(tunes.extractor_.extract_waveforms(sounds))
    assert p is not None
    assert np.mean(p <= LEVEL) >= 0.95


def test_labels_and_probabilities_stay_as_they_are(toy: Any, tunes: SoundClassifier) -> None:
    clips = [clip for clip in toy.clips if clip.label == toy.classes[0]][:5]
    assert set(tunes.predict(clips)) <= set(toy.classes[1:])
    np.testing.assert_allclose(tunes.predict_proba(clips).sum(axis=1), 1)


def test_made_up_sounds_are_the_same_each_time_and_within_range() -> None:
    first, again = made_up_sounds(12000, 1.5), made_up_sounds(12000, 1.5)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert {len(y) for y in first} == {18000}
    assert max(np.abs(y).max() for y in first) <= 1
    assert all(np.isfinite(y).all() and y.std() > 0 for y in first)
    assert len(made_up_sounds(8000, 0.001)[0]) == 8


def test_p_values_are_uniform_on_clips_like_those_held_against() -> None:
    rng = np.random.default_rng(0)
    shares = [np.mean(p_values(np.sort(rng.random(200)), rng.random(200)) <= LEVEL) for _ in range(200)]
    assert np.mean(shares) == pytest.approx(LEVEL, abs=0.004)


def test_a_saved_model_knows_as_much(fitted: Any, tmp_path: Path) -> None:
    model = fitted()
    model.save(tmp_path / "m.elmarc")
    again = library.load(tmp_path / "m.elmarc")
    new = np.stack(noises(9, seed=3)[0])
    np.testing.assert_allclose(again.unknown(new), model.unknown(new), rtol=1e-12)
    assert again.check_ == model.check_


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("coef", np.zeros(3)),
        ("intercept", np.array([np.nan])),
        ("deviation", np.array([0.0])),
        ("sums", np.array([-1.0, -2.0])),
        ("values", np.empty(0)),
    ],
)
def test_what_fit_cannot_have_made_is_refused(fitted: Any, tmp_path: Path, key: str, value: Any) -> None:
    path = tmp_path / "m.elmarc"
    fitted().save(path)
    parts = unpack(path.read_bytes(), known=KNOWN)
    parts[model_file.UNKNOWN] = save({**load(parts[model_file.UNKNOWN]), key: value})
    path.write_bytes(pack(parts))
    with pytest.raises(ModelError, match=r"unknown: .*fit the model again"):
        library.load(path)


def test_a_model_without_it_says_so(fitted: Any, tmp_path: Path) -> None:
    path = tmp_path / "m.elmarc"
    fitted().save(path)
    parts = unpack(path.read_bytes(), known=KNOWN)
    del parts[model_file.UNKNOWN]
    path.write_bytes(pack(parts))
    old = library.load(path)
    assert old.familiarity(np.zeros((1, old.extractor_.network.n_features), np.float32)) is None
    with pytest.raises(ModelError, match="tells no unknown sounds: fit it again"):
        old.unknown(np.stack(noises(3, seed=3)[0]))


@pytest.mark.parametrize("name", ["svm", "knn"])
def test_every_classifier_has_it(sounds: Any, name: str) -> None:
    model = classifier(classifier=name).fit(*sounds)
    p = model.unknown(np.stack(noises(30, seed=4)[0]))
    assert np.mean(p <= LEVEL) <= 0.2
    assert p.min() > 0


def test_from_the_shell_sounds_of_no_class_get_no_label(
    elmarc: Run, sounds: Any, tmp_path: Path, rng: np.random.Generator
) -> None:
    model = classifier().fit(*sounds)
    model.save(tmp_path / "m.elmarc")
    for i, y in enumerate(noises(6, seed=3)[0]):
        write(tmp_path / "new" / f"own{i}.wav", y)
    for i in range(4):
        write(tmp_path / "new" / f"tone{i}.wav", tone(300 * (i + 1), rng))
    rows = json.loads(elmarc("predict", "m.elmarc", "new", "--json")[1])["clips"]
    for row in rows:
        assert (row["label"] == UNKNOWN) == (row["unknown"] <= LEVEL)
    assert all(row["label"] == UNKNOWN for row in rows if "tone" in row["file"])
    closed = json.loads(elmarc("predict", "m.elmarc", "new", "--json", "--no-unknown")[1])["clips"]
    assert all(row["label"] in model.classes_ and "unknown" not in row for row in closed)
    assert [row["probabilities"] for row in rows] == [row["probabilities"] for row in closed]


def test_windows_of_no_class_part_events(sounds: Any, tmp_path: Path, rng: np.random.Generator) -> None:
    model, path = classifier().fit(*sounds), tmp_path / "long.wav"
    y = np.concatenate([noises(3, seed=5)[0][0]] * 3 + [tone(700, rng)] * 3)
    write(path, y)
    window_s = len(y) / 12000 / 6
    found = timeline(model, path, window_s=window_s, hop_s=window_s)
    assert found.unknown is not None
    assert all(
        (label == UNKNOWN) == (p <= LEVEL) for label, p in zip(found.labels, found.unknown, strict=True)
    )
    loose = timeline(model, path, window_s=window_s, hop_s=window_s, unknown=False)
    assert UNKNOWN not in loose.labels
