from __future__ import annotations

import hashlib
import io
import zipfile

import numpy as np
import pytest

from elmarc.errors import ModelError
from elmarc.model.file import FORMAT, MAGIC, pack, unpack, zip_of

PARTS = {"a.json": b"{}", "b.bin": bytes(range(256))}


def refused(data: bytes, match: str) -> None:
    with pytest.raises(ModelError, match=match):
        unpack(data, known=PARTS)


def resealed(body: bytes, version: int = FORMAT) -> bytes:
    """Return a file as one who means harm would make it: with a right checksum."""
    head = MAGIC + f"{version}\n".encode()
    return head + hashlib.sha256(head + body).hexdigest().encode() + b"\n" + body


def test_what_is_packed_is_unpacked_and_equal_parts_give_equal_bytes() -> None:
    assert unpack(pack(PARTS), known=PARTS) == PARTS
    assert pack(PARTS) == pack(dict(reversed(PARTS.items()))) == resealed(zip_of(PARTS))


def test_any_changed_byte_is_refused(rng: np.random.Generator) -> None:
    good = pack(PARTS)
    places = {*range(120), *rng.integers(len(good), size=400).tolist()}
    for place in places:
        bad = bytearray(good)
        bad[place] ^= int(rng.integers(1, 256))
        refused(bytes(bad), "damaged|model format")


def test_any_shorter_or_longer_file_is_refused(rng: np.random.Generator) -> None:
    good = pack(PARTS)
    for length in {*range(100), *rng.integers(len(good), size=100).tolist()}:
        refused(good[:length], "damaged")
    for more in (b"\0", b"\n", good):
        refused(good + more, "damaged")


@pytest.mark.parametrize(
    "data", [b"", b"PK\x03\x04", b"\x80\x04\x95", MAGIC, MAGIC + b"1", MAGIC + b"x\n" * 9]
)
def test_other_files_are_no_models(data: bytes) -> None:
    refused(data, "no model file of elmarc, or damaged")


def test_a_newer_format_is_named() -> None:
    refused(
        resealed(zip_of(PARTS), version=FORMAT + 1),
        f"model format {FORMAT + 1}, this elmarc reads {FORMAT}: install",
    )


@pytest.mark.parametrize("name", ["../a.json", "/etc/passwd", "a.json/", "c.bin"])
def test_parts_that_no_model_has_are_refused(name: str) -> None:
    refused(resealed(zip_of({name: b""})), "holds a part")


def test_a_part_that_is_there_twice_is_refused() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.json", "1")
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("a.json", "2")
    refused(resealed(buffer.getvalue()), "a part is there twice")


def test_what_would_grow_is_refused_before_it_is_unpacked() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.json", bytes(10**7))
    assert len(buffer.getvalue()) < 2 * 10**4
    refused(resealed(buffer.getvalue()), "its parts are compressed")


def test_rubbish_under_a_right_checksum_is_refused(rng: np.random.Generator) -> None:
    body = zip_of(PARTS)
    refused(resealed(b"rubbish"), "its zip cannot be read")
    for place in rng.integers(len(body), size=300).tolist():
        bad = bytearray(body)
        bad[place] ^= int(rng.integers(1, 256))
        try:
            unpack(resealed(bytes(bad)), known=PARTS)
        except ModelError:
            continue  # dates and flags may change without harm: anything but a refusal is an answer
