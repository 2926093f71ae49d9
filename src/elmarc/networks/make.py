"""Build a network from a name, a section of a configuration, a module, or a factory that makes one.

A module object goes into a configuration as a text, "object:Name-digest", which is good in the process that
made it, for as long as what `register` returned is referenced.
"""

from __future__ import annotations

import copy
import hashlib
import inspect
import json
import sys
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any
from weakref import WeakValueDictionary

import torch
from torch import nn

from elmarc import _defaults, _seeds
from elmarc._choices import did_you_mean
from elmarc._types import Definition, Precision, Size
from elmarc.errors import ConfigError
from elmarc.networks import NETWORKS, Preset, build_network
from elmarc.networks.base import Network
from elmarc.networks.module import Contract, ExternalNetwork, prepared, state_sha256
from elmarc.networks.section import EXTERNAL, ModuleSpec, module_spec, section_of_text

OBJECT = "object"  # stands where other factories have their package or file
STUDY_KEYS = ("size", "narrower", "compat")  # of a network's section, which a module does not have
_objects: WeakValueDictionary[str, nn.Module] = WeakValueDictionary()


def make_network(
    network: str | Mapping[str, Any] | nn.Module | Callable[..., nn.Module],
    *,
    seed: int = 0,
    n_bands: int | None = None,
    input_length: int | None = None,
    layers: Sequence[str] | None = None,
    precision: Precision = "float32",
    **options: Any,
) -> Network:
    """Return the network that a name, a section, a module or a factory stands for.

    Parameters
    ----------
    network : str, mapping, nn.Module, callable or Network
        A name of `list_networks()`; "package.module:Name" or "file.py:Name"; a section of a configuration,
        whose keys precede the arguments; a module, which keeps its weights; a class or function that makes
        one; or a network, which is returned.
    seed : int
        Of the weights.
    n_bands : int or None
        Of the input, as the front-end states it; None for 96, or 1 for waveforms.
    input_length : int or None
        Frames or samples that will be fed: needed for a user's module.
    layers : sequence of str or None
        None for the network's default.
    precision : {"float32", "tf32", "bfloat16"}
        Of the arithmetic.
    **options
        Further keys of the network's section, such as `size`.

    Raises
    ------
    ConfigError
        For anything unknown or that does not fit together; the message names the way out.

    Examples
    --------
    >>> make_network({"kind": "vgg", "size": "large"}).n_features
    3585
    >>> net = make_network(nn.Linear(96, 8), output="time channels", input_length=10)
    >>> net.name, net.n_features
    ('Linear (kept weights)', 8)
    """
    if isinstance(network, Network):
        return network
    options |= {"layers": layers, "precision": precision}
    options = {key: value for key, value in options.items() if value is not None}
    if isinstance(network, str):
        section = section_of_text(network)
    elif isinstance(network, Mapping):
        section = dict(network)
    else:
        section = _section_of_object(network) | _without_study_keys(options)
    if section.get("kind") != EXTERNAL:
        return _by_name(**{**options, **section}, seed=seed, n_bands=n_bands)
    spec, module = _module_of({**_without_study_keys(options), **section})
    if input_length is None:
        raise ConfigError(f"{spec.label}: a user's module needs input_length, the {spec.unit} to be fed")
    return ExternalNetwork(
        module,
        layers=spec.layers,
        input_unit=spec.unit,
        input_length=input_length,
        n_bands=n_bands or (96 if spec.unit == "frames" else 1),
        name=spec.label,
        seed=seed if spec.weights == "redraw" else None,
        input=spec.input,
        output=spec.output,
        reduction=spec.reduction,
        key=_key(spec, module),
        precision=spec.precision,
    )


def _by_name(
    kind: str, *, size: Size | None = None, narrower: int = 1, name: str | None = None, **options: Any
) -> Network:
    """Build a network of elmarc from its section; `name` is what results call it, and changes nothing."""
    size = size or _defaults.SIZE
    if narrower > 1 and kind in NETWORKS and options.get("n_filters") is None:
        options["n_filters"] = narrowed(NETWORKS[kind], size, narrower)
    return build_network(kind, size=size, **options)


def narrowed(preset: Preset, size: Size, divisor: int) -> int:
    """Return the filters of a size over `divisor`, rounded down to what the network can have."""
    step = preset.load().filters_multiple
    n_filters: int = getattr(preset, size) // divisor
    return max(step, n_filters - n_filters % step)


def _without_study_keys(options: Mapping[str, Any]) -> dict[str, Any]:
    if "n_filters" in options:
        raise ConfigError("n_filters: a user's module has its own width: leave it out, or use options")
    return {key: value for key, value in options.items() if key not in STUDY_KEYS}


def _section_of_object(network: nn.Module | Callable[..., nn.Module]) -> dict[str, Any]:
    """Return the section of a module, whose weights stay, or of a factory, whose weights are drawn."""
    is_module = isinstance(network, nn.Module)
    return {"kind": EXTERNAL, "factory": network, "weights": "keep" if is_module else "redraw"}


def _module_of(section: Mapping[str, Any]) -> tuple[ModuleSpec, nn.Module]:
    """Return a section of kind "external", checked, and its module; its `factory` may be an object."""
    source = section.get("factory")
    if source is None or isinstance(source, str):
        spec = module_spec(section)
        return spec, make_module(spec.factory, spec.options)
    spec = module_spec({**section, "factory": f"{OBJECT}:{_class_name(source)}"})
    return spec, source if isinstance(source, nn.Module) else make_module(source, spec.options)


def _class_name(source: object) -> str:
    return str(getattr(source, "__name__", type(source).__name__))


def _key(spec: ModuleSpec, module: nn.Module) -> str | None:
    """Return the key that is stated, with the factory's options: they change the module."""
    key = Contract.of(module, spec.label, spec.unit, key=spec.key).key
    if key is None or not spec.options:
        return key
    return f"{key} {json.dumps(spec.options, sort_keys=True, default=repr)}"


def identity(section: Mapping[str, Any]) -> Definition | None:
    """Return what identifies the results of a user's module; None for elmarc's networks.

    The key and a digest of the weights that are not drawn; without a key, a new text on each call.

    Raises
    ------
    ConfigError
        The module cannot be made or copied.
    """
    if section.get("kind") != EXTERNAL:
        return None
    spec, module = _module_of(section)
    key = _key(spec, module)
    if key is None:
        return {"run": uuid.uuid4().hex}
    module, drawn = prepared(module, spec.label, 0 if spec.weights == "redraw" else None, spec.precision)
    return {"key": key, "state_sha256": state_sha256(module, drawn)}


def make_module(factory: str | Callable[..., Any], options: Mapping[str, Any]) -> nn.Module:
    """Call a factory with its options.

    A class with a `config_class`, as in transformers, gets one made of the options. Torch's random numbers
    start from 0, and are restored: a factory gives the same module each time.

    Raises
    ------
    ConfigError
        It cannot be imported or called, fails, or gives no nn.Module.
    """
    if isinstance(factory, str) and is_object(factory):
        if factory not in _objects:
            raise ConfigError(
                f"factory {factory}: is a module that another program held in memory: hand it over there, or "
                "put the code that makes it into a file, and name it as 'path/to/file.py:Name'"
            )
        return copy.deepcopy(_objects[factory])
    with _seeds.global_states, _importing(factory), torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        call = _imported(factory) if isinstance(factory, str) else factory
        shown = factory if isinstance(factory, str) else getattr(factory, "__qualname__", repr(factory))
        if not callable(call):
            raise ConfigError(
                f"factory {shown} is a {type(call).__name__} that cannot be called: name a class or function"
            )
        config_class = getattr(call, "config_class", None) if inspect.isclass(call) else None
        try:
            module = call(**options) if config_class is None else call(config_class(**options))
        except Exception as problem:
            arguments = ", ".join(f"{key}={value!r}" for key, value in options.items()) or "no options"
            raise ConfigError(
                f"factory {shown} fails with {arguments}: {type(problem).__name__}: {problem}"
            ) from problem
    if not isinstance(module, nn.Module):
        raise ConfigError(f"factory {shown} gives a {type(module).__name__}, expected a torch.nn.Module")
    return module


def _imported(factory: str) -> Any:
    """Import what a factory's text names; its name may have dots, as in "module:Class.method"."""
    source, _, name = factory.rpartition(":")
    is_file = source.endswith(".py")
    if is_file and not Path(source).is_file():
        raise ConfigError(f"factory: there is no file {source} (from {Path.cwd()})")
    try:
        thing: Any = _run_file(Path(source)) if is_file else import_module(source)
    except Exception as problem:
        missing = problem.name if isinstance(problem, ModuleNotFoundError) and not is_file else None
        if missing and f"{source}.".startswith(f"{missing}."):
            raise ConfigError(
                f"factory: there is no module {source!r}, neither installed nor in {Path.cwd()}: install it, "
                "run in its folder, or name the file: path/to/file.py:Name"
            ) from None
        raise ConfigError(
            f"factory: {source} cannot be imported: {type(problem).__name__}: {problem}"
        ) from problem
    for part in name.split("."):
        if not hasattr(thing, part):
            hint = did_you_mean(part, [key for key in dir(thing) if not key.startswith("_")])
            raise ConfigError(f"factory {factory}: {source} has no {name!r}{hint}")
        thing = getattr(thing, part)
    return thing


def _run_file(path: Path) -> ModuleType:
    """Run a file as it is now: Python's cache of compiled files misses edits within a second."""
    module = ModuleType(f"elmarc_user_{path.stem}")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module  # dataclasses and annotations are looked up there
    exec(compile(path.read_bytes(), str(path), "exec"), vars(module))
    return module


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


def register(module: nn.Module, key: str | None = None) -> tuple[str, nn.Module]:
    """Return a text that stands for a module as it is now, and the copy to reference as long as it is used.

    Equal weights under one key are one text; a module without a key has another text each time.
    """
    name = type(module).__name__
    key = Contract.of(module, name, "frames", key=key).key
    identifier = uuid.uuid4().hex
    if key is not None:
        identifier = hashlib.sha256(f"{key}\n{state_sha256(module)}".encode()).hexdigest()
    text = f"{OBJECT}:{name}-{identifier[:12]}"
    return text, _objects.setdefault(text, copy.deepcopy(module))


def register_all(networks: Any) -> tuple[Any, tuple[nn.Module, ...]]:
    """Put sections in place of modules, and of classes and functions that make one, in a list.

    Parameters
    ----------
    networks : str, sequence, or one of those that a sequence may contain
        Also sections whose `factory` is an object.

    Returns
    -------
    tuple
        The same list with texts in place of objects, and the copies to reference. Networks of one class
        are numbered.
    """
    if isinstance(networks, str):
        return networks, ()
    if isinstance(networks, nn.Module | Mapping) or callable(networks):
        networks = [networks]
    sections: list[Any] = []
    modules: list[nn.Module] = []
    names: Counter[str] = Counter()
    for network in networks:
        section = dict(network) if isinstance(network, Mapping) else _section_of_object(network)
        source = section.get("factory")
        if not isinstance(source, nn.Module) and not callable(source):
            sections.append(network)
            continue
        module = source if isinstance(source, nn.Module) else make_module(source, section.pop("options", {}))
        text, copied = register(module, section.get("key"))
        modules.append(copied)
        name = _class_name(source)
        names[name] += 1
        numbered = name if names[name] == 1 else f"{name} {names[name]}"
        sections.append({**_section_of_object(source), "name": numbered, **section, "factory": text})
    return sections, tuple(modules)


def is_object(factory: str) -> bool:
    """Return whether a factory's text stands for a module in memory."""
    return factory.startswith(f"{OBJECT}:")
