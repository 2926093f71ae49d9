"""From plain arguments to an extractor: the one place where a recipe, a front-end and a network meet.

Configurations, `RandomCNNFeatures` and `SoundClassifier` all end here, so the same arguments and clips give
the same features everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import Any, TypeAlias

from torch import nn

from elmarc import _defaults
from elmarc._choices import choose
from elmarc._types import FixLength, Precision, Size, Unit
from elmarc.audio.length import STUDY_LENGTH, InputLength
from elmarc.errors import ConfigError
from elmarc.features.extractor import FeatureExtractor
from elmarc.features.joined import JoinedExtractor
from elmarc.features.recipes import BASELINE, WHOLE_CLIPS, settings
from elmarc.frontends import FRONTENDS, FrontEnd, frontends_of
from elmarc.networks import NETWORKS, make_network
from elmarc.networks.base import Network
from elmarc.networks.section import EXTERNAL, parts_of, section_of_text

NetworkLike: TypeAlias = str | Mapping[str, Any] | nn.Module | Callable[..., nn.Module] | None
FrontEndLike: TypeAlias = str | Mapping[str, Any] | FrontEnd | None

NO_NETWORK = "the baseline has no network: leave it out, or name a network"
# What the study repeated short clips to where a network needs more frames than they have.
RAISED_TO_S: dict[Unit, float] = {"frames": STUDY_LENGTH.frames_s, "samples": 0.0}


def assemble(
    network: NetworkLike,
    *,
    recipe: str = _defaults.RECIPE,
    frontend: FrontEndLike = None,
    size: Size = _defaults.SIZE,
    n_filters: int | None = None,
    layers: Sequence[str] | None = None,
    precision: Precision = "float32",
    seed: int = 0,
    sr: int | None = None,
    duration: float | None = None,
    input_length: int | Sequence[int | None] | None = None,
    default_length: InputLength | None = None,
    fix_length: FixLength | None = None,
    statistics: Sequence[str] | None = None,
    **work: Any,
) -> FeatureExtractor:
    """Return the extractor that plain arguments stand for.

    Parameters
    ----------
    network : str, mapping, nn.Module, callable, Network or None
        As for `make_network`; what a section says goes before the other arguments. "mfcc" and None are the
        baseline. "mfcc+vgg" and its like are joined: see `JoinedExtractor`.
    recipe : {"v2", "2018"}
        Sets what is None here: see docs/recipe.md.
    frontend : str, mapping, FrontEnd or None
        A kind, its options (`kind` may be left out), or a front-end that is built and taken as it is. None
        follows from the network.
    size, n_filters, layers, precision, seed
        As for `make_network`. A recipe with more statistics divides the filters of a size, but not
        `n_filters`.
    sr : int or None
        Hz; None: what the front-end says, or 12000.
    duration, input_length : float or int, or None
        Seconds, or frames or samples, that are fed to the network; one of the two may be given.
    default_length : InputLength or None
        What holds where neither is given, raised to what the network needs.
    fix_length : {"crop", "zero-pad", "repeat-pad"} or None
        What to do with clips of another length; None: as `default_length` has it, or repeat-pad.
    statistics : sequence of str or None
        What is kept of each feature map; None: what the recipe says.
    **work : Any
        How to compute: batch_size, n_workers, device, store, cache and strict of `FeatureExtractor`.

    Raises
    ------
    ConfigError
        Anything is unknown, or does not fit together.
    """
    if parts := parts_of(network):
        _refuse("joined networks take their own", frontend=frontend, layers=layers, statistics=statistics)
        lengths = input_length if isinstance(input_length, Sequence) else [input_length] * len(parts)
        fed: dict[str, Any] = {
            "duration": duration,
            "default_length": default_length,
            "fix_length": fix_length,
        }
        shared: dict[str, Any] = {"recipe": recipe, "precision": precision, "seed": seed, "sr": sr, **work}
        return JoinedExtractor(
            [
                assemble(part, **shared)
                if _section(part) is None
                else assemble(part, size=size, n_filters=n_filters, input_length=length, **fed, **shared)
                for part, length in zip(parts, lengths, strict=True)
            ]
        )
    section = _section(network)
    front = make_frontend(frontend, network=network, recipe=recipe, sr=sr)
    assert not isinstance(input_length, Sequence)  # one network has one length
    if section is None:
        _refuse(
            NO_NETWORK, n_filters=n_filters, layers=layers, duration=duration, input_length=input_length,
            statistics=statistics,
        )  # fmt: skip
        return FeatureExtractor(front, **work)
    _check_unit(front, section)
    wanted = settings(
        recipe, frontend=front.kind, network={"n_filters": n_filters, **section}, classifier=None
    )
    length = _positions(front, duration, input_length, default_length)
    net = _network(
        network,
        section.get("kind"),
        front,
        size=size,
        n_filters=n_filters,
        layers=layers,
        precision=precision,
        seed=seed,
        input_length=length,
        **wanted.get("network", {}),
    )
    how = fix_length or (default_length.fix_length if default_length else "repeat-pad")
    is_asked = duration is not None or input_length is not None
    return FeatureExtractor(
        front,
        net,
        length=length if is_asked or how == "crop" else _raised(length, front, net),
        fix_length=how,
        statistics=wanted["pooling"] if statistics is None else statistics,
        **work,
    )


def make_frontend(
    frontend: FrontEndLike, *, network: NetworkLike, recipe: str = _defaults.RECIPE, sr: int | None = None
) -> FrontEnd:
    """Return the front-end that a network reads: see `assemble`.

    Raises
    ------
    ConfigError
        Its kind or an option is unknown, or it has another rate than `sr`.
    """
    if frontend is None or isinstance(frontend, str | Mapping):
        return _made(frontend, default_kind(network), recipe, sr, baseline=_section(network) is None)
    _check_rate(frontend.sr, sr)
    return frontend


def default_kind(network: NetworkLike) -> str:
    """Return the front-end that a network reads where nothing is said.

    >>> default_kind("sample_level"), default_kind("mfcc"), default_kind(None)
    ('waveform', 'mfcc', 'mfcc')
    """
    if isinstance(network, Network):
        return frontends_of(network.input_unit)[0]
    if parts := parts_of(network):
        kinds = [default_kind(part) for part in parts]
        return next((kind for kind in kinds if kind != BASELINE), BASELINE)
    section = _section(network)
    if section is None:
        return network if isinstance(network, str) else BASELINE
    preset = NETWORKS.get(section.get("kind", ""))
    return preset.frontend if preset else frontends_of(section.get("unit", "frames"))[0]


def _made(
    frontend: str | Mapping[str, Any] | None, kind: str, recipe: str, sr: int | None, *, baseline: bool
) -> FrontEnd:
    given = {"kind": frontend} if isinstance(frontend, str) else dict(frontend or {})
    kind = choose("front-end", given.pop("kind", kind), tuple(FRONTENDS))
    made = FRONTENDS[kind]
    for option in given:
        choose(f"option of {kind}", option, tuple(field.name for field in fields(made)))
    whole: dict[str, Any] = WHOLE_CLIPS if baseline and kind == BASELINE else {}
    options = {**settings(recipe, frontend=kind, network=None, classifier=None)["frontend"], **whole, **given}
    if sr is not None:
        _check_rate(options.setdefault("sr", sr), sr)
    front: FrontEnd = made(**options)
    return front


def _check_rate(found: int, sr: int | None) -> None:
    if sr is not None and found != sr:
        raise ConfigError(f"sr: found {sr} Hz beside a front-end of {found} Hz: give one of them")


def _section(network: NetworkLike) -> Mapping[str, Any] | None:
    """Return the section that a network stands for; None for the baseline."""
    if isinstance(network, Network):
        return {"kind": network.name}
    if isinstance(network, str):
        network = section_of_text(network)
    if network is None or isinstance(network, Mapping):
        return None if network is None or network.get("kind") in frontends_of(None) else network
    return {"kind": EXTERNAL}


def _network(network: Any, kind: Any, front: FrontEnd, **options: Any) -> Network:
    if isinstance(network, Network) and not options["n_filters"] is options["layers"] is None:
        raise ConfigError(f"{network.name} is built already: say n_filters and layers where it is built")
    if kind == EXTERNAL:
        options["unit"] = front.unit
    return make_network(network, n_bands=front.n_bands, **options)


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


def _positions(
    front: FrontEnd, duration: float | None, input_length: int | None, default: InputLength | None
) -> int:
    """Return the length that is asked for, or that holds where none is."""
    if duration is not None and input_length is not None:
        raise ConfigError("duration, input_length: found both, expected one of them")
    if input_length is not None:
        return input_length
    if duration is not None:
        return front.n_positions(duration)
    if default is None:
        raise ConfigError("how much of a clip is fed? Give duration (seconds) or input_length")
    return front.n_positions(default.seconds(front.unit or "frames"))


def _raised(length: int, front: FrontEnd, net: Network) -> int:
    """Return a length that the network can read, where short clips are padded anyway."""
    if length >= net.min_input_length:
        return length
    return max(net.min_input_length, front.n_positions(RAISED_TO_S[net.input_unit]))


def _refuse(because: str, **options: Any) -> None:
    """Refuse options that would be ignored in silence."""
    for name, value in options.items():
        if value is not None:
            raise ConfigError(f"{name}: {because}")
