"""Fetch a file over HTTP, going on where the last attempt broke off."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Any, TypeAlias
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from elmarc.errors import DatasetError

Progress: TypeAlias = Callable[[int, int | None], object]  # bytes that are here, of how many
CHUNK = 1 << 16
TIMEOUT_S = 30
TRIES = 4
GONE, LOGIN, PAST_END = (404, 410), (401, 403), 416


class BrokenOff(Exception):
    """The connection ended before the file did."""


class Resuming:
    """A downloader for pooch that keeps what came in a neighbour, and asks the server for the rest.

    Parameters
    ----------
    part : Path
        The neighbour. What names the server's version of the file (its ETag, or date) lies beside it, so
        that halves of two versions are never joined.
    name : str
        What messages begin with.
    progress : callable
        Told how many bytes are here, and of how many (None: the server does not say).
    pause_s : float
        Seconds before the second attempt; twice as many before each further one.
    """

    def __init__(self, part: Path, *, name: str, progress: Progress, pause_s: float = 1.0) -> None:
        self.part, self.name, self.progress, self.pause_s = part, name, progress, pause_s
        self.version = part.with_name(part.name + ".version")

    def __call__(self, url: str, output_file: str, pooch: Any = None) -> None:
        """Fetch the file. Raises DatasetError."""
        for attempt in range(TRIES):
            if attempt:
                time.sleep(self.pause_s * 2 ** (attempt - 1))
            try:
                self._go_on(url)
            except BrokenOff as problem:
                broke = problem
            else:
                self.part.replace(output_file)
                self.version.unlink(missing_ok=True)
                return
        raise DatasetError(f"{self.name}: {broke}: run the same command again to go on from there")

    def _go_on(self, url: str) -> None:
        """Ask for the rest, or for all where nothing is here or the file has changed."""
        version = self.version.read_text(encoding="utf-8") if self.version.is_file() else ""
        have = self.part.stat().st_size if version and self.part.is_file() else 0
        asked = {"Range": f"bytes={have}-", "If-Range": version} if have else {}
        try:
            answer = _open(url, asked)
        except HTTPError as problem:
            if have and problem.code == PAST_END:
                self.version.unlink()
                raise BrokenOff("the file has changed") from problem
            raise refusal(self.name, url, problem) from problem
        except (OSError, HTTPException) as problem:
            raise BrokenOff(f"{url} cannot be reached ({problem})") from problem
        with answer:
            self._take(answer, have if _starts_at(answer) == have else 0)

    def _take(self, answer: HTTPResponse, have: int) -> None:
        refuse_page(self.name, answer)
        length = answer.headers.get("Content-Length")
        total = have + int(length) if length else None
        self.version.write_text(_version(answer), encoding="utf-8")
        with open(self.part, "ab" if have else "wb") as file:
            for chunk in _chunks(answer):
                have += file.write(chunk)
                self.progress(have, total)
        if total is not None and have < total:
            raise BrokenOff(f"broke off after {have:,} of {total:,} bytes")


def size_of(url: str, *, name: str) -> int | None:
    """Return how many bytes a file has, None where the server does not say.

    Raises
    ------
    DatasetError
        The server cannot be reached, or does not give the file away.
    """
    try:
        with _open(url, {}) as answer:
            refuse_page(name, answer)
            length = answer.headers.get("Content-Length")
    except HTTPError as problem:
        raise refusal(name, url, problem) from problem
    except (OSError, HTTPException) as problem:
        raise DatasetError(f"{name}: {url} cannot be reached ({problem}): try again later") from problem
    return int(length) if length else None


def refusal(name: str, url: str, problem: HTTPError) -> DatasetError:
    """Return what a status of HTTP means for who wants the file."""
    if problem.code in GONE:
        return DatasetError(
            f"{name}: {url} is gone ({problem.code}): the data set has moved or was withdrawn"
        )
    if problem.code in LOGIN:
        return DatasetError(f"{name}: {url} wants a login or a permission ({problem.code}): get it by hand")
    return DatasetError(f"{name}: {url} answered {problem.code} {problem.reason}: try again later")


def refuse_page(name: str, answer: HTTPResponse) -> None:
    """Refuse a web page in place of the file. Raises DatasetError."""
    if answer.headers.get_content_type() == "text/html":
        raise DatasetError(
            f"{name}: {answer.url} is a web page, not the archive: it may want a login, or have moved"
        )


def _open(url: str, headers: dict[str, str]) -> HTTPResponse:
    answer: HTTPResponse = urlopen(
        Request(url, headers={"User-Agent": "elmarc", **headers}), timeout=TIMEOUT_S
    )
    return answer


def _chunks(answer: HTTPResponse) -> Iterator[bytes]:
    while True:
        try:
            chunk = answer.read(CHUNK)
        except (OSError, HTTPException):
            return  # what came is kept; the sum tells that some is missing
        if not chunk:
            return
        yield chunk


def _starts_at(answer: HTTPResponse) -> int:
    found = re.match(r"bytes (\d+)-", answer.headers.get("Content-Range", ""))
    return int(found[1]) if found and answer.status == 206 else 0


def _version(answer: HTTPResponse) -> str:
    """Return what names this version of the file for `If-Range`, where weak names do not count."""
    tag = answer.headers.get("ETag", "")
    return str(tag if tag and not tag.startswith("W/") else answer.headers.get("Last-Modified", ""))
