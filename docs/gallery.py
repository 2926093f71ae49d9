"""Draw the pictures of docs/gallery.md anew: `python docs/gallery.py`. It takes a few minutes.

Everything is made from made-up sounds; nothing is fetched, and no other files are read.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import soundfile as sf

FIGURES = Path(__file__).resolve().parent / "figures"
SR = 12000
EVENTS = [(8, 14, "low"), (25, 29, "high"), (41, 50, "low")]  # seconds
HZ = {"low": (300, 500), "high": (2800, 3400)}


def main() -> None:
    """Draw all."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ranking(folder)
        timeline(folder)


def ranking(folder: Path) -> None:
    """Draw the figures of the demo, and its page where Chromium is installed."""
    elmarc("demo", "-o", folder / "demo")
    for target in ("rhythm", "timbre"):
        shutil.copy(folder / "demo" / target / "figure.png", FIGURES / f"toy-{target}.png")
    shutil.copy(folder / "demo" / "rhythm" / "differences.png", FIGURES / "differences.png")
    elmarc("report", folder / "demo", "-o", folder / "report.html")
    browser = shutil.which("chromium")
    if browser:
        options = "--headless", "--no-sandbox", "--hide-scrollbars", "--window-size=1200,1500"
        shot = f"--screenshot={FIGURES / 'page.png'}"
        page = (folder / "report.html").as_uri()
        subprocess.run([browser, *options, shot, page], check=True, capture_output=True)


def timeline(folder: Path) -> None:
    """Fit on clips of two tones and of noise, and predict a minute in which the tones come and go."""
    rng = np.random.default_rng(0)
    for label in ("low", "high", "noise"):
        (folder / "clips" / label).mkdir(parents=True)
        for n in range(12):
            sf.write(folder / "clips" / label / f"{n}.wav", sound(label, 1.0, rng), SR)
    minute = sound("noise", 60.0, rng)
    for start, end, label in EVENTS:
        minute[start * SR : end * SR] = sound(label, float(end - start), rng)
    sf.write(folder / "minute.wav", minute, SR)
    elmarc("fit", "clips", "-o", "model.elmarc", "--quiet", cwd=folder)
    elmarc(
        "predict", "model.elmarc", "minute.wav", "--window", "1", "--hop", "0.5",
        "--plot", FIGURES / "timeline.png", "--quiet", cwd=folder,
    )  # fmt: skip


def sound(label: str, seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Return soft noise, with a tone of some pitch in it where the label says so."""
    y = 0.01 * rng.standard_normal(int(seconds * SR))
    if label in HZ:
        y += 0.3 * np.sin(2 * np.pi * rng.uniform(*HZ[label]) * np.arange(len(y)) / SR)
    return y


def elmarc(*words: object, cwd: Path | None = None) -> None:
    """Run a command."""
    subprocess.run([sys.executable, "-m", "elmarc", *map(str, words)], check=True, cwd=cwd)


if __name__ == "__main__":
    main()
