"""What holds for every network, whatever its definition."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest
import torch

from elmarc.errors import ConfigError
from elmarc.frontends import LogMel, RawWaveform
from elmarc.networks import NETWORKS, STUDY_NETWORKS, RandomCNN, build_network, list_networks
from elmarc.networks.blocks import BandConv
from elmarc.networks.mixed import Mixed

ALL = [*STUDY_NETWORKS, "mixed", "timbral_temporal_audio"]
FRONTENDS = {"logmel": LogMel, "waveform": RawWaveform}


def small(name: str, **settings) -> RandomCNN:
    return build_network(name, n_filters=4, **settings)


def clips(
    network: RandomCNN, rng: np.random.Generator, *, n: int = 1, length: int | None = None
) -> torch.Tensor:
    length = network.min_input_length if length is None else length
    return torch.from_numpy(rng.normal(size=(n, length, network.n_bands)).astype(np.float32))


@pytest.mark.parametrize("name", ALL)
def test_maps_have_the_shapes_that_layer_costs_states(name: str, rng: np.random.Generator) -> None:
    network = small(name)
    length = network.min_input_length + 45
    stated = {cost.layer: cost.shape for cost in network.layer_costs(length)}
    for layer, maps in network(clips(network, rng, n=2, length=length)).items():
        assert maps.shape == (2, *stated[layer])
        assert maps.shape[1] == network.n_channels(layer)


@pytest.mark.parametrize("name", [*ALL, "single_layer"])
def test_layers_have_the_channels_and_positions_that_layer_info_states(
    name: str, rng: np.random.Generator
) -> None:
    shapes = {"filter_shape": (5, 8), "pool_shape": (3, 2)} if name == "single_layer" else {}
    network = small(name, layers=None, **shapes)
    network = small(name, layers=small(name, **shapes).layer_names, **shapes)
    strides = [info.reduction for info in network.layer_info]
    length = network.min_input_length
    longer = length + math.lcm(*strides)
    short, long = (network(clips(network, rng, length=n)) for n in (length, longer))
    assert tuple(long) == network.layer_names
    for info in network.layer_info:
        assert long[info.name].shape[1] == info.n_channels == network.n_channels(info.name)
        more = long[info.name].shape[2] - short[info.name].shape[2]
        assert more * info.reduction == longer - length
        assert network.reduction(info.name) == info.reduction


@pytest.mark.parametrize("name", list_networks())
def test_the_table_states_what_the_network_has(name: str) -> None:
    preset = NETWORKS[name]
    shapes = {"filter_shape": (7, 96), "pool_shape": (1, 1)} if preset.required else {}
    for size in ("large", "small"):
        network = build_network(name, size=size, **shapes)
        assert network.n_features == preset.maps * getattr(preset, size)
        assert (network.min_input_length, network.input_unit) == (preset.shortest, preset.unit)


@pytest.mark.parametrize("name", ALL)
def test_a_clip_does_not_see_its_batch(name: str, rng: np.random.Generator) -> None:
    network = small(name)
    x = clips(network, rng, n=3, length=network.min_input_length + 70)
    together = network(x)
    for i in range(3):
        assert all(torch.equal(together[layer][i], maps[0]) for layer, maps in network(x[i : i + 1]).items())


@pytest.mark.parametrize("name", ALL)
def test_the_shortest_clip_passes_and_a_shorter_one_is_refused(name: str, rng: np.random.Generator) -> None:
    for layer in small(name).layer_names:
        network = small(name, layers=[layer])
        assert network(clips(network, rng))[layer].numel() > 0
        if network.min_input_length > 1:
            with pytest.raises(
                ConfigError, match=f"{name} needs clips of at least {network.min_input_length}"
            ):
                network(clips(network, rng, length=network.min_input_length - 1))


@pytest.mark.parametrize("name", ALL)
def test_a_selected_layer_is_the_same_alone_and_costs_no_other(name: str, rng: np.random.Generator) -> None:
    whole = small(name, layers=small(name).layer_names)
    x = clips(whole, rng, length=whole.min_input_length + 10)
    maps = whole(x)
    for layer in whole.layer_names:
        alone = small(name, layers=[layer])
        run = convs_that_run(alone, x)
        assert torch.equal(alone(x)[layer], maps[layer])
        assert run == {cost.layer for cost in alone.layer_costs(x.shape[1])} & set(alone.convs)


def convs_that_run(network: RandomCNN, x: torch.Tensor) -> set[str]:
    run: set[str] = set()

    def noted(layer, call):
        return lambda *args, **settings: run.add(layer) or call(*args, **settings)

    for layer, conv in network.convs.items():
        conv.forward = noted(layer, conv.forward)
        if isinstance(conv, BandConv):
            conv.peaks = noted(layer, conv.peaks)
    network(x)
    return run


def test_layers_not_asked_for_are_not_computed(rng: np.random.Generator) -> None:
    x = torch.from_numpy(rng.normal(size=(1, 1300, 96)).astype(np.float32))
    assert convs_that_run(small("vgg", layers=["pool2"]), x) == {"conv1", "conv2"}
    temporal = convs_that_run(small("timbral_temporal", layers=["temporal"]), x)
    assert temporal == {"temporal165", "temporal128", "temporal64", "temporal32"}
    wave = torch.from_numpy(rng.normal(size=(1, 3000, 1)).astype(np.float32))
    assert convs_that_run(small("frame_level_many", layers=["conv64", "conv512"]), wave) == {
        "conv512",
        "conv64",
    }


@pytest.mark.parametrize(
    ("name", "features", "parameters"),
    [
        ("vgg", 3585, 18_517_242),
        ("7x96", 3585, 2_412_705),
        ("7x86", 3585, 2_161_755),
        ("timbral_temporal", 3584, None),
        ("sample_level", 3584, 4_723_712),
        ("frame_level", 3584, 17_321_472),
        ("frame_level_many", 3584, 10_282_496),
    ],
)
def test_large_sizes_are_those_of_the_study(name: str, features: int, parameters: int | None) -> None:
    network = build_network(name, size="large")
    assert network.n_features == features
    assert parameters in (None, network.n_parameters)


def test_both_branches_count_what_2018_printed() -> None:
    assert build_network("timbral_temporal", n_filters=256).n_parameters == 760_768
    assert build_network("timbral_temporal_audio", n_filters=256).n_parameters == 604_672


@pytest.mark.parametrize(
    ("name", "features"),
    list(zip(STUDY_NETWORKS, (160, 160, 160, 112, 112, 112, 161, 160, 160), strict=True)),
)
def test_small_sizes_are_those_of_the_study(name: str, features: int) -> None:
    assert build_network(name).n_features == features  # where no size is said


def test_arithmetic_grows_with_the_filters_and_the_length() -> None:
    conv = small("7x86").layer_costs(106)[0]
    assert conv.multiply_adds == 100 * 11 * 7 * 86 * 4
    assert small("7x86").multiply_adds(206) == 2 * conv.multiply_adds


def test_importing_the_names_imports_no_torch() -> None:
    code = "import sys, elmarc.networks; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_each_line_of_the_table_names_what_it_builds() -> None:
    for name, preset in NETWORKS.items():
        assert preset.load().__name__ == preset.source.rpartition(":")[2]
        shapes = dict.fromkeys(preset.required, (1, 1))
        assert build_network(name, **shapes).input_unit == FRONTENDS[preset.frontend].unit


def test_names() -> None:
    assert list_networks()[:9] == STUDY_NETWORKS
    assert STUDY_NETWORKS[0] == "vgg"
    assert small("frame_level_many").layer_names == (
        *("conv512", "conv256", "conv128", "conv64", "conv32"),
        *("back1", "back2", "back3"),
    )


def test_layers_keep_the_order_asked_for() -> None:
    assert small("vgg", layers=["pool3", "pool1"]).layers == ("pool3", "pool1")


@pytest.mark.parametrize(
    ("name", "settings", "match"),
    [
        ("vggg", {}, "unknown network 'vggg': did you mean 'vgg'"),
        ("vgg", {"layers": ["pool6"]}, "unknown layer of vgg 'pool6'"),
        ("vgg", {"layers": ["pool1", "pool1"]}, "each layer once"),
        ("vgg", {"layers": []}, "at least one"),
        ("vgg", {"n_filters": 0}, "at least 1, not 0"),
        ("vgg", {"size": "big"}, "unknown size 'big'"),
        ("vgg", {"n_bands": 64}, "cannot read 64: take a front-end of at least 96 bands"),
        ("sample_level", {"n_bands": 96}, "reads samples, which are one band, not 96"),
        ("timbral", {"n_bands": 2}, "at least 3 bands"),
        ("vgg", {"precision": "float16"}, "did you mean 'bfloat16'"),
        ("vgg", {"compat": "2017"}, "unknown compat '2017'"),
        ("vgg", {"filter_shape": (3, 3)}, "known are pool_frames, pool_bands"),
        ("vgg", {"pool_frames": (4, 4)}, "expected as many numbers in both"),
        ("frame_level_many", {"filter_shape": (3, 3)}, "frame_level_many takes no option 'filter_shape'"),
        ("frame_level", {"stride": 48}, "a length that is a multiple of the stride"),
        ("sample_level", {"stride": 1}, "expected at least 2 and at least 1"),
        ("timbral_temporal", {"n_temporal": 6}, "divisible by 4, not 6"),
        ("timbral", {"timbral_percents": (90, 0)}, "2 numbers from 1 to 100"),
        ("timbral", {"timbral_frames": (7, 3)}, "3 numbers of frames"),
        ("temporal", {"temporal_lengths": (8, 8, 4, 2)}, "four different numbers"),
        ("7x96", {"n_bands": 80}, "at least 96 bands, not 80"),
        ("single_layer", {"filter_shape": (3, 3)}, "single_layer needs pool_shape"),
        ("single_layer", {"filter_shape": (3, 3), "pool_shape": (0, 1)}, "must be positive"),
        ("single_layer", {"filtershape": (3, 3)}, "did you mean 'filter_shape'"),
        ("timbral_temporal", {"n_filters": 6}, "divisible by 4, not 6"),
        ("temporal", {"temporal_lengths": (3, 4)}, "four"),
    ],
)
def test_what_does_not_fit_is_named(name: str, settings: dict, match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        build_network(name, **settings)


def test_input_of_another_kind_is_named() -> None:
    with pytest.raises(
        ConfigError, match=r"vgg takes input of shape \(clips, frames, 96\), not \(1, 5000, 1\)"
    ):
        small("vgg")(torch.zeros(1, 5000, 1))


def test_the_recipe_is_what_is_computed_not_the_name() -> None:
    spelled_out = build_network(
        "single_layer", n_filters=4, filter_shape=(7, 96), pool_shape=(1, 1), layers=["pool"]
    )
    assert small("7x96").definition() == spelled_out.definition()
    assert small("timbral").definition() == small("timbral_temporal", layers=["timbral"]).definition()
    assert small("vgg", compat="2018").definition() == small("vgg").definition()
    assert small("frame_level", compat="2018").definition() != small("frame_level").definition()
    for changed in ({"seed": 1}, {"layers": ["pool1"]}, {"precision": "bfloat16"}, {"n_bands": 97}):
        assert small("vgg", **changed).definition() != small("vgg").definition()


@pytest.mark.parametrize("name", ALL)
def test_half_precision_stays_near(name: str, rng: np.random.Generator) -> None:
    full, half = small(name), small(name, precision="bfloat16")
    x = clips(full, rng, length=full.min_input_length + 200)
    for layer, expected in full(x).items():
        error = (half(x)[layer].float() - expected).abs().mean() / expected.abs().mean()
        assert error < 0.02
    assert all(np.array_equal(a, b) for a, b in zip(full.get_weights(), half.get_weights(), strict=True))


def test_features_of_a_subclass_made_elsewhere_are_not_stored() -> None:
    class Own(Mixed):
        """Its `_draw` or `_tiles` may differ, and the definition does not say so."""

    assert build_network("mixed").is_storable
    assert not Own("mixed", n_filters=4, layers=["peaks"]).is_storable
