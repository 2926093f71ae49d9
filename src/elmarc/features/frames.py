"""Features over time: each layer's maps, averaged over their other axes, on one grid of times.

Frame k describes the sound around k / rate seconds. Layers faster than the grid are first averaged over its
step; all are interpolated linearly between the centres of their positions. Clips are read whole: one that is
too short for the network is extended with silence, and the frames end where the clip does.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray

from elmarc._io import csv_text, replacing
from elmarc._types import Definition, FeatureArray, Waveform
from elmarc.errors import AudioError, ConfigError
from elmarc.features.parallel import checked, full_precision
from elmarc.features.pooling import device_of, rounding
from elmarc.frontends.base import FrontEnd, check_positive
from elmarc.frontends.mfcc import MFCC
from elmarc.networks.base import FeatureMap, Network

FASTEST_HZ = 50.0  # of the default grid: 20 ms, as detection tasks use
ROUNDING = 1e-6  # of a position
FRAME_FORMATS = (".npz", ".parquet", ".csv")
Array: TypeAlias = NDArray[np.float32]
Times: TypeAlias = NDArray[np.floating[Any]]


class FrameFeatures(NamedTuple):
    """Centres of frames in seconds (n_frames,), and float32 features (n_frames, n_features)."""

    times_s: Times
    features: FeatureArray


class Sequencer:
    """Turn waveforms into features over time, `rate` frames per second: see `FeatureExtractor.sequence`.

    Raises
    ------
    ConfigError
        `rate` is not positive or beyond that of the samples, or a layer has no positions over time.
    """

    def __init__(self, frontend: FrontEnd, network: Network | None, *, rate: float | None = None) -> None:
        self._source = _Cepstra(frontend) if network is None else _Layers(frontend, network)
        if rate is not None:
            check_positive(rate=rate)
            if rate > frontend.sr:
                raise ConfigError(f"rate: found {rate:g}, expected at most the clips' {frontend.sr} Hz")
        self.sr = frontend.sr
        self.rate = float(rate or min(self._source.fastest_hz, FASTEST_HZ))
        self.columns = self._source.columns

    def times(self, n_samples: int) -> Times:
        """Return the times of a waveform's frames in seconds, from 0 to before its end; at least one."""
        return np.arange(max(1, math.ceil(n_samples * self.rate / self.sr - ROUNDING))) / self.rate

    def __call__(self, y: Waveform) -> FrameFeatures:
        """Return the features over time of a waveform [shape=(n_samples,)] at the front-end's rate.

        Raises
        ------
        AudioError
            The waveform is empty, not floating point, not finite, or so loud that its features overflow.
        """
        times = self.times(len(y))
        features = checked(np.hstack([curve.at(times) for curve in self._source.curves(y, self.rate)]))
        if isinstance(features, AudioError):
            raise features
        return FrameFeatures(times, features)


class _Curve(NamedTuple):
    """Values (positions, channels) and the centres of their positions in seconds."""

    centres_s: Times
    values: Array

    def at(self, times_s: Times) -> Array:
        """Interpolate linearly; the first and the last value extend to the ends of the clip."""
        last = len(self.values) - 1
        places = np.interp(times_s, self.centres_s, np.arange(last + 1))
        is_centre = np.abs(places - places.round()) < ROUNDING
        places = np.where(is_centre, places.round(), places)  # at a centre, its value to the last bit
        before = places.astype(int)
        share = (places - before).astype(np.float32)[:, np.newaxis]
        between: Array = self.values[before] * (1 - share) + self.values[np.minimum(before + 1, last)] * share
        return between


class _Cepstra:
    """The coefficients of the MFCC front-end and their differences."""

    def __init__(self, frontend: FrontEnd) -> None:
        if not isinstance(frontend, MFCC):
            raise ConfigError(f"a {frontend.kind} front-end has no features: add a network")
        self._mfcc = frontend
        self.columns, self.fastest_hz = frontend.frame_columns, frontend.frames_per_second

    def curves(self, y: Waveform, rate: float) -> Iterator[_Curve]:
        """Yield coefficients, first and second differences; a difference lies between frames."""
        for order, values in enumerate(self._mfcc.frames(y)):
            yield _Curve((np.arange(len(values)) + order / 2) / self.fastest_hz, values)


class _Layers:
    """The selected layers of a network."""

    def __init__(self, frontend: FrontEnd, network: Network) -> None:
        self._frontend, self._network = frontend, network
        self._input_hz = float(frontend.positions_per_second or 1)
        for layer in network.layers:
            if not math.isfinite(network.reduction(layer)):
                raise ConfigError(
                    f"{network.name}: layer {layer!r} has no positions over time, so it has no frames: "
                    f"select other layers (of {', '.join(network.layer_names)})"
                )
        self.columns = tuple(
            f"{name}/{i}" for name in network.layers for i in range(network.n_channels(name))
        )
        self.fastest_hz = max(map(self._hz, network.layers))

    def _hz(self, layer: str) -> float:
        return self._input_hz / self._network.reduction(layer)

    @cached_property
    def _first_centres(self) -> dict[str, float | None]:
        return {layer: self._network.first_centre(layer) for layer in self._network.layers}

    def curves(self, y: Waveform, rate: float) -> Iterator[_Curve]:
        """Yield a curve for each layer."""
        x = whole_input(y, frontend=self._frontend, network=self._network)
        steps = {layer: max(1, int(self._hz(layer) / rate + ROUNDING)) for layer in self._network.layers}
        for layer, (n_positions, values) in self._averages(x, steps).items():
            first = self._first_centres[layer]
            if first is None:
                first = (len(x) - 1 - self._network.reduction(layer) * (n_positions - 1)) / 2
            places = np.arange(len(values)) * steps[layer] + (steps[layer] - 1) / 2
            yield _Curve(first / self._input_hz + places / self._hz(layer), values)

    @torch.no_grad()
    def _averages(self, x: Array, steps: dict[str, int]) -> dict[str, tuple[int, Array]]:
        """Return each layer's number of positions and its averages, taken as soon as maps are computed."""
        network, averages = self._network, dict[str, tuple[int, Array]]()
        clip = torch.from_numpy(np.require(x, requirements=["C", "W"]))[None]
        with full_precision, rounding(network, device_of(network, clip)):
            for layer, maps, _, channel in network.tiles(clip):
                values = _average(maps, steps[layer])
                if layer not in averages:
                    whole = np.empty((len(values), network.n_channels(layer)), np.float32)
                    averages[layer] = maps.shape[2], whole
                averages[layer][1][:, channel : channel + values.shape[1]] = values
                del maps  # freed before the next one is computed
        return {layer: averages[layer] for layer in network.layers}


def _average(maps: FeatureMap, step: int) -> Array:
    """Average one clip's maps over axes other than time and over `step` positions: (positions, channels)."""
    values = maps[0]
    if values.ndim > 2:
        values = values.mean(dim=tuple(range(2, values.ndim)), dtype=torch.float32)
    n_steps = max(1, values.shape[1] // step)
    steps = values[:, : n_steps * step].reshape(len(values), n_steps, -1)
    averages: Array = steps.mean(dim=2, dtype=torch.float32).T.cpu().numpy()
    return averages


def whole_input(y: Waveform, *, frontend: FrontEnd, network: Network) -> Array:
    """Return the network's input for a whole clip [shape=(length, n_bands)].

    A clip shorter than the network needs is extended with silence.
    """
    needed = math.ceil(network.min_input_length * frontend.sr / float(frontend.positions_per_second or 1))
    return frontend(np.pad(y, (0, max(0, needed - len(y)))) if len(y) else y)


def write_frames(
    path: str | Path,
    clips: Iterable[tuple[str, FrameFeatures]],
    *,
    columns: Sequence[str],
    definition: Definition,
) -> tuple[int, int]:
    """Write the features of (id, FrameFeatures) over time; return the numbers of clips and frames.

    The ending of `path` is one of FRAME_FORMATS, else a ConfigError is raised. A table (.parquet, .csv) has
    the columns id, time_s and then the features; clips are written one by one, so they need not fit into
    memory together. An .npz holds `X` [shape=(n_frames, n_features)], `times_s`, `ids`, `columns`,
    `definition` (JSON) and `offsets`: the frames of clip i are `X[offsets[i]:offsets[i + 1]]`. CSV has no
    place for the definition.
    """
    path, n_clips, n_frames = Path(path), 0, 0

    def counted() -> Iterator[tuple[str, FrameFeatures]]:
        nonlocal n_clips, n_frames
        for name, frames in clips:
            n_clips, n_frames = n_clips + 1, n_frames + len(frames.times_s)
            yield name, frames

    with replacing(path) as file:
        match path.suffix.lower():
            case ".npz":
                _write_npz(file, counted(), list(columns), definition)
            case ".parquet":
                _write_parquet(file, counted(), list(columns), definition)
            case ".csv":
                file.write(csv_text(pd.DataFrame(columns=["id", "time_s", *columns])).encode())
                for name, frames in counted():
                    file.write(csv_text(_table(name, frames, list(columns)), header=False).encode())
            case other:
                ending = other or "a file without ending"
                raise ConfigError(f"{path}: cannot write frames as {ending}: use {', '.join(FRAME_FORMATS)}")
    return n_clips, n_frames


def _write_npz(
    file: BinaryIO, clips: Iterable[tuple[str, FrameFeatures]], columns: list[str], definition: Definition
) -> None:
    ids: list[str] = []
    times: list[Any] = [np.empty(0)]
    rows = [np.empty((0, len(columns)), np.float32)]
    for name, frames in clips:
        ids.append(name)
        times.append(frames.times_s)
        rows.append(frames.features)
    arrays: dict[str, Any] = {
        "X": np.concatenate(rows),
        "times_s": np.concatenate(times),
        "offsets": np.cumsum(list(map(len, times))),
        "ids": np.asarray(ids, dtype=str),
        "columns": np.asarray(columns),
        "definition": np.asarray(json.dumps(definition)),
    }
    np.savez(file, **arrays)


def _write_parquet(
    file: BinaryIO, clips: Iterable[tuple[str, FrameFeatures]], columns: list[str], definition: Definition
) -> None:
    fields = [("id", pa.string()), ("time_s", pa.float64()), *((name, pa.float32()) for name in columns)]
    schema = pa.schema(fields, metadata={"definition": json.dumps(definition)})
    with pq.ParquetWriter(file, schema) as writer:
        for name, frames in clips:
            rows = pa.Table.from_pandas(
                _table(name, frames, columns), pa.schema(fields), preserve_index=False
            )
            writer.write_table(rows.replace_schema_metadata(schema.metadata))


def _table(name: str, frames: FrameFeatures, columns: list[str]) -> pd.DataFrame:
    sides = pd.DataFrame({"id": name, "time_s": frames.times_s})
    return pd.concat([sides, pd.DataFrame(frames.features, columns=columns)], axis=1)
