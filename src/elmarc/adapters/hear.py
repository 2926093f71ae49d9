"""The interface of HEAR 2021 (Holistic Evaluation of Audio Representations), as a module of functions.

References
----------
Turian et al., "HEAR: Holistic Evaluation of Audio Representations", PMLR 176, 2022; "Common API" on
https://hearbenchmark.com.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from elmarc.adapters.embedder import Embedder, read_options
from elmarc.errors import ConfigError

__all__ = ["ElmarcModel", "get_scene_embeddings", "get_timestamp_embeddings", "load_model"]


class ElmarcModel(Embedder):
    """A network of elmarc, with the attributes that HEAR reads."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.scene_embedding_size = self.scene_size
        self.timestamp_embedding_size = self.frame_size


def load_model(model_file_path: str = "", **options: Any) -> ElmarcModel:
    """Return a model.

    Parameters
    ----------
    model_file_path : str
        A JSON file of options or a model of `elmarc fit`: see `read_options`. "" is the default network,
        large, recipe v2, seed 0.
    **options : Any
        Options of `Embedder`, which take precedence over the file's.
    """
    return ElmarcModel(**{**(read_options(model_file_path) if model_file_path else {}), **options})


def get_scene_embeddings(audio: Tensor, model: nn.Module) -> Tensor:
    """Return a vector per clip.

    Parameters
    ----------
    audio : Tensor [shape=(n_sounds, n_samples)]
        At `model.sample_rate`, floating point in [-1, 1]; others raise an AudioError.
    model : ElmarcModel

    Returns
    -------
    Tensor of float32 [shape=(n_sounds, model.scene_embedding_size)]
    """
    return _checked(model).scenes(audio)


def get_timestamp_embeddings(audio: Tensor, model: nn.Module) -> tuple[Tensor, Tensor]:
    """Return vectors over time, and their centres; parameters as for `get_scene_embeddings`.

    Returns
    -------
    embeddings : Tensor of float32 [shape=(n_sounds, n_timestamps, model.timestamp_embedding_size)]
    timestamps : Tensor of float32 [shape=(n_sounds, n_timestamps)]
        Milliseconds.
    """
    checked = _checked(model)
    embeddings = checked.sequences(audio)
    times = checked.hop_ms * torch.arange(embeddings.shape[1], device=audio.device, dtype=torch.float32)
    return embeddings, times.repeat(len(audio), 1)


def _checked(model: nn.Module) -> ElmarcModel:
    if not isinstance(model, ElmarcModel):
        raise ConfigError(f"found a {type(model).__name__}, expected what load_model returns")
    return model
