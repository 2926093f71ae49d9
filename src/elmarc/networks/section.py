"""The section of a configuration that names a network. Importing this module loads no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, get_args

from elmarc._choices import choose
from elmarc._types import Unit
from elmarc.errors import ConfigError

EXTERNAL = "external"  # the kind of a user's module
JOINED = "joined"  # the kind of a section whose `parts` are other sections
OUTPUT = "output"  # the layer that is the module's output, where this is one tensor
Weights: TypeAlias = Literal["redraw", "keep"]
ModulePrecision: TypeAlias = Literal["float32", "bfloat16"]


@dataclass(frozen=True)
class ModuleSpec:
    """The section of a user's module: where it comes from and its contract.

    The module may state `input`, `output`, `reduction` and `key` itself: see `elmarc.networks.module`.

    Attributes
    ----------
    factory : str
        "package.module:Name" or "path/to/file.py:Name": a class or function that returns an nn.Module.
    options : mapping
        Its keyword arguments; those of its `config_class` where it has one, as in transformers.
    layers : tuple of str
        Keys of the mapping that the module returns, or names of its submodules; empty: all that it returns.
    weights : {"redraw", "keep"}
        "redraw" draws them from the seed, "keep" leaves them as the factory made them.
    unit : {"frames", "samples"}
        Frames of a spectrogram or samples of a waveform.
    input : str or None
        Axes of the module's input after the clips, such as "1 bands time"; None: "time bands", or "time"
        for samples.
    output : str or None
        Axes of its output after the clips, such as "time channels"; None: channels, time, and any others.
    reduction : float, mapping of layers to float, or None
        Input positions per output position; None for 1.
    key : str or None
        Names the module's code and version for the store; None: features are not stored.
    precision : {"float32", "bfloat16"}
        "bfloat16" converts the module; otherwise it computes in the type that it has.
    name : str or None
        What results call it; None: the factory's name.
    """

    factory: str
    options: dict[str, Any] = field(default_factory=dict)
    layers: tuple[str, ...] = ()
    weights: Weights = "redraw"
    unit: Unit = "frames"
    input: str | None = None
    output: str | None = None
    reduction: float | dict[str, float] | None = None
    key: str | None = None
    precision: ModulePrecision = "float32"
    name: str | None = None

    def __post_init__(self) -> None:
        source, colon, name = self.factory.rpartition(":")
        if not (source and colon and name):
            raise ConfigError(
                f"factory: found {self.factory!r}, expected 'package.module:Name' or 'path/to/file.py:Name'"
            )
        choose("weights", self.weights, get_args(Weights))
        choose("unit", self.unit, get_args(Unit))
        choose("precision of a module", self.precision, get_args(ModulePrecision))

    @property
    def label(self) -> str:
        """What results call the network."""
        name = self.name or self.factory.rpartition(":")[2]
        return f"{name} (kept weights)" if self.weights == "keep" else name


def is_factory(text: str) -> bool:
    """Return whether a text is "package.module:Name", not the name of a network.

    >>> is_factory("vgg"), is_factory("models.py:MyNet")
    (False, True)
    """
    return ":" in text


def section_of_text(text: str) -> dict[str, Any]:
    """Return the section that a network's name, a factory, or names with + between stand for.

    >>> section_of_text("vgg"), section_of_text("mypkg.models:MyNet")
    ({'kind': 'vgg'}, {'kind': 'external', 'factory': 'mypkg.models:MyNet'})
    >>> section_of_text("mfcc+vgg")
    {'kind': 'joined', 'parts': [{'kind': 'mfcc'}, {'kind': 'vgg'}]}
    """
    if is_factory(text):
        return {"kind": EXTERNAL, "factory": text}
    if "+" in text:
        return {"kind": JOINED, "parts": [{"kind": part.strip()} for part in text.split("+")]}
    return {"kind": text}


def with_options(section: Mapping[str, Any], **options: Any) -> dict[str, Any]:
    """Return a section with options of elmarc's networks, those of its parts where it joins some."""
    if section.get("kind") == JOINED:
        return {**section, "parts": [with_options(part, **options) for part in section["parts"]]}
    if section.get("kind") == EXTERNAL:
        options = {key: value for key, value in options.items() if key in ("precision", "n_filters")}
    return {**section, **({} if section.get("kind") == "mfcc" else options)}


def parts_of(network: Any) -> list[Any]:
    """Return the sections of joined networks; empty for anything else."""
    section = section_of_text(network) if isinstance(network, str) else network
    is_joined = isinstance(section, Mapping) and section.get("kind") == JOINED
    return list(section["parts"]) if is_joined else []


def module_spec(section: Mapping[str, Any]) -> ModuleSpec:
    """Return a section of kind "external", checked.

    Raises
    ------
    ConfigError
        A key or its value is unknown.
    """
    options = {key: value for key, value in section.items() if key != "kind"}
    for key in options:
        choose("option of an external network", key, tuple(ModuleSpec.__dataclass_fields__))
    if "factory" not in options:
        raise ConfigError("an external network needs a factory, such as 'package.module:Name'")
    layers = options.get("layers") or ()
    return ModuleSpec(**{**options, "layers": (layers,) if isinstance(layers, str) else tuple(layers)})
