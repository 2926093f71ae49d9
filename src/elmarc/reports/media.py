"""Audio and picture of clips for the report page: a small MP3 and the log-mel."""

from __future__ import annotations

import io
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import soundfile as sf
from matplotlib import colormaps
from PIL import Image

from elmarc._types import Waveform
from elmarc.datasets.base import Clip
from elmarc.errors import AudioError
from elmarc.frontends.logmel import LogMel
from elmarc.reports.page_data import ClipMedia, listening_order
from elmarc.reports.page_private import relative_link
from elmarc.results import Result

SR = 16000  # Hz: enough to recognise a clip
MAX_CLIPS = 400  # pictures and players
MAX_WIDTH = 320  # pixels of a picture
N_COLOURS = 24


def clip_media(clip: Clip, *, page_folder: Path) -> ClipMedia:
    """Return player and picture of one clip, of its segment alone; without them where it cannot be read.

    Parameters
    ----------
    page_folder : Path
        Folder of the page. Clips below it or next to it are linked, others are not: a page may be sent to
        others, and must not reveal the folders of its author.
    """
    href = _link(clip, page_folder)
    try:
        y = clip.load(sr=SR)
    except AudioError:
        return ClipMedia(href=href)
    return ClipMedia(_mp3(y), "audio/mpeg", _picture(y), href, len(y) / SR)


def media_for(results: Sequence[Result], clips: Sequence[Clip], *, page_folder: Path) -> dict[str, ClipMedia]:
    """Return media for the clips of a data set, the most often mistaken ones first, by clip id."""
    by_id = {clip.id: clip for clip in clips}
    known = [by_id[name] for _, name in listening_order(results) if name in by_id]
    with ThreadPoolExecutor(2) as workers:
        full = workers.map(partial(clip_media, page_folder=page_folder), known[:MAX_CLIPS])
        media = {clip.id: one for clip, one in zip(known, full, strict=False)}
    return media | {clip.id: ClipMedia(href=_link(clip, page_folder)) for clip in known[MAX_CLIPS:]}


def _link(clip: Clip, page_folder: Path) -> str | None:
    """Return a link to the clip's file, from its first second to its last (a media fragment)."""
    link = relative_link(clip.path.resolve(), page_folder.resolve())
    if link is None or (clip.start is None and clip.end is None):
        return link
    return f"{link}#t={clip.start or 0:g}" + ("" if clip.end is None else f",{clip.end:g}")


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
