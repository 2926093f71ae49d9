"""What was trained can be fitted: a model file says what the trained network says."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.numpy import load as arrays_of
from safetensors.numpy import save as bytes_of
from tests.cli.conftest import Run
from tests.training.conftest import Make

from elmarc import SoundClassifier, load, train
from elmarc.classifiers.calibration import decision_values
from elmarc.datasets import open_dataset
from elmarc.errors import ConfigError, ModelError
from elmarc.features.pooling import pool
from elmarc.model.file import CLASSIFIER, DESCRIPTION, WEIGHTS, pack, unpack
from elmarc.model.sound_classifier import logistic
from elmarc.networks import build_network
from elmarc.study import fit as fit_module
from elmarc.training.loop import Trainer
from elmarc.training.model import learnt
from elmarc.training.nested import train_on_all
from elmarc.training.recipe import TrainingRecipe

SMALL: dict[str, Any] = {
    "kind": "vgg", "name": "small", "n_filters": 4, "pool_frames": [2, 2], "pool_bands": [8, 4],
}  # fmt: skip
NETWORKS = {
    "vgg": lambda: build_network("vgg", n_filters=4, pool_frames=(2, 2), pool_bands=(8, 4)),
    "timbral_temporal": lambda: build_network("timbral_temporal", n_filters=4),
    "7x86": lambda: build_network("7x86", n_filters=8),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_what_is_learnt_needs_no_norms(make: Make, name: str) -> None:
    made = NETWORKS[name]
    trainer = make(made(), recipe={"epochs": 2})
    train_on_all(trainer)
    found = learnt(trainer.model)
    network = made()
    network.set_weights(found.weights, standards=found.standards)
    x = torch.from_numpy(np.stack([trainer.inputs[i] for i in range(8)]))
    trainer.model.eval()
    with torch.no_grad():
        wanted = trainer.model(trainer.model.standardised(x)).numpy()
    values = pool(network, x, statistics=("mean",)).numpy() @ found.coef.T + found.intercept
    np.testing.assert_allclose(values, wanted, atol=2e-3 * np.abs(wanted).max())
    assert np.abs(wanted).max() > 0.1


def test_set_weights_are_part_of_what_features_follow_from() -> None:
    network, other = NETWORKS["vgg"](), NETWORKS["vgg"]()
    drawn = network.definition()
    assert network.is_drawn
    level, spread = np.zeros(96, np.float32), np.full(96, 2, np.float32)
    network.set_weights(network.get_weights())
    other.set_weights(other.get_weights(), standards=(level, spread))
    assert not other.is_drawn
    definitions = (drawn, network.definition(), other.definition())
    keys = [json.dumps(definition, sort_keys=True) for definition in definitions]
    assert len(set(keys)) == 3
    x = torch.rand(1, 64, 96, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(pool(other, x), pool(network, x / 2))
    for wrong in ((level[:3], spread[:3]), (level, level)):
        with pytest.raises(ConfigError, match="spread"):
            other.set_weights(other.get_weights(), standards=wrong)


def test_two_classes_have_the_probabilities_of_their_logits() -> None:
    coef, intercept = np.array([[1.0, 2.0], [-1.0, 0.5]]), np.array([0.3, 0.1])
    x = np.array([[0.2, 0.4], [2.0, -1.0]])
    logits = x @ coef.T + intercept
    values = decision_values(logistic(coef, intercept), x)
    np.testing.assert_allclose(np.diff(values), np.diff(logits))


def trained_model(sounds: Path) -> SoundClassifier:
    clips = replace(open_dataset(sounds), n_folds=2)
    found = train(clips, networks=[SMALL], epochs=4, learning_rates=[0.01], seeds=1, progress=False)
    return found.fit()


def test_a_model_is_kept_and_says_the_same(sounds: Path, tmp_path: Path) -> None:
    model = trained_model(sounds)
    clips = open_dataset(sounds).clips
    assert model.expected_ is not None
    assert model.expected_.n_clips == len(clips)
    assert model.best_params_ == {"learning_rate": 0.01, "epochs": 4}
    assert np.mean(model.predict(clips) == [clip.label for clip in clips]) > 0.9
    model.save(tmp_path / "model.elmarc")
    again = load(tmp_path / "model.elmarc")
    np.testing.assert_array_equal(again.predict_proba(clips), model.predict_proba(clips))
    again.save(tmp_path / "again.elmarc")
    assert (tmp_path / "again.elmarc").read_bytes() == (tmp_path / "model.elmarc").read_bytes()
    with pytest.raises(ConfigError, match="was trained"):
        again.fit(clips)
    _refuses_weights_of_others((tmp_path / "model.elmarc").read_bytes(), tmp_path / "damaged.elmarc")


def test_probabilities_are_the_softmax_of_the_trained_network(
    sounds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own: list[torch.Tensor] = []

    def trained(trainer: Trainer, **options: Any) -> dict[str, Any]:
        chosen = train_on_all(trainer, **options)
        x = torch.from_numpy(np.stack([trainer.inputs[i] for i in range(len(trainer.inputs.clips))]))
        trainer.model.eval()
        with torch.no_grad():
            own.append(trainer.model(trainer.model.standardised(x)).softmax(dim=1))
        return chosen

    monkeypatch.setattr(fit_module, "train_on_all", trained)
    model = trained_model(sounds)
    said = model.predict_proba(open_dataset(sounds).clips)
    np.testing.assert_allclose(said, own[0].numpy(), atol=1e-5)
    assert np.ptp(said, axis=0).min() > 0.1


def _refuses_weights_of_others(model: bytes, path: Path) -> None:
    parts = unpack(model, known=(DESCRIPTION, CLASSIFIER, WEIGHTS))
    arrays = arrays_of(parts[WEIGHTS])
    name = next(key for key in arrays if key.endswith("kernel"))
    damages = {
        "differ": arrays | {name: arrays[name] + 1},
        "finite": arrays | {name: arrays[name] * np.float32(np.nan)},
        "not those": {key: value for key, value in arrays.items() if key != name},
        "shape": arrays | {name: np.ascontiguousarray(arrays[name][..., :1])},
    }
    for said, damaged in damages.items():
        path.write_bytes(pack({**parts, WEIGHTS: bytes_of(damaged)}))
        with pytest.raises(ModelError, match=said):
            load(path)


def test_the_commands_train_fit_and_predict(elmarc: Run, sounds: Path, tmp_path: Path) -> None:
    (tmp_path / "space.yaml").write_text(json.dumps({"networks": [SMALL]}))
    words = ("--epochs", 4, "--learning-rates", "0.01", "--seeds", 1, "--set", "data.n_folds=2")
    code, said, told = elmarc(
        "train", sounds, "--networks", "space.yaml", *words, "--store", "store", "-o", "out"
    )
    assert code == 0, told
    assert "elmarc fit --from" in said
    models = []
    for _ in range(2):  # the second finds the training of the first
        code, said, told = elmarc("fit", "--from", "out", "-o", "model.elmarc", "--store", "store")
        assert code == 0, told
        assert "small + trained" in said
        models.append((tmp_path / "model.elmarc").read_bytes())
    assert models[0] == models[1]
    assert list((tmp_path / "out" / "fitted").rglob("fold-all-outer*.safetensors"))
    assert not list((tmp_path / "store").glob("frontend-*"))
    code, _, told = elmarc("predict", "model.elmarc", sounds, "-o", "said.csv")
    assert code == 0, told
    rows = pd.read_csv(tmp_path / "said.csv")
    assert (rows["label"] == rows["file"].str.split("/").str[-2]).mean() > 0.9


def test_a_recipe_of_another_version_is_refused() -> None:
    recipe = TrainingRecipe(epochs=3, crop=0.5, learning_rates=(0.1, 0.2))
    assert TrainingRecipe.of(recipe.definition()) == recipe
    with pytest.raises(ConfigError, match="train again"):
        TrainingRecipe.of(recipe.definition() | {"version": 0})
    with pytest.raises(ConfigError, match="key of training"):
        TrainingRecipe.of(recipe.definition() | {"other": 1})
