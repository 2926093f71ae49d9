"""Names that clips bear, and what lies among clips and is none: links, pipes, sockets, devices."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

Make = Callable[[Path], object]  # of something beside good.wav
NAMES: dict[str, bytes] = {
    "latin 1": b"caf\xe9.wav",
    "utf-16": b"\xff\xfea\x01.wav",
    "half a letter": b"\xc3.wav",
    "a letter too long": b"\xc0\xaf.wav",
    "surrogate": b"\xed\xa0\x80.wav",
    "first control character": b"\x01.wav",
    "bell": b"bell\x07.wav",
    "backspaces": b"abc\x08\x08\x08.wav",
    "escape, red": b"esc\x1b[31m.wav",
    "escape, title": b"\x1b]0;title\x07.wav",
    "delete": b"\x7f.wav",
    "control of latin 1": "\u0085.wav".encode(),
    "newline": b"new\nline.wav",
    "return": b"re\rturn.wav",
    "tab": b"tab\t.wav",
    "line separator": "a\u2028b.wav".encode(),
    "right to left": "\u202egnp.wav".encode(),
    "of no width": "a\u200bb.wav".encode(),
    "mark of UTF-8": "\ufeffa.wav".encode(),
    "composed": "\u00e9.wav".encode(),
    "decomposed": "e\u0301.wav".encode(),
    "cyrillic": "\u0430.wav".encode(),
    "emoji": "\U0001f3b5.wav".encode(),
    "markup": b"a[red]b.wav",
    "markup that closes": b"[/].wav",
    "link in markup": b"[link=file:x]y[link].wav",
    "html": b"<b onclick=x>&amp;.wav",
    "braces": b"{0}{x!r}.wav",
    "percent": b"%s%d%n.wav",
    "shell": b"$(id);`id`|&.wav",
    "wildcards": b"*?[a-z].wav",
    "quotes": b"a\",'b.wav",
    "backslash": b"a\\b.wav",
    "leading dash": b"-x.wav",
    "an option": b"--help.wav",
    "formula": b"=1+1.wav",
    "formula of another": b"@SUM(A1).wav",
    "plus": b"+1.wav",
    "leading space": b" a.wav",
    "trailing space": b"a .wav",
    "spaces alone": b"  .wav",
    "number": b"1e5.wav",
    "not a number": b"NaN.wav",
    "nothing": b"null.wav",
    "dots": b"a...wav",
    "two suffixes": b"a.mp3.wav",
    "loud suffix": b"a.WAV",
    "of windows": b"CON.wav",
    "home": b"~root.wav",
    "comment": b"#a.wav",
    "longest": b"x" * 251 + b".wav",
    "longest of two bytes": "\u00e9".encode() * 125 + b".wav",
    "deep": b"/".join([b"d" * 50] * 14) + b"/a.wav",
}  # fmt: skip
TOO_DEEP = b"/".join([b"d" * 50] * 40) + b"/a.wav"
ALIKE = (b"caf\xe9.wav", b"caf\\xe9.wav")  # are shown alike


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        before = os.getcwd()
        os.chdir(path.parent)  # the path of a socket is short
        try:
            made.bind(path.name)
        finally:
            os.chdir(before)


def _long_chain(path: Path) -> None:
    for k in range(50):
        path.with_name(f".chain{k}").symlink_to(f".chain{k + 1}" if k < 49 else "good.wav")
    path.symlink_to(".chain0")


def _sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(300_000_000)


def _loop(path: Path) -> None:
    path.symlink_to(f".back of {path.name}")
    path.with_name(f".back of {path.name}").symlink_to(path.name)


def _unreadable(path: Path) -> None:
    path.write_bytes(path.with_name("good.wav").read_bytes())
    path.chmod(0)


def _link(target: str) -> Make:
    return lambda path: path.symlink_to(target)


def _link_to_a_link(path: Path) -> None:
    path.with_name(".link").symlink_to("good.wav")
    path.symlink_to(".link")


def _link_to_a_pipe(path: Path) -> None:
    os.mkfifo(path.with_name(".pipe"))
    path.symlink_to(".pipe")


GOOD = ""  # what is said of what is read
IS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0
LINKS: dict[str, tuple[Make, str]] = {
    "link": (_link("good.wav"), GOOD),
    "whole link": (lambda path: path.symlink_to(path.with_name("good.wav")), GOOD),
    "link out of the folder": (_link("../../outside.wav"), GOOD),
    "link to a link": (_link_to_a_link, GOOD),
    "hard link": (lambda path: path.hardlink_to(path.with_name("good.wav")), GOOD),
    "unreadable": (_unreadable, GOOD if IS_ROOT else "Permission denied"),
    "dangling link": (_link("nothing"), "no such file"),
    "link below a file": (_link("good.wav/x"), "Not a directory"),
    "link to itself": (lambda path: path.symlink_to(path.name), "Too many levels"),
    "loop of links": (_loop, "Too many levels"),
    "chain of 50 links": (_long_chain, "Too many levels"),
    "link of a long name": (_link("x" * 300), "File name too long"),
    "pipe": (os.mkfifo, "is a pipe"),
    "link to a pipe": (_link_to_a_pipe, "is a pipe"),
    "socket": (_socket, "is a socket"),
    "link to zeros": (_link("/dev/zero"), "is a device"),
    "link to nothing": (_link("/dev/null"), "is a device"),
    "link to random numbers": (_link("/dev/urandom"), "is a device"),
    "link to a list of the system": (_link("/proc/self/maps"), "is damaged"),
    "empty": (lambda path: path.write_bytes(b""), "is empty"),
    "300 MB of zeros": (_sparse, "is damaged"),
}
FOLDERS: dict[str, Make] = {  # not looked into, or nothing in them
    "folder": lambda path: path.mkdir(),
    "link to a folder": lambda path: path.symlink_to("."),
    "link to the folder above": lambda path: path.symlink_to(".."),
    "link to the root": lambda path: path.symlink_to("/"),
    "folder that is a link to itself": lambda path: path.symlink_to(path.name),
    "hidden": lambda path: path.with_name(f".{path.name}").mkdir(),
}  # fmt: skip
