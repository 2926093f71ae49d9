"""What each board asks of an encoder, as functions that raise an AssertionError for the first fault."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

HEAR_RATES = (16000, 22050, 44100, 48000)
HEAR_HOP_MS = 50.0  # at most, for transcription
CLICK_S = 1.0


def check_hear(module: Any) -> None:
    """Check a module against HEAR 2021's common API, and what its tasks rely on."""
    model = module.load_model()
    assert isinstance(model, nn.Module), f"load_model returns a {type(model).__name__}"
    assert model.sample_rate in HEAR_RATES, f"sample_rate is {model.sample_rate}"
    for name in ("scene_embedding_size", "timestamp_embedding_size"):
        assert type(getattr(model, name)) is int, f"{name} is no int"
    audio = noise(4, 1.74, model.sample_rate)
    scenes = module.get_scene_embeddings(audio, model)
    _check_floats(scenes, (4, model.scene_embedding_size))
    frames, times = module.get_timestamp_embeddings(audio, model)
    assert frames.ndim == 3, f"timestamp embeddings have {frames.ndim} axes"
    _check_floats(frames, (4, times.shape[-1], model.timestamp_embedding_size))
    _check_times(times, frames, seconds=1.74)

    def over_time(audio: Tensor) -> Tensor:
        found: Tensor = module.get_timestamp_embeddings(audio, model)[0]
        return found

    _check_alone(lambda audio: module.get_scene_embeddings(audio, model), audio)
    _check_alone(over_time, audio)
    _check_click(over_time, model.sample_rate, float(times[0, 1] - times[0, 0]))
    again = module.get_scene_embeddings(audio, module.load_model())
    assert torch.equal(scenes, again), "a model that is loaded again gives other embeddings"


def check_xares(encoder: Any) -> None:
    """Check an encoder against X-ARES's checker, and that its frames lie where its hop says."""
    assert isinstance(encoder, nn.Module), f"it is a {type(encoder).__name__}"
    assert type(encoder).__name__.endswith("Encoder"), "the name of its class must end in Encoder"
    assert type(encoder.output_dim) is int, "output_dim is no int"
    assert type(encoder.sampling_rate) is int, "sampling_rate is no int"
    audio = noise(2, 50_000 / encoder.sampling_rate, encoder.sampling_rate)
    found = encoder(audio)
    assert found.ndim == 3, f"embeddings have {found.ndim} axes"
    _check_floats(found, (2, found.shape[1], encoder.output_dim))
    hops = 1000 * audio.shape[1] / encoder.sampling_rate / encoder.hop_size_in_ms
    assert abs(found.shape[1] - hops) <= 1, f"{found.shape[1]} frames, and {hops:.1f} hops"
    assert encoder(audio[0]).shape[1:] == found.shape[1:], "one waveform without a batch is not taken"
    _check_alone(encoder, audio)
    _check_click(encoder, encoder.sampling_rate, encoder.hop_size_in_ms)


def check_mteb(encoder: Any) -> None:
    """Check an encoder against MTEB's EncoderProtocol for audio."""
    rng = np.random.default_rng(0)
    clips = [
        {"audio": {"array": 0.1 * rng.standard_normal(n).astype(np.float32), "sampling_rate": rate}}
        for n, rate in ((16000, 16000), (9000, 16000), (44100, 44100), (200, 16000), (30000, 22050))
    ]
    found = _encode(encoder, clips, batch_size=2)
    assert isinstance(found, np.ndarray | Tensor), f"encode returns a {type(found).__name__}"
    _check_floats(torch.as_tensor(found), (len(clips), found.shape[-1]))
    for batch_size in (1, 5):
        again = _encode(encoder, clips, batch_size=batch_size)
        assert np.array_equal(again, found), "an embedding depends on the batch"
    assert np.array_equal(_encode(encoder, clips[:1], batch_size=2), found[:1]), "rows are not in order"
    both = [{"audio": {"array": np.stack([clips[0]["audio"]["array"]] * 2), "sampling_rate": 16000}}]
    assert np.array_equal(_encode(encoder, both, batch_size=1), found[:1]), "channels are not averaged"
    _check_rates(encoder)
    cosines = encoder.similarity(found, found[:2])
    assert tuple(cosines.shape) == (len(clips), 2), f"similarity has shape {tuple(cosines.shape)}"
    pairs = encoder.similarity_pairwise(found[:2], found[:2])
    assert np.allclose(pairs, 1, atol=1e-5), "a vector is not similar to itself"


def noise(n_clips: int, seconds: float, sr: int) -> Tensor:
    """White noise of growing loudness, within [-1, 1]."""
    draws = torch.rand(n_clips, int(seconds * sr), generator=torch.Generator().manual_seed(0))
    return (2 * draws - 1) * torch.linspace(0.05, 1, n_clips)[:, None]


def _encode(encoder: Any, clips: list[Any], *, batch_size: int) -> Any:
    def collated(batch: list[Any]) -> dict[str, Any]:
        return {"audio": [clip["audio"] for clip in batch]}

    loader = DataLoader(clips, batch_size=batch_size, collate_fn=collated)
    task = SimpleNamespace(name="task")
    return encoder.encode(
        loader, task_metadata=task, hf_split="test", hf_subset="default", prompt_type=None, batch_size=8
    )


def _check_rates(encoder: Any) -> None:
    """Check that a tone at two rates is nearer to itself than to another tone."""
    tones = [(440, 16000), (440, 44100), (3000, 16000)]
    clips = [
        {"audio": {"array": 0.3 * np.sin(2 * np.pi * hz * np.arange(2 * sr) / sr), "sampling_rate": sr}}
        for hz, sr in tones
    ]
    same, resampled, other = np.asarray(_encode(encoder, clips, batch_size=3))
    apart = np.linalg.norm(same - resampled), np.linalg.norm(same - other)
    assert 10 * apart[0] < apart[1], "the rate of a clip is not looked at"


def _check_floats(found: Tensor, shape: tuple[int, ...]) -> None:
    assert found.dtype == torch.float32, f"embeddings are {found.dtype}, expected float32"
    assert tuple(found.shape) == shape, f"embeddings have shape {tuple(found.shape)}, expected {shape}"
    assert bool(found.isfinite().all()), "embeddings are not finite"


def _check_times(times: Tensor, frames: Tensor, *, seconds: float) -> None:
    assert times.shape == frames.shape[:2], f"timestamps have shape {tuple(times.shape)}"
    hops = times.diff()
    hop = float(hops.mean())
    assert float((hops - hop).abs().max()) < 1e-2, "timestamps are not regular"
    assert 0 < hop <= HEAR_HOP_MS, f"timestamps are {hop:g} ms apart"
    assert 0 <= float(times[0, 0]) < hop, f"the first timestamp is {float(times[0, 0]):g} ms"
    end = 1000 * seconds
    assert end - hop <= float(times[0, -1]) <= end, (
        f"the last timestamp is {float(times[0, -1]):g} of {end:g} ms"
    )


def _check_click(over_time: Any, sr: int, hop_ms: float) -> None:
    """Check that a click changes the embeddings around its own time."""
    quiet = 1e-3 * noise(1, 3 * CLICK_S, sr)
    clicked = quiet.clone()
    clicked[0, round(CLICK_S * sr)] = 0.5
    change = (over_time(clicked) - over_time(quiet))[0].double().square().sum(dim=1)
    centre = float((change * torch.arange(len(change))).sum() / change.sum()) * hop_ms
    assert abs(centre - 1000 * CLICK_S) <= max(hop_ms, 50.0), f"a click at 1000 ms is seen at {centre:.0f} ms"


def _check_alone(embed: Any, audio: Tensor) -> None:
    whole = embed(audio)
    alone = torch.cat([embed(one[None]) for one in audio])
    assert torch.equal(whole, alone), "an embedding depends on the batch"
    assert torch.equal(embed(audio.flip(0)).flip(0), whole), "an embedding depends on its place in the batch"
