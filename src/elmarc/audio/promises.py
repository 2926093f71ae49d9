"""How much of the sound that its header promises a file holds.

libsndfile takes what is there for the whole: a wav file that was cut in half has half the samples and no
error. The sizes in the headers of wav, aiff and au, and the flag on the last page of an ogg stream, tell.
What an MP3 or FLAC file promises is a number of samples, which libsndfile hands on.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

from elmarc.audio.opening import unreadable

SLACK = 128  # bytes: some programs count their header as sound
UNKNOWN = 0x7FFF0000  # sizes from here on are written by programs that could not go back to the header
MOST_CHUNKS = 1000
SLACK_SAMPLES = 4608  # of an MP3: four frames, in which decoders begin and end
OGG_PAGES = 2 * 65307  # the longest page, and one more that may be unfinished
MP3_FRAME = 1500  # bytes: the longest
END_OF_STREAM = 4


def shortage(path: str | Path, *, n_asked: int, n_read: int) -> str:
    """Return what a file lacks of its sound, in words; "" where nothing is missing, or nothing was promised.

    Parameters
    ----------
    path : str or Path
    n_asked, n_read : int
        Samples that its header says, and that were read.

    Raises
    ------
    AudioError, TransientError
        The file cannot be read any more.
    """
    try:
        with open(path, "rb") as file:
            return _shortage(file, n_asked, n_read)
    except (ValueError, struct.error):
        return ""
    except OSError as problem:
        raise unreadable(path, problem) from problem


def _shortage(file: BinaryIO, n_asked: int, n_read: int) -> str:
    head = file.read(12)
    size = file.seek(0, 2)
    kind = head[:4]
    if kind in (b"RIFF", b"RIFX", b"RF64") and head[8:] == b"WAVE":
        return _of_chunks(file, size, b"data", ">I" if kind == b"RIFX" else "<I")
    if kind == b"FORM" and head[8:11] == b"AIF":
        return _of_chunks(file, size, b"SSND", ">I")
    if kind in (b".snd", b"dns."):
        offset, promised = struct.unpack(">II" if kind == b".snd" else "<II", head[4:])
        return _ratio(size - offset, promised)
    if kind == b"OggS":
        return "" if _ogg_is_whole(file, size) else "its last page is missing"
    if n_asked - n_read <= SLACK_SAMPLES or not (kind == b"fLaC" or _mp3_says_its_length(file, head)):
        return ""
    return _in_words(n_read / n_asked)


def _of_chunks(file: BinaryIO, size: int, wanted: bytes, number: str) -> str:
    """Walk over the chunks of a file to that which holds the samples."""
    place, long = 12, 0
    for _ in range(MOST_CHUNKS):
        file.seek(place)
        name, length = file.read(4), file.read(4)
        if len(length) < 4:
            break
        n_bytes: int = struct.unpack(number, length)[0]
        if name == b"ds64":  # of RF64: sizes that need 64 bits
            long = struct.unpack("<8xQ", file.read(16))[0]
        if name == wanted:
            at_hand = size - place - 8
            return _ratio(at_hand, long) if long else _ratio(at_hand, n_bytes)
        place += 8 + n_bytes + n_bytes % 2
    return ""


def _ratio(found: int, promised: int) -> str:
    if found + SLACK >= promised or UNKNOWN <= promised < 2**32:
        return ""
    return _in_words(max(0, found) / promised)


def _in_words(share: float) -> str:
    return f"{100 * share:.0f} % of what its header promises"


def _ogg_is_whole(file: BinaryIO, size: int) -> bool:
    """Look at the last page: a whole stream ends with one that says so."""
    file.seek(max(0, size - OGG_PAGES))
    tail = file.read()
    page = tail[max(0, tail.rfind(b"OggS")) :]
    if len(page) < 27:
        return False
    table = page[27 : 27 + page[26]]
    is_all_there = len(table) == page[26] and 27 + len(table) + sum(table) <= len(page)
    return is_all_there and bool(page[5] & END_OF_STREAM)


def _mp3_says_its_length(file: BinaryIO, head: bytes) -> bool:
    """Tell whether the first frame counts all frames; elsewhere libsndfile guesses from the file's size."""
    tags = 0
    if head[:3] == b"ID3":
        tags = 10 + sum(byte << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True))
    file.seek(tags)
    first = file.read(MP3_FRAME)
    return any(name in first for name in (b"Xing", b"Info", b"VBRI"))
