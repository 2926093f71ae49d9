"""How long a study will take, found by feeding each network one clip's worth of noise."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np

from elmarc._cores import n_cores
from elmarc.config.sections import Data, ExperimentConfig
from elmarc.datasets.base import Dataset
from elmarc.experiments import build, record

WARM_S = 0.5  # a network faster than this is timed again, without its first call's set-up


def extraction_times(
    configs: Sequence[ExperimentConfig], open_data: Callable[[Data], Dataset]
) -> dict[str, tuple[float, int]]:
    """Return for each kind of features (seconds for all its clips and seeds, at most; clips).

    "At most": clips whose features are stored already count as well. Decoding and classifiers do not.
    """
    draws: dict[str, dict[int, ExperimentConfig]] = {}
    for config in configs:
        draws.setdefault(record.feature_name(config), {})[config.seed] = config
    found = {}
    for name, by_seed in draws.items():
        config = next(iter(by_seed.values()))
        data = open_data(config.data)
        n_draws = 1 if config.network is None else len(by_seed)
        found[name] = (_clip_s(config, data) * len(data.clips) * n_draws, len(data.clips))
    return found


def _clip_s(config: ExperimentConfig, data: Dataset) -> float:
    """Time one clip on one core after another; cores work side by side."""
    extractor, _ = build.extractor(config, data)
    if extractor.length is None:
        noise = np.zeros(extractor.frontend.sr * 10, np.float32)
        return _timed(lambda: extractor.frontend(noise)) / n_cores()
    noise = np.random.default_rng(0).standard_normal(
        (1, extractor.length, extractor.frontend.n_bands), np.float32
    )
    first = _timed(lambda: extractor.pool(noise))
    return first if first > WARM_S else _timed(lambda: extractor.pool(noise))


def _timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
