"""A list of networks with objects among them, to one that a configuration can hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from torch import nn

from elmarc.networks.external.factory import make_module
from elmarc.networks.external.held import hold
from elmarc.networks.own import EXTERNAL


def hold_all(networks: Any) -> tuple[Any, tuple[nn.Module, ...]]:
    """Put sections in place of modules, and of classes and functions that make one, in a list.

    Parameters
    ----------
    networks : str, sequence, or one of those that a sequence may hold
        Also sections whose `factory` is an object.

    Returns
    -------
    tuple
        The same list with texts in place of objects, and the copies to keep meanwhile. Networks of one class
        are numbered.
    """
    if isinstance(networks, nn.Module | Mapping) or callable(networks):
        networks = [networks]
    if isinstance(networks, str):
        return networks, ()
    sections: list[Any] = []
    kept: list[nn.Module] = []
    names: Counter[str] = Counter()
    for network in networks:
        section = dict(network) if isinstance(network, Mapping) else {"factory": network}
        source = section.get("factory")
        if not isinstance(source, nn.Module) and not callable(source):
            sections.append(network)
            continue
        is_module = isinstance(source, nn.Module)
        text, module = hold(source if is_module else make_module(source, section.pop("options", {})))
        kept.append(module)
        name = getattr(source, "__name__", type(source).__name__)
        names[name] += 1
        own = {
            "kind": EXTERNAL,
            "weights": "keep" if is_module else "redraw",
            "name": name if names[name] == 1 else f"{name} {names[name]}",
        }
        sections.append({**own, **section, "factory": text})
    return sections, tuple(kept)
