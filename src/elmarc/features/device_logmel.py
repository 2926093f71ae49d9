"""The log-mel spectrogram on a GPU, which waits for it where a CPU computes it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from elmarc.frontends.base import FrontEnd
from elmarc.frontends.logmel import FLOOR_DB, LogMel

BLOCK_SAMPLES = 2**20  # 2,048 frames of 512 points: some 40 MB with their spectrum


@dataclass(frozen=True, kw_only=True)
class DeviceLogMel(LogMel):
    """`LogMel` by torch in double precision, clip by clip: its numbers but for rounding.

    Parameters
    ----------
    device : torch.device
        One that has double precision.
    """

    device: torch.device

    def _clip_db(self, y: NDArray[np.float32]) -> NDArray[np.floating]:
        with torch.cuda.stream(_stream(self.device)):
            window, filters, padded = (
                torch.from_numpy(array).to(self.device)
                for array in (self._window, self._filters.toarray(), self._padded(y))
            )

            def mel(frames: Tensor) -> Tensor:
                energy = torch.view_as_real(torch.fft.rfft(frames * window)).square().sum(dim=2)
                return energy ** (self.power / 2) @ filters.T

            frames = padded.unfold(0, self.n_fft, self.hop_length)
            blocks = torch.split(frames, max(1, BLOCK_SAMPLES // self.n_fft))
            db = 10 * torch.cat([mel(block) for block in blocks]).clamp_min(10 ** (FLOOR_DB / 10)).log10()
            if self.top_db is not None:
                db = db.maximum(db.max() - self.top_db)
            db = (db + self.shift_db - self.levelling * (db.mean() + self.shift_db)) / self.scale_db
            return db.float().cpu().numpy()

    def _warn_of_empty_bands(self) -> None:
        """Leave that to the front-end whose copy this is."""


def on_device(frontend: FrontEnd, device: torch.device) -> FrontEnd:
    """Return a front-end that computes on a CUDA device where it can, or the same one."""
    if type(frontend) is not LogMel or device.type != "cuda":
        return frontend
    return DeviceLogMel(
        **{field.name: getattr(frontend, field.name) for field in fields(frontend)}, device=device
    )


@cache
def _stream(device: torch.device) -> torch.cuda.Stream | None:
    """Return a queue of a GPU beside the network's, so that workers do not wait for a batch."""
    return torch.cuda.Stream(device) if device.type == "cuda" else None  # type: ignore[no-untyped-call]
