"""NASWOT of the networks of a ranking: drawn again from their seeds, fed clips of the data set."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from elmarc._io import temporary_folder, write_atomic
from elmarc.agreement.naswot import naswot
from elmarc.errors import ConfigError
from elmarc.features.cache import FrontEndCache
from elmarc.results import Result
from elmarc.study import build
from elmarc.study.clips import Material, open_material
from elmarc.study.record import config_of

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
