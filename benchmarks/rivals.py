"""Time the rivals of the networks, and `mixed`, on clips of noise: processor time per clip, without decoding.

python -m benchmarks.rivals [--seconds 5] [--clips 16]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch

from elmarc.features.assemble import FeatureOptions, assemble
from elmarc.features.fitted import FITTED
from elmarc.frontends import FRONTENDS, NEEDS, frontends_of
from elmarc.frontends.logmel_vectors import WholeLogMel

SR = 12000


def cpu_ms(work: Callable[[], Any], n_clips: int) -> float:
    """Return the least processor time of three runs after a first one, in ms per clip."""
    work()
    times = []
    for _ in range(3):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return 1000 * min(times) / n_clips


def parts(kind: str, waves: np.ndarray) -> tuple[float, float]:
    """Return the times of the front-end, and of the network or of what is fitted."""
    seconds, n = waves.shape[1] / SR, len(waves)
    if kind == "mixed":
        extractor = assemble(FeatureOptions(kind, duration=seconds), n_workers=1)
        inputs = extractor.frontend(waves)
        rest = cpu_ms(lambda: [extractor.pool(x[np.newaxis]) for x in inputs], n)
        return cpu_ms(lambda: extractor.frontend(waves), n), rest
    made = FRONTENDS[kind]
    front = made(seconds=seconds) if issubclass(made, WholeLogMel) else made()
    first = cpu_ms(lambda: front(waves), n)
    if kind not in FITTED:
        return first, 0.0
    rows = front(waves)
    fitted = FITTED[kind](n_bands=front.n_mels).fit(rows)
    return first, cpu_ms(lambda: fitted.transform(rows), n)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--clips", type=int, default=16)
    options = parser.parse_args()
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    waves = 0.1 * rng.standard_normal((options.clips, round(options.seconds * SR))).astype(np.float32)
    print(f"{'ms per clip':18} front-end  network, fitted    sum")
    for kind in (*frontends_of(None), "mixed"):
        if kind not in NEEDS or find_spec(NEEDS[kind]) is not None:
            first, rest = parts(kind, waves)
            print(f"{kind:18} {first:9.1f} {rest:16.1f} {first + rest:6.1f}", flush=True)


if __name__ == "__main__":
    main()
