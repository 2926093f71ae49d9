"""Spaces of architectures: networks that are drawn before any clip is read, to be ranked and trained.

A space is a list of families; an architecture is drawn from a family in turn, its shape and its width from
the stream of random numbers that (seed, space, number, attempt) name. So the first 20 of 40 are the 20 of the
same seed, and nothing depends on a global state. A network is written as a section of a configuration, with a
name that says its shape: `7x86 pool1x11 n160` is one layer of 160 filters of 7 frames x 86 bands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from elmarc import _seeds
from elmarc._choices import choose
from elmarc.errors import ConfigError
from elmarc.networks import NETWORKS, build_network

Section: TypeAlias = dict[str, Any]
N_BANDS, RATES = 96, {"frames": 12000 / 256, "samples": 12000.0}  # per second, of the study's front-ends
FRAMES = (1, 2, 3, 5, 7, 11, 16, 25, 40, 64, 100, 165)  # of a single layer's filters
BANDS = (1, 2, 4, 8, 16, 32, 48, 64, 86, 96)
LARGEST = 1024  # frames x bands: from 1 x 96 over 7 x 86 to 165 x 1, but no 165 x 96
WIDTHS = (40, 320)  # number of features where neither it nor the cost is fixed
SECONDS = 5.0  # of the clip whose cost is fixed
MOST_FRAMES, MOST_SAMPLES = 256, 8192  # that a map's position may need: shorter clips would be padded to it
TRIES = 200


class _Draw:
    """Random numbers of one attempt at an architecture."""

    def __init__(self, seed: int, space: str, number: int, attempt: int) -> None:
        names = ("space", space, str(number), str(attempt))
        self._numbers = iter(_seeds.uniform(seed, *names, size=64))

    def number(self) -> float:
        """Return a number in (0, 1)."""
        return float(next(self._numbers))

    def one(self, choices: Sequence[Any]) -> Any:
        return choices[int(self.number() * len(choices))]

    def between(self, low: float, high: float) -> float:
        """Return a number whose logarithm is uniform."""
        return float(low * (high / low) ** self.number())


def _single_layer(draw: _Draw) -> Section:
    frames, bands = draw.one(FRAMES), draw.one(BANDS)
    while frames * bands > LARGEST:
        frames, bands = draw.one(FRAMES), draw.one(BANDS)
    left = N_BANDS - bands + 1
    pool = draw.one((1, 1, 2, 4)), draw.one((1, min(4, left), left))
    shape = {"filter_shape": [frames, bands], "pool_shape": list(pool)}
    return {"kind": "single_layer", **shape, "layers": ["pool"]}


def _vgg(draw: _Draw) -> Section:
    n_layers = draw.one((2, 3, 4, 5, 6))
    frames = [draw.one((1, 2, 2, 3, 4)) for _ in range(n_layers)]
    bands = [draw.one((1, 2, 2, 3, 4)) for _ in range(n_layers)]
    while np.prod(frames) > MOST_FRAMES:
        frames[frames.index(max(frames))] -= 1
    while np.prod(bands) > N_BANDS:
        bands[bands.index(max(bands))] -= 1
    return {"kind": "vgg", "pool_frames": frames, "pool_bands": bands}


def _timbral_temporal(draw: _Draw) -> Section:
    kind = draw.one(("timbral", "temporal", "timbral_temporal", "timbral_temporal"))
    section: Section = {"kind": kind}
    if kind != "temporal":
        longest = draw.one((3, 7, 15, 31))
        section["timbral_frames"] = [longest, max(2, longest // 2), 1]
        section["timbral_percents"] = draw.one(([90, 40], [60, 20], [100, 70], [40, 10]))
    if kind != "timbral":
        longest = draw.one((165, 96, 64, 32))
        section["temporal_lengths"] = [longest, longest * 3 // 4, longest // 2, longest // 4]
    if kind == "timbral_temporal":
        section["temporal_share"] = draw.one((1, 1, 2, 4))
    return section


def _waveform(draw: _Draw) -> Section:
    kind = draw.one(("sample_level", "sample_level", "frame_level", "frame_level", "frame_level_many"))
    if kind == "sample_level":
        stride = draw.one((2, 3, 4, 5))
        deepest = int(np.log(MOST_SAMPLES) / np.log(stride))
        return {"kind": kind, "stride": stride, "n_pools": draw.one(range(2, min(8, deepest)))}
    if kind == "frame_level":
        stride = draw.one((16, 32, 64, 128, 256))
        return {"kind": kind, "stride": stride, "filter_length": stride * draw.one((1, 2, 4, 8, 16))}
    return {"kind": kind}


Family: TypeAlias = Callable[[_Draw], Section]
FAMILIES: dict[str, Family] = {
    "single_layer": _single_layer,
    "vgg": _vgg,
    "timbral_temporal": _timbral_temporal,
    "waveform": _waveform,
}


@dataclass(frozen=True)
class Space:
    """Families that take turns, and what is held fixed.

    Attributes
    ----------
    families : tuple of str
        Keys of `FAMILIES`.
    fixed : {"n_features", "cost"} or None
        What all architectures have in common: the channels of the layers that are read, or the multiply-adds
        of a clip of `SECONDS`. None: the number of features is drawn from `WIDTHS`.
    target : float
        Its value where nothing else is said.
    """

    families: tuple[str, ...]
    fixed: str | None = None
    target: float = 0.0


_EVERY = tuple(FAMILIES)
SPACES: dict[str, Space] = {
    "all": Space(_EVERY),
    **{name: Space((name,)) for name in FAMILIES},
    "fixed_features": Space(_EVERY, "n_features", 160),
    "fixed_cost": Space(_EVERY, "cost", 5e7),
}


def sample_space(
    space: str, *, n: int, seed: int = 0, target: float | None = None, seconds: float = SECONDS
) -> list[Section]:
    """Draw architectures, all different, from a space.

    Parameters
    ----------
    space : str
        One of `SPACES`.
    n : int
        How many.
    seed : int
        Of the shapes and widths; the weights have seeds of their own.
    target : float or None
        Number of features of "fixed_features", multiply-adds of a clip of "fixed_cost"; None: the space's.
    seconds : float
        Length of the clip whose cost is fixed.

    Returns
    -------
    list of dict
        Sections of a configuration, each with a name of its own.

    Raises
    ------
    ConfigError
        The space is unknown, or has no more different architectures.

    Examples
    --------
    >>> [section["name"] for section in sample_space("single_layer", n=2, seed=1)]
    ['64x8 pool2x4 n98', '165x1 pool1x96 n223']
    """
    chosen = SPACES[choose("space", space, tuple(SPACES))]
    if n < 1:
        raise ConfigError(f"n: found {n}, expected at least 1")
    if target is not None and (chosen.fixed is None or target <= 0):
        raise ConfigError(
            f"target: found {target:g} for the space {space}: only a fixed_ space has one above 0"
        )
    width = _Width(chosen, chosen.target if target is None else target, seconds)
    found: dict[str, Section] = {}
    for number in range(n):
        for section in _attempts(space, chosen, number, seed, width):
            if section["name"] not in found:
                found[section["name"]] = section
                break
        else:
            raise ConfigError(
                f"{space}: found {len(found)} different architectures, and not {n}: ask for fewer"
            )
    return list(found.values())


def _attempts(space: str, chosen: Space, number: int, seed: int, width: _Width) -> Iterator[Section]:
    family = FAMILIES[chosen.families[number % len(chosen.families)]]
    for attempt in range(TRIES):
        draw = _Draw(seed, space, number, attempt)
        shape = family(draw)
        section = width.given(shape, draw)
        if section is not None:
            yield {"name": _name(section), **section}


@dataclass(frozen=True)
class _Width:
    """Sets the number of filters of an architecture."""

    space: Space
    target: float
    seconds: float

    def given(self, shape: Section, draw: _Draw) -> Section | None:
        """Return the section with its filters; None where no number of them comes within a quarter."""
        wanted = self.target if self.space.fixed else draw.between(*WIDTHS)
        measure = self.cost if self.space.fixed == "cost" else n_features
        step = NETWORKS[shape["kind"]].load().filters_multiple
        n = _solve(lambda k: measure(filled(shape, k * step)), wanted)
        section = filled(shape, n * step)
        is_near = 0.75 <= measure(section) / wanted <= 4 / 3
        return section if is_near or self.space.fixed is None else None

    def cost(self, section: Section) -> float:
        """Return the multiply-adds of a clip."""
        return float(cost(section, self.seconds))


def _solve(measure: Callable[[int], float], wanted: float) -> int:
    """Return the n from 1 whose measure, a linear and a quadratic term in n, is nearest to what is wanted."""
    one, two = measure(1), measure(2)
    square = max(0.0, (two - 2 * one) / 2)
    line = one - square
    n = (np.sqrt(line**2 + 4 * square * wanted) - line) / (2 * square) if square else wanted / line
    return max(1, round(float(n)))


def filled(shape: Mapping[str, Any], n_filters: int) -> Section:
    """Return the section of a shape with so many filters."""
    section = {**shape, "n_filters": n_filters}
    if share := section.pop("temporal_share", None):
        section["n_temporal"] = share * n_filters
    return section


def n_features(section: Mapping[str, Any]) -> int:
    """Return the channels of the layers that are read of a section's network."""
    return int(_built(section).n_features)


def cost(section: Mapping[str, Any], seconds: float) -> int:
    """Return the multiply-adds of a section's network for a clip, from the shapes alone.

    A clip that is too short for the network counts as long as it needs it.
    """
    net = _built(section)
    return int(net.multiply_adds(max(int(seconds * RATES[net.input_unit]), net.min_input_length)))


def shortest_s(section: Mapping[str, Any]) -> float:
    """Return the seconds of the shortest clip that a section's network takes as it is."""
    net = _built(section)
    return float(net.min_input_length / RATES[net.input_unit])


def _built(section: Mapping[str, Any]) -> Any:
    options = {key: value for key, value in section.items() if key not in ("kind", "name")}
    return build_network(section["kind"], **options)


def _name(section: Mapping[str, Any]) -> str:
    """Name an architecture by its shape, so that names differ where networks do."""
    parts = [section["kind"]]
    if "filter_shape" in section:
        parts = [_by(section["filter_shape"]), f"pool{_by(section['pool_shape'])}"]
    if "pool_frames" in section:
        pools = zip(section["pool_frames"], section["pool_bands"], strict=True)
        parts = [f"vgg{len(section['pool_frames'])}", "-".join(_by(pool) for pool in pools)]
    if "timbral_frames" in section:
        parts += ["-".join(map(str, section["timbral_frames"])), f"at{_by(section['timbral_percents'])}%"]
    if "temporal_lengths" in section:
        parts.append(f"long{max(section['temporal_lengths'])}")
    words = {"stride": "stride", "n_pools": "pools", "filter_length": "length"}
    parts += [f"{word}{section[key]}" for key, word in words.items() if key in section]
    width = f"n{section['n_filters']}"
    return " ".join([*parts, width + (f"+{section['n_temporal']}" if "n_temporal" in section else "")])


def _by(numbers: Sequence[int]) -> str:
    return "x".join(map(str, numbers))
