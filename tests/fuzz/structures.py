"""Documents that were good once: a value replaced, dropped, moved, wrapped, repeated or renamed."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from hypothesis import strategies as st

Draw = Callable[[st.SearchStrategy], Any]
Place = tuple[int | str, ...]
ODD = (
    None, True, False, 0, 1, -1, 2, 3, 7, 0.5, -0.5, 1.5, 1e308, 5e-324, 2**31, 2**63, 10**30, -(10**30),
    float("nan"), float("inf"), "", "a", "0", "1", "null", "nan", "true", "..", "../x", "/", "\0", "\x1b[31m",
    "\ud800", "é", "=1+1", "x" * 300, "fuzz_canary:make", "2018", [], {}, [[]], [None], [{}], {"": None},
    {"kind": "vgg"}, [1, 2, 3], ["a", "a"], {"a": {"a": {"a": {}}}},
)  # fmt: skip


@st.composite
def edited(draw: Draw, wholes: Sequence[Any], *, most: int = 2, words: Sequence[Any] = ()) -> Any:
    """Return a copy of one of `wholes` after one to `most` changes; `words` are values that fit somewhere."""
    document = copy.deepcopy(draw(st.sampled_from(wholes)))
    for _ in range(draw(st.integers(1, most))):
        places = list(_places(document))
        if not places:
            break
        place = draw(st.sampled_from(places))
        owner = _at(document, place[:-1])
        draw(st.sampled_from(WAYS))(draw, document, owner, place[-1], words)
    return document


def _replace(draw: Draw, document: Any, owner: Any, key: Any, words: Sequence[Any]) -> None:
    owner[key] = copy.deepcopy(draw(st.sampled_from((*ODD, *words))))


def _number(draw: Draw, document: Any, owner: Any, key: Any, words: Sequence[Any]) -> None:
    if isinstance(owner[key], int | float):
        owner[key] = draw(st.sampled_from((owner[key] + 1, -owner[key], owner[key] * 10**6, owner[key] / 3)))
    else:
        _replace(draw, document, owner, key, words)


def _drop(draw: Draw, document: Any, owner: Any, key: Any, words: Sequence[Any]) -> None:
    del owner[key]


def _wrap(draw: Draw, document: Any, owner: Any, key: Any, words: Sequence[Any]) -> None:
    owner[key] = draw(st.sampled_from(([owner[key]], {"a": owner[key]}, [owner[key]] * 2)))


def _move(draw: Draw, document: Any, owner: Any, key: Any, words: Sequence[Any]) -> None:
    other = draw(st.sampled_from(list(_places(document))))
    owner[key] = copy.deepcopy(_at(document, other))


def _swap(draw: Draw, document: Any, owner: Any, key: Any, words: Sequence[Any]) -> None:
    """Swap a value with a neighbour."""
    other = draw(st.sampled_from(sorted(owner) if isinstance(owner, dict) else range(len(owner))))
    owner[key], owner[other] = owner[other], owner[key]


def _rename(draw: Draw, document: Any, owner: Any, key: Any, words: Sequence[Any]) -> None:
    if isinstance(owner, dict):
        owner[draw(st.sampled_from((*owner, "kind", "name", "x", "")))] = owner.pop(key)


def _repeat(draw: Draw, document: Any, owner: Any, key: Any, words: Sequence[Any]) -> None:
    if isinstance(owner, list):
        owner.insert(key, copy.deepcopy(owner[key]))


WAYS = (_replace, _replace, _replace, _number, _drop, _wrap, _move, _swap, _rename, _repeat)


def _places(document: Any, place: Place = ()) -> Iterator[Place]:
    """Yield the way to every value below a document."""
    items: Any = ()
    if isinstance(document, dict):
        items = document.items()
    elif isinstance(document, list):
        items = enumerate(document)
    for key, value in items:
        yield (*place, key)
        yield from _places(value, (*place, key))


def _at(document: Any, place: Place) -> Any:
    for key in place:
        document = document[key]
    return document
