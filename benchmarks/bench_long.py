"""An hour of audio through `elmarc predict --window`: peak memory, and how many times faster than real time.

    python -m benchmarks.bench_long [--minutes 60] [--json FILE]

The recording (44.1 kHz stereo) is made up and written piece by piece; the model is the smallest that is of
use: `timbral`, small, v2, ridge. Both numbers are those of a new process, its start included in the time. Its
memory is counted over that of a process that imports torch and no more.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile as sf

from elmarc import SoundClassifier

SR = 44100
WINDOW, HOP = 4, 2  # seconds
MOST_MB, LEAST_TIMES = 300, 100
CLASSES = {"low": 300.0, "high": 3000.0, "noise": 0.0}
PEAK = """
import resource, sys
from pathlib import Path
status = Path("/proc/self/status")
if status.exists():  # where it is, ru_maxrss is that of the process that started this one, if it is larger
    peak = next(int(line.split()[1]) for line in status.read_text().splitlines() if "VmHWM" in line)
else:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
used = resource.getrusage(resource.RUSAGE_SELF)
print(peak / 1024, used.ru_utime + used.ru_stime, file=sys.stderr)
"""
TORCH = f"import torch\n{PEAK}"
PREDICT = f"from elmarc.cli.app import run\nassert run() == 0\n{PEAK}"


def sound(label: str, n_samples: int, rng: np.random.Generator) -> np.ndarray:
    """Return stereo samples [shape=(n_samples, 2)] of a tone in noise, or of noise alone."""
    mono = 0.02 * rng.standard_normal(n_samples)
    if CLASSES[label]:
        mono += 0.3 * np.sin(2 * np.pi * CLASSES[label] * np.arange(n_samples) / SR)
    return np.stack([mono, mono], axis=1).astype(np.float32)


def write_recording(path: Path, minutes: float, rng: np.random.Generator) -> None:
    """Write ten seconds of each class in turn."""
    with sf.SoundFile(path, "w", SR, 2) as file:
        for i in range(round(minutes * 6)):
            file.write(sound(list(CLASSES)[i % len(CLASSES)], 10 * SR, rng))


def write_model(path: Path, folder: Path, rng: np.random.Generator) -> None:
    """Fit ten clips of each class."""
    paths, labels = [], []
    for label in CLASSES:
        for i in range(10):
            paths.append(folder / f"{label}-{i}.wav")
            labels.append(label)
            sf.write(paths[-1], sound(label, WINDOW * SR, rng), SR)
    SoundClassifier("timbral").fit(paths, labels).save(path)


def run(code: str, *args: str) -> tuple[float, float, float]:
    """Return peak memory in MB, seconds, and seconds of all cores, of Python code in a new process."""
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code, *args], capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - start
    if done.returncode:
        raise SystemExit(done.stderr)
    peak_mb, cores_s = map(float, done.stderr.split()[-2:])
    return peak_mb, seconds, cores_s


def main() -> None:
    """Measure, print, and fail where a bound is not kept."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_model(folder / "m.elmarc", folder, rng)
        write_recording(folder / "hour.wav", options.minutes, rng)
        torch_mb, _, _ = run(TORCH)
        asked = ("--window", str(WINDOW), "--hop", str(HOP), "-o", str(folder / "out.csv"), "--quiet")
        mb, seconds, cores_s = run(
            PREDICT, "predict", str(folder / "m.elmarc"), str(folder / "hour.wav"), *asked
        )
        n_windows = len((folder / "out.csv").read_text().splitlines()) - 1
    over_mb, times = mb - torch_mb, 60 * options.minutes / seconds
    print(f"{options.minutes:g} minutes, {n_windows} windows of {WINDOW} s every {HOP} s")
    print(f"memory: {mb:.0f} MB at the peak, {over_mb:.0f} MB over importing torch (at most {MOST_MB})")
    print(f"time: {seconds:.1f} s, {cores_s:.1f} s of all cores")
    print(f"speed: {times:.0f} times real time (at least {LEAST_TIMES})")
    if options.json:
        found = {"n_windows": n_windows, "peak_mb": mb, "over_torch_mb": over_mb, "times_real_time": times}
        options.json.write_text(json.dumps(found, indent=1) + "\n")
    if over_mb > MOST_MB or times < LEAST_TIMES:
        raise SystemExit("a bound is not kept")


if __name__ == "__main__":
    main()
