"""What holds of everything in the corpus: it is watched, and what is refused is refused in a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.fuzz.watch import Fault, refusal, watched

from elmarc._names import UNPRINTABLE
from elmarc.errors import ElmarcError


@contextmanager
def harmless(folder: Path, said: list[str]) -> Iterator[None]:
    """Watch a block that works in `folder`; what it refuses goes to `said`, any other error is a fault.

    Parameters
    ----------
    folder : Path
        The only one in which the block may change anything.
    said : list of str
        Gets the message.
    """
    with watched(folder):
        try:
            yield
        except ElmarcError as problem:
            refusal(problem)
            said.append(checked(str(problem)))


def checked(sentence: str) -> str:
    """Return a sentence, or raise a Fault: it is to be of one line, with nothing that a terminal obeys."""
    if not sentence or UNPRINTABLE.search(sentence):
        raise Fault(f"no single line that can be printed: {sentence[:300]!r}")
    return sentence
