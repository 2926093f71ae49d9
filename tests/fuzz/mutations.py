"""Bytes that were good once: flipped, cut, grown, swapped, with fields of a header overwritten."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hypothesis import strategies as st

Draw = Callable[[st.SearchStrategy], int]  # what hypothesis hands to a composite strategy
HEADER = 96  # bytes; most fields that say how much follows lie in them
FIELDS = (  # numbers of 1, 2, 4 and 8 bytes that programs trip over
    b"\0", b"\x7f", b"\x80", b"\xff", b"\0\0", b"\xff\xff", b"\x01\0", b"\0\x01", b"\0\0\0\0",
    b"\x01\0\0\0", b"\0\0\0\x01", b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"\x7f\xff\xff\xff",
    b"\0\0\0\x80", b"\x80\0\0\0", b"\0\xe4\x0b\x54", b"\xff" * 8, b"\0" * 8, b"\xff" * 7 + b"\x7f",
)  # fmt: skip


@st.composite
def damaged(draw: Draw, wholes: Sequence[bytes], *, most: int = 2) -> bytes:
    """Return one of `wholes` after one to `most` changes."""
    data = bytearray(draw(st.sampled_from(wholes)))
    for _ in range(draw(st.integers(1, most))):
        draw(st.sampled_from(WAYS))(draw, data)
    return bytes(data)


def _flip(draw: Draw, data: bytearray) -> None:
    for _ in range(draw(st.integers(1, 3))):
        if data:
            data[_place(draw, data)] ^= 1 << draw(st.integers(0, 7))


def _cut(draw: Draw, data: bytearray) -> None:
    del data[_place(draw, data) :]


def _drop(draw: Draw, data: bytearray) -> None:
    start = _place(draw, data)
    del data[start : start + draw(st.integers(1, 300))]


def _insert(draw: Draw, data: bytearray) -> None:
    place = _place(draw, data)
    data[place:place] = draw(st.one_of(st.binary(max_size=20), st.sampled_from(FIELDS)))


def _repeat(draw: Draw, data: bytearray) -> None:
    start = _place(draw, data)
    data[start:start] = data[start : start + draw(st.integers(1, 300))]


def _swap(draw: Draw, data: bytearray) -> None:
    length = draw(st.integers(1, 300))
    first, second = sorted((_place(draw, data), _place(draw, data)))
    second = max(second, first + length)
    held = data[first : first + length]
    data[first : first + length] = data[second : second + length]
    data[second : second + length] = held


def _overwrite(draw: Draw, data: bytearray) -> None:
    place, field = _place(draw, data), draw(st.sampled_from(FIELDS))
    data[place : place + len(field)] = field


def _zero(draw: Draw, data: bytearray) -> None:
    place = _place(draw, data)
    length = min(draw(st.integers(1, 600)), len(data) - place)
    data[place : place + length] = bytes(length)


def _grow(draw: Draw, data: bytearray) -> None:
    data += draw(st.binary(max_size=30)) * draw(st.integers(1, 100))


WAYS = (_flip, _flip, _overwrite, _overwrite, _cut, _drop, _insert, _repeat, _swap, _zero, _grow)


def _place(draw: Draw, data: bytearray) -> int:
    """Return a place in the data, every other time in its header."""
    last = max(0, len(data) - 1)
    return draw(st.one_of(st.integers(0, min(HEADER, last)), st.integers(0, last)))
