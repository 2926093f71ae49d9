"""A module of one's own as a network: what it reads, and that a clip's features depend on the clip alone."""

from __future__ import annotations

import copy
import math
import pickle
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from elmarc.errors import ConfigError
from elmarc.features.pooling import pool
from elmarc.features.workers import Workers
from elmarc.networks import ExternalNetwork, LayerInfo


class Trained(nn.Module):
    """Takes (clips, frames, bands), as many published taggers do after one transpose."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv1d(20, 6, 3)
        self.drop = nn.Dropout(0.9)
        self.unused = nn.Linear(2, 2)
        self.head = nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.drop(self.first(x.transpose(1, 2)).relu())
        return self.head(x.mean(dim=2))


class Swap(nn.Module):
    """Bands as channels."""

    def forward(self, x: Tensor) -> Tensor:
        return x.transpose(1, 2)


class Image(nn.Module):
    """One channel of (frames, bands), or of (bands, frames)."""

    def __init__(self, *, time_last: bool = False) -> None:
        super().__init__()
        self.time_last = time_last

    def forward(self, x: Tensor) -> Tensor:
        return (x.transpose(1, 2) if self.time_last else x)[:, None]


class Reused(nn.Module):
    """One activation after each of two convolutions."""

    def __init__(self) -> None:
        super().__init__()
        self.swap, self.act = Swap(), nn.ReLU()
        self.one, self.two = nn.Conv1d(20, 6, 3), nn.Conv1d(6, 4, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.two(self.act(self.one(self.swap(x)))))


class Remembering(nn.Module):
    """Keeps a value on itself during a forward pass."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv1d(20, 6, 3)

    def forward(self, x: Tensor) -> Tensor:
        self.level = x.mean(dim=(1, 2), keepdim=True)
        return self.conv(x.transpose(1, 2)) - self.level


class Standardised(nn.Module):
    """Sums over the whole clip: torch splits them over threads, and rounds with their number."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv1d(20, 6, 3)

    def forward(self, x: Tensor) -> Tensor:
        level, spread = (f(dim=(1, 2), keepdim=True) for f in (x.mean, x.std))
        return self.conv(((x - level) / spread).transpose(1, 2))


def batch_norm() -> nn.Module:
    module = nn.Sequential(Swap(), nn.Conv1d(20, 6, 3), nn.BatchNorm1d(6), nn.ReLU(inplace=True))
    module(torch.randn(8, 50, 20))  # statistics of its own
    return module


def in_place() -> nn.Module:
    return nn.Sequential(Swap(), nn.Conv1d(20, 6, 3), nn.ReLU(inplace=True), nn.Conv1d(6, 4, 1))


MODULES: dict[str, tuple[Callable[[], nn.Module], tuple[str, ...]]] = {
    "in place": (in_place, ("1", "2", "3")),
    "batch norm": (batch_norm, ("1", "2", "3")),
    "reused": (Reused, ("act#1", "act#2", "one")),
    "remembering": (lambda: nn.Sequential(Remembering()), ("0", "0.conv")),
    "standardised": (Standardised, ("conv",)),
}


@pytest.fixture
def module() -> Trained:
    torch.manual_seed(0)
    return Trained()


def wrap(module: nn.Module, *layers: str, n_bands: int = 20, input_length: int = 12) -> ExternalNetwork:
    return ExternalNetwork(
        module, layers=layers, input_unit="frames", n_bands=n_bands, input_length=input_length
    )


@pytest.mark.parametrize("kind", MODULES)
def test_features_are_equal_bytes_with_1_2_and_8_workers(kind: str) -> None:
    torch.manual_seed(1)
    make, layers = MODULES[kind]
    network = wrap(make(), *layers)
    x = torch.randn(24, 2000, 20)
    alone = torch.cat([pool(network, clip[None], statistics=("mean", "std")) for clip in x])
    assert len({row.numpy().tobytes() for row in alone}) == len(x)
    for run in range(20):
        n_workers = (1, 2, 8)[run % 3]
        with Workers(n_workers, 8 // n_workers) as workers:
            rows = workers.map(lambda clip: pool(network, clip[None], statistics=("mean", "std")), x)
            assert torch.equal(torch.cat(list(rows)), alone)


def test_what_works_in_place_later_does_not_show_in_a_map() -> None:
    module = in_place()
    x = torch.randn(2, 30, 20)
    maps = wrap(module, "1", "2")(x)
    expected = module[1](x.transpose(1, 2)).detach()
    torch.testing.assert_close(maps["1"], expected)
    assert maps["1"].min() < 0
    torch.testing.assert_close(maps["2"], expected.relu())


def test_layers_are_read_in_eval_mode(module: Trained) -> None:
    x = torch.randn(3, 15, 20)
    network = wrap(module, "head", "first")
    features = pool(network, x)
    assert features.shape == (3, network.n_features) == (3, 9)
    first = module.first(x.transpose(1, 2))
    expected = torch.cat([module.head(first.relu().mean(dim=2)), first.mean(dim=2)], dim=1)
    torch.testing.assert_close(features, expected.detach())


def test_the_module_stays_as_it_is(module: Trained) -> None:
    network = wrap(module, "first")
    before = network(torch.ones(1, 12, 20))["first"]
    assert module.training
    assert module.drop.training
    assert all(weight.requires_grad for weight in module.parameters())
    assert not any(part._forward_hooks for part in module.modules())
    with torch.no_grad():
        module.first.weight.zero_()
    assert torch.equal(network(torch.ones(1, 12, 20))["first"], before)


def test_threads_are_set_back() -> None:
    network, before = wrap(Standardised(), "conv"), torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        pool(network, torch.randn(1, 20, 20))
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


def test_a_layer_that_runs_twice_is_read_by_its_call() -> None:
    module = Reused()
    with pytest.raises(ConfigError, match=r"'act' runs 2 times.*\(1, 6, 10\), .*\(1, 4, 4\).*act#1 to act#2"):
        wrap(module, "act")
    x = torch.randn(1, 12, 20)
    maps = wrap(module, "act#2", "act#1")(x)
    torch.testing.assert_close(maps["act#1"], module.one(x.transpose(1, 2)).relu().detach())
    torch.testing.assert_close(maps["act#2"], module(x).detach())
    with pytest.raises(ConfigError, match="'act' ran 2 times"):
        wrap(module, "act#3")


def test_layers_state_their_channels_and_reduction() -> None:
    module = nn.Sequential(
        Image(),
        nn.Conv2d(1, 5, 3, stride=(2, 1)),
        nn.MaxPool2d((5, 2)),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
    )
    assert wrap(module, "1", "2", "4", input_length=50).layer_info == (
        LayerInfo("1", 5, 2),
        LayerInfo("2", 5, 10),
        LayerInfo("4", 5, math.inf),
    )


def test_the_reduction_of_a_waveform_module_is_exact() -> None:
    module = nn.Sequential(
        Swap(), *(nn.Sequential(nn.Conv1d(1, 1, 3, padding=1), nn.MaxPool1d(3)) for _ in "1234567")
    )
    network = ExternalNetwork(module, layers=["7"], input_unit="samples", input_length=200_000)
    assert network.layer_info == (LayerInfo("7", 1, 3**7),)


def test_a_module_for_one_length_states_its_reduction_too() -> None:
    class Fixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table = nn.Parameter(torch.zeros(12, 20))

        def forward(self, x: Tensor) -> Tensor:
            return (x + self.table).transpose(1, 2)

    network = wrap(nn.Sequential(Fixed(), nn.MaxPool1d(4)), "1")
    assert network.layer_info == (LayerInfo("1", 20, 4),)


def test_time_is_the_first_axis_of_positions_whatever_the_module_says() -> None:
    torch.manual_seed(0)
    conv, x = nn.Conv2d(1, 4, 3), torch.randn(2, 40, 20)
    by_frames = wrap(nn.Sequential(Image(), conv), "1")
    flipped = copy.deepcopy(conv)
    flipped.weight = nn.Parameter(conv.weight.transpose(2, 3))
    by_bands = wrap(nn.Sequential(Image(time_last=True), flipped), "1")
    statistics = ("mean", "lag1", "lag4")
    assert by_bands(x)["1"].shape == by_frames(x)["1"].shape == (2, 4, 38, 18)
    torch.testing.assert_close(
        pool(by_bands, x, statistics=statistics), pool(by_frames, x, statistics=statistics)
    )


def test_half_precision_is_fed_and_read(module: Trained) -> None:
    network = wrap(module.to(torch.bfloat16), "first")
    assert network(torch.randn(2, 12, 20))["first"].dtype == torch.bfloat16


def test_a_network_can_be_copied_pickled_and_moved(module: Trained) -> None:
    network, x = wrap(module, "first"), torch.randn(1, 12, 20)
    features = pool(network, x)
    for again in (
        copy.deepcopy(network),
        pickle.loads(pickle.dumps(network)),
        copy.deepcopy(network).to("cpu"),
    ):
        assert torch.equal(pool(again, x), features)
        assert again.definition() == network.definition()
    assert network.double()(x)["first"].dtype == torch.float64


def test_the_old_weight_norm_is_no_hindrance() -> None:
    with pytest.warns(FutureWarning):
        conv = nn.utils.weight_norm(nn.Conv1d(20, 4, 3))
    x = torch.randn(1, 12, 20)
    torch.testing.assert_close(
        wrap(nn.Sequential(Swap(), conv), "1")(x)["1"], conv(x.transpose(1, 2)).detach()
    )


class Gives(nn.Module):
    """Whatever a function makes of the input."""

    def __init__(self, what: Callable[[Tensor], object]) -> None:
        super().__init__()
        self.inner, self.what = nn.Identity(), what

    def forward(self, x: Tensor) -> object:
        return self.what(self.inner(x))


@pytest.mark.parametrize(
    ("module", "layer", "match"),
    [
        (Trained(), "firts", "did you mean 'first'"),
        (Trained(), "unused", "'unused' took no part"),
        (nn.Sequential(nn.LSTM(20, 5, batch_first=True)), "0", r"gives \(float32 \(1, 12, 5\), \(float32"),
        (nn.Sequential(Gives(lambda x: {"maps": x})), "0", r"gives \{maps: float32 \(1, 12, 20\)\}"),
        (nn.Sequential(Gives(lambda x: x.argmax(dim=1))), "0", r"gives int64 \(1, 20\)"),
        (nn.Sequential(Gives(lambda x: x.mean())), "0", r"gives float32 \(\) for 1"),
        (nn.Sequential(Gives(lambda x: x[0])), "0", r"gives float32 \(12, 20\) for 1"),
        (nn.Sequential(Gives(lambda x: x.flatten(0, 1)[None])), "0", r"gives float32 \(1, 24, 20\) for 2"),
        (nn.Sequential(Gives(lambda x: x @ x.transpose(1, 2))), "0", r"\(1, 972, 972\).*\[1, 2\] grow"),
        (nn.Sequential(nn.Conv1d(20, 4, 3)), "0", r"fails on a trial input of shape \(1, 12, 20\)"),
        (nn.Sequential(Swap(), Gives(nn.functional.dropout)), "1", "gives a clip other maps"),
        (nn.Sequential(Swap(), Gives(lambda x: x - x.mean(dim=0))), "1", "gives a clip other maps"),
        (nn.Sequential(Swap(), nn.LazyConv1d(4, 3)), "1", "weights that are not there yet"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_named_at_construction(module: nn.Module, layer: str, match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        wrap(module, layer)


def test_a_module_that_keeps_state_from_clip_to_clip_is_refused() -> None:
    class Counts(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("n", torch.zeros((), dtype=torch.long))

        def forward(self, x: Tensor) -> Tensor:
            self.n += 1
            return x.transpose(1, 2)

    with pytest.raises(ConfigError, match="changes the module's weights or buffers"):
        wrap(nn.Sequential(Counts()), "0")


def test_a_module_that_cannot_be_copied_is_named() -> None:
    class Locked(Swap):
        def __deepcopy__(self, memo: object) -> nn.Module:
            raise TypeError("cannot pickle a lock")

    with pytest.raises(ConfigError, match=r"cannot be copied .*a lock"):
        wrap(nn.Sequential(Locked()), "0")


def test_clips_shorter_than_the_trial_are_refused(module: Trained) -> None:
    with pytest.raises(ConfigError, match="at least 12 frames"):
        wrap(module, "first")(torch.zeros(1, 11, 20))
