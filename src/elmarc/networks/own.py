"""A network of one's own: where it comes from and how it is read, as a configuration says it.

Importing this module loads no torch, and no factory: that is done where the network is built.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, get_args

from elmarc._choices import choose
from elmarc._types import Unit
from elmarc.errors import ConfigError

EXTERNAL = "external"
OUTPUT = "output"  # the layer that is the whole module's output
Weights: TypeAlias = Literal["redraw", "keep"]
Axis: TypeAlias = int | dict[str, int] | None
OwnPrecision: TypeAlias = Literal["float32", "bfloat16"]


@dataclass(frozen=True)
class OwnNetwork:
    """A module of your own, from a factory that is imported when the network is built.

    Attributes
    ----------
    factory : str
        "package.module:Name" or "path/to/file.py:Name": a class or function that gives an nn.Module.
    options : mapping
        Its keyword arguments; those of the config class where the factory has one, as in transformers.
    layers : tuple of str
        Submodules to read, see `networks.external.names`; "output" is what the module returns. Empty: what
        goes into the module's last linear layer, or what it returns where it does not end in one.
    weights : {"redraw", "keep"}
        "redraw" draws them anew from the seed, "keep" takes them as the factory made them.
    unit : {"frames", "samples"}
        What the module reads: frames of a spectrogram or samples of a waveform.
    layout : str or None
        The axes of its input behind the clips, such as "1 bands length"; None: the only one that it takes.
    channel_axis, time_axis : int, mapping of layers to int, or None
        Axes of the layers' outputs, where they cannot be told.
    min_length : int or None
        Frames or samples that a clip must have; None: the length that is fed.
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
    layout: str | None = None
    channel_axis: Axis = None
    time_axis: Axis = None
    min_length: int | None = None
    precision: OwnPrecision = "float32"
    name: str | None = None

    def __post_init__(self) -> None:
        source, colon, name = self.factory.rpartition(":")
        if not (source and colon and name):
            raise ConfigError(
                f"factory: found {self.factory!r}, expected 'package.module:Name' or 'path/to/file.py:Name'"
            )
        choose("weights", self.weights, get_args(Weights))
        choose("unit", self.unit, get_args(Unit))
        choose("precision of a module", self.precision, get_args(OwnPrecision))

    @property
    def label(self) -> str:
        """What results call the network; kept weights show in it."""
        return named(self.name or self.factory.rpartition(":")[2], self.weights)


def named(name: str, weights: Weights) -> str:
    """Return the name of a network, with a word where its weights were not drawn by elmarc.

    >>> named("vggish", "keep")
    'vggish (kept weights)'
    """
    return f"{name} (kept weights)" if weights == "keep" else name


def is_factory(text: str) -> bool:
    """Tell "package.module:Name" from the name of a network.

    >>> is_factory("vgg"), is_factory("models.py:MyNet")
    (False, True)
    """
    return ":" in text


def section_of_text(text: str) -> dict[str, Any]:
    """Return the section that a network's name or a factory stands for.

    >>> section_of_text("vgg"), section_of_text("mypkg.models:MyNet")
    ({'kind': 'vgg'}, {'kind': 'external', 'factory': 'mypkg.models:MyNet'})
    """
    return {"kind": EXTERNAL, "factory": text} if is_factory(text) else {"kind": text}


def own_network(section: Mapping[str, Any]) -> OwnNetwork:
    """Return the network of a section of kind "external"."""
    options = {key: value for key, value in section.items() if key != "kind"}
    for key in options:
        choose("option of an external network", key, tuple(OwnNetwork.__dataclass_fields__))
    if "factory" not in options:
        raise ConfigError("an external network needs a factory, such as 'package.module:Name'")
    layers = options.get("layers") or ()
    return OwnNetwork(**{**options, "layers": (layers,) if isinstance(layers, str) else tuple(layers)})
