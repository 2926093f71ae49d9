"""The sections of front-ends and networks, made from the tables `FRONTENDS` and `NETWORKS`.

The keys of a front-end's section are the fields of its dataclass, with their types and defaults; a value that
the front-end refuses is refused here, in its words.
"""

from __future__ import annotations

import inspect
import json
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
    ClassVar,
    Literal,
    Self,
    TypeAlias,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from pydantic import Field, SerializerFunctionWrapHandler, create_model, model_serializer, model_validator
from pydantic_core import PydanticCustomError

from elmarc import _defaults
from elmarc._types import Precision, Size, Unit
from elmarc.config.schema import Count, Counts, Flag, Name, Section, Shape, Year
from elmarc.errors import ConfigError
from elmarc.frontends import FRONTENDS
from elmarc.networks import NETWORKS
from elmarc.networks.section import EXTERNAL, ModulePrecision, ModuleSpec, module_spec

Compat = Annotated[Literal["2018"], Year]


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
    """What every network takes: `size` (large by default) or `n_filters`, not both.

    `narrower` divides the filters of `size`, so that more pooling statistics make no more features. `layers`
    picks feature maps by name; `compat: "2018"` repeats that program's frame-level defect. `name` is what
    results call the network where several are of one kind.
    """

    kind: str
    name: Name | None = None
    size: Size | None = None
    n_filters: Count | None = None
    narrower: Count = 1
    layers: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    precision: Precision = "float32"
    compat: Compat | None = None

    @property
    def label(self) -> str:
        """What results call the network."""
        return self.name or self.kind

    @model_serializer(mode="wrap")
    def _without_none(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out the name and shapes that have no value, as older results do."""
        optional = {"name", *_free_shapes(self.kind)}
        return {key: value for key, value in write(self).items() if value is not None or key not in optional}

    @model_validator(mode="before")
    @classmethod
    def _size_in_full(cls, section: Any) -> Any:
        if not isinstance(section, Mapping) or section.get("size") or section.get("n_filters"):
            return section
        return {**section, "size": _defaults.SIZE}

    @model_validator(mode="after")
    def _one_size(self) -> Self:
        if self.size is not None and self.n_filters is not None:
            raise ValueError("found size and n_filters, expected one of them (set the other to null)")
        if self.narrower > 1 and self.n_filters is not None:
            raise ValueError("found n_filters and narrower, which divides the filters of a size: drop one")
        return self


class ExternalSection(Section):
    """A module of your own, from a factory: its keys are the fields of `ModuleSpec`.

    `options` go to the factory as they are; a sweep does not look into them.
    """

    kind: str
    factory: str
    unit: Unit = "frames"
    precision: ModulePrecision = "float32"
    size: ClassVar[None] = None  # the study's networks have them
    n_filters: ClassVar[None] = None
    compat: ClassVar[None] = None

    @property
    def label(self) -> str:
        """What results call the network."""
        return module_spec(self.model_dump()).label

    @model_validator(mode="after")
    def _can_be_meant(self) -> Self:
        try:
            json.dumps(self.model_dump(), allow_nan=False, default=str)
        except ValueError:
            raise ValueError("options: hold NaN or infinity, which no result could repeat") from None
        try:
            module_spec(self.model_dump())
        except ConfigError as problem:
            raise PydanticCustomError("refused_by_part", "{text}", {"text": str(problem)}) from None
        return self

    def __hash__(self) -> int:
        return hash(self.model_dump_json())


class MFCCPart(Section):
    """The MFCC, as a part of joined features."""

    kind: Literal["mfcc"]
    size: ClassVar[None] = None

    @property
    def label(self) -> str:
        """What results call it."""
        return self.kind


class JoinedBase(Section):
    """Networks whose features are joined, the MFCC perhaps among them; each reads its own front-end.

    In a text, as `mfcc+vgg`. Their front-ends and statistics are those of the recipe.
    """

    kind: Literal["joined"]
    parts: Any
    n_filters: ClassVar[None] = None
    compat: ClassVar[None] = None
    precision: ClassVar[str] = "float32"  # each part has its own

    @property
    def label(self) -> str:
        """What results call the system."""
        return "+".join(part.label for part in self.parts)

    @property
    def size(self) -> Size | None:
        """The size of all networks, where they have one."""
        sizes = {part.size for part in self.parts if part.kind != "mfcc"}
        return sizes.pop() if len(sizes) == 1 else None

    @model_validator(mode="after")
    def _parts_differ(self) -> Self:
        if len(set(self.parts)) < len(self.parts):
            raise ValueError("parts: found one twice; name each once")
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


def _free_shapes(kind: str) -> tuple[str, ...]:
    """Return the shapes of a network that are optional."""
    preset = NETWORKS[kind]
    return tuple(option for option in preset.choices if option not in preset.required)


def _network_section(name: str) -> type[NetworkSection]:
    preset = NETWORKS[name]
    keys: dict[str, Any] = {"kind": (Literal[name], ...), **dict.fromkeys(preset.required, (Shape, ...))}
    keys |= dict.fromkeys(_free_shapes(name), (Counts | None, None))
    keys |= dict.fromkeys(preset.numbers, (Count | None, None))
    return create_model(f"Network_{name}", __base__=NetworkSection, **keys)


def _external_section() -> type[ExternalSection]:
    types = get_type_hints(ModuleSpec)
    keys: dict[str, Any] = {key.name: (_strict(types[key.name]), key.default) for key in fields(ModuleSpec)}
    keys |= {
        "kind": (Literal[EXTERNAL], ...),
        "factory": (str, ...),
        "options": (dict[str, Any], Field(default_factory=dict)),
        "name": (Name | None, None),
    }
    doc = ExternalSection.__doc__
    return create_model("OwnNetworkSection", __base__=ExternalSection, __doc__=doc, **keys)


FRONTEND_SECTIONS = {kind: _frontend_section(kind) for kind in FRONTENDS}
NETWORK_SECTIONS = tuple(_network_section(name) for name in NETWORKS)
OWN_SECTION = _external_section()
globals().update(
    {made.__name__: made for made in (*FRONTEND_SECTIONS.values(), *NETWORK_SECTIONS, OWN_SECTION)}
)  # to pickle

if TYPE_CHECKING:
    FrontEnd: TypeAlias = FrontEndSection
    Network: TypeAlias = NetworkSection | ExternalSection
    JoinedSection: TypeAlias = JoinedBase
else:
    FrontEnd = Annotated[reduce(or_, FRONTEND_SECTIONS.values()), Field(discriminator="kind")]
    Part = Annotated[reduce(or_, (*NETWORK_SECTIONS, MFCCPart)), Field(discriminator="kind")]

    JoinedSection = create_model(
        "JoinedSection", __base__=JoinedBase, __doc__=JoinedBase.__doc__,
        parts=(Annotated[tuple[Part, ...], Field(min_length=2)], ...),
    )  # fmt: skip

    Network = Annotated[
        reduce(or_, (*NETWORK_SECTIONS, OWN_SECTION, JoinedSection)), Field(discriminator="kind")
    ]
