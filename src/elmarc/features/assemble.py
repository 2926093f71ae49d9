"""From options to an extractor: the one place where a recipe, a front-end and a network meet.

Configurations, `RandomCNNFeatures` and the adapters all end here, so the same options and clips give the same
features everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, TypeAlias

from torch import nn

from elmarc import _defaults
from elmarc._choices import choose
from elmarc._types import FixLength, Precision, Size
from elmarc.audio.length import STUDY_LENGTH, InputLength
from elmarc.errors import ConfigError
from elmarc.features.extractor import FeatureExtractor
from elmarc.features.joined import JoinedExtractor
from elmarc.features.recipes import BASELINE, WHOLE_CLIPS, default_frontend, settings
from elmarc.frontends import FRONTENDS, FrontEnd, check_installed, frontends_of
from elmarc.frontends.logmel_vectors import WholeLogMel
from elmarc.networks import NETWORKS, make_network
from elmarc.networks.base import Network
from elmarc.networks.section import EXTERNAL, parts_of, section_of_text

NetworkLike: TypeAlias = str | Mapping[str, Any] | nn.Module | Callable[..., nn.Module] | None
FrontEndLike: TypeAlias = str | Mapping[str, Any] | FrontEnd | None


@dataclass(frozen=True)
class FeatureOptions:
    """What features follow from: the parameters of `RandomCNNFeatures` of these names, and the seed.

    What the section of a network says goes before the other options; None as a network is the baseline.
    `input_length` is a sequence where networks are joined: one length for each.
    """

    network: NetworkLike
    recipe: str = _defaults.RECIPE
    size: Size = _defaults.SIZE
    n_filters: int | None = None
    layers: Sequence[str] | None = None
    frontend: FrontEndLike = None
    sr: int | None = None
    duration: float | None = None
    input_length: int | Sequence[int | None] | None = None
    fix_length: FixLength | None = None
    statistics: Sequence[str] | None = None
    precision: Precision = "float32"
    seed: int = 0


def assemble(
    options: FeatureOptions, *, default_length: InputLength | None = None, **work: Any
) -> FeatureExtractor:
    """Return the extractor that options stand for.

    Parameters
    ----------
    options : FeatureOptions
    default_length : InputLength or None
        What is fed where the options give no length, raised to what the network needs.
    **work : Any
        How to compute: batch_size, n_workers, device, store, cache and strict of `FeatureExtractor`.

    Raises
    ------
    ConfigError
        Anything is unknown, or does not fit together.
    """
    network, given = options.network, options.input_length
    if parts := parts_of(network):
        _refuse(options, ("frontend", "layers", "statistics"), "joined networks take their own")
        lengths = given if isinstance(given, Sequence) else [given] * len(parts)
        each = [_options_of(part, length, options) for part, length in zip(parts, lengths, strict=True)]
        return JoinedExtractor([assemble(one, default_length=default_length, **work) for one in each])
    section, front = _section(network), make_frontend(options)
    if section is None:
        of_networks = ("n_filters", "layers", "duration", "input_length", "statistics")
        _refuse(options, of_networks, "the baseline has no network: leave it out, or name a network")
        check_installed(front.kind)
        return FeatureExtractor(_with_length(front, default_length), **work)
    _check_unit(front, section)
    if isinstance(network, Network) and (options.n_filters, options.layers) != (None, None):
        raise ConfigError(f"{network.name} is built already: say n_filters and layers where it is built")
    of_recipe = settings(
        options.recipe,
        frontend=front.kind,
        network={"n_filters": options.n_filters, **section},
        classifier=None,
    )
    keys = {key: getattr(options, key) for key in ("size", "n_filters", "layers", "precision")}
    keys |= of_recipe.get("network", {})
    if section.get("kind") == EXTERNAL:
        keys["unit"] = front.unit
    length = _length(options, front, default_length)
    built: Any = network  # of mypy's unions, make_network takes all but None
    net = make_network(built, seed=options.seed, n_bands=front.n_bands, input_length=length, **keys)
    how = options.fix_length or (default_length.fix_length if default_length else "repeat-pad")
    is_given = options.duration is not None or given is not None
    if length < net.min_input_length and how != "crop" and not is_given:
        # as the study repeated short clips
        study = front.n_positions(STUDY_LENGTH.frames_s) if net.input_unit == "frames" else 0
        length = max(net.min_input_length, study)
    statistics = of_recipe["pooling"] if options.statistics is None else options.statistics
    return FeatureExtractor(front, net, length=length, fix_length=how, statistics=statistics, **work)


def make_frontend(options: FeatureOptions) -> FrontEnd:
    """Return the front-end: one that is built as it is, or that of the network and the recipe.

    Raises
    ------
    ConfigError
        Its kind or an option is unknown, or it has another rate than `sr`.
    """
    front, sr = options.frontend, options.sr
    if front is not None and not isinstance(front, str | Mapping):
        _check_rate(front.sr, sr)
        return front
    own = {"kind": front} if isinstance(front, str) else dict(front or {})
    kind = choose("front-end", own.pop("kind", _frontend_of(options.network)), tuple(FRONTENDS))
    made = FRONTENDS[kind]
    for option in own:
        choose(f"option of {kind}", option, tuple(field.name for field in fields(made)))
    keys = dict(settings(options.recipe, frontend=kind, network=None, classifier=None)["frontend"])
    if kind == BASELINE and _section(options.network) is None:
        keys |= WHOLE_CLIPS
    keys |= own
    if sr is not None:
        _check_rate(keys.setdefault("sr", sr), sr)
    built: FrontEnd = made(**keys)
    return built


def _frontend_of(network: NetworkLike) -> str:
    """Return the kind of the front-end that a network reads.

    >>> _frontend_of("sample_level"), _frontend_of("mfcc"), _frontend_of(None)
    ('waveform', 'mfcc', 'mfcc')
    """
    if isinstance(network, Network):
        return frontends_of(network.input_unit)[0]
    if isinstance(network, str):
        network = section_of_text(network)
    is_section = network is None or isinstance(network, Mapping)
    return default_frontend(network if is_section else {"kind": EXTERNAL})


def _check_rate(rate: int, sr: int | None) -> None:
    if sr is not None and rate != sr:
        raise ConfigError(f"sr: found {sr} Hz beside a front-end of {rate} Hz: give one of them")


def _section(network: NetworkLike) -> Mapping[str, Any] | None:
    """Return the section that a network stands for; None for the baseline."""
    if isinstance(network, Network):
        return {"kind": network.name}
    if isinstance(network, str):
        network = section_of_text(network)
    if network is None or isinstance(network, Mapping):
        return None if network is None or network.get("kind") in frontends_of(None) else network
    return {"kind": EXTERNAL}


def _options_of(part: Any, length: int | None, options: FeatureOptions) -> FeatureOptions:
    """Return the options of a part of joined networks."""
    if _section(part) is None:
        return FeatureOptions(part, recipe=options.recipe, sr=options.sr)
    return replace(options, network=part, input_length=length)


def _check_unit(front: FrontEnd, section: Mapping[str, Any]) -> None:
    """Refuse a front-end of another unit before the network is built; a bare module does not say its own."""
    kind = section.get("kind")
    preset = NETWORKS.get(kind or "")
    unit = FRONTENDS[preset.frontend].unit if preset else section.get("unit")
    if unit and unit != front.unit:
        raise ConfigError(
            f"frontend: a {front.kind} front-end gives {front.unit or 'one vector a clip'}, and the {kind} "
            f"network reads {unit}: use {' or '.join(frontends_of(unit))}, or leave frontend out"
        )


def _length(options: FeatureOptions, front: FrontEnd, default: InputLength | None) -> int:
    """Return the frames or samples that are fed."""
    if options.duration is not None and options.input_length is not None:
        raise ConfigError("duration, input_length: found both, expected one of them")
    if options.input_length is not None:
        assert isinstance(options.input_length, int)  # one network has one length
        return options.input_length
    if options.duration is not None:
        return front.n_positions(options.duration)
    if default is None:
        raise ConfigError("how much of a clip is fed? Give duration (seconds) or input_length")
    return front.n_positions(default.seconds(front.unit or "frames"))


def _with_length(front: FrontEnd, default: InputLength | None) -> FrontEnd:
    """Return a front-end that reads as much of a clip as the networks do, where it does not say how much."""
    if not isinstance(front, WholeLogMel) or default is None:
        return front
    seconds = default.seconds("frames") if front.seconds is None else front.seconds
    return replace(front, seconds=seconds, fix_length=front.fix_length or default.fix_length)


def _refuse(options: FeatureOptions, names: Sequence[str], because: str) -> None:
    """Refuse options that would be ignored in silence."""
    for name in names:
        if getattr(options, name) is not None:
            raise ConfigError(f"{name}: {because}")
