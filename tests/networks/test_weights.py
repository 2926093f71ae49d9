"""Weights follow from (seed, family, layer), and have the 2018 program's distribution; as have redrawn."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
import scipy.stats
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from elmarc.comparison.records import _without_seeds
from elmarc.errors import ConfigError
from elmarc.networks import NETWORKS, ExternalNetwork, build_network
from elmarc.networks.weights import draw_kernel, redraw

# First, middle and last value of each kernel of the small network, seed 0
GOLDEN = {
    "vgg": [
        (-0.14744063, 0.63136166, 0.12992945),
        (-0.066374123, -0.071600378, -0.13601045),
        (0.024510147, 0.038171116, -0.13161847),
        (0.085017018, 0.0052913772, 0.01096943),
        (-0.12842593, -0.080369979, 0.040774573),
    ],
    "7x96": [
        (-0.0023571618, -0.0019052923, 0.0025121686),
    ],
    "timbral_temporal": [
        (0.033730477, -0.032622986, -0.056996994),
        (0.015685322, 0.16253576, -0.12707224),
        (-0.16384512, -0.34627917, 0.018287111),
        (0.065944359, 0.075902864, 0.072772883),
        (-0.064556107, -0.064919099, 0.10764685),
        (0.2511709, -0.085792556, 0.17475402),
        (0.0089839119, -0.020918665, 0.0095318742),
        (-0.044192173, -0.050862253, -0.12424956),
        (0.20595665, -0.017590094, -0.10004661),
        (-0.22525068, -0.16209751, 0.27981061),
    ],
    "mixed": [
        (0.27925351, 0.18118629, -0.2054958),
        (-0.12143736, 0.063205451, -0.13998292),
        (-0.05912656, 0.079204552, 0.018216832),
        (0.10379279, 0.0086034043, -0.22997397),
        (0.067504279, 0.1311668, -0.039570395),
        (0.047720507, 0.0069303866, -0.045047119),
        (0.049124807, 0.0025602942, -0.11604365),
        (0.053570792, -0.080634825, 0.041281916),
        (-0.045006987, -0.026070636, -7.2720053e-05),
        (-0.079518609, 0.054688066, -0.018877007),
        (-0.032204539, 0.043547574, 0.065849915),
        (0.012121637, -0.020657253, -0.00068473723),
    ],
    "sample_level": [
        (0.87403452, 0.10980579, -0.56076139),
        (3.1744254e-05, 0.22907525, 0.14893244),
        (0.32162079, 0.27809528, -0.029814934),
        (0.30725971, 0.066107191, -0.1131706),
        (0.23046874, -0.20584609, 0.085723557),
        (-0.27831602, 0.064082764, -0.13081113),
        (0.11567442, -0.045302335, 0.24712272),
    ],
    "frame_level": [
        (-0.013845053, 0.016269505, -0.046643294),
        (0.11292208, -0.0050137737, 0.099625178),
        (0.079921193, -0.030502535, 0.19264449),
        (0.013459801, -0.14382671, -0.067001432),
    ],
    "frame_level_many": [
        (0.038763653, 0.073334828, 0.012403592),
        (-0.068512768, -0.04280803, -0.0048824046),
        (-0.079727501, 0.26947749, 0.17561993),
        (-0.13111614, -0.14024234, -0.101542),
        (-0.10821408, 0.26058567, 0.16145505),
        (0.041883275, -0.058703829, 0.10709374),
        (-0.033561118, -0.08539097, -0.0078630876),
        (0.13157918, -0.26183304, -0.18503548),
    ],
}


def test_the_law_is_a_normal_cut_at_two_sigma() -> None:
    kernel = draw_kernel(1, "vgg", "conv2", (3, 3, 32, 64)).astype(np.float64)
    sigma = np.sqrt(1.3 * 2 / (9 * 32))
    assert np.abs(kernel).max() <= 2 * sigma
    assert scipy.stats.kstest(kernel.ravel() / sigma, scipy.stats.truncnorm(-2, 2).cdf).pvalue > 0.01


@pytest.mark.parametrize("name", GOLDEN)
def test_golden_numbers(name: str) -> None:
    kernels = build_network(name, size="small").get_weights()[::2]
    found = [kernel.ravel()[[0, kernel.size // 2, -1]] for kernel in kernels]
    np.testing.assert_allclose(found, GOLDEN[name], rtol=2e-7)


def test_same_seed_same_bytes_whatever_the_global_state() -> None:
    torch.manual_seed(1)
    np.random.seed(1)  # noqa: NPY002 - the global state is what must not matter
    before = torch.get_rng_state()
    first = digest("frame_level_many", seed=7)
    torch.manual_seed(2)
    np.random.seed(2)  # noqa: NPY002
    assert digest("frame_level_many", seed=7) == first
    torch.manual_seed(1)
    assert torch.equal(torch.get_rng_state(), before)
    assert digest("frame_level_many", seed=8) != first


def test_drawing_leaves_the_global_state_alone() -> None:
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    build_network("sample_level", size="small")
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert np.array_equal(np.random.get_state()[1], numpy_state)  # noqa: NPY002


def test_every_layer_has_its_own_stream() -> None:
    kernels = build_network("sample_level", size="small").get_weights()[2::2]
    assert len({kernel.tobytes() for kernel in kernels}) == len(kernels)


@pytest.mark.parametrize("branch", ["timbral", "temporal"])
def test_a_branch_alone_has_the_weights_it_has_in_company(branch: str, rng: np.random.Generator) -> None:
    x = torch.from_numpy(rng.normal(size=(1, 50, 96)).astype(np.float32))
    alone = build_network(branch, n_filters=8)(x)[branch]
    together = build_network("timbral_temporal", n_filters=8)(x)[branch]
    assert torch.equal(alone, together)


def test_biases_start_at_zero() -> None:
    assert not any(bias.any() for bias in build_network("vgg", size="small").get_weights()[1::2])


def test_weights_of_another_shape_are_refused_and_nothing_changes() -> None:
    network = build_network("vgg", n_filters=3)
    before = network.get_weights()
    wrong = [np.zeros_like(array) for array in before]
    wrong[2] = wrong[2][..., :2]
    with pytest.raises(ConfigError, match=r"conv2 kernel has shape \(3, 3, 3, 2\).*\(3, 3, 3, 3\)"):
        network.set_weights(wrong)
    with pytest.raises(ConfigError, match="10 arrays"):
        network.set_weights(before[:-1])
    assert all(np.array_equal(a, b) for a, b in zip(before, network.get_weights(), strict=True))


def test_weights_set_by_hand_show_in_the_definition() -> None:
    network = build_network("vgg", n_filters=3, seed=5)
    drawn = network.definition()
    assert drawn["seed"] == 5
    weights = network.get_weights()
    weights[-1][0] = 1
    network.set_weights(weights)
    by_hand = network.definition()
    assert "seed" not in by_hand
    weights[-1][0] = 2
    network.set_weights(weights)
    assert network.definition()["weights_sha256"] != by_hand["weights_sha256"]


def digest(name: str, *, seed: int) -> str:
    weights = build_network(name, size="small", seed=seed).get_weights()
    return hashlib.sha256(b"".join(array.tobytes() for array in weights)).hexdigest()


@pytest.mark.parametrize("name", NETWORKS)
def test_filters_beyond_the_memory_are_refused_before_any_is_made(name: str) -> None:
    shapes = dict.fromkeys(NETWORKS[name].required, (7, 11))
    with pytest.raises(ConfigError, match=r"the kernel .* does not fit into memory: take fewer filters"):
        build_network(name, n_filters=10**12 * 32, **shapes)


CUT_STD = 0.8796  # of a normal cut at two of its standard deviations


def spread(weight: Tensor, fan_in: int) -> float:
    return float(weight.detach().std() * fan_in**0.5 / CUT_STD)


class Tokens(nn.Module):
    """A free token and a scale beside a matrix."""

    def __init__(self) -> None:
        super().__init__()
        self.token = nn.Parameter(torch.ones(1, 1, 400))
        self.scale = nn.Parameter(torch.full((400,), 0.1))
        self.inner = nn.Linear(20, 400)

    def forward(self, x: Tensor) -> Tensor:
        return (self.inner(x) + self.token) * self.scale


@pytest.mark.parametrize(
    ("part", "key", "fan_in", "gain"),
    [
        (nn.Conv2d(8, 64, 3), "weight", 72, 2.6),
        (nn.Conv1d(8, 256, 5, groups=4), "weight", 10, 2.6),
        (nn.ConvTranspose1d(64, 8, 5), "weight", 320, 2.6),
        (nn.Linear(50, 200), "weight", 50, 2.6),
        (nn.LSTM(30, 60), "weight_ih_l0", 30, 2.6),
        (nn.LSTM(30, 60), "weight_hh_l0", 60, 1.0),
        (nn.MultiheadAttention(64, 4), "in_proj_weight", 64, 2.6),
    ],
)
def test_the_variance_follows_from_the_fan_in(part: nn.Module, key: str, fan_in: int, gain: float) -> None:
    redraw(nn.ModuleDict({"part": part}), 0, "net")
    assert spread(getattr(part, key), fan_in) == pytest.approx(gain**0.5, rel=0.08)


def test_tokens_tables_biases_and_scales() -> None:
    net = nn.Sequential(Tokens(), nn.Embedding(50, 40, padding_idx=0), nn.Linear(4, 4))
    redraw(net, 0, "net")
    assert spread(net[0].token, 1) == pytest.approx(0.02, rel=0.1)
    assert spread(net[1].weight[1:], 1) == pytest.approx(0.02, rel=0.1)
    assert not net[1].weight[0].any()
    assert torch.equal(net[0].scale, torch.full((400,), 0.1))
    assert not net[2].bias.any()


def test_norms_are_as_new() -> None:
    norm = nn.BatchNorm1d(3)
    norm(torch.randn(50, 3) + 9)
    with torch.no_grad():
        norm.weight.fill_(5)
        norm.bias.fill_(5)
    redraw(nn.Sequential(norm, nn.LayerNorm([3, 4])), 0, "net")
    fresh = nn.BatchNorm1d(3).state_dict()
    assert all(torch.equal(value, fresh[key]) for key, value in norm.state_dict().items())


def test_a_parametrised_weight_is_assigned() -> None:
    conv = parametrizations.weight_norm(nn.Conv1d(20, 64, 5))
    drawn = redraw(conv, 0, "net")
    assert spread(conv.weight, 100) == pytest.approx(2.6**0.5, rel=0.08)
    assert len(drawn) == 2
    with pytest.raises(ConfigError, match=r"weight cannot be drawn anew, its parametrisation keeps"):
        redraw(parametrizations.spectral_norm(nn.Linear(4, 4)), 0, "net")


def test_the_old_weight_norm_is_refused() -> None:
    with pytest.warns(FutureWarning):
        conv = nn.utils.weight_norm(nn.Conv1d(20, 4, 3))
    with pytest.raises(ConfigError, match="old weight_norm"):
        redraw(conv, 0, "net")


def network(width: int = 6, seed: int | None = 0, **options: object) -> ExternalNetwork:
    torch.manual_seed(width if seed is None else 100 + int(seed))  # the factory's own numbers play no part
    return ExternalNetwork(
        nn.Conv1d(20, width, 3, padding=1),
        input="bands time",
        input_unit="frames",
        n_bands=20,
        input_length=12,
        seed=seed,
        **options,
    )


def test_seeds_are_one_system_and_other_weights_are_not() -> None:
    definitions = [network(seed=seed).definition() for seed in (0, 1)]
    assert definitions[0] != definitions[1]
    assert _without_seeds(definitions[0]) == _without_seeds(definitions[1])
    assert _without_seeds(network(width=7).definition()) != _without_seeds(definitions[0])
    assert "seed" not in network(seed=None).definition()
    assert network(precision="bfloat16").definition() != definitions[0]


def test_weights_that_were_changed_after_the_draw_are_told_by_their_digest() -> None:
    net = network()
    before = net.definition()
    with torch.no_grad():
        next(net.module.parameters()).zero_()
    assert "seed" not in net.definition()
    assert net.definition()["state_sha256"] != before["state_sha256"]


def test_the_same_seed_gives_the_same_features_and_another_one_others() -> None:
    x = torch.randn(2, 15, 20)
    maps = [network(seed=seed)(x)["output"] for seed in (0, 0, 1)]
    assert torch.equal(maps[0], maps[1])
    assert not torch.equal(maps[0], maps[2])
    assert maps[0].shape == (2, 6, 15)


def test_kernels_of_mixed_are_smooth_and_have_mean_zero_over_time_bands_or_both() -> None:
    convs = build_network("mixed", n_filters=200).convs.values()
    for conv in convs:
        kernel = conv.get_kernel()[:, :, 0]
        np.testing.assert_allclose(np.square(kernel).sum(axis=(0, 1)), 1.0, rtol=1e-5)
        over_time, over_bands = (np.abs(kernel.mean(axis=axis)).max(axis=0) < 1e-6 for axis in (0, 1))
        assert np.array_equal(over_time, [True] * 100 + [False] * 50 + [True] * 50)
        assert np.array_equal(over_bands, [False] * 100 + [True] * 100)
        changes, spectra = kernel[..., :100], kernel[..., 100:150]
        for later, earlier in ((changes[:, 1:], changes[:, :-1]), (spectra[1:], spectra[:-1])):
            assert 0.4 < np.corrcoef(earlier.ravel(), later.ravel())[0, 1] < 0.6
    biases = np.concatenate([conv.bias.numpy() for conv in convs])
    assert 0.4 < biases.std() < 0.48  # cut at two standard deviations of 0.5


def test_mixed_of_one_kernel_a_shape_has_both_kinds() -> None:
    network = build_network("mixed", n_filters=1)
    kernels = [conv.get_kernel()[:, :, 0, 0] for conv in network.convs.values()]
    assert [bool(np.abs(kernel.mean(axis=0)).max() < 1e-6) for kernel in kernels] == [False, True] * 6
    assert network.n_channels("whole") == 6


def test_kernels_of_mixed_are_finite_where_they_have_one_band() -> None:
    for n_bands in (1, 8):
        convs = build_network("mixed", n_filters=2, n_bands=n_bands).convs.values()
        assert all(conv.get_kernel().any(axis=(0, 1)).all() for conv in convs)


def test_a_variant_of_mixed_has_another_definition() -> None:
    from elmarc.networks.mixed import Mixed

    def definition(**choices: object) -> object:
        return type("Variant", (Mixed,), choices)("mixed", n_filters=2, layers=None).definition()

    others = [
        {"steps": {8: 2, 24: 3, 48: 4, 88: 1}},
        {"frames": (5,)},
        {"zones": dict.fromkeys((8, 24, 48, 88), 1)},
        {"smoothness": 0.1},
        {"bias": 0.1},
    ]
    definitions = [definition(), *(definition(**choices) for choices in others)]
    assert definitions[0] == build_network("mixed", n_filters=2).definition()
    assert all(definitions.count(each) == 1 for each in definitions)
