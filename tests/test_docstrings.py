"""Public names are documented in numpydoc's form: every parameter, and what is returned."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

import elmarc

SECTION = re.compile(r"^(\w[\w ]*)\n-{3,}$", re.MULTILINE)
OF_SKLEARN = {
    "fit",
    "transform",
    "fit_transform",
    "predict",
    "score",
    "get_params",
    "set_params",
    "set_output",
}


def public() -> Iterator[tuple[str, Callable[..., Any], str]]:
    """Yield name, callable and docstring of every public function, class and method."""
    for name in elmarc.__all__:
        thing = getattr(elmarc, name)
        if inspect.isclass(thing):
            yield name, thing, inspect.getdoc(thing) or ""
            for method, function in inspect.getmembers(thing, inspect.isfunction):
                home = function.__module__
                if not method.startswith("_") and home.startswith("elmarc") and method not in OF_SKLEARN:
                    yield f"{name}.{method}", function, inspect.getdoc(function) or ""
        elif callable(thing):
            yield name, thing, inspect.getdoc(thing) or ""


def parameters(thing: Callable[..., Any]) -> Iterable[str]:
    """Return the names of the parameters; errors and warnings are raised for users, never made by them."""
    is_raised = inspect.isclass(thing) and issubclass(thing, Exception)
    return () if is_raised else inspect.signature(thing).parameters


def sections(doc: str) -> dict[str, str]:
    """Cut a docstring at its underlined headings."""
    parts = SECTION.split(doc)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def documented(text: str) -> set[str]:
    """Return the names that a Parameters section explains, as in `low, high : float`."""
    heads = [line for line in text.splitlines() if re.match(r"[*\w]", line)]
    names = (name for head in heads for name in re.findall(r"(?:^|, )([*\w, ]+?) :|^([*\w, ]+)$", head))
    return {part.strip().lstrip("*") for both in names for name in both for part in name.split(",")}


@pytest.mark.parametrize(("name", "thing", "doc"), [pytest.param(*row, id=row[0]) for row in public()])
def test_every_parameter_is_explained(name: str, thing: Callable[..., Any], doc: str) -> None:
    found = sections(doc)
    wanted = {p for p in parameters(thing) if p != "self"}
    if len(wanted) > 1 or inspect.isclass(thing):
        assert wanted <= documented(found.get("Parameters", "")), f"{name} leaves out some of {wanted}"
    assert doc.splitlines()[0].endswith((".", "?", ":")), f"{name}: the summary is one sentence"
