"""What the report page plays and shows of each clip: a small MP3 and a picture of its log-mel."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import soundfile as sf
from matplotlib import colormaps
from PIL import Image

from elmarc._errors import AudioError
from elmarc._types import Waveform
from elmarc.audio.decode import load
from elmarc.datasets.base import Clip
from elmarc.frontends.logmel import LogMel
from elmarc.reports.page_data import ClipMedia
from elmarc.results import Result

SR = 16000  # Hz: enough to tell what a clip is
MAX_CLIPS = 400  # pictures and players; the other clips are linked
MAX_WIDTH = 320  # pixels of a picture
N_COLOURS = 24


def clip_media(path: Path) -> ClipMedia:
    """Return player and picture of one clip; a link alone where it cannot be read."""
    href = path.resolve().as_uri()
    try:
        y = load(path, sr=SR)
    except AudioError:
        return ClipMedia(href=href)
    return ClipMedia(_mp3(y), "audio/mpeg", _picture(y), href, len(y) / SR)


def media_for(results: Sequence[Result], clips: Sequence[Clip]) -> dict[str, ClipMedia]:
    """Return media for the clips of a data set, the most often mistaken ones first, by clip id."""
    paths = {clip.id: clip.path for clip in clips}
    mistakes: Counter[str] = Counter()
    for result in results:
        mistakes.update({row.id: int(row.label != row.predicted) for row in result.predictions})
    known = [name for name, _ in mistakes.most_common() if name in paths]
    with ThreadPoolExecutor(2) as workers:
        full = workers.map(clip_media, [paths[name] for name in known[:MAX_CLIPS]])
        media = dict(zip(known, full, strict=False))
    return media | {name: ClipMedia(href=paths[name].resolve().as_uri()) for name in known[MAX_CLIPS:]}


def _mp3(y: Waveform) -> bytes:
    buffer = io.BytesIO()
    sf.write(buffer, np.clip(y, -1, 1), SR, format="MP3")
    return buffer.getvalue()


def _picture(y: Waveform) -> bytes:
    """Return a PNG of the log-mel, time to the right, low bands below; few colours keep it small."""
    logmel = LogMel(sr=SR)(y)
    logmel = logmel[:: -(-len(logmel) // MAX_WIDTH)].T[::-1]
    low, high = logmel.min(), logmel.max()
    shades = np.rint((logmel - low) / max(high - low, 1e-9) * (N_COLOURS - 1)).astype(np.uint8)
    image = Image.fromarray(shades, mode="P")
    image.putpalette(
        (255 * colormaps["magma"](np.linspace(0, 1, N_COLOURS))[:, :3]).astype(np.uint8).tobytes()
    )
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()
