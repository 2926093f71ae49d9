"""A module's fingerprint follows all that changes its output, and nothing else."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import types
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from elmarc.features.store import FeatureStore, definition_key
from elmarc.networks import ExternalNetwork
from elmarc.networks.external import provenance
from elmarc.networks.external.fingerprint import code_sha256, state_sha256


def fingerprint(module: nn.Module) -> tuple[str, str]:
    return code_sha256(module), state_sha256(module)


SOURCE = '''
import functools
import torch
from torch import nn
from torch.nn import functional as F

SHIFT = 0.5
SIZES = {"taps": [3, 5]}

def activate(x):
    return F.relu(x) + SHIFT

class Base(nn.Module):
    def finish(self, x):
        return x * 2

class Net(Base):
    scale = 3

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(4, 4, SIZES["taps"][0])
        self.factor = 1.5
        with torch.no_grad():
            for weight in self.parameters():
                weight.copy_(torch.arange(weight.numel()).reshape(weight.shape))

    @property
    def gain(self):
        return self.factor * self.scale

    def forward(self, x):
        """Convolve."""
        inner = lambda y: y - 1  # why
        return self.finish(activate(inner(self.conv(x.transpose(1, 2))))) * self.gain
'''


def made_from(source: str) -> nn.Module:
    """The module of a source that no file holds, as in a REPL."""
    space: dict = {"__name__": "__main__"}
    exec(source, space)
    return space["Net"]()


def test_the_same_code_has_one_fingerprint_wherever_it_stands() -> None:
    expected = fingerprint(made_from(SOURCE))
    assert fingerprint(made_from(SOURCE)) == expected
    assert fingerprint(made_from("\n\n" + SOURCE.replace("# why", "# because"))) == expected
    module = made_from(SOURCE)
    for _ in range(200):  # warm code is specialised by the interpreter
        module(torch.zeros(1, 9, 4))
    assert fingerprint(module) == expected


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("lambda y: y - 1", "lambda y: y - 2"),
        ("lambda y: y - 1", "lambda y: y + 1"),
        ("F.relu(x)", "F.elu(x)"),
        ("SHIFT = 0.5", "SHIFT = 0.25"),
        ("return x * 2", "return x / 2"),
        ("scale = 3", "scale = 4"),
        ("factor = 1.5", "factor = 1.25"),
        ("self.factor * self.scale", "self.factor + self.scale"),
        ('"taps": [3, 5]', '"taps": [5, 3]'),
        ("def activate(x):", "@functools.lru_cache\ndef activate(x, shift=1):"),
        ("nn.Conv1d(4, 4, SIZES", "nn.ConvTranspose1d(4, 4, SIZES"),
    ],
)
def test_edited_code_and_settings_change_it(old: str, new: str) -> None:
    assert old in SOURCE
    assert fingerprint(made_from(SOURCE.replace(old, new))) != fingerprint(made_from(SOURCE))


def test_it_is_the_same_in_every_process_and_misses_the_store_after_an_edit(tmp_path: Path) -> None:
    (tmp_path / "helpers.py").write_text("def activate(x):\n    return x.relu()\n")
    (tmp_path / "mine.py").write_text(
        SOURCE.replace(
            "return F.relu(x) + SHIFT", "import helpers\n    return helpers.activate(x) in {'a', 'b', 'c'}"
        )
    )
    code = "import sys; sys.path.insert(0, sys.argv[1]); import mine, helpers\n"
    code += "from elmarc.networks.external.fingerprint import code_sha256; print(code_sha256(mine.Net()))"

    def run(seed: str) -> str:
        environment = os.environ | {"PYTHONHASHSEED": seed, "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path)], env=environment, capture_output=True, text=True
        )
        assert not done.returncode, done.stderr
        return done.stdout

    before = run("1")
    assert run("2") == before
    (tmp_path / "helpers.py").write_text("def activate(x):\n    return x.abs()\n")
    assert run("1") != before


def test_an_edited_forward_misses_the_store(tmp_path: Path) -> None:
    def definition(source: str, name: str = "mine") -> dict:
        network = ExternalNetwork(
            made_from(source), layers=["conv"], input_unit="frames", n_bands=4, input_length=20, name=name
        )
        return {"network": network.definition()}

    store = FeatureStore(tmp_path)
    store.append(definition(SOURCE), ["a"], torch.zeros(1, 4).numpy())
    assert "a" in store.index(definition(SOURCE, name="another"))
    assert not store.index(definition(SOURCE.replace("y - 1", "y - 2")))
    assert definition_key(definition(SOURCE)) == definition_key(definition(SOURCE))


class Held(nn.Module):
    """Holds whatever it is given."""

    def __init__(self, **held: object) -> None:
        super().__init__()
        for name, value in held.items():
            setattr(self, name, value)

    def forward(self, x: Tensor) -> Tensor:
        return x


class Buffered(nn.Module):
    """A buffer of any type."""

    def __init__(self, value: Tensor, *, persistent: bool = True) -> None:
        super().__init__()
        self.register_buffer("buffer", value, persistent=persistent)


@pytest.mark.parametrize("persistent", [True, False])
@pytest.mark.parametrize(
    ("value", "other"),
    [
        (torch.tensor(1), torch.tensor(2)),
        (torch.tensor(True), torch.tensor(False)),
        (torch.ones(3, dtype=torch.bfloat16), torch.zeros(3, dtype=torch.bfloat16)),
        (torch.ones(3, dtype=torch.complex64), torch.ones(3, dtype=torch.complex128)),
        (torch.arange(6).reshape(2, 3).T, torch.arange(6).reshape(3, 2)),
        (torch.empty(0), torch.empty(0, 2)),
        (torch.zeros(2).half(), torch.zeros(2).double()),
    ],
)
def test_buffers_of_every_kind_count(value: Tensor, other: Tensor, persistent: bool) -> None:
    mine = fingerprint(Buffered(value, persistent=persistent))
    assert mine == fingerprint(Buffered(value.clone(), persistent=persistent))
    assert mine == fingerprint(Buffered(value.clone().contiguous(), persistent=persistent))
    assert mine != fingerprint(Buffered(other, persistent=persistent))


@dataclass(slots=True)
class Slotted:
    size: int


@pytest.mark.parametrize(
    ("value", "other"),
    [
        (1, 2),
        ((1, 2), (2, 1)),
        ({"a": 1}, {"a": 2}),
        ({"a", "b", "c"}, {"a", "b", "d"}),
        (types.SimpleNamespace(width=3), types.SimpleNamespace(width=4)),
        (Slotted(3), Slotted(4)),
        (torch.zeros(2).numpy(), torch.ones(2).numpy()),
        (torch.relu, torch.tanh),
        (nn.functional.relu, nn.functional.elu),
        (functools.partial(torch.add, other=1), functools.partial(torch.add, other=2)),
        (torch.distributions.Normal(0.0, 1.0), torch.distributions.Normal(0.0, 2.0)),
        ([nn.ReLU()], [nn.ELU()]),
    ],
)
def test_what_a_module_holds_counts(value: object, other: object) -> None:
    assert fingerprint(Held(value=value)) == fingerprint(Held(value=value))
    assert fingerprint(Held(value=value)) != fingerprint(Held(value=other))


def test_hooks_of_the_users_count() -> None:
    module = nn.Sequential(nn.ReLU())
    before = fingerprint(module)
    hook = module[0].register_forward_hook(lambda _module, _inputs, output: output + 1)
    assert fingerprint(module) != before
    hook.remove()
    assert fingerprint(module) == before


def test_a_module_that_leads_back_to_itself_has_one() -> None:
    module = Held()
    module.owner = [module]
    assert fingerprint(module) == fingerprint(module)


def test_installed_packages_count_by_their_version(monkeypatch: pytest.MonkeyPatch) -> None:
    class Installed(nn.Module):
        """Says that it is of a package that is installed."""

    Installed.__module__ = "pytest.somewhere"
    provenance.home.cache_clear()
    before = fingerprint(Installed())
    monkeypatch.setattr(provenance.metadata, "version", lambda _name: "9.9")
    provenance.home.cache_clear()
    try:
        assert fingerprint(Installed()) != before
    finally:
        provenance.home.cache_clear()
