"""The sections of front-ends and networks, made from the tables `FRONTENDS` and `NETWORKS`.

The keys of a front-end's section are the fields of its dataclass, with their types and defaults; a value that
the front-end refuses is refused here, in its words.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Mapping
from dataclasses import fields
from functools import reduce
from operator import or_
from types import UnionType
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Literal,
    Self,
    TypeAlias,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from pydantic import Field, create_model, model_validator
from pydantic_core import PydanticCustomError

from elmarc._errors import ConfigError
from elmarc._types import DEFAULT_SIZE, Precision, Size, Unit
from elmarc.config.values import Compat, Count, Flag, Section, Shape
from elmarc.frontends import FRONTENDS, frontends_of
from elmarc.networks import NETWORKS


class FrontEndSection(Section):
    """A front-end: its keys are the fields of the front-end's class."""

    kind: str

    def options(self) -> dict[str, Any]:
        """Return what the front-end's class is called with."""
        return self.model_dump(exclude={"kind"})

    @model_validator(mode="after")
    def _can_be_made(self) -> Self:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # they are given when the front-end is built
                FRONTENDS[self.kind](**self.options())
        except ConfigError as problem:
            raise PydanticCustomError("refused_by_part", "{text}", {"text": str(problem)}) from None
        return self


class NetworkSection(Section):
    """What every network takes: `size` (small where nothing is said) or `n_filters`, not both.

    `narrower` divides the filters of `size`, so that more pooling statistics make no more features. `layers`
    picks feature maps by name; `compat: "2018"` repeats that program's frame-level defect.
    """

    kind: str
    size: Size | None = None
    n_filters: Count | None = None
    narrower: Count = 1
    layers: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    precision: Precision = "float32"
    compat: Compat | None = None

    @model_validator(mode="before")
    @classmethod
    def _size_in_full(cls, section: Any) -> Any:
        if not isinstance(section, Mapping) or section.get("size") or section.get("n_filters"):
            return section
        return {**section, "size": DEFAULT_SIZE}

    @model_validator(mode="after")
    def _one_size(self) -> Self:
        if self.size is not None and self.n_filters is not None:
            raise ValueError("found size and n_filters, expected one of them (set the other to null)")
        if self.narrower > 1 and self.n_filters is not None:
            raise ValueError("found n_filters and narrower, which divides the filters of a size: drop one")
        return self


def _frontend_section(kind: str) -> type[FrontEndSection]:
    made = FRONTENDS[kind]
    types = get_type_hints(made)
    keys: dict[str, Any] = {"kind": (Literal[kind], ...)}
    keys |= {field.name: (_strict(types[field.name]), field.default) for field in fields(made)}
    summary = (inspect.getdoc(made) or "").split("\n", 1)[0]
    return create_model(f"{made.__name__}Section", __base__=FrontEndSection, __doc__=summary, **keys)


def _strict(wanted: Any) -> Any:
    """Read no text or fraction as a whole number, and no number as true or false."""
    if get_origin(wanted) in (Union, UnionType):
        return reduce(or_, map(_strict, get_args(wanted)))
    return {int: Annotated[int, Field(strict=True)], bool: Flag}.get(wanted, wanted)


def _network_section(title: str, names: tuple[str, ...], shapes: tuple[str, ...]) -> type[NetworkSection]:
    keys: dict[str, Any] = {"kind": (Literal[names], ...), **dict.fromkeys(shapes, (Shape, ...))}
    return create_model(title, __base__=NetworkSection, **keys)


def _network_sections() -> tuple[type[NetworkSection], ...]:
    """Return one section for all networks that a name is enough for, and one for each that needs shapes."""
    plain = tuple(name for name, preset in NETWORKS.items() if not preset.required)
    shaped = [(name, preset.required) for name, preset in NETWORKS.items() if preset.required]
    sections = [_network_section(f"Network_{name}", (name,), required) for name, required in shaped]
    return _network_section("NamedNetwork", plain, ()), *sections


FRONTEND_SECTIONS = {kind: _frontend_section(kind) for kind in FRONTENDS}
NETWORK_SECTIONS = _network_sections()
globals().update(
    {made.__name__: made for made in (*FRONTEND_SECTIONS.values(), *NETWORK_SECTIONS)}
)  # to pickle

if TYPE_CHECKING:
    FrontEnd: TypeAlias = FrontEndSection
    Network: TypeAlias = NetworkSection
else:
    FrontEnd = Annotated[reduce(or_, FRONTEND_SECTIONS.values()), Field(discriminator="kind")]
    Network = Annotated[reduce(or_, NETWORK_SECTIONS), Field(discriminator="kind")]


def default_frontend(network: Any) -> str:
    """Return the front-end that a network reads where nothing is said; without a network, the MFCC.

    The name of a front-end that gives one vector a clip stands for itself: `network: mfcc` is no network.

    >>> default_frontend("sample_level"), default_frontend("mfcc"), default_frontend(None)
    ('waveform', 'mfcc', 'mfcc')
    """
    alone = frontends_of(None)
    if network is None:
        return alone[0]
    if network in alone:
        return str(network)
    known = isinstance(network, str) and network in NETWORKS
    return NETWORKS[network].frontend if known else next(iter(FRONTENDS))


def unit_read(network: Any) -> Unit | None:
    """Return what the length of a network's input counts; None where there is no network."""
    unit: Unit | None = FRONTENDS[default_frontend(network)].unit
    return unit
