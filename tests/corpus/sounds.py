"""Sound files by name: every format whole, every format damaged, headers that lie, and what is no sound."""

from __future__ import annotations

import gzip
import io
import struct
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress

import numpy as np
import soundfile as sf

SR = 8000
N_SAMPLES = 2400
Sound = tuple[str, bytes]  # the suffix of its name, and what it holds
Change = Callable[[bytes], bytes]
UNREADABLE = ("RAW", "SD2")  # no header, and a file beside it
SUFFIXES = {"WAVEX": ".wav", "RF64": ".wav", "AIFF": ".aiff"}  # elsewhere the format in small letters


def noise(n_channels: int = 1, n_samples: int = N_SAMPLES) -> np.ndarray:
    """Return a tone with noise [shape=(n_samples, n_channels)], the same each time."""
    loudness = np.random.default_rng(5).normal(size=(n_samples, n_channels)) / 20
    return loudness + 0.3 * np.sin(np.arange(n_samples) / 3)[:, None]


def written(form: str, subtype: str | None = None, *, y: np.ndarray | None = None, sr: int = SR) -> bytes:
    """Return a file of a format of libsndfile."""
    held = io.BytesIO()
    sf.write(held, noise() if y is None else y, sr, format=form, subtype=subtype)
    return held.getvalue()


def suffix_of(form: str) -> str:
    return SUFFIXES.get(form, f".{form.lower()}")


def whole() -> dict[str, Sound]:
    """Return a file of each format and subtype that this libsndfile can write."""
    found = {}
    for form in sf.available_formats():
        for subtype in sf.available_subtypes(form) if form not in UNREADABLE else ():
            with suppress(sf.LibsndfileError):  # known to libsndfile, and not written by it
                found[f"{form} {subtype}"] = suffix_of(form), written(form, subtype)
    return found


DAMAGES: dict[str, Change] = {
    "one byte": lambda data: data[:1],
    "cut in the header": lambda data: data[:20],
    "cut in half": lambda data: data[: len(data) // 2],
    "header of zeros": lambda data: bytes(40) + data[40:],
    "header of ones": lambda data: data[:8] + b"\xff" * 32 + data[40:],
    "middle of zeros": lambda data: data[:200] + bytes(400) + data[600:],
    "middle of noise": lambda data: data[:200] + np.random.default_rng(1).bytes(400) + data[600:],
    "twice": lambda data: data + data,
}  # fmt: skip


def damaged() -> Iterator[tuple[str, Sound]]:
    for form in sf.available_formats():
        if form not in UNREADABLE:
            data = written(form, sf.default_subtype(form))
            for name, change in DAMAGES.items():
                yield f"{form} {name}", (suffix_of(form), change(data))


def chunk(name: bytes, data: bytes, size: int | None = None) -> bytes:
    return name + struct.pack("<I", len(data) if size is None else size) + data


def wav(
    *,
    code: int = 1, channels: int = 1, sr: int = SR, rate: int | None = None, align: int | None = None,
    bits: int = 16, riff: int | None = None, size: int | None = None, before: bytes = b"", after: bytes = b"",
    samples: bytes | None = None, fmt: bool = True, data: bool = True,
) -> bytes:  # fmt: skip
    """Return a wav file; what is not said is right."""
    if samples is None:
        samples = (noise() * 32767).astype("<i2").tobytes()
    align = channels * bits // 8 & 0xFFFF if align is None else align
    rate = sr * align & 0xFFFFFFFF if rate is None else rate
    head = chunk(b"fmt ", struct.pack("<HHIIHH", code, channels, sr, rate, align, bits)) if fmt else b""
    body = b"WAVE" + head + before + (chunk(b"data", samples, size) if data else b"") + after
    return chunk(b"RIFF", body, riff)


HEADERS: dict[str, Callable[[], bytes]] = {
    "rate 0": lambda: wav(sr=0),
    "rate 1": lambda: wav(sr=1),
    "rate 1e9": lambda: wav(sr=10**9),
    "rate 2^32 - 1": lambda: wav(sr=2**32 - 1),
    "bytes a second 0": lambda: wav(rate=0),
    "bytes a second 2^32 - 1": lambda: wav(rate=2**32 - 1),
    "channels 0": lambda: wav(channels=0),
    "channels 3, odd rest": lambda: wav(channels=3, samples=bytes(range(256)) * 9 + b"\x07\x07\x07"),
    "channels 1000": lambda: wav(channels=1000),
    "channels 1024, no whole frame": lambda: wav(channels=1024, samples=bytes(200)),
    "channels 65535": lambda: wav(channels=65535),
    "bits 0": lambda: wav(bits=0),
    "bits 1": lambda: wav(bits=1),
    "bits 12": lambda: wav(bits=12),
    "bits 17": lambda: wav(bits=17),
    "bits 64": lambda: wav(bits=64),
    "bits 65535": lambda: wav(bits=65535),
    "align 0": lambda: wav(align=0),
    "align 3": lambda: wav(align=3),
    "align 65535": lambda: wav(align=65535),
    "code 0": lambda: wav(code=0),
    "code 85, an mp3": lambda: wav(code=85),
    "code 17, no adpcm": lambda: wav(code=17, bits=4),
    "code 49, no gsm": lambda: wav(code=49),
    "code 65534 without more": lambda: wav(code=65534),
    "code 4660": lambda: wav(code=0x1234),
    "riff size 0": lambda: wav(riff=0),
    "riff size 2^32 - 1": lambda: wav(riff=2**32 - 1),
    "data size 0": lambda: wav(size=0),
    "data size 1": lambda: wav(size=1),
    "data size half": lambda: wav(size=N_SAMPLES),
    "data size double": lambda: wav(size=4 * N_SAMPLES),
    "data size 2^31 - 1": lambda: wav(size=2**31 - 1),
    "data size 2^32 - 1, a stream": lambda: wav(size=2**32 - 1),
    "no samples": lambda: wav(samples=b""),
    "half a sample": lambda: wav(samples=b"\x01"),
    "one sample": lambda: wav(samples=b"\x01\x02"),
    "odd length": lambda: wav(samples=bytes(range(255))),
    "no fmt": lambda: wav(fmt=False),
    "no data": lambda: wav(data=False),
    "no chunks": lambda: wav(fmt=False, data=False),
    "data before fmt": lambda: wav(fmt=False, after=wav(data=False)[12:]),
    "fmt twice": lambda: wav(before=wav(data=False, channels=2)[12:]),
    "data twice": lambda: wav(after=wav(fmt=False)[12:]),
    "fact of 2^32 - 1": lambda: wav(before=chunk(b"fact", b"\xff" * 4)),
    "list of 1 MB": lambda: wav(before=chunk(b"LIST", bytes(10**6))),
    "list of 2^32 - 1": lambda: wav(before=chunk(b"LIST", b"INFO", 2**32 - 1)),
    "list of odd length": lambda: wav(before=chunk(b"LIST", b"INFOa")),
    "1000 empty chunks": lambda: wav(before=chunk(b"junk", b"") * 1000),
    "100,000 empty chunks": lambda: wav(before=chunk(b"junk", b"") * 100_000),
    "chunk of no name": lambda: wav(before=chunk(b"\0\0\0\0", b"")),
    "chunk of zeros behind": lambda: wav(after=bytes(1000)),
    "cue of 2^32 - 1 points": lambda: wav(before=chunk(b"cue ", b"\xff" * 28)),
    "loop of 2^32 - 1 points": lambda: wav(before=chunk(b"smpl", b"\xff" * 36)),
    "big endian name": lambda: b"RIFX" + wav()[4:],
    "rf64 without sizes": lambda: b"RF64" + wav(riff=2**32 - 1, size=2**32 - 1)[4:],
    "rf64 of 2^64 - 1": lambda: b"RF64" + b"\xff" * 4 + b"WAVE" + chunk(b"ds64", b"\xff" * 28) + wav()[12:],
}
VALUES: dict[str, np.ndarray] = {
    "NaN": np.full(N_SAMPLES, np.nan),
    "one NaN": np.where(np.arange(N_SAMPLES) == 1234, np.nan, noise()[:, 0]),
    "one infinity": np.where(np.arange(N_SAMPLES) == 1234, np.inf, noise()[:, 0]),
    "infinite": np.full(N_SAMPLES, -np.inf),
    "largest": np.full(N_SAMPLES, 3.4e38),
    "largest to and fro": 3.4e38 * np.sign(noise()[:, 0]),
    "smallest": np.full(N_SAMPLES, 1e-45),
    "integers": np.round(noise()[:, 0] * 32767),
    "silence": np.zeros(N_SAMPLES),
    "one value": np.full(N_SAMPLES, 0.25),
    "opposite channels": noise()[:, :1] * [1, -1],
    "64 channels": noise(64),
    "no sample": np.zeros(0),
    "one sample": np.full(1, 0.5),
    "two samples": np.full(2, 0.5),
}  # of float wav files


def with_flac(change: Callable[[bytearray], None]) -> bytes:
    data = bytearray(written("FLAC", "PCM_16"))
    change(data)
    return bytes(data)


def no_length(data: bytearray) -> None:
    data[21] &= 0xF0
    data[22:26] = bytes(4)


def all_length(data: bytearray) -> None:
    data[21] |= 0x0F
    data[22:26] = b"\xff" * 4


def no_rate(data: bytearray) -> None:
    data[18:20] = bytes(2)
    data[20] &= 0x0F


def no_digest(data: bytearray) -> None:
    data[26:42] = bytes(16)


def other_digest(data: bytearray) -> None:
    data[26:42] = b"x" * 16


def ones_in_the_place_of_blocks(data: bytearray) -> None:
    data[8:12] = b"\xff" * 4


def zipped(name: str) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr(name, wav())
    return held.getvalue()


def ogg_without_end() -> bytes:
    data = written("OGG", "VORBIS")
    return data[: data.rfind(b"OggS")]


FLAC_LIKE: dict[str, Callable[[], bytes]] = {
    "flac of no length": lambda: with_flac(no_length),
    "flac of 2^36 - 1 samples": lambda: with_flac(all_length),
    "flac of rate 0": lambda: with_flac(no_rate),
    "flac of no digest": lambda: with_flac(no_digest),
    "flac of another digest": lambda: with_flac(other_digest),
    "flac of wrong block sizes": lambda: with_flac(ones_in_the_place_of_blocks),
    "flac of no length, cut": lambda: with_flac(no_length)[:2000],
    "flac behind an ID3 tag": lambda: b"ID3\x03\0\0\0\0\0\x0a" + bytes(10) + written("FLAC"),
}
OTHERS: dict[str, Callable[[], Sound]] = {
    **{name: (lambda make=make: (".flac", make())) for name, make in FLAC_LIKE.items()},
    "empty": lambda: (".wav", b""),
    "a space": lambda: (".wav", b" "),
    "text": lambda: (".wav", b"no sound, but words"),
    "a web page": lambda: (".mp3", b"<!DOCTYPE html><html><body>404 not found</body></html>"),
    "a playlist": lambda: (".mp3", b"#EXTM3U\nhttp://example.org/a.mp3\n"),
    "json": lambda: (".flac", b'{"a": 1}'),
    "a pointer of Git LFS": lambda: (".wav", b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n"),
    "zeros": lambda: (".wav", bytes(5000)),
    "ones": lambda: (".mp3", b"\xff" * 5000),
    "random bytes": lambda: (".ogg", np.random.default_rng(2).bytes(5000)),
    "random bytes as mp3": lambda: (".mp3", np.random.default_rng(2).bytes(5000)),
    "a zip": lambda: (".wav", zipped("a.wav")),
    "a gzip": lambda: (".wav", gzip.compress(wav(), mtime=0)),
    "numpy": lambda: (".wav", b"\x93NUMPY\x01\0" + bytes(200)),
    "a picture": lambda: (".wav", b"\x89PNG\r\n\x1a\n" + bytes(200)),
    "a film": lambda: (".mp3", bytes(4) + b"ftypisom" + bytes(200)),
    "midi": lambda: (".wav", b"MThd\0\0\0\x06\0\0\0\x01\0\x60MTrk\0\0\0\0"),
    "headerless": lambda: (".raw", wav()[44:]),
    "wav without a suffix": lambda: ("", wav()),
    "wav called mp3": lambda: (".mp3", wav()),
    "wav called raw": lambda: (".raw", wav()),
    "wav called txt": lambda: (".txt", wav()),
    "mp3 called wav": lambda: (".wav", written("MP3")),
    "ogg called flac": lambda: (".flac", written("OGG")),
    "flac called WAV": lambda: (".WAV", written("FLAC")),
    "wav behind a byte": lambda: (".wav", b"\0" + wav()),
    "wav behind a mark of UTF-8": lambda: (".wav", b"\xef\xbb\xbf" + wav()),
    "wav with its line ends changed": lambda: (".wav", wav().replace(b"\n", b"\r\n")),
    "wav read as latin 1": lambda: (".wav", wav().decode("latin-1").encode("utf-8")),
    "mp3 behind an ID3 tag": lambda: (".mp3", b"ID3\x03\0\0\0\0\0\x0a" + bytes(10) + written("MP3")),
    "mp3 behind an ID3 tag of 256 MB": lambda: (".mp3", b"ID3\x03\0\0\x7f\x7f\x7f\x7f" + written("MP3")),
    "an ID3 tag alone": lambda: (".mp3", b"ID3\x03\0\0\0\0\0\x0a" + bytes(10)),
    "mp3 with a tag behind": lambda: (".mp3", written("MP3") + b"TAG" + bytes(125)),
    "ogg without its last page": lambda: (".ogg", ogg_without_end()),
    "ogg behind another": lambda: (".ogg", written("OGG") + written("OGG", "OPUS")),
    "ogg of a page alone": lambda: (".ogg", written("OGG")[:58]),
    "au of any length": lambda: (".au", written("AU")[:8] + b"\xff" * 4 + written("AU")[12:]),
    "au of code 99": lambda: (".au", written("AU")[:12] + b"\0\0\0\x63" + written("AU")[16:]),
    "au of text": lambda: (".au", b"no sound, but words" * 50),
    "gsm of text": lambda: (".gsm", b"no sound, but words" * 50),
    "vox of text": lambda: (".vox", b"no sound, but words" * 50),
    "aiff of rate 8e8": lambda: (".aiff", written("AIFF").replace(b"\x40\x0b\xfa", b"\x40\x3f\xff")),
}  # fmt: skip


def odd() -> dict[str, Sound]:
    """Return files that are damaged, odd, or no sound."""
    found = dict(damaged())
    found |= {f"wav, {name}": (".wav", make()) for name, make in HEADERS.items()}
    found |= {f"samples, {name}": (".wav", written("WAV", "FLOAT", y=y)) for name, y in VALUES.items()}
    return found | {name: make() for name, make in OTHERS.items()}
