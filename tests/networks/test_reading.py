"""What layers give: named, told apart by their axes, in each layout; refused where it cannot be told."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from elmarc.errors import ConfigError
from elmarc.features.pooling import pool
from elmarc.networks import ExternalNetwork, make_network


class Gives(nn.Module):
    """Whatever a function makes of the input."""

    def __init__(self, what: Callable[[Tensor], object]) -> None:
        super().__init__()
        self.what = what

    def forward(self, x: Tensor) -> object:
        return self.what(x)


class Transformer(nn.Module):
    """A token in front, two blocks, and a dictionary of outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.token = nn.Linear(20, 16), nn.Parameter(torch.zeros(1, 1, 16))
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(16, 2, 32, dropout=0.1, batch_first=True) for _ in range(2)
        )

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        y = torch.cat([self.token.expand(len(x), 1, -1), self.embed(x)], dim=1)
        for block in self.blocks:
            y = block(y)
        return {"tokens": y, "clip": y[:, 0]}


class Residual(nn.Module):
    """A 2-D block with BatchNorm and a way around it."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.conv = nn.Conv2d(1, 6, 3, padding=1), nn.Conv2d(6, 6, 3, padding=1)
        self.norm, self.act = nn.BatchNorm2d(6), nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        y = self.act(self.stem(x))
        return self.act(y + self.norm(self.conv(y)))


def net(module: nn.Module, *layers: str, length: int = 12, **options: object) -> ExternalNetwork:
    made = make_network(module, layers=layers, n_bands=20, input_length=length, **options)
    assert isinstance(made, ExternalNetwork)
    return made


def test_patterns_and_elements_name_layers() -> None:
    module = Transformer()
    network = net(module, "blocks.*", "output[clip]")
    assert network.layers == ("blocks.0", "blocks.1", "output[clip]")
    assert [info.n_channels for info in network.layer_info] == [16, 16, 16]
    x = torch.randn(3, 12, 20)
    module.eval()
    given = module(x)
    maps = network(x)
    torch.testing.assert_close(maps["blocks.1"], given["tokens"].transpose(1, 2).detach())
    torch.testing.assert_close(maps["output[clip]"], given["clip"][..., None].detach())
    assert math.isinf(network.reduction("output[clip]"))
    assert network.reduction("blocks.0") == 1


@pytest.mark.parametrize(
    ("layers", "match"),
    [
        (["block.*"], r"no layer matches 'block\.\*': its layers are embed"),
        (["output"], r"gives \{tokens: .*name an element: output\[0\], output\[key\]"),
        (["output[token]"], r"gives \{tokens: float32 \(2, 13, 16\), clip"),
        (["output[clip][0]"], "expected one floating-point tensor"),
        (["blocks.0", "blocks.*"], "must name each layer once"),
        (["blocks.2"], "did you mean"),
    ],
)
def test_names_that_fit_nothing_are_refused(layers: list[str], match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        net(Transformer(), *layers)


def test_a_recurrent_network_is_read_by_the_index_of_its_output() -> None:
    module = nn.LSTM(20, 7, batch_first=True, bidirectional=True)
    network = net(module, "output[0]")
    x = torch.randn(2, 30, 20)
    torch.testing.assert_close(network(x)["output[0]"], module(x)[0].transpose(1, 2).detach())
    with pytest.raises(ConfigError, match=r"output\[1\]\[0\].*\(2, 2, 7\)|gives float32"):
        net(module, "output[1][0]")


def test_batch_norm_uses_its_running_statistics() -> None:
    module = Residual()
    network = net(module, "norm", layout="1 bands length", weights="redraw")
    assert network(torch.randn(2, 15, 20))["norm"].shape == (2, 6, 15, 20)
    assert torch.equal(network.module.norm.running_mean, torch.zeros(6))
    assert network.reduction("norm") == 1


class Classifies(nn.Module):
    """A convolution, and a linear layer whose result is returned in some way."""

    def __init__(self, end: Callable[[nn.Module, Tensor], object]) -> None:
        super().__init__()
        self.conv, self.head, self.end = nn.Conv1d(20, 8, 3), nn.Linear(8, 5), end

    def hidden(self, x: Tensor) -> Tensor:
        return self.conv(x.transpose(1, 2)).relu()

    def forward(self, x: Tensor) -> object:
        return self.end(self.head, self.hidden(x))


class SoftmaxOf(nn.Module):
    """A classifier with an activation of its own, and a dropout."""

    def __init__(self) -> None:
        super().__init__()
        self.body = Classifies(lambda head, h: head(input=h.mean(-1)))
        self.drop, self.share = nn.Dropout(0.5), nn.Softmax(-1)

    def forward(self, x: Tensor) -> Tensor:
        return self.share(self.drop(self.body(x)))


HEADS: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "logits": (lambda: Classifies(lambda head, h: head(h.mean(-1))), "head.input"),
    "log-softmax": (lambda: Classifies(lambda head, h: head(h.mean(-1)).log_softmax(-1)), "head.input"),
    "frames": (lambda: Classifies(lambda head, h: head(h.transpose(1, 2)).sigmoid()), "head.input"),
    "mean of frames": (lambda: Classifies(lambda head, h: head(h.transpose(1, 2)).mean(1)), "head.input"),
    "modules behind": (SoftmaxOf, "body.head.input"),
    "a sequence": (
        lambda: nn.Sequential(nn.Linear(20, 8), nn.ReLU(), nn.Linear(8, 5), nn.Identity()),
        "2.input",
    ),
    "called twice": (
        lambda: Classifies(lambda head, h: head(head(h.mean(-1)).repeat(1, 2)[:, :8])),
        "head.input#2",
    ),
    "activated": (lambda: Classifies(lambda head, h: head(h.mean(-1)).relu()), "output"),
    "a way around": (lambda: Classifies(lambda head, h: head(h.mean(-1)) + h[:, :5, 0]), "output"),
    "without gradients": (lambda: Classifies(torch.no_grad()(lambda head, h: head(h.mean(-1)))), "output"),
    "nothing else": (lambda: nn.Sequential(nn.Linear(20, 8)), "output"),
    "convolutions": (lambda: nn.Sequential(nn.Conv1d(20, 8, 3), nn.Conv1d(8, 5, 1)), "output"),
}


@pytest.mark.parametrize("case", HEADS)
def test_without_named_layers_what_stands_before_the_head_is_read(case: str) -> None:
    make, layer = HEADS[case]
    module = make()
    layout = "bands length" if case == "convolutions" else "length bands"
    network = net(module, layout=layout)
    assert network.layers == (layer,)
    asked = net(module, "output", layout=layout)
    assert (network.definition() == asked.definition()) == (layer == "output")  # rows of logits are others
    assert (layer in network.note) == (layer != "output")
    assert asked.note == ""
    if isinstance(module, Classifies) and layer == "head.input":
        x = torch.randn(2, 30, 20)
        mean = module.hidden(x).mean(-1).detach()
        torch.testing.assert_close(network(x)[layer].flatten(2).mean(-1), mean)


def test_what_goes_into_a_layer_is_read_by_name() -> None:
    network = net(Residual(), "norm.input", "conv.input", "conv", layout="1 bands length")
    maps = network(torch.randn(2, 12, 20))
    assert torch.equal(maps["norm.input"], maps["conv"])
    assert maps["conv.input"].min() >= 0  # behind the activation
    with pytest.raises(ConfigError, match="unknown layer"):
        net(Residual(), "nrm.input", layout="1 bands length")


def test_the_layout_is_the_one_that_works_or_has_to_be_said() -> None:
    x = torch.randn(2, 12, 20)
    conv = nn.Conv1d(20, 4, 3)
    torch.testing.assert_close(net(conv, "output")(x)["output"], conv(x.transpose(1, 2)).detach())
    with pytest.raises(ConfigError, match=r"several layouts \('1 length bands' gives .* say layout"):
        net(Residual(), "stem")
    with pytest.raises(ConfigError, match=r"in no layout: 'length bands' \(2, 12, 20\): RuntimeError"):
        net(nn.Conv1d(5, 4, 3), "output")
    with pytest.raises(ConfigError, match="unknown layout"):
        net(conv, "output", layout="bands time")


@pytest.mark.parametrize(
    "module",
    [
        nn.Conv1d(1, 4, 64, stride=32),
        nn.Sequential(nn.Unflatten(1, (1, -1)), nn.Conv1d(1, 4, 64, stride=32)),
        nn.GRU(1, 4, batch_first=True),
    ],
)
def test_waveforms_come_in_each_layout(module: nn.Module) -> None:
    layer = "output[0]" if isinstance(module, nn.GRU) else "output"
    network = make_network(module, layers=[layer], unit="samples", input_length=500)
    assert network(torch.randn(2, 500, 1))[layer].shape[:2] == (2, 4)


def test_axes_are_told_where_they_cannot_be_found() -> None:
    fixed = nn.Sequential(nn.Flatten(), nn.Linear(240, 30), Gives(lambda x: x.unflatten(1, (5, 6))))
    common = {"layout": "length bands"}
    with pytest.raises(ConfigError, match=r"\(1, 5, 6\) for one clip of 12: .*\[1, 2\] is channels"):
        net(fixed, "output", **common)
    assert net(fixed, "output", channel_axis=2, **common).n_features == 6
    assert net(fixed, "output", channel_axis={"output": 1}, **common).n_features == 5
    assert net(fixed, "output", time_axis=-1, **common).n_features == 5
    with pytest.raises(ConfigError, match="channel_axis 3 is none of its axes"):
        net(fixed, "output", channel_axis=3, **common)
    with pytest.raises(ConfigError, match=r"layer of .*outptu"):
        net(fixed, "output", channel_axis={"outptu": 1}, **common)


def test_a_block_of_convolutions_alone_has_its_channels_on_axis_1() -> None:
    blocks = nn.ModuleDict({"a": Residual(), "b": nn.Conv2d(6, 20, 1)})
    module = nn.Sequential(Gives(lambda x: x.transpose(1, 2)[:, None]), blocks["a"], blocks["b"])
    assert net(module, "1", layout="length bands").n_features == 6  # 20 bands, and a layer of 20 channels
    mixed = nn.Sequential(module, Gives(lambda x: x), nn.Linear(12, 6))
    with pytest.raises(ConfigError, match=r"\[1, 2, 3\] is channels"):
        net(mixed, "1", layout="length bands")


def test_told_axes_are_in_the_definition() -> None:
    definitions = [net(Transformer(), "embed", channel_axis=axis).definition() for axis in (None, 2)]
    assert definitions[1]["channel_axis"] == 2
    assert "channel_axis" not in definitions[0]


def test_a_module_for_one_length_says_so_when_fed_another() -> None:
    fixed = nn.Sequential(nn.Flatten(), nn.Linear(240, 30))
    network = net(fixed, "1", layout="length bands")
    with pytest.raises(ConfigError, match="took clips of 12 frames, and fails on 15"):
        network(torch.zeros(1, 15, 20))


def test_half_precision_is_the_modules() -> None:
    network = net(Transformer(), "blocks.*", precision="bfloat16", weights="redraw")
    x = torch.randn(2, 12, 20)
    assert network(x)["blocks.0"].dtype == torch.bfloat16
    assert pool(network, x).dtype == torch.float32
    with pytest.raises(ConfigError, match="precision of a module"):
        net(Transformer(), "embed", precision="tf32")
