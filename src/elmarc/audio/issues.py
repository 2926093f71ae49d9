"""Issues of clips that decode all the same: far too loud, silent, constant or truncated.

Such clips move the scores of a whole data set and look like any other in a table, so notes name them.

libsndfile reads a truncated file as if it were whole: a wav file that was cut in half has half the samples
and no error. The sizes in the headers of wav, aiff and au, the flag on the last page of an ogg stream, and
the number of samples that an MP3 or FLAC file states are compared with what is there.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO, TypeAlias

import numpy as np

from elmarc._types import Waveform

LOUD = 4.0  # +12 dB: MP3 decoders overshoot by less, integers read as floats by far more
NAMES = {
    "loud": "peaks far above 1",
    "silent": "nothing but silence",
    "constant": "one constant value",
    "cut": "cut short",
}
ADVICE = {
    "loud": "samples stored as integers in a file of floats? Divide them by full scale, or leave them out",
    "silent": "leave them out, unless silence is one of the classes",
    "constant": "replace them, or leave them out",
    "cut": "what is there was used; fetch them again, or leave them out",
}
Issues: TypeAlias = Mapping[str, str]  # a kind, as in NAMES, and the details

SLACK = 128  # bytes: some programs count their header as sound
UNKNOWN = 0x7FFF0000  # larger sizes are written by programs that could not go back to the header
MAX_CHUNKS = 1000
SLACK_SAMPLES = 4608  # of an MP3: four frames, in which decoders begin and end
OGG_PAGES = 2 * 65307  # bytes: the longest page, and one more that may be unfinished
MP3_FRAME = 1500  # bytes: the longest
END_OF_STREAM = 4


def notes(issues: Mapping[str, Issues], n_clips: int) -> list[str]:
    """Return a sentence for each kind of issue, from the issues by clip id.

    >>> notes({"a.wav": {"constant": "0.25"}}, 12)
    ['1 of 12 clips: one constant value, such as a.wav (0.25): replace them, or leave them out']
    """
    sentences = []
    for kind, name in NAMES.items():
        clips = {clip: of_clip[kind] for clip, of_clip in issues.items() if kind in of_clip}
        if clips:
            clip, details = next(iter(clips.items()))
            count = f"{len(clips)} of {n_clips} clips"
            sentences.append(f"{count}: {name}, such as {clip} ({details}): {ADVICE[kind]}")
    return sentences


def in_words(issues: Issues) -> str:
    """Return the issues of one clip in words.

    >>> in_words({"loud": "peak 2.9e+04"})
    'peaks far above 1 (peak 2.9e+04)'
    """
    return ", ".join(f"{NAMES[kind]} ({details})" for kind, details in issues.items())


class IssueFinder:
    """Finds the issues of one clip in its mono samples, added piece by piece."""

    def __init__(self) -> None:
        self.low, self.high, self.n_samples = np.inf, -np.inf, 0

    def add(self, y: Waveform) -> Waveform:
        """Look at a piece, and return it."""
        if len(y):
            self.low, self.high = min(self.low, float(y.min())), max(self.high, float(y.max()))
            self.n_samples += len(y)
        return y

    def issues(self, path: str | Path, *, n_expected: int, to_end: bool) -> dict[str, str]:
        """Return the issues of the samples, of which the header stated `n_expected`.

        `to_end`: whether the samples reach to the end of the file, which may then be truncated.
        """
        issues = {}
        peak = max(self.high, -self.low)
        if self.low == self.high:
            issues.update({"constant": f"{self.low:g}"} if peak else {"silent": "all samples are 0"})
        if peak > LOUD:
            issues["loud"] = f"peak {peak:.4g}"
        if to_end and (missing := truncation(path, n_expected=n_expected, n_read=self.n_samples)):
            issues["cut"] = missing
        return issues


def truncation(path: str | Path, *, n_expected: int, n_read: int) -> str:
    """Return in words what a file lacks; "" where it is whole, or where its header states no length."""
    with open(path, "rb") as file:
        head = file.read(12)
        size = file.seek(0, 2)
        kind = head[:4]
        try:
            if kind in (b"RIFF", b"RIFX", b"RF64") and head[8:] == b"WAVE":
                return _of_chunks(file, size, b"data", ">I" if kind == b"RIFX" else "<I")
            if kind == b"FORM" and head[8:11] == b"AIF":
                return _of_chunks(file, size, b"SSND", ">I")
            if kind in (b".snd", b"dns."):
                offset, n_bytes = struct.unpack(">II" if kind == b".snd" else "<II", head[4:])
                return _of_bytes(size - offset, n_bytes)
            if kind == b"OggS":
                return "" if _ogg_is_whole(file, size) else "its last page is missing"
            is_stated = kind == b"fLaC" or _mp3_states_its_length(file, head)
            return _share(n_read / n_expected) if is_stated and n_expected - n_read > SLACK_SAMPLES else ""
        except (ValueError, struct.error):  # a header that makes no sense
            return ""


def _of_chunks(file: BinaryIO, size: int, name: bytes, number: str) -> str:
    """Walk over the chunks of a file to that which holds the samples."""
    place, long = 12, 0
    for _ in range(MAX_CHUNKS):
        file.seek(place)
        chunk, length = file.read(4), file.read(4)
        if len(length) < 4:
            break
        n_bytes: int = struct.unpack(number, length)[0]
        if chunk == b"ds64":  # of RF64: sizes that need 64 bits
            long = struct.unpack("<8xQ", file.read(16))[0]
        if chunk == name:
            return _of_bytes(size - place - 8, long or n_bytes)
        place += 8 + n_bytes + n_bytes % 2
    return ""


def _of_bytes(n_bytes: int, n_stated: int) -> str:
    if n_bytes + SLACK >= n_stated or UNKNOWN <= n_stated < 2**32:
        return ""
    return _share(max(0, n_bytes) / n_stated)


def _share(share: float) -> str:
    return f"{100 * share:.0f} % of what its header states"


def _ogg_is_whole(file: BinaryIO, size: int) -> bool:
    """Return whether the last page is complete and has the flag for the end of the stream."""
    file.seek(max(0, size - OGG_PAGES))
    tail = file.read()
    page = tail[max(0, tail.rfind(b"OggS")) :]
    if len(page) < 27:
        return False
    table = page[27 : 27 + page[26]]
    is_complete = len(table) == page[26] and 27 + len(table) + sum(table) <= len(page)
    return is_complete and bool(page[5] & END_OF_STREAM)


def _mp3_states_its_length(file: BinaryIO, head: bytes) -> bool:
    """Return whether the first frame counts all frames; elsewhere libsndfile guesses from the file's size."""
    tags = 0
    if head[:3] == b"ID3":
        tags = 10 + sum(byte << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True))
    file.seek(tags)
    first = file.read(MP3_FRAME)
    return any(name in first for name in (b"Xing", b"Info", b"VBRI"))
