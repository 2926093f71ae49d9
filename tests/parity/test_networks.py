"""Every network against the 2018 program's outputs, for its weights and inputs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.conftest import fixture_files

from elmarc.features.pooling import pool
from elmarc.networks import RandomCNN, build_network

ARCHITECTURES = {
    "cnn_small_filters": "vgg",
    "cnn_single": "single_layer",
    "cnn_music": "timbral_temporal",
    "cnn_audio": "timbral_temporal_audio",
    "sample_level": "sample_level",
    "frame_level": "frame_level",
    "frame_level_many": "frame_level_many",
}


@pytest.fixture(params=fixture_files("arch"), ids=lambda path: path.stem)
def reference(request: pytest.FixtureRequest) -> dict[str, Any]:
    path: Path = request.param
    with np.load(path, allow_pickle=False) as arrays:
        return dict(arrays)


def test_fixtures_are_there(fixtures_dir: Path) -> None:
    assert fixture_files("arch"), f"no npz in {fixtures_dir / 'arch'}"


def shapes_of(reference: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    options = ("filter_shape", "pool_shape")
    return {name: tuple(reference[f"cfg_{name}"].tolist()) for name in options if f"cfg_{name}" in reference}


def network_of(reference: dict[str, Any], **settings: Any) -> RandomCNN:
    network = build_network(
        ARCHITECTURES[str(reference["cfg_architecture"])],
        n_filters=int(reference["cfg_num_filters"]),
        n_bands=reference["x"].shape[-1],
        **shapes_of(reference),
        **settings,
    )
    network.set_weights([reference[key] for key in sorted(reference) if key.startswith("var_")])
    return network


def layer_means(reference: dict[str, Any]) -> list[np.ndarray]:
    n_layers = sum(key.endswith("_mean") for key in reference)
    return [reference[f"layer_{i}_mean"] for i in range(n_layers)]


def assert_close(found: torch.Tensor, expected: np.ndarray) -> None:
    """1e-4 of each value, or of a thousandth of the largest where a value is next to nothing."""
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-4, atol=1e-7 * np.abs(expected).max())


@pytest.mark.usefixtures("way")
def test_layer_means_are_those_of_2018(reference: dict[str, Any]) -> None:
    network = network_of(reference, layers=network_of(reference).layer_names)
    expected = layer_means(reference)
    assert len(expected) == len(network.layer_names)
    assert_close(pool(network, torch.from_numpy(reference["x"])), np.concatenate(expected, axis=1))


def test_maps_have_the_shapes_of_2018(reference: dict[str, Any]) -> None:
    maps = network_of(reference, layers=network_of(reference).layer_names)(torch.from_numpy(reference["x"]))
    for i, found in enumerate(maps.values()):
        shape = reference[f"layer_{i}_shape"].tolist()
        channels = shape.pop(int(reference[f"layer_{i}_channel_axis"]))
        positions = shape[1:3] if str(reference["cfg_signal"]) == "spectrogram" else shape[1:2]
        assert list(found.shape) == [shape[0], channels, *positions]


def test_compat_gives_the_published_averages(reference: dict[str, Any]) -> None:
    names = network_of(reference).layer_names
    network = network_of(reference, layers=names, compat="2018")
    features = pool(network, torch.from_numpy(reference["x"]))
    expected = reference["ref_features"]
    assert_close(features, expected.reshape(len(expected), -1))
    chosen = [names[i] for i in reference["selected_features_list"]]
    selected = pool(network_of(reference, layers=chosen, compat="2018"), torch.from_numpy(reference["x"]))
    assert_close(selected, reference["ref_selected"])


def test_weights_return_as_they_were_given(reference: dict[str, Any]) -> None:
    given = [reference[key] for key in sorted(reference) if key.startswith("var_")]
    found = network_of(reference).get_weights()
    assert all(np.array_equal(a, b) for a, b in zip(found, given, strict=True))


def test_drawn_kernels_spread_as_those_of_2018(reference: dict[str, Any]) -> None:
    name = ARCHITECTURES[str(reference["cfg_architecture"])]
    fresh = build_network(name, n_filters=64, **shapes_of(reference))
    given = [reference[key] for key in sorted(reference) if key.startswith("var_")]
    for of_2018, drawn in zip(given[::2], fresh.get_weights()[::2], strict=True):
        expected, found = (a.std() * np.sqrt(np.prod(a.shape[:-1])) for a in (of_2018, drawn))
        assert found == pytest.approx(expected, rel=3 / np.sqrt(of_2018.size))
