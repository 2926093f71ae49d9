"""An encoder for X-ARES (eXtensive Audio Representation and Evaluation Suite).

References
----------
Zhang et al., "X-ARES", https://github.com/jimbozhang/xares.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor

from elmarc import _defaults
from elmarc.adapters.embedder import EmbedderModule

__all__ = ["ElmarcEncoder"]


class ElmarcEncoder(EmbedderModule):
    """A network of elmarc as an encoder.

    Parameters
    ----------
    network : Any
        As for `Embedder`.
    **options : Any
        As for `Embedder`.

    Attributes
    ----------
    sampling_rate, output_dim : int
    hop_size_in_ms : float
        Between the embeddings of a clip.
    """

    def __init__(self, network: Any = _defaults.NETWORK, **options: Any) -> None:
        super().__init__(network, **options)
        self.sampling_rate = self.embedder.sample_rate
        self.output_dim = self.embedder.frame_size
        self.hop_size_in_ms = self.embedder.hop_ms

    def forward(self, audio: Tensor) -> Tensor:
        """Return embeddings over time.

        Parameters
        ----------
        audio : Tensor [shape=(n_clips, n_samples) or (n_samples,)]
            At 16 kHz, in [-1, 1].

        Returns
        -------
        Tensor of float32 [shape=(n_clips, n_frames, output_dim)]
        """
        return self.embedder.sequences(audio[None] if audio.ndim == 1 else audio)
