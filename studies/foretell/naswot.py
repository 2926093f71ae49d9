"""NASWOT: how differently an untrained network treats clips, without their labels.

Mellor, Turner, Storkey & Crowley, "Neural architecture search without training", ICML 2021: each clip has a
binary code, which unit is active and which is not. The similarity of two clips is
the number of units on which their codes agree; the score is the log-determinant of that matrix. Here units
are the values of the feature maps that features are computed from.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from elmarc._io import temporary_folder, write_atomic
from elmarc._resources import n_cores
from elmarc.errors import ConfigError
from elmarc.features.cache import FrontEndCache
from elmarc.features.parallel import Workers, ahead
from elmarc.networks.base import Network
from elmarc.results import Result
from elmarc.study import build
from elmarc.study.clips import Material, open_material
from elmarc.study.record import config_of

BYTES_AT_ONCE = 2**13  # of each code: 64 clips take 17 MB while they are compared
N_CLIPS = 64
FILE = "naswot.json"


def naswot_scores(
    results: Sequence[Result], folder: Path, *, n_clips: int = N_CLIPS, trust: bool = False
) -> Callable[[Result], float | None]:
    """Return what gives the NASWOT of an untrained result; those computed before are read.

    Parameters
    ----------
    results : sequence of Result
        Of a ranking; the clips must lie where they lay, unchanged.
    folder : Path
        Of the ranking: `naswot.json` in it keeps what was computed.
    n_clips : int
        How many clips, spread over the data set.
    trust : bool
        Whether modules that the results name may be imported.

    Raises
    ------
    ElmarcError
        The clips are not there, or have changed; or a module is not trusted.
    """
    file = folder / FILE
    known = _read(file)
    wanted = {_key(r, n_clips): r for r in results if r.config.get("network") not in (None, "mfcc")}
    missing = {key: result for key, result in wanted.items() if key not in known}
    opened: dict[str, Material] = {}
    with temporary_folder("elmarc-naswot") as kept:
        cache = FrontEndCache(kept)
        for key, result in missing.items():
            known[key] = _score(result, opened, cache, n_clips, trust=trust)
            write_atomic(file, json.dumps(known, indent=1) + "\n")
    return lambda result: known.get(_key(result, n_clips))


def _read(file: Path) -> dict[str, float | None]:
    """Return the scores of a file; one that is damaged is written anew."""
    try:
        found = json.loads(file.read_text())
        return {str(key): value for key, value in found.items() if isinstance(value, float | None)}
    except (OSError, ValueError, AttributeError):
        return {}


def _key(result: Result, n_clips: int) -> str:
    return f"{result.clips_key}/{result.definition_key}/{n_clips}"


def _score(
    result: Result, opened: dict[str, Material], cache: FrontEndCache, n_clips: int, *, trust: bool
) -> float | None:
    config = config_of(result, trust=trust)
    if result.clips_key not in opened:
        opened[result.clips_key] = open_material(config)
    material = opened[result.clips_key]
    if material.key != result.clips_key:
        raise ConfigError(f"{result.dataset}: its clips have changed since it was ranked: rank it again")
    extractor, _ = build.extractor(config, material.dataset, cache=cache)
    skipped = {clip.id for clip in result.skipped}
    clips = [clip for clip in material.dataset.clips if clip.id not in skipped]
    places = np.unique(np.linspace(0, len(clips) - 1, n_clips).round().astype(int))
    inputs = (extractor.prepare(clips[place], material.contents) for place in places)
    return None if extractor.network is None else naswot(extractor.network, inputs)


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
