"""Is a segment of a file what decoding the whole file gives there? Every format, and real files.

    python -m benchmarks.segments --data ../shared/data/esc10

For each format and subtype that this libsndfile writes, random segments are compared with whole decoding, bit
for bit; so are those of the files of a folder. It ends with 1 where one differs.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import soundfile as sf

from elmarc.audio import blocks, decode

RATES = ((44100, 1), (16000, 2), (8000, 1))  # Hz, channels
SECONDS = 3.0
NO_NAME_OR_HEADER = ("RAW", "SD2")  # no header, and a file beside it
BROKEN_IN_STEREO = ("ALAC_20",)  # libsndfile writes or reads noise, whole files too
UNREAD_END = (".sds", ".paf")  # libsndfile reads no part of their last block but its beginning: an error
MODES: dict[str, list[dict[str, Any]]] = {
    "MPEG_LAYER_III": [
        {"bitrate_mode": mode, "compression_level": level}
        for mode in ("CONSTANT", "VARIABLE")
        for level in (0.0, 0.5, 0.9)
    ]
}


def sound(rng: np.random.Generator, sr: int, n_channels: int) -> np.ndarray:
    """Return noise that comes and goes over a tone, so that variable rates vary [shape=(n, n_channels)]."""
    t = np.arange(int(SECONDS * sr)) / sr
    noise = 0.1 * rng.standard_normal((len(t), n_channels))
    return noise * (np.sin(7 * t) > 0)[:, None] + 0.3 * np.sin(2 * np.pi * 440 * t * (1 + t))[:, None]


def written(folder: Path, rng: np.random.Generator) -> Iterator[tuple[str, Path]]:
    """Write a file of each format, subtype, rate and mode; yield what it is, and where."""
    for form in sorted(set(sf.available_formats()) - set(NO_NAME_OR_HEADER)):
        for subtype in sf.available_subtypes(form):
            for mode in MODES.get(subtype, [{}]):
                for sr, n_channels in RATES:
                    path = folder / f"clip.{form.lower()}"
                    if n_channels > 1 and subtype in BROKEN_IN_STEREO:
                        continue
                    try:
                        sf.write(path, sound(rng, sr, n_channels), sr, subtype, format=form, **mode)
                        sf.info(path)
                    except (sf.LibsndfileError, ValueError):
                        continue  # known to libsndfile, and not written by it, or not with these channels
                    yield f"{form} {subtype} {' '.join(map(str, mode.values()))}", path


def n_wrong(path: Path, n: int, rng: np.random.Generator) -> int:
    """Return how many of `n` random segments of a file are not those of the whole."""
    whole, sr = decode(path)
    n_bad = 0
    last = len(whole) - (60 if path.suffix in UNREAD_END else 0)
    for k in range(n):
        first = int(rng.integers(last))
        stop = min(last, first + 1 + int(rng.exponential(sr / 4)))
        start, end = first / sr, None if stop == len(whole) else stop / sr
        n_bad += not np.array_equal(decode(path, start=start, end=end)[0], whole[first:stop])
        if k % 50 == 0:
            mono = np.concatenate(list(blocks(path, sr=None, seconds=0.1, start=start, end=end)))
            n_bad += not np.allclose(mono, whole[first:stop].mean(axis=1), atol=1e-6)
    return n_bad


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder of real files, at any depth")
    parser.add_argument("--segments", type=int, default=1000, help="of each format, and of the real files")
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    asked, wrong = Counter[str](), Counter[str]()
    with tempfile.TemporaryDirectory() as folder:
        for name, path in written(Path(folder), rng):
            n = -(-options.segments // len(RATES))
            asked[name] += n
            wrong[name] += n_wrong(path, n, rng)
    if options.data:
        paths = [path for path in sorted(options.data.rglob("*")) if path.suffix in (".ogg", ".mp3", ".wav")]
        for path in paths:
            n = -(-options.segments // len(paths))
            asked[f"real {path.suffix}"] += n
            wrong[f"real {path.suffix}"] += n_wrong(path, n, rng)
    for name, n in asked.items():
        print(f"{name:<40} {wrong[name]:>5} of {n} segments are other samples")
    print(f"{'all':<40} {wrong.total():>5} of {asked.total()}")
    return int(wrong.total() > 0)


if __name__ == "__main__":
    raise SystemExit(main())
