"""Digests of a module: of its structure, settings and code, and of its weights; of nothing else.

Code is told by its bytecode, which is what runs: a source file may have been edited since it was imported,
and in a REPL there is none. Helper functions, classes and constants that the code names are followed. Code
that is installed in site-packages is told by its package's version, torch's and Python's own by its name.
"""

from __future__ import annotations

import argparse
import collections
import dis
import enum
import functools
import hashlib
import sys
import types
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from elmarc.errors import ConfigError
from elmarc.networks.external.provenance import PYTHON, full_name, home, module_of, published_name

PLAIN = (type(None), bool, int, float, complex, str, bytes, range, slice, torch.dtype, torch.layout)
RECORDS = (types.SimpleNamespace, argparse.Namespace)
NO_CODE = frozenset(
    (
        *("__module__", "__doc__", "__dict__", "__weakref__", "__qualname__", "__firstlineno__"),
        *("__annotations__", "__annotate__", "__annotate_func__", "__annotations_cache__"),
        *("__static_attributes__", "__abstractmethods__", "_abc_impl"),
        *("__orig_bases__", "__parameters__", "__type_params__"),
    )
)
OF_EVERY_MODULE = frozenset(vars(nn.Module()))


def code_sha256(module: nn.Module) -> str:
    """Return a digest of a module's structure, settings and code.

    Parameters
    ----------
    module : nn.Module

    Returns
    -------
    str
        The sha256 in hexadecimal: the same in every process of one minor version of Python.

    Examples
    --------
    >>> code_sha256(nn.ReLU()) == code_sha256(nn.ReLU()), code_sha256(nn.ReLU()) == code_sha256(nn.ELU())
    (True, False)
    """
    walk = _Walk()
    for name, tensor in [*module.named_parameters(), *module.named_buffers()]:
        walk.name(tensor, name)  # recurrent layers list their weights among their settings
    return walk.of(module).hex()


def state_sha256(module: nn.Module, drawn: Collection[str] = ()) -> str:
    """Return a digest of a module's parameters and buffers, of any type and layout.

    Parameters
    ----------
    module : nn.Module
    drawn : collection of str
        Parameters whose values are told by a seed: of them only type and shape count.

    Returns
    -------
    str
        The sha256 in hexadecimal.

    Raises
    ------
    ConfigError
        The module has weights that are not there yet, as lazy layers before their first clip.
    """
    parameters = {
        name: torch.zeros_like(weight) if name in drawn else weight
        for name, weight in module.named_parameters()
    }
    return _Walk().of([parameters, dict(module.named_buffers())]).hex()


class _Walk:
    """One walk over everything that a module holds and names; each object is looked at once."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[object, bytes]] = {}  # with the object, so that its id stays its own

    def name(self, value: object, name: str) -> None:
        """Tell an object by a name, whatever it holds."""
        self._known[id(value)] = value, _digest("named", name)

    def of(self, value: object) -> bytes:
        """Return the digest of a value."""
        if isinstance(value, PLAIN):
            return _digest(type(value).__name__, repr(value))
        if id(value) not in self._known:
            self._known[id(value)] = value, _digest("itself")  # for what leads back to it
            self._known[id(value)] = value, self._content(value)
        return self._known[id(value)][1]

    def _content(self, value: Any) -> bytes:
        for kinds, content in self._contents.items():
            if isinstance(value, kinds):
                return content(self, value)
        return self._instance(value)

    def _all(self, kind: str, values: Iterable[object]) -> bytes:
        return _digest(kind, *(self.of(value) for value in values))

    def _pairs(self, kind: str, pairs: Iterable[tuple[object, object]]) -> bytes:
        return self._all(kind, (part for pair in pairs for part in pair))

    def _module(self, part: nn.Module) -> bytes:
        settings = {key: value for key, value in vars(part).items() if key not in OF_EVERY_MODULE}
        return self._all(
            "module",
            [
                type(part),
                sorted(name for name, _ in part.named_parameters(recurse=False)),
                sorted(name for name, _ in part.named_buffers(recurse=False)),
                dict(part._modules.items()),
                dict(sorted(settings.items())),
                list(part._forward_pre_hooks.values()),
                list(part._forward_hooks.values()),
                part.code if isinstance(part, torch.jit.ScriptModule) else "",
            ],
        )

    def _tensor(self, tensor: Tensor) -> bytes:
        if torch.nn.parameter.is_lazy(tensor) or tensor.is_meta:
            raise ConfigError(
                "the module has weights that are not there yet: run it once on a clip before it is wrapped"
            )
        plain = tensor.detach().cpu()
        plain = plain.dequantize() if plain.is_quantized else plain
        plain = plain.to_dense() if plain.layout != torch.strided else plain
        raw = plain.resolve_conj().resolve_neg().contiguous().reshape(-1).view(torch.uint8).numpy()
        return _digest(str(tensor.dtype), repr(tuple(tensor.shape)), raw.data)

    def _array(self, array: np.ndarray[Any, Any] | np.generic) -> bytes:
        array = np.asarray(array)
        values = self.of(array.tolist()) if array.dtype.hasobject else array.tobytes()
        return _digest("array", array.dtype.str, repr(array.shape), values)

    def _class(self, kind: type) -> bytes:
        name = published_name(kind)
        if name:
            return _digest("class", name)
        own = {key: value for key, value in vars(kind).items() if key not in NO_CODE}
        bases = [base for base in kind.__mro__[1:] if base is not object]
        return self._all("class", [bases, dict(sorted(own.items()))])

    def _function(self, function: types.FunctionType) -> bytes:
        name = published_name(function)
        if name:
            return _digest("function", name)
        cells = [_cell(cell) for cell in function.__closure__ or ()]
        named = self._named(_names(function.__code__), function.__globals__)
        imported = [
            (name, self._named(_names(function.__code__), vars(sys.modules[name])))
            for name in sorted(_imports(function.__code__, function.__globals__.get("__package__")))
        ]
        defaults = function.__defaults__, function.__kwdefaults__
        own = dict(sorted(vars(function).items()))
        return self._all("function", [function.__code__, *defaults, own, cells, named, imported])

    def _named(self, names: Iterable[str], namespace: Mapping[str, Any]) -> bytes:
        """Return the digest of those names that a namespace has; names are looked up in its modules too."""
        names = sorted(names)
        found = [(name, namespace[name]) for name in names if name in namespace]
        return self._pairs("names", ((name, self._followed(value, names)) for name, value in found))

    def _followed(self, value: object, names: Iterable[str]) -> object:
        if not isinstance(value, types.ModuleType):
            return value
        published = published_name(value)
        if published or id(value) in self._known:
            return published or value.__name__
        self._known[id(value)] = value, _digest("itself")
        inside = self._named(names, vars(value))
        del self._known[id(value)]
        return inside

    def _code(self, code: types.CodeType) -> bytes:
        bytecode = (code.co_code, code.co_names, code.co_exceptiontable, code.co_flags)
        return self._all("code", [*bytecode, *code.co_consts])

    def _instance(self, value: object) -> bytes:
        """Return the digest of any other object: its class, and what it holds unless that is Python's own."""
        kind = type(value)
        held: dict[str, Any] = {}
        if home(module_of(kind)) != PYTHON or isinstance(value, RECORDS):  # not of locks, loggers ...
            slots = [vars(base).get("__slots__", ()) for base in kind.__mro__]
            names = (name for some in slots for name in ([some] if isinstance(some, str) else some))
            held = {name: getattr(value, name, None) for name in names} | getattr(value, "__dict__", {})
        return self._all("instance", [kind, dict(sorted(held.items()))])

    _contents: Mapping[Any, Callable[[_Walk, Any], bytes]] = {
        nn.Module: _module,
        Tensor: _tensor,
        (np.ndarray, np.generic): _array,
        types.CodeType: _code,
        types.FunctionType: _function,
        types.MethodType: lambda walk, method: walk._all("method", [method.__func__, method.__self__]),
        (types.BuiltinFunctionType, types.MethodDescriptorType): lambda _walk, it: _digest(
            "built-in", full_name(it)
        ),
        types.ModuleType: lambda _walk, module: _digest("python module", module.__name__),
        functools.partial: lambda walk, it: walk._all("partial", [it.func, it.args, it.keywords]),
        functools._lru_cache_wrapper: lambda walk, it: walk.of(it.__wrapped__),
        (staticmethod, classmethod): lambda walk, it: walk._all(type(it).__name__, [it.__func__]),
        property: lambda walk, it: walk._all("property", [it.fget, it.fset]),
        functools.cached_property: lambda walk, it: walk.of(it.func),
        enum.Enum: lambda walk, member: walk._all("member", [member.name, member.value]),
        type: _class,
        (tuple, list, collections.deque): lambda walk, items: walk._all(type(items).__name__, items),
        (set, frozenset): lambda walk, items: _digest("set", *sorted(walk.of(item) for item in items)),
        Mapping: lambda walk, mapping: walk._pairs("mapping", mapping.items()),
    }


def _digest(*parts: str | bytes | memoryview) -> bytes:
    digest = hashlib.sha256()
    for part in parts:
        raw = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        digest.update(f"{len(raw)}:".encode())
        digest.update(raw)
    return digest.digest()


def _cell(cell: types.CellType) -> object:
    try:
        return cell.cell_contents
    except ValueError:  # not filled yet
        return None


def _codes(code: types.CodeType) -> Iterable[types.CodeType]:
    """Yield a function's code and that of the functions within."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _codes(constant)


def _names(code: types.CodeType) -> set[str]:
    return {name for part in _codes(code) for name in part.co_names}


def _imports(code: types.CodeType, package: str | None) -> set[str]:
    """Return the loaded modules that a function imports itself, and that are not published."""
    wanted = {
        step.argval
        for part in _codes(code)
        for step in dis.get_instructions(part)
        if step.opname == "IMPORT_NAME"
    }
    relative = {f"{package}.{name}".rstrip(".") for name in wanted} if package else set()
    loaded = (wanted | relative) & set(sys.modules)
    return {name for name in loaded if not published_name(sys.modules[name])}
