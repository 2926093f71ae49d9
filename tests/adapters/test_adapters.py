from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch

from elmarc.adapters import hear, mteb, xares
from elmarc.adapters.embedder import Embedder, reference_sounds
from elmarc.audio.decode import resample
from elmarc.errors import AudioError, ConfigError
from elmarc.features.assemble import FeatureOptions, assemble

TENSORFLOW = "class Module: ...\nfloat32 = None\n"  # all that hearvalidator asks of it for a torch module


@pytest.mark.skipif(find_spec("hearvalidator") is None, reason="pip install --no-deps hearvalidator")
@pytest.mark.parametrize(
    "options", [None, {"network": "7x96", "size": "small", "seed": 3}, {"network": "mfcc"}]
)
def test_hearvalidator_passes(tmp_path: Path, options: dict[str, object] | None) -> None:
    (tmp_path / "tensorflow.py").write_text(TENSORFLOW)
    (tmp_path / "options.json").write_text(json.dumps(options))
    paths = [str(tmp_path), *filter(None, sys.path)]
    model = ["-m", str(tmp_path / "options.json")] if options else []
    ran = subprocess.run(
        [sys.executable, "-m", "hearvalidator.validate", "elmarc.adapters.hear", "-d", "cpu", *model],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Looks good!" in ran.stdout, ran.stderr


def test_unscaled_scenes_are_the_extractor_s_features(rng: np.random.Generator) -> None:
    y = (0.1 * rng.standard_normal(48000)).astype(np.float32)
    extractor = assemble(FeatureOptions("temporal", recipe="v2", duration=3.0, fix_length="crop"))
    expected = extractor.extract_waveforms(resample(y, orig_sr=16000, target_sr=12000)[None])[0]
    assert np.array_equal(Embedder("temporal", scaled=False).scene(y), expected)


def test_the_scale_is_that_of_the_reference_sounds() -> None:
    embedder = Embedder("temporal")
    X = np.stack([embedder.scene(y, 12000) for y in reference_sounds(12000)])
    z = 2 * np.arctanh(X.astype(np.float64))
    varied = z.std(axis=0) > 0
    assert varied.mean() > 0.8
    assert np.allclose(z[:, varied].mean(axis=0), 0, atol=0.02)
    assert np.allclose(z[:, varied].std(axis=0), 1, atol=0.02)


def test_the_scale_does_not_follow_what_is_embedded(rng: np.random.Generator) -> None:
    y = (0.1 * rng.standard_normal(16000)).astype(np.float32)
    used, fresh = Embedder("temporal"), Embedder("temporal")
    for _ in range(3):
        used.scene(rng.standard_normal(16000).astype(np.float32))
        used.frames(rng.standard_normal(16000).astype(np.float32))
    assert np.array_equal(used.scene(y), fresh.scene(y))
    assert np.array_equal(used.frames(y), fresh.frames(y))


def test_reference_sounds_are_the_same_every_time() -> None:
    first, second = list(reference_sounds(12000)), list(reference_sounds(12000))
    assert len(first) == 36
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    assert all(np.isfinite(y).all() and 0 < np.abs(y).max() <= 1 for y in first)


def test_options_of_a_file_and_of_the_call(tmp_path: Path) -> None:
    path = tmp_path / "options.json"
    path.write_text(json.dumps({"network": "7x96", "size": "large", "hop_ms": 20}))
    model = hear.load_model(str(path), size="small")
    assert model.hop_ms == 20
    assert model.extractor.network.name == "7x96"
    assert model.scene_embedding_size == 160


@pytest.mark.parametrize(
    ("text", "words"),
    [("[1]", "expected a mapping"), ("{", "expected a JSON file"), ('{"netwrok": "vgg"}', "netwrok")],
)
def test_a_file_that_holds_no_options_is_refused(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "options.json"
    path.write_text(text)
    with pytest.raises(ConfigError, match=words):
        hear.load_model(str(path))


def test_a_model_of_elmarc_is_taken(tmp_path: Path, rng: np.random.Generator) -> None:
    import elmarc

    X = (0.1 * rng.standard_normal((12, 12000))).astype(np.float32)
    model = elmarc.SoundClassifier("temporal", random_state=5).fit(X, ["a", "b"] * 6)
    model.save(tmp_path / "model.elmarc")
    found = hear.load_model(str(tmp_path / "model.elmarc")).extractor
    assert found.network.definition() == model.extractor_.network.definition()
    assert found.statistics == model.extractor_.statistics


def test_wrong_options_and_audio_are_refused() -> None:
    with pytest.raises(ConfigError, match="hop_ms"):
        xares.ElmarcEncoder(hop_ms=0)
    with pytest.raises(ConfigError, match="n_filter"):
        xares.ElmarcEncoder(n_filter=3)
    with pytest.raises(ConfigError, match="expected what load_model returns"):
        hear.get_scene_embeddings(torch.zeros(1, 16000), torch.nn.ReLU())
    with pytest.raises(ConfigError, match=r"shape \(1, 2, 3\)"):
        xares.ElmarcEncoder("temporal")(torch.zeros(1, 2, 3))
    with pytest.raises(AudioError, match="expected 'audio'"):
        mteb.ElmarcEncoder("elmarc/temporal").encode([{"text": ["a"]}])


def test_moving_the_model_moves_its_network() -> None:
    model = hear.load_model(network="temporal")
    assert {id(weight) for weight in model.parameters()} == {
        id(weight) for weight in model.extractor.network.parameters()
    }


@pytest.mark.skipif(find_spec("mteb") is None, reason="mteb is not installed")
def test_mteb_knows_the_encoder() -> None:
    from mteb.models import ModelMeta
    from mteb.models.models_protocols import EncoderProtocol

    encoder = mteb.ElmarcEncoder("elmarc/temporal")
    assert isinstance(encoder, EncoderProtocol)
    meta = encoder.mteb_model_meta
    assert isinstance(meta, ModelMeta)
    assert meta.embed_dim == encoder.embedder.scene_size
    assert meta.modalities == ["audio"]


@pytest.mark.skipif(find_spec("mteb") is None, reason="mteb is not installed")
def test_mteb_evaluates_the_encoder() -> None:
    from mteb import evaluate
    from mteb.tasks.classification.zxx.esc50 import ESC50Classification

    from datasets import Dataset, DatasetDict

    rng = np.random.default_rng(0)
    seconds = np.arange(16000) / 16000
    sounds = [
        [np.sin(2 * np.pi * rng.uniform(300, 500) * seconds), rng.normal(size=16000)] for _ in range(20)
    ]
    rows = [
        {"audio": {"array": clip.astype(np.float32).tolist(), "sampling_rate": 16000}, "target": label}
        for pair in sounds
        for label, clip in enumerate(pair)
    ]

    class TonesAndNoise(ESC50Classification):
        metadata = ESC50Classification.metadata.model_copy(update={"name": "TonesAndNoise"})

        def load_data(self, *args: object, **kwargs: object) -> None:
            self.dataset = DatasetDict({"train": Dataset.from_list(rows)})
            self.data_loaded = True

    found = evaluate(mteb.ElmarcEncoder("elmarc/temporal", device="cpu"), [TonesAndNoise()], cache=None)
    assert found.task_results[0].scores["train"][0]["accuracy"] == 1.0


@pytest.mark.parametrize("dtype", [torch.int16, torch.int32, torch.uint8])
def test_integers_are_refused(dtype: torch.dtype) -> None:
    """They were taken for samples of up to 32767, full scale being 1."""
    model = hear.load_model(network="temporal", n_filters=4)
    audio = torch.ones(2, 16000, dtype=dtype)
    for ask in (hear.get_scene_embeddings, hear.get_timestamp_embeddings):
        with pytest.raises(AudioError, match=r"int\d+, expected floating point in .-1, 1.: divide"):
            ask(audio, model)
    with pytest.raises(AudioError, match="expected floating point"):
        mteb._clip({"array": audio[0].numpy(), "sampling_rate": 16000})


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_floating_point_of_any_width_is_taken(dtype: torch.dtype) -> None:
    model = hear.load_model(network="temporal", n_filters=4)
    audio = (torch.arange(16000) % 64 / 128)[None]  # as wide as bfloat16
    expected = hear.get_scene_embeddings(audio, model)
    assert torch.equal(hear.get_scene_embeddings(audio.to(dtype), model), expected)
