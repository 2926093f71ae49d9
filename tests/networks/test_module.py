"""A user's module by contract: what it states is checked, and a clip's features depend on the clip alone."""

from __future__ import annotations

import copy
import math
import pickle
from collections.abc import Callable
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor, nn

from elmarc.errors import ConfigError
from elmarc.features.parallel import Workers
from elmarc.features.pooling import pool
from elmarc.networks import ExternalNetwork, LayerInfo


class Conv(nn.Module):
    """Takes (clips, frames, bands), as many published taggers do after one transpose."""

    def __init__(self, width: int = 6, stride: int = 1) -> None:
        super().__init__()
        self.conv, self.drop = nn.Conv1d(20, width, 3, stride=stride), nn.Dropout(0.9)

    def forward(self, x: Tensor) -> Tensor:
        return self.drop(self.conv(x.transpose(1, 2)).relu())


class Strided(Conv):
    """States its contract itself."""

    elmarc: ClassVar = {"reduction": 2, "key": "strided-1"}

    def __init__(self) -> None:
        super().__init__(stride=2)


class Gives(nn.Module):
    """Whatever a function makes of the input."""

    def __init__(self, what: Callable[[Tensor], object]) -> None:
        super().__init__()
        self.what = what

    def forward(self, x: Tensor) -> object:
        return self.what(x)


class Transformer(nn.Module):
    """A token in front, two blocks, and a mapping of outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.token = nn.Linear(20, 16), nn.Parameter(torch.zeros(1, 1, 16))
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(16, 2, 32, dropout=0.1, batch_first=True) for _ in range(2)
        )

    def forward(self, x: Tensor) -> dict[str, object]:
        y = torch.cat([self.token.expand(len(x), 1, -1), self.embed(x)], dim=1)
        for block in self.blocks:
            y = block(y)
        return {"tokens": y, "clip": y[:, 0], "nothing": None}


class Remembering(Conv):
    """Keeps a value on itself during a forward pass."""

    def forward(self, x: Tensor) -> Tensor:
        self.level = x.mean(dim=(1, 2), keepdim=True)
        return self.conv(x.transpose(1, 2)) - self.level


class Standardised(Conv):
    """Sums over the whole clip: torch splits them over threads, and rounds with their number."""

    def forward(self, x: Tensor) -> Tensor:
        level, spread = (f(dim=(1, 2), keepdim=True) for f in (x.mean, x.std))
        return self.conv(((x - level) / spread).transpose(1, 2))


def batch_norm() -> nn.Module:
    module = nn.Sequential(nn.Conv1d(20, 6, 3), nn.BatchNorm1d(6), nn.ReLU(inplace=True))
    module(torch.randn(8, 20, 50))  # statistics of its own
    return module


MODULES: dict[str, tuple[Callable[[], nn.Module], dict[str, Any]]] = {
    "convolution": (Conv, {}),
    "batch norm": (batch_norm, {"input": "bands time", "layers": ["0", "1", "2"]}),
    "remembering": (Remembering, {"layers": ["output", "conv"]}),
    "standardised": (Standardised, {}),
}


def net(module: nn.Module, *, length: int = 12, n_bands: int = 20, **options: Any) -> ExternalNetwork:
    return ExternalNetwork(
        module, input_unit="frames", n_bands=n_bands, input_length=length, name="mine", **options
    )


@pytest.mark.parametrize("kind", MODULES)
def test_features_are_equal_bytes_with_1_2_and_8_workers(kind: str) -> None:
    torch.manual_seed(1)
    make, options = MODULES[kind]
    network = net(make(), **options)
    x = torch.randn(24, 2000, 20)
    alone = torch.cat([pool(network, clip[None], statistics=("mean", "std")) for clip in x])
    assert len({row.numpy().tobytes() for row in alone}) == len(x)
    for run in range(20):
        n_workers = (1, 2, 8)[run % 3]
        with Workers(n_workers, 8 // n_workers) as workers:
            rows = workers.map(lambda clip: pool(network, clip[None], statistics=("mean", "std")), x)
            assert torch.equal(torch.cat(list(rows)), alone)


def test_what_works_in_place_later_does_not_show_in_a_map() -> None:
    module = nn.Sequential(nn.Conv1d(20, 6, 3), nn.ReLU(inplace=True), nn.Conv1d(6, 4, 1))
    x = torch.randn(2, 30, 20)
    maps = net(module, input="bands time", layers=["0", "1"])(x)
    expected = module[0](x.transpose(1, 2)).detach()
    torch.testing.assert_close(maps["0"], expected)
    assert maps["0"].min() < 0
    torch.testing.assert_close(maps["1"], expected.relu())


def test_the_module_runs_in_eval_mode_and_stays_as_it_is() -> None:
    module, x = Conv(), torch.randn(3, 15, 20)
    network = net(module)
    before = network(x)["output"]
    torch.testing.assert_close(before, module.conv(x.transpose(1, 2)).relu().detach())
    assert module.training
    assert module.drop.training
    assert all(weight.requires_grad for weight in module.parameters())
    assert not any(part._forward_hooks for part in module.modules())
    with torch.no_grad():
        module.conv.weight.zero_()
    assert torch.equal(network(x)["output"], before)


def test_threads_are_set_back() -> None:
    network, before = net(Standardised()), torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        pool(network, torch.randn(1, 20, 20))
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


def test_a_mapping_is_read_by_its_keys() -> None:
    module = Transformer()
    network = net(module, layers=["tokens", "clip", "blocks.0"], output="tokens channels")
    assert network.layer_info == tuple(LayerInfo(layer, 16, math.inf) for layer in network.layers)
    x = torch.randn(3, 12, 20)
    expected = module.eval()(x)
    maps = network(x)
    torch.testing.assert_close(maps["tokens"], expected["tokens"].transpose(1, 2).detach())
    torch.testing.assert_close(maps["clip"], expected["clip"][..., None].detach())


def test_the_order_of_axes_is_stated() -> None:
    torch.manual_seed(0)
    conv, x = nn.Conv2d(1, 4, 3), torch.randn(2, 40, 20)
    flipped = copy.deepcopy(conv)
    flipped.weight = nn.Parameter(conv.weight.transpose(2, 3))
    by_frames = net(conv, input="1 time bands")
    by_bands = net(flipped, input="1 bands time", output="channels bands time")
    assert by_bands(x)["output"].shape == by_frames(x)["output"].shape == (2, 4, 38, 18)
    statistics = ("mean", "lag1", "lag4")
    torch.testing.assert_close(
        pool(by_bands, x, statistics=statistics), pool(by_frames, x, statistics=statistics)
    )


@pytest.mark.parametrize(
    ("module", "axes"),
    [
        (nn.Conv1d(1, 4, 64, stride=32), "1 time"),
        (nn.Conv1d(1, 4, 64, stride=32), "bands time"),
        (nn.Sequential(nn.Unflatten(1, (1, -1)), nn.Conv1d(1, 4, 64, stride=32)), None),
    ],
)
def test_a_module_of_waveforms_takes_clips_by_time(module: nn.Module, axes: str | None) -> None:
    network = ExternalNetwork(module, input_unit="samples", input_length=500, input=axes, reduction=32)
    assert network(torch.randn(2, 500, 1))["output"].shape[:2] == (2, 4)


def test_a_module_states_its_contract_and_who_passes_it_goes_first() -> None:
    network = net(Strided())
    assert (network.reduction("output"), network.is_storable) == (2, True)
    assert network.definition()["key"] == "strided-1"
    assert net(Strided(), key="strided-2").definition()["key"] == "strided-2"
    assert not net(Conv()).is_storable


@pytest.mark.parametrize(
    ("stated", "match"),
    [
        (
            {"reduction": 3},
            r"gives 480 positions for 960 .* 3 they would be 320: state the reduction \(here 2\)",
        ),
        ({"reduction": {"output": 1}}, r"state the reduction \(here 2\)"),
        ({"reduction": 0}, "expected a number above 0"),
        ({"input": "frames bands"}, "expected the words time and bands"),
        ({"output": "time time"}, "output is 'time time'"),
        ({"output": "time bands channels"}, r"gives float32 \(1, 6, 5\).*\(clips, time, bands, channels\)"),
        ({"layers": ["cnov"]}, "did you mean 'conv'"),
        ({"precision": "tf32"}, "precision of a module"),
        ({"reduction": {"outptu": 2}}, "did you mean 'output'"),
        ({"input": "time"}, "the front-end gives 20 bands: state one with the word bands"),
        ({"key": 3}, "key is 3, expected a text"),
    ],
)
def test_a_contract_that_is_not_kept_is_refused(stated: dict[str, Any], match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        net(Strided(), **stated)


def test_an_attribute_that_states_no_contract_is_refused() -> None:
    module = Conv()
    module.elmarc = {"reductoin": 2}
    with pytest.raises(ConfigError, match="did you mean 'reduction'"):
        net(module)
    module.elmarc = 2
    with pytest.raises(ConfigError, match="'elmarc' is a int, expected a mapping"):
        net(module)


def test_reductions_are_checked_and_exact() -> None:
    stride = nn.Sequential(nn.Conv2d(1, 5, 3, stride=(2, 1)), nn.MaxPool2d((5, 2)))
    both = net(stride, length=50, input="1 time bands", layers=["0", "1"], reduction={"0": 2, "1": 10})
    assert both.layer_info == (LayerInfo("0", 5, 2), LayerInfo("1", 5, 10))
    deep = nn.Sequential(*(nn.Sequential(nn.Conv1d(1, 1, 3, padding=1), nn.MaxPool1d(3)) for _ in "1234567"))
    of_waves = ExternalNetwork(
        deep, input_unit="samples", input_length=20_000, input="1 time", reduction=3**7
    )
    assert of_waves.reduction("output") == 3**7
    averaged = net(nn.Sequential(nn.Conv1d(20, 4, 3), nn.AdaptiveAvgPool1d(1)), input="bands time")
    assert math.isinf(averaged.reduction("output"))
    with pytest.raises(ConfigError, match="does not grow with the clip"):
        net(nn.Sequential(nn.Conv1d(20, 4, 3), nn.AdaptiveAvgPool1d(4)), input="bands time")


class Fixed(nn.Module):
    """Takes clips of 12 frames alone."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.zeros(12, 20))

    def forward(self, x: Tensor) -> Tensor:
        return (x + self.table).transpose(1, 2)


def test_a_module_of_one_length_states_its_reduction_too() -> None:
    module = nn.Sequential(Fixed(), nn.MaxPool1d(4))
    network = net(module, reduction=4)
    assert network.layer_info == (LayerInfo("output", 20, 4),)
    with pytest.raises(ConfigError, match=r"state the reduction \(here 4\)"):
        net(module)
    with pytest.raises(ConfigError, match=r"fails on clips \(1, 15, 20\)"):
        network(torch.zeros(1, 15, 20))


@pytest.mark.parametrize(
    ("module", "match"),
    [
        (nn.LSTM(20, 5, batch_first=True), r"gives \(float32 \(1, 12, 5\), \(float32"),
        (Transformer(), r"layer 'nothing' gives NoneType"),
        (Gives(lambda x: x.argmax(dim=1)), r"gives int64 \(1, 20\)"),
        (Gives(lambda x: x.mean()), r"gives float32 \(\) for 1"),
        (Gives(lambda x: x[0]), r"gives float32 \(12, 20\) for 1"),
        (Gives(lambda x: x.flatten(0, 1)[None]), r"gives float32 \(1, 24, 20\) for 2"),
        (Gives(lambda x: x.log()), "gives NaN or infinity for a clip of noise"),
        (nn.Conv1d(20, 4, 3), r"fails on clips \(1, 12, 20\), \(clips, time, bands\): RuntimeError"),
        (Gives(nn.functional.dropout), "gives a clip another output"),
        (Gives(lambda x: x - x.mean(dim=0)), "gives a clip another output"),
        (nn.Sequential(nn.LazyConv1d(4, 3)), "weights that are not there yet"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_named_at_construction(module: nn.Module, match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        net(
            module,
            output=None
            if isinstance(module, (Transformer, nn.LSTM))
            else "time channels"
            if match.startswith("gives a clip") or "NaN" in match
            else None,
        )


def test_a_submodule_is_read_where_it_runs_once() -> None:
    class Reused(Conv):
        def __init__(self) -> None:
            super().__init__()
            self.act, self.unused = nn.ReLU(), nn.Linear(2, 2)

        def forward(self, x: Tensor) -> Tensor:
            return self.act(self.act(self.conv(x.transpose(1, 2))) - 1)

    for layer, n in (("act", 2), ("unused", 0)):
        with pytest.raises(ConfigError, match=f"'{layer}' ran {n} times in a forward pass"):
            net(Reused(), layers=[layer])


def test_half_precision_is_fed_and_read() -> None:
    for network in (net(Conv().to(torch.bfloat16)), net(Conv(), precision="bfloat16", seed=0)):
        x = torch.randn(2, 12, 20)
        assert network(x)["output"].dtype == torch.bfloat16
        assert pool(network, x).dtype == torch.float32


def test_a_network_can_be_copied_pickled_and_moved() -> None:
    network, x = net(Conv()), torch.randn(1, 12, 20)
    features = pool(network, x)
    for again in (
        copy.deepcopy(network),
        pickle.loads(pickle.dumps(network)),
        copy.deepcopy(network).to("cpu"),
    ):
        assert torch.equal(pool(again, x), features)
        assert again.definition() == network.definition()
    assert network.double()(x)["output"].dtype == torch.float64


def test_the_old_weight_norm_is_no_hindrance() -> None:
    with pytest.warns(FutureWarning):
        conv = nn.utils.weight_norm(nn.Conv1d(20, 4, 3))
    x = torch.randn(1, 12, 20)
    torch.testing.assert_close(net(conv, input="bands time")(x)["output"], conv(x.transpose(1, 2)).detach())


def test_a_module_that_keeps_state_from_clip_to_clip_is_refused() -> None:
    class Counts(Conv):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("n", torch.zeros((), dtype=torch.long))

        def forward(self, x: Tensor) -> Tensor:
            self.n += 1
            return super().forward(x)

    with pytest.raises(ConfigError, match="changes the module's weights or buffers"):
        net(Counts())


def test_a_module_that_cannot_be_copied_is_named() -> None:
    class Locked(Conv):
        def __deepcopy__(self, memo: object) -> nn.Module:
            raise TypeError("cannot pickle a lock")

    with pytest.raises(ConfigError, match=r"cannot be copied .*a lock"):
        net(nn.Sequential(Locked()))


def test_clips_shorter_than_the_trial_are_refused() -> None:
    with pytest.raises(ConfigError, match="at least 12 frames"):
        net(Conv())(torch.zeros(1, 11, 20))


def test_definitions_tell_weights_layers_and_contracts_apart() -> None:
    torch.manual_seed(0)
    module = Conv()
    same = [net(copy.deepcopy(module)).definition() for _ in "12"]
    assert same[0] == same[1]
    with torch.no_grad():
        module.conv.bias += 1
    others = [net(module), net(Conv(7), seed=0), net(Conv(), seed=0), net(Conv(), seed=1), net(Strided())]
    definitions = [same[0], *(other.definition() for other in others)]
    assert len({repr(definition) for definition in definitions}) == len(definitions)
