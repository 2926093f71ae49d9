"""An audio encoder for MTEB (Massive Text Embedding Benchmark), whose audio tasks are known as MAEB.

References
----------
Muennighoff et al., "MTEB", EACL 2023; https://github.com/embeddings-benchmark/mteb, `EncoderProtocol`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from elmarc import __version__, _defaults
from elmarc._types import FeatureArray, Waveform
from elmarc.adapters.embedder import Embedder, samples_of
from elmarc.errors import AudioError

__all__ = ["ElmarcEncoder", "model_meta"]

NAME = "elmarc/{}"  # of a network


class ElmarcEncoder:
    """A network of elmarc as an encoder of clips.

    Parameters
    ----------
    model_name : str
        "elmarc/NETWORK", such as "elmarc/vgg".
    revision : str or None
        Ignored: the weights follow from the seed.
    device : str or None
        None: the GPU where there is one.
    **options : Any
        As for `Embedder`.
    """

    def __init__(
        self,
        model_name: str = f"elmarc/{_defaults.NETWORK}",
        revision: str | None = None,
        device: str | None = None,
        **options: Any,
    ) -> None:
        self.name, self.options = model_name, options
        self.embedder = Embedder(model_name.rpartition("/")[2], device=device or "auto", **options)

    @property
    def mteb_model_meta(self) -> Any:
        """The `mteb.ModelMeta` of this encoder."""
        return model_meta(self)

    def encode(self, inputs: Iterable[Any], **settings: Any) -> FeatureArray:
        """Return a vector per clip.

        Parameters
        ----------
        inputs : DataLoader
            Batches {"audio": clips}; a clip is {"array": samples, "sampling_rate": Hz}, or a decoder of
            torchcodec. Channels are averaged.
        **settings : Any
            What MTEB passes about the task; ignored.

        Returns
        -------
        np.ndarray [shape=(n_clips, n_features)], float32
        """
        rows = []
        for batch in inputs:
            if "audio" not in batch:
                raise AudioError(
                    f"found a batch of {', '.join(batch)}, expected 'audio': this encoder has no text"
                )
            rows += [self.embedder.scene(*_clip(item)) for item in batch["audio"]]
        return np.stack(rows) if rows else np.empty((0, self.embedder.scene_size), np.float32)

    def similarity(self, embeddings1: Any, embeddings2: Any) -> Tensor:
        """Return the cosine of each pair [shape=(n1, n2)] of vectors [shape=(n, n_features)]."""
        return _unit(embeddings1) @ _unit(embeddings2).T

    def similarity_pairwise(self, embeddings1: Any, embeddings2: Any) -> Tensor:
        """Return the cosines [shape=(n,)] of vectors [shape=(n, n_features)] row by row."""
        return (_unit(embeddings1) * _unit(embeddings2)).sum(dim=1)


def model_meta(encoder: ElmarcEncoder) -> Any:
    """Return what MTEB shows of an encoder; needs mteb."""
    from mteb.models import ModelMeta

    network = encoder.embedder.extractor.network
    n_parameters = sum(weight.numel() for weight in network.parameters()) if network is not None else 0
    return ModelMeta(
        loader=ElmarcEncoder,
        loader_kwargs=encoder.options,
        name=encoder.name,
        revision=__version__,
        release_date=None,
        languages=None,
        modalities=["audio"],
        n_parameters=n_parameters,
        memory_usage_mb=round(4 * n_parameters / 2**20, 3),
        max_tokens=None,
        embed_dim=encoder.embedder.scene_size,
        license="mit",
        open_weights=True,
        public_training_code=None,
        public_training_data=None,
        framework=["PyTorch"],
        similarity_fn_name="cosine",
        use_instructions=False,
        training_datasets=set(),  # it is never trained
    )


def _clip(item: Any) -> tuple[Waveform, int]:
    """Return mono samples and their rate."""
    if hasattr(item, "get_all_samples"):  # a decoder of torchcodec
        samples = item.get_all_samples()
        item = {"array": samples.data, "sampling_rate": samples.sample_rate}
    y = samples_of(torch.as_tensor(item["array"]))
    return y if y.ndim == 1 else y.mean(axis=int(np.argmin(y.shape))), int(item["sampling_rate"])


def _unit(embeddings: Any) -> Tensor:
    return torch.nn.functional.normalize(torch.as_tensor(embeddings), dim=-1)
