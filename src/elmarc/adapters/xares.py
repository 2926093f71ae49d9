"""An encoder for X-ARES (eXtensive Audio Representation and Evaluation Suite).

References
----------
Zhang et al., "X-ARES", https://github.com/jimbozhang/xares.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor

from elmarc import _defaults
from elmarc.adapters.embedder import Embedder

__all__ = ["ElmarcEncoder"]


class ElmarcEncoder(Embedder):
    """A network of elmarc, with the attributes that X-ARES reads; parameters are those of `Embedder`."""

    def __init__(self, network: Any = _defaults.NETWORK, **options: Any) -> None:
        super().__init__(network, **options)
        self.sampling_rate = self.sample_rate
        self.output_dim = self.frame_size
        self.hop_size_in_ms = self.hop_ms

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
        return self.sequences(audio[None] if audio.ndim == 1 else audio)
