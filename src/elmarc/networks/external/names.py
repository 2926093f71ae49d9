"""Names of layers: "path#call[element]", with patterns, to the calls of submodules that they stand for.

`encoder.act#2` is the second call of encoder.act, `lstm[0]` the first element of what lstm gives,
`output[last_hidden_state]` an element by its key, `head.input` what goes into head, and `encoder.layer.*`
every child of encoder.layer: `*` stands for any characters but dots. `output` is what the whole module gives.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from elmarc._choices import choose
from elmarc.errors import ConfigError
from elmarc.networks.own import OUTPUT

INPUT = ".input"  # ends the name of what goes into a submodule
NAME = re.compile(r"(?P<path>[^#\[\]]+)(?:#(?P<number>[1-9]\d*))?(?P<elements>(?:\[[^\[\]]+\])*)")


class Call(NamedTuple):
    """A call of a submodule: its path, which one counted from 1 (None for the only one), and what of it.

    `is_input`: what goes in is read, not what comes out.
    """

    path: str
    number: int | None = None
    elements: tuple[str, ...] = ()
    is_input: bool = False


def find_calls(module: nn.Module, layers: Sequence[str], name: str) -> list[tuple[str, Call]]:
    """Return the layers that names and patterns stand for, and their calls.

    Raises
    ------
    ConfigError
        A name is no submodule's, or that of one whose output cannot be read.
    """
    parts = dict(module.named_modules(remove_duplicate=False))
    found = []
    for layer in layers:
        for path, call, ending in _found(layer, [path for path in parts if path], name):
            if isinstance(parts[call.path], torch.jit.ScriptModule):
                raise ConfigError(
                    f"{name}: layer {layer!r} is scripted and takes no hooks: pass the module it is of"
                )
            found.append((path + ending, call))
    return found


def _found(layer: str, known: Sequence[str], name: str) -> list[tuple[str, Call, str]]:
    match = None if layer in known else NAME.fullmatch(layer)
    if match is None:
        path = choose(f"layer of {name}", layer, known)
        return [(path, Call(path), "")]
    path, elements = match["path"], tuple(re.findall(r"\[([^\[\]]+)\]", match["elements"]))
    number = int(match["number"]) if match["number"] else None
    is_input = path.endswith(INPUT) and path not in known
    path = path.removesuffix(INPUT) if is_input else path
    ending = layer[len(path) :]
    if path == OUTPUT and path not in known and not is_input:
        return [(path, Call("", number, elements), ending)]
    if "*" not in path:
        chosen = choose(f"layer of {name}", path, known)
        return [(chosen, Call(path, number, elements, is_input), ending)]
    pattern = re.compile(re.escape(path).replace(r"\*", r"[^.]*"))
    paths = [other for other in known if pattern.fullmatch(other)]
    if not paths:
        some = ", ".join(known[:20])
        raise ConfigError(f"{name}: no layer matches {layer!r}: its layers are {some}")
    return [(other, Call(other, number, elements, is_input), ending) for other in paths]


def element(output: object, call: Call) -> object:
    """Return the element of an output that a call asks for; None where there is no such element."""
    for key in call.elements:
        if isinstance(output, Mapping):
            output = output.get(key)
        elif isinstance(output, tuple | list) and key.isdecimal() and int(key) < len(output):
            output = output[int(key)]
        elif isinstance(output, tuple) and key in getattr(output, "_fields", ()):
            output = getattr(output, key)
        else:
            return None
    return output


def described(output: object) -> str:
    """Return the shapes of an output.

    >>> described((torch.zeros(2, 3), None))
    '(float32 (2, 3), NoneType)'
    """
    match output:
        case str():
            return output
        case Tensor():
            return f"{str(output.dtype).removeprefix('torch.')} {tuple(output.shape)}"
        case tuple() | list():
            return f"({', '.join(map(described, output))})"
        case Mapping():
            return "{" + ", ".join(f"{key}: {described(value)}" for key, value in output.items()) + "}"
        case _:
            return type(output).__name__
