"""Network input -> named feature maps, by weights that are drawn once and never trained.

`NETWORKS` lists every network, in one line each. Importing this package loads no torch: a network's class is
imported when the network is built.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

from elmarc import _defaults
from elmarc._choices import choose
from elmarc._types import Precision, Size, Unit
from elmarc.errors import ConfigError

if TYPE_CHECKING:
    from elmarc.networks.base import LayerCost, LayerInfo, Network, Tile
    from elmarc.networks.make import make_network
    from elmarc.networks.module import ExternalNetwork
    from elmarc.networks.random_cnn import Compat, RandomCNN

__all__ = [
    "NETWORKS",
    "STUDY_NETWORKS",
    "ExternalNetwork",
    "LayerCost",
    "LayerInfo",
    "Network",
    "Preset",
    "RandomCNN",
    "Tile",
    "build_network",
    "list_networks",
    "make_network",
]

_HOMES = {
    "ExternalNetwork": "module",
    "LayerCost": "base",
    "LayerInfo": "base",
    "Network": "base",
    "RandomCNN": "random_cnn",
    "Tile": "base",
    "make_network": "make",
}


@dataclass(frozen=True)
class Preset:
    """A network by name.

    Attributes
    ----------
    source : str
        Where its class is, as "module:class"; a module of this package begins with a dot.
    large, small : int
        Filters of the two sizes.
    maps : int
        Features for each filter.
    shortest : int
        Frames or samples that a clip must have.
    frontend : str
        The default front-end; a key of `elmarc.frontends.FRONTENDS`.
    study : bool
        Whether Pons & Serra 2018 compare it.
    fixed : mapping
        Arguments of the class that cannot be chosen.
    shapes : mapping
        Shapes that may be chosen, with their defaults; None for one that is required.
    lists, numbers : tuple of str
        Further shapes that may be chosen, lists of numbers and single ones; the class knows the study's.
    layers : tuple of str or None
        Those selected by default; None for all.
    """

    source: str
    large: int
    small: int
    _: KW_ONLY
    maps: int
    shortest: int
    frontend: str = "logmel"
    study: bool = False
    fixed: Mapping[str, Any] = field(default_factory=dict)
    shapes: Mapping[str, tuple[int, ...] | None] = field(default_factory=dict)
    lists: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    layers: tuple[str, ...] | None = None

    def load(self) -> type[RandomCNN]:
        """Import the class."""
        module, _, name = self.source.partition(":")
        loaded: type[RandomCNN] = getattr(import_module(module, __name__), name)
        return loaded

    @property
    def unit(self) -> Unit:
        """What the length of its input counts."""
        return "samples" if self.frontend == "waveform" else "frames"

    @property
    def required(self) -> tuple[str, ...]:
        """The shapes that are required."""
        return tuple(option for option, default in self.shapes.items() if default is None)

    @property
    def choices(self) -> tuple[str, ...]:
        """The shapes that can be chosen."""
        return (*self.shapes, *self.lists, *self.numbers)


_SINGLE, _BRANCHES = ".single_layer:SingleLayer", ".timbral_temporal:TimbralTemporal"
_MUSIC: dict[str, tuple[int, ...] | None] = {"temporal_lengths": (165, 128, 64, 32)}  # frames
_SOUNDS = {"temporal_lengths": (64, 32, 16, 8)}  # the study's for sounds
_7X96 = {"filter_shape": (7, 96), "pool_shape": (1, 1)}
_7X86 = {"filter_shape": (7, 86), "pool_shape": (1, 11)}
_OPEN = {"filter_shape": None, "pool_shape": None}
_TALL = ("timbral_frames", "timbral_percents")
_TIMBRAL, _TEMPORAL = ({"branches": (branch,)} for branch in ("timbral", "temporal"))

NETWORKS: dict[str, Preset] = {
    "vgg": Preset(
        ".vgg:VGG", 717, 32, maps=5, shortest=1280, study=True, lists=("pool_frames", "pool_bands")
    ),
    "7x96": Preset(_SINGLE, 3585, 160, maps=1, shortest=7, study=True, fixed=_7X96, layers=("pool",)),
    "7x86": Preset(_SINGLE, 3585, 160, maps=1, shortest=7, study=True, fixed=_7X86, layers=("pool",)),
    "timbral": Preset(_BRANCHES, 256, 8, maps=14, shortest=1, study=True, fixed=_TIMBRAL, lists=_TALL),
    "temporal": Preset(_BRANCHES, 256, 8, maps=14, shortest=1, study=True, fixed=_TEMPORAL, shapes=_MUSIC),
    "timbral_temporal": Preset(
        _BRANCHES,
        128,
        4,
        maps=28,
        shortest=1,
        study=True,
        shapes=_MUSIC,
        lists=_TALL,
        numbers=("n_temporal",),
    ),
    "sample_level": Preset(
        ".sample_level:SampleLevel",
        512,
        23,
        maps=7,
        shortest=2187,
        study=True,
        frontend="waveform",
        numbers=("stride", "n_pools"),
    ),
    "frame_level": Preset(
        ".frame_level:FrameLevel",
        896,
        40,
        maps=4,
        shortest=736,
        study=True,
        frontend="waveform",
        numbers=("stride", "filter_length"),
    ),
    "frame_level_many": Preset(
        ".frame_level:FrameLevelMany", 448, 20, maps=8, shortest=225, study=True, frontend="waveform"
    ),
    "mixed": Preset(".mixed:Mixed", 196, 8, maps=33, shortest=1),
    "single_layer": Preset(_SINGLE, 3585, 160, maps=2, shortest=7, shapes=_OPEN),
    "timbral_temporal_audio": Preset(_BRANCHES, 128, 4, maps=28, shortest=1, fixed=_SOUNDS),
}
STUDY_NETWORKS = tuple(name for name, preset in NETWORKS.items() if preset.study)


def list_networks() -> tuple[str, ...]:
    """Return all names, the study's nine first."""
    return tuple(NETWORKS)


def build_network(
    name: str,
    *,
    n_filters: int | None = None,
    size: Size = _defaults.SIZE,
    seed: int = 0,
    layers: Sequence[str] | None = None,
    n_bands: int | None = None,
    precision: Precision = "float32",
    compat: Compat | None = None,
    **shapes: Any,
) -> RandomCNN:
    """Build a network with freshly drawn weights.

    Parameters
    ----------
    name : str
        One of `list_networks()`.
    n_filters : int or None
        The study's N; None for that of `size`.
    size : {"large", "small"}
        About 3,500 or about 160 features.
    seed : int
        Of the weights.
    layers : sequence of str or None
        None for the network's default.
    n_bands : int or None
        Size of the last axis of the input; None for 96, or 1 for waveforms.
    precision : {"float32", "tf32", "bfloat16"}
        Of the convolutions.
    compat : {"2018"} or None
        "2018" for the published averaging of the frame-level back-ends.
    **shapes : tuple of int, or int
        Those that `NETWORKS` lists, such as `filter_shape` and `pool_shape` of single_layer.

    Raises
    ------
    ConfigError
        For anything unknown or that does not fit together; the message names the way out.

    Examples
    --------
    >>> build_network("vgg").layer_names
    ('pool1', 'pool2', 'pool3', 'pool4', 'pool5')
    """
    preset = NETWORKS[choose("network", name, list_networks())]
    if n_filters is None:
        n_filters = getattr(preset, choose("size", size, ("large", "small")))
    if n_filters < 1:
        raise ConfigError(f"{name}: n_filters must be at least 1, not {n_filters}")
    for option in shapes:
        if not preset.choices:
            raise ConfigError(f"{name} takes no option {option!r}: its shapes are fixed")
        choose(f"option of {name}", option, preset.choices)
    missing = [option for option in preset.required if shapes.get(option) is None]
    if missing:
        raise ConfigError(f"{name} needs {' and '.join(missing)}, each a pair (frames, bands)")
    return preset.load()(
        name,
        n_filters=n_filters,
        seed=seed,
        layers=preset.layers if layers is None else layers,
        n_bands=n_bands,
        precision=precision,
        compat=compat,
        **preset.fixed,
        **{**preset.shapes, **shapes},
    )


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'elmarc.networks' has no attribute {name!r}")
    return getattr(import_module(f"elmarc.networks.{_HOMES[name]}"), name)
