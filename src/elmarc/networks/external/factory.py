"""From "package.module:Name", or a Python object, to an nn.Module; nothing is imported before it is named."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import module_from_spec
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

import torch
from torch import nn

from elmarc import _seeds
from elmarc._choices import did_you_mean
from elmarc.errors import ConfigError
from elmarc.networks.external.held import is_held, make_held
from elmarc.networks.external.provenance import PREFIX


def make_module(factory: str | Callable[..., Any], options: Mapping[str, Any]) -> nn.Module:
    """Call a factory with its options.

    A class with a `config_class`, as transformers has them, is given one made of the options. Torch's random
    numbers start from 0 meanwhile, and are set back: a factory gives the same module each time.

    Raises
    ------
    ConfigError
        It cannot be found or called, fails, or gives no nn.Module.
    """
    if isinstance(factory, str) and is_held(factory):
        return make_held(factory)
    with _seeds.global_states, _importing(factory), torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        call = _found(factory) if isinstance(factory, str) else factory
        shown = factory if isinstance(factory, str) else getattr(factory, "__qualname__", repr(factory))
        if not callable(call):
            raise ConfigError(
                f"factory {shown} is a {type(call).__name__} that cannot be called: name a class or function"
            )
        made = _called(call, options, shown)
    if not isinstance(made, nn.Module):
        raise ConfigError(f"factory {shown} gives a {type(made).__name__}, expected a torch.nn.Module")
    return made


def _called(call: Callable[..., Any], options: Mapping[str, Any], shown: str) -> Any:
    config_class = getattr(call, "config_class", None) if inspect.isclass(call) else None
    try:
        return call(**options) if config_class is None else call(config_class(**options))
    except Exception as problem:
        given = ", ".join(f"{key}={value!r}" for key, value in options.items()) or "no options"
        raise ConfigError(
            f"factory {shown} fails with {given}: {type(problem).__name__}: {problem}"
        ) from problem


def _found(factory: str) -> Any:
    """Return what a factory's text names; its name may have dots, as in "module:Class.method"."""
    source, _, name = factory.rpartition(":")
    found: Any = _from_file(Path(source)) if source.endswith(".py") else _from_package(source)
    for part in name.split("."):
        if not hasattr(found, part):
            hint = did_you_mean(part, [key for key in dir(found) if not key.startswith("_")])
            raise ConfigError(f"factory {factory}: {source} has no {name!r}{hint}")
        found = getattr(found, part)
    return found


def _from_package(name: str) -> ModuleType:
    try:
        return import_module(name)
    except ModuleNotFoundError as missing:
        if missing.name and (name == missing.name or name.startswith(f"{missing.name}.")):
            raise ConfigError(
                f"factory: there is no module {name!r}, neither installed nor in {Path.cwd()}: install it, "
                "run in its folder, or name the file: path/to/file.py:Name"
            ) from None
        raise ConfigError(f"factory: {name} cannot be imported: {missing}") from missing
    except Exception as problem:
        raise _not_imported(name, problem) from problem


def _from_file(path: Path) -> ModuleType:
    """Run a file as it is now: it may have been edited since this process first read it."""
    if not path.is_file():
        raise ConfigError(f"factory: there is no file {path} (from {Path.cwd()})")
    name = PREFIX + path.stem
    loader = _Uncached(name, str(path))
    spec = ModuleSpec(name, loader, origin=str(path))
    spec.has_location = True  # gives the module its __file__
    module = module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and annotations are looked up there
    try:
        loader.exec_module(module)
    except Exception as problem:
        raise _not_imported(str(path), problem) from problem
    return module


def _not_imported(source: str, problem: Exception) -> ConfigError:
    return ConfigError(f"factory: {source} cannot be imported: {type(problem).__name__}: {problem}")


class _Uncached(SourceFileLoader):
    """Compiles the source each time: a cache tells edits by the second and the file's size alone."""

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self.get_data(self.path), self.path)


@contextmanager
def _importing(factory: object) -> Iterator[None]:
    """Put the current folder, or a file's own, first on the path, as Python does for a script."""
    source = factory.rpartition(":")[0] if isinstance(factory, str) else ""
    folder = str(Path(source).resolve().parent if source.endswith(".py") else Path.cwd())
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        sys.path.remove(folder)
