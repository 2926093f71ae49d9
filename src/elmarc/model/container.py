"""The model file as bytes: a line that names the format, a checksum of the rest, and a zip of named parts.

A changed, missing or additional byte is found before anything is read from the zip, whose parts are stored
without compression: what is opened is never larger than the file.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Collection, Mapping

from elmarc.errors import ModelError

FORMAT = 3  # rises whenever an older elmarc would read a file wrongly
MAGIC = b"elmarc model "
SHOWN = 200  # characters of a message of zipfile, which repeats the names in the file
DIGEST = 64  # hexadecimal digits of sha256
LONGEST_FIRST_LINE = len(MAGIC) + 20
DATE = (1980, 1, 1, 0, 0, 0)  # the same parts give the same bytes


def pack(parts: Mapping[str, bytes]) -> bytes:
    """Return a model file of parts by name."""
    body = zip_of(parts)
    head = MAGIC + str(FORMAT).encode() + b"\n"
    return head + _digest(head, body) + b"\n" + body


def unpack(data: bytes, *, known: Collection[str]) -> dict[str, bytes]:
    """Return the parts of a model file.

    Parameters
    ----------
    data : bytes
        The file.
    known : collection of str
        Names that a part may have.

    Raises
    ------
    ModelError
        It is no model file, of a newer format, damaged, or has another part.
    """
    first, newline, _ = data[:LONGEST_FIRST_LINE].partition(b"\n")
    number = first.removeprefix(MAGIC)
    if not data.startswith(MAGIC) or not newline or not number.isdigit():
        raise ModelError("no model file of elmarc, or damaged: give a file that `save` wrote")
    if int(number) != FORMAT:
        raise ModelError(
            f"model format {int(number)}, this elmarc reads {FORMAT}: install the elmarc that "
            "wrote it, or fit the model again"
        )
    start = len(first) + 1
    digest, body = data[start : start + DIGEST + 1], data[start + DIGEST + 1 :]
    if digest != _digest(data[:start], body) + b"\n":
        raise ModelError(
            f"damaged: its checksum is not that of its {len(data)} bytes: fetch the file again, or "
            "fit the model again"
        )
    return unzip(body, known=known)


def zip_of(parts: Mapping[str, bytes]) -> bytes:
    """Return a zip without compression or dates, parts in the order of their names."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(parts):
            archive.writestr(zipfile.ZipInfo(name, DATE), parts[name])
    return buffer.getvalue()


def unzip(body: bytes, *, known: Collection[str] | None = None) -> dict[str, bytes]:
    """Return the parts of a zip in memory, none of them compressed or unknown.

    Raises
    ------
    ModelError
        It is no such zip.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            entries = archive.infolist()
            _check(entries, len(body), known)
            return {entry.filename: archive.read(entry) for entry in entries}
    except (zipfile.BadZipFile, ValueError, EOFError, NotImplementedError, RuntimeError) as problem:
        if isinstance(problem, ModelError):
            raise
        raise ModelError(f"its zip cannot be read ({str(problem)[:SHOWN]}): fit the model again") from None


def _check(entries: list[zipfile.ZipInfo], n_bytes: int, known: Collection[str] | None) -> None:
    """Refuse parts that are compressed, larger than the file, there twice, or not known."""
    names = [entry.filename for entry in entries]
    if len(set(names)) < len(names):
        raise ModelError("a part is there twice: fit the model again")
    for entry in entries:
        if known is not None and entry.filename not in known:
            raise ModelError(
                f"holds a part {entry.filename!r}, expected {', '.join(sorted(known))}: do not "
                "trust this file, or install the elmarc that wrote it"
            )
    if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries) or (
        sum(entry.file_size for entry in entries) > n_bytes
    ):
        raise ModelError("its parts are compressed, which elmarc never does: do not trust this file")


def _digest(head: bytes, body: bytes) -> bytes:
    return hashlib.sha256(head + body).hexdigest().encode()
