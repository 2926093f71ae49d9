"""NASWOT: how differently a network that was never trained treats clips, without their labels.

Mellor, Turner, Storkey & Crowley, "Neural architecture search without training", ICML 2021: each clip has a
binary code, which unit is active and which is not. Two clips are alike by the number of units on which their
codes agree; the score is the logarithm of the determinant of that matrix. Here units are the values of the
maps that features are read from: after pooling, and of the layers that are read.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from elmarc._resources import n_cores
from elmarc.features.parallel import Workers, ahead
from elmarc.networks.base import Network

BYTES_AT_ONCE = 2**13  # of each code: 64 clips take 17 MB while they are compared


def naswot(network: Network, inputs: Iterable[NDArray[np.float32]]) -> float | None:
    """Return the score of a network, None where two clips have the same code, so that there is none.

    Parameters
    ----------
    network : Network
    inputs : iterable of np.ndarray [shape=(length, n_bands)]
        What the network is fed, a clip each, all of one length.
    """
    n_units, packed = 0, []
    with Workers(n_cores(), 1) as workers:  # a thread a clip: small networks gain nothing from more
        for _, code in ahead(workers, partial(_code, network), inputs, 2 * n_cores()):
            n_units = len(code.result())
            packed.append(np.packbits(code.result()))  # an eighth of the memory
    sign, score = np.linalg.slogdet(alike(packed, n_units))
    return float(score) if sign > 0 else None


def alike(codes: Sequence[NDArray[np.uint8]], n_units: int) -> NDArray[np.float64]:
    """Return on how many units each two codes agree [shape=(n_clips, n_clips)].

    Parameters
    ----------
    codes : sequence of np.ndarray [shape=(n_units / 8, rounded up)]
        Eight units a byte; what fills the last byte is 0.
    n_units : int
        Of each code.

    Examples
    --------
    >>> alike([np.packbits([1, 0, 1]), np.packbits([1, 1, 1])], 3).tolist()
    [[3.0, 2.0], [2.0, 3.0]]
    """
    packed = np.stack(codes)
    found = np.zeros((len(packed), len(packed)))
    for start in range(0, packed.shape[1], BYTES_AT_ONCE):
        bits = np.unpackbits(packed[:, start : start + BYTES_AT_ONCE], axis=1)
        signs = 2.0 * bits.astype(np.float32) - 1.0
        found += (bits.shape[1] + signs @ signs.T) / 2
    return np.asarray(found - (8 * packed.shape[1] - n_units))


def _code(network: Network, x: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return which units a clip makes active [shape=(n_units,)]."""
    maps = network(torch.from_numpy(np.array(x[np.newaxis])))
    return np.concatenate([(values > 0).flatten().cpu().numpy() for values in maps.values()])
