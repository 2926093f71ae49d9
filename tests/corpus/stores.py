"""Damage to a store of features, by name: what a disk, a copy or another program makes of it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file

Damage = Callable[[Path], object]  # takes the first shard of a store
Metadata = dict[str, str]


def flipped(bit: int) -> Damage:
    """Flip a bit of the shard, counted from its end where negative."""

    def do(shard: Path) -> None:
        data = bytearray(shard.read_bytes())
        data[bit // 8] ^= 1 << bit % 8
        shard.write_bytes(data)

    return do


def cut(n_bytes: int) -> Damage:
    return lambda shard: shard.write_bytes(shard.read_bytes()[:n_bytes])


def zeroed(first: int, n_bytes: int) -> Damage:
    def do(shard: Path) -> None:
        data = bytearray(shard.read_bytes())
        data[first : first + n_bytes] = bytes(len(data[first : first + n_bytes]))
        shard.write_bytes(data)

    return do


def head(shard: Path) -> dict[str, Any]:
    data = shard.read_bytes()
    found: dict[str, Any] = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    return found


def rows(change: Callable[[np.ndarray], np.ndarray]) -> Damage:
    """Change the rows and keep the words, as a program would that knows the format."""
    return lambda shard: save_file({"X": change(load_file(shard)["X"])}, shard, head(shard)["__metadata__"])


def words(change: Callable[[Metadata], object]) -> Damage:
    """Change what a shard says of itself, and keep its rows."""

    def do(shard: Path) -> None:
        metadata = head(shard)["__metadata__"]
        change(metadata)
        save_file({"X": load_file(shard)["X"]}, shard, metadata)

    return do


def names(change: Callable[[list[str]], object]) -> Damage:
    return words(lambda said: said.update(clips=json.dumps(change(json.loads(said["clips"])))))


def instead(make: Damage) -> Damage:
    """Put something in the place of the shard."""
    return lambda shard: (shard.unlink(), make(shard))


def beside(name: str, make: Damage) -> Damage:
    """Put something into the folder of the shard."""
    return lambda shard: (shard.with_name(name).unlink(missing_ok=True), make(shard.with_name(name)))


def renamed(shard: Path) -> None:
    metadata = head(shard)["__metadata__"]
    save_file({"Y": load_file(shard)["X"]}, shard, metadata)


def in_place_of_the_folder(make: Damage) -> Damage:
    return lambda shard: (shutil.rmtree(shard.parent), make(shard.parent))


def with_nan(X: np.ndarray) -> np.ndarray:
    X[1] = np.nan
    return X


def other_folder(shard: Path) -> None:
    other = shard.parent.with_name("f" * 64)
    other.mkdir()
    shard.rename(other / shard.name)


def exchanged(shard: Path) -> None:
    """Exchange the contents of the first two shards."""
    other = sorted(shard.parent.glob("shard-*"))[1]
    first, second = shard.read_bytes(), other.read_bytes()
    shard.write_bytes(second)
    other.write_bytes(first)


def text(content: str) -> Damage:
    return lambda path: path.write_text(content)


def link(target: str) -> Damage:
    return lambda path: path.symlink_to(target)


DEFINITION = "definition.json"
NEWER = '{"schema_version": 99, "definition": {"frontend": {"kind": "x"}}}'
DAMAGES: dict[str, Damage] = {
    **{f"bit {bit} flipped": flipped(bit) for bit in (0, 9, 63, 70, 200, 1000, -1, -8, -100, -300)},
    **{f"cut to {n} bytes": cut(n) for n in (0, 1, 8, 9, 100, 400, -1)},
    "a zeroed page": zeroed(0, 4096),
    "zeros at the end": zeroed(-64, 64),
    "zeros in the header": zeroed(20, 20),
    "grown": lambda shard: shard.write_bytes(shard.read_bytes() + bytes(100)),
    "header of 2^64 bytes": lambda shard: shard.write_bytes(b"\xff" * 8 + shard.read_bytes()[8:]),
    "text": text("no shard"),
    "a picture": lambda shard: shard.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(500)),
    "a row of NaN": rows(with_nan),
    "rows of zeros": rows(np.zeros_like),
    "float64": rows(lambda X: X.astype(np.float64)),
    "float16": rows(lambda X: X.astype(np.float16)),
    "integers of the same bytes": rows(lambda X: X.view(np.int32)),
    "bytes swapped": rows(lambda X: X.byteswap()),
    "rows reversed": rows(lambda X: X[::-1].copy()),
    "columns reversed": rows(lambda X: X[:, ::-1].copy()),
    "another shape": rows(lambda X: X.reshape(X.shape[::-1])),
    "flat": rows(lambda X: X.reshape(-1)),
    "no rows": rows(lambda X: X[:0]),
    "a row more": rows(lambda X: np.concatenate([X, X[:1]])),
    "a column less": rows(lambda X: X[:, 1:].copy()),
    "scaled by rounding": rows(lambda X: X * np.float32(1 + 2**-23)),
    "another name of the rows": renamed,
    "clips reversed": names(lambda clips: clips[::-1]),
    "a clip less": names(lambda clips: clips[1:]),
    "a clip more": names(lambda clips: [*clips, "f" * 64]),
    "a clip twice": names(lambda clips: [clips[0], *clips[:-1]]),
    "clips by number": names(lambda clips: list(range(len(clips)))),
    "clips in a table": names(lambda clips: dict.fromkeys(clips, 1)),
    "clips too deep": words(lambda said: said.update(clips="[" * 100_000)),
    "no clips": words(lambda said: said.pop("clips")),
    "no checksum": words(lambda said: said.pop("sha256")),
    "another checksum": words(lambda said: said.update(sha256="0" * 64)),
    "oddities added": words(lambda said: said.update(oddities='{"a": {"loud": "x"}}')),
    "oddities of no sense": words(lambda said: said.update(oddities="[[[")),
    "missing": Path.unlink,
    "an empty folder": instead(Path.mkdir),
    "a pipe": instead(os.mkfifo),
    "a link to zeros": instead(link("/dev/zero")),
    "a dangling link": instead(link("nothing")),
    "a loop of links": lambda shard: (shard.unlink(), shard.symlink_to(shard.name)),
    "a link to a folder": instead(link(".")),
    "in another folder": other_folder,
    "two exchanged": exchanged,
    "copied under another name": lambda shard: shutil.copy(shard, shard.with_name("shard-copy.safetensors")),
    "a pipe more": beside("shard-0.safetensors", os.mkfifo),
    "an unfinished one more": beside(".shard-x.safetensors.part", text("half")),
    "an old one that was set aside": beside("shard-1.safetensors.damaged", text("bad")),
    "definition empty": beside(DEFINITION, text("")),
    "definition of no sense": beside(DEFINITION, text('{"definition": [1]}')),
    "definition too deep": beside(DEFINITION, text("[" * 100_000)),
    "definition not UTF-8": beside(DEFINITION, lambda path: path.write_bytes(b"\xff\xfe")),
    "definition newer": beside(DEFINITION, text(NEWER)),
    "definition a pipe": beside(DEFINITION, os.mkfifo),
    "definition a folder": beside(DEFINITION, Path.mkdir),
    "definition a loop of links": beside(DEFINITION, link(DEFINITION)),
    "all folders gone": lambda shard: shutil.rmtree(shard.parent),
    "a file in the place of the folder": in_place_of_the_folder(text("x")),
    "a loop in the place of the folder": in_place_of_the_folder(lambda path: path.symlink_to(path.name)),
    "a pipe in the place of the folder": in_place_of_the_folder(os.mkfifo),
}  # fmt: skip
