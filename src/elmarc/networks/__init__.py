"""Network input -> named feature maps, by weights that are drawn once and never trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from elmarc._choices import choose
from elmarc._errors import ConfigError
from elmarc._types import Precision, Size
from elmarc.networks.base import Compat, LayerRow, Network, RandomCNN, Tile
from elmarc.networks.external import ExternalNetwork
from elmarc.networks.frame_level import FrameLevel, FrameLevelMany
from elmarc.networks.sample_level import SampleLevel
from elmarc.networks.single_layer import SingleLayer
from elmarc.networks.timbral_temporal import AUDIO_LENGTHS, MUSIC_LENGTHS, TimbralTemporal
from elmarc.networks.vgg import VGG

__all__ = [
    "NETWORKS",
    "STUDY_NETWORKS",
    "ExternalNetwork",
    "LayerRow",
    "Network",
    "Preset",
    "RandomCNN",
    "Tile",
    "build_network",
    "list_networks",
]


@dataclass(frozen=True)
class Preset:
    """A network by name: its class, the study's two sizes and the shape options it may be given."""

    make: type[RandomCNN]
    large: int
    small: int
    fixed: Mapping[str, Any] = field(default_factory=dict)
    shapes: Mapping[str, Any] = field(default_factory=dict)  # with their defaults; None must be given
    layers: tuple[str, ...] | None = None


NETWORKS: dict[str, Preset] = {
    "vgg": Preset(VGG, 717, 32),
    "7x96": Preset(SingleLayer, 3585, 160, {"filter_shape": (7, 96), "pool_shape": (1, 1)}, layers=("pool",)),
    "7x86": Preset(
        SingleLayer, 3585, 160, {"filter_shape": (7, 86), "pool_shape": (1, 11)}, layers=("pool",)
    ),
    "timbral": Preset(TimbralTemporal, 256, 8, {"branches": ("timbral",)}),
    "temporal": Preset(
        TimbralTemporal, 256, 8, {"branches": ("temporal",)}, {"temporal_lengths": MUSIC_LENGTHS}
    ),
    "timbral_temporal": Preset(TimbralTemporal, 128, 4, shapes={"temporal_lengths": MUSIC_LENGTHS}),
    "sample_level": Preset(SampleLevel, 512, 23),
    "frame_level": Preset(FrameLevel, 896, 40),
    "frame_level_many": Preset(FrameLevelMany, 448, 20),
    "single_layer": Preset(SingleLayer, 3585, 160, shapes={"filter_shape": None, "pool_shape": None}),
    "timbral_temporal_audio": Preset(TimbralTemporal, 128, 4, {"temporal_lengths": AUDIO_LENGTHS}),
}
STUDY_NETWORKS = tuple(NETWORKS)[:9]


def list_networks() -> tuple[str, ...]:
    """Return all names, the study's nine first."""
    return tuple(NETWORKS)


def build_network(
    name: str,
    *,
    n_filters: int | None = None,
    size: Size = "large",
    seed: int = 0,
    layers: Sequence[str] | None = None,
    n_mels: int = 96,
    precision: Precision = "float32",
    compat: Compat | None = None,
    **shapes: Any,
) -> RandomCNN:
    """Build a network of the study with freshly drawn weights.

    Parameters
    ----------
    name : one of `list_networks()`.
    n_filters : the study's N; None for that of `size` ("large": about 3,500 features, "small": about 160).
    seed : of the weights.
    layers : the layers to read; None for the network's default.
    n_mels : bands of the log-mel input.
    precision : "float32", "tf32" or "bfloat16".
    compat : "2018" for the published averaging of the frame-level back-ends.
    shapes : `filter_shape` and `pool_shape` of single_layer; `temporal_lengths` of the temporal ones.

    Raises
    ------
    ConfigError
        For anything unknown or that does not fit together; the message names the way out.

    >>> build_network("vgg", size="small").layer_names
    ('pool1', 'pool2', 'pool3', 'pool4', 'pool5')
    """
    preset = NETWORKS[choose("network", name, list_networks())]
    if n_filters is None:
        n_filters = getattr(preset, choose("size", size, ("large", "small")))
    if n_filters < 1:
        raise ConfigError(f"{name}: n_filters must be at least 1, not {n_filters}")
    return preset.make(
        name,
        n_filters=n_filters,
        seed=seed,
        layers=preset.layers if layers is None else layers,
        n_mels=n_mels,
        precision=precision,
        compat=compat,
        **preset.fixed,
        **_shape_options(name, preset, shapes),
    )


def _shape_options(name: str, preset: Preset, given: Mapping[str, Any]) -> dict[str, Any]:
    for option in given:
        if not preset.shapes:
            raise ConfigError(f"{name} takes no option {option!r}: its shapes are fixed")
        choose(f"option of {name}", option, tuple(preset.shapes))
    options = {**preset.shapes, **given}
    missing = [option for option, value in options.items() if value is None]
    if missing:
        raise ConfigError(f"{name} needs {' and '.join(missing)}, each a pair (frames, bands)")
    return options
