"""Audio and pictures of clips on the report page: small MP3s and log-mels, embedded or linked."""

from __future__ import annotations

import base64
import io
import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import numpy as np
import soundfile as sf
from matplotlib import colormaps
from PIL import Image

from elmarc._types import Waveform
from elmarc.datasets.base import Clip
from elmarc.errors import AudioError, ConfigError
from elmarc.frontends.logmel import LogMel
from elmarc.results import Result

SR = 16000  # Hz: enough to recognise a clip
MAX_CLIPS = 400  # pictures and players
MAX_WIDTH = 320  # pixels of a picture
N_COLOURS = 24
SHARED_DEPTH = 2  # "/" and "/home", "C:\\" and "C:\\Users": folders that hold users' folders


@dataclass(frozen=True)
class ClipMedia:
    """Audio and picture of one clip.

    Parameters
    ----------
    audio : bytes or None
        An encoded file that a browser plays, for example Ogg Opus or WAV.
    mime : str
        Its type, for example "audio/wav".
    picture : bytes or None
        PNG of the log-mel spectrogram.
    href : str or None
        Link to the clip where it is not embedded: relative, http: or https:. Others are left out, also file:,
        which would reveal folders of the machine.
    duration_s : float or None
        Length in seconds.
    """

    audio: bytes | None = None
    mime: str = "audio/wav"
    picture: bytes | None = None
    href: str | None = None
    duration_s: float | None = None

    def __post_init__(self) -> None:
        if not re.fullmatch(r"audio/[\w.+-]+", self.mime):
            raise ConfigError(f"media type {self.mime!r}: expected audio/..., such as audio/wav")

    @property
    def size(self) -> int:
        """Bytes of audio and picture."""
        return len(self.audio or b"") + len(self.picture or b"")


def listening_order(results: Iterable[Result]) -> list[tuple[str, str]]:
    """Return (data set, clip id) of every clip, those most often mistaken first."""
    mistakes: Counter[tuple[str, str]] = Counter()
    for result in results:
        for p in result.predictions:
            mistakes[result.dataset, p.id] += p.label != p.predicted
    return sorted(mistakes, key=lambda clip: (-mistakes[clip], clip))


def media_for(results: Sequence[Result], clips: Sequence[Clip], *, page_folder: Path) -> dict[str, ClipMedia]:
    """Return media for the clips of a data set, the most often mistaken ones first, by clip id."""
    by_id = {clip.id: clip for clip in clips}
    known = [by_id[name] for _, name in listening_order(results) if name in by_id]
    with ThreadPoolExecutor(2) as workers:
        full = workers.map(partial(clip_media, page_folder=page_folder), known[:MAX_CLIPS])
        media = {clip.id: one for clip, one in zip(known, full, strict=False)}
    return media | {clip.id: ClipMedia(href=_link(clip, page_folder)) for clip in known[MAX_CLIPS:]}


def clip_media(clip: Clip, *, page_folder: Path) -> ClipMedia:
    """Return player and picture of one clip, of its segment alone; without them where it cannot be read.

    Clips below the folder of the page or next to it are linked, others are not: a page may be sent to others,
    and must not reveal the folders of its author.
    """
    href = _link(clip, page_folder)
    try:
        y = clip.load(sr=SR)
    except AudioError:
        return ClipMedia(href=href)
    audio = io.BytesIO()
    sf.write(audio, np.clip(y, -1, 1), SR, format="MP3")
    return ClipMedia(audio.getvalue(), "audio/mpeg", _picture(y), href, len(y) / SR)


def _link(clip: Clip, page_folder: Path) -> str | None:
    """Return a link to the clip's file, from its first second to its last (a media fragment)."""
    link = relative_link(clip.path.resolve(), page_folder.resolve())
    if link is None or (clip.start is None and clip.end is None):
        return link
    return f"{link}#t={clip.start or 0:g}" + ("" if clip.end is None else f",{clip.end:g}")


def relative_link(path: Path, page_folder: Path) -> str | None:
    """Return a link from the page to a file below its folder or below that folder's parent, else None.

    Folders that hold users' folders do not count, so that no link holds a user's name.

    >>> relative_link(Path("/home/anna/sounds/a b.wav"), Path("/home/anna/runs"))
    '../sounds/a%20b.wav'
    >>> relative_link(Path("/home/bob/sounds/a.wav"), Path("/home/anna"))
    """
    for base, prefix in ((page_folder, ""), (page_folder.parent, "../")):
        if path.is_relative_to(base) and len(base.parts) > SHARED_DEPTH:
            return prefix + quote(os.fsencode(path.relative_to(base).as_posix()))
    return None


def _picture(y: Waveform) -> bytes:
    """Return a PNG of the log-mel, time to the right, low bands below; few colours keep it small."""
    logmel = LogMel(sr=SR)(y)
    logmel = logmel[:: -(-len(logmel) // MAX_WIDTH)].T[::-1]
    low, high = logmel.min(), logmel.max()
    shades = np.rint((logmel - low) / max(high - low, 1e-9) * (N_COLOURS - 1)).astype(np.uint8)
    colours = 255 * colormaps["magma"](np.linspace(0, 1, N_COLOURS))[:, :3]
    image = Image.fromarray(shades, mode="P")
    image.putpalette(colours.astype(np.uint8).tobytes())
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def embed(
    results: Sequence[Result],
    clips: Mapping[str, Sequence[str]],
    media: Mapping[str, Mapping[str, ClipMedia]],
    *,
    max_bytes: float,
) -> tuple[list[list[dict[str, Any]]], str]:
    """Encode audio and pictures in listening order until `max_bytes` are used; the rest keeps its link.

    Parameters
    ----------
    results : sequence of Result
    clips : mapping
        Data set -> ids of its clips.
    media : mapping
        Data set -> clip id -> media; clips may be missing.
    max_bytes : float

    Returns
    -------
    list, str
        For each data set what the page's script reads of each clip; a note on how many can be played.
    """
    encoded: dict[tuple[str, str], dict[str, Any]] = {}
    n_played = 0
    for dataset, clip in listening_order(results):
        own = media.get(dataset, {}).get(clip)
        if own is None:
            continue
        entry = encoded[dataset, clip] = {}
        if own.href is not None and _may_be_linked(own.href):
            entry["href"] = own.href
        if own.duration_s is not None:
            entry["duration"] = round(own.duration_s, 2)
        if own.size > max_bytes:
            continue
        max_bytes -= own.size
        if own.audio is not None:
            entry["audio"] = _data_url(own.mime, own.audio)
            n_played += 1
        if own.picture is not None:
            entry["picture"] = _data_url("image/png", own.picture)
    n_clips = sum(map(len, clips.values()))
    note = f"{n_played} of {n_clips} clips can be played here: those most often mistaken."
    if n_played == n_clips:
        note = "Every clip can be played here."
    elif not n_played:
        note = "This page holds no audio."
    return [[encoded.get((name, clip), {}) for clip in ids] for name, ids in clips.items()], note


def _data_url(mime: str, content: bytes) -> str:
    return f"data:{mime};base64,{base64.b64encode(content).decode()}"


def _may_be_linked(href: str) -> bool:
    """Return whether a link runs nothing and reveals no folder of the machine.

    >>> [_may_be_linked(href) for href in ("dog/1.wav", "https://a.org/1.wav", "file:///a.wav", "/a.wav")]
    [True, True, False, False]
    """
    parts = urlsplit(href)
    local = not parts.scheme and not parts.netloc and not parts.path.startswith(("/", "\\"))
    return local or parts.scheme in ("http", "https")
