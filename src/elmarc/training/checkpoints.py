"""Where a training stands, in one file that is written whole or not at all.

The file is a safetensors file: weights, buffers and the optimiser's moments, and a JSON text in its header.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from elmarc._io import write_atomic

KEY = "elmarc"
MODEL, OPTIMIZER = "model.", "optimizer."


def write(
    path: Path, model: nn.Module, told: dict[str, Any], optimizer: torch.optim.Optimizer | None = None
) -> None:
    """Write a model, what is told of it (JSON-able), and where its optimiser stands."""
    tensors = {MODEL + name: value for name, value in model.state_dict().items()}
    if optimizer is not None:
        for number, state in optimizer.state_dict()["state"].items():
            tensors |= {f"{OPTIMIZER}{number}.{name}": value for name, value in state.items()}
    copies = {name: value.detach().cpu().clone().contiguous() for name, value in tensors.items()}
    write_atomic(path, save(copies, {KEY: json.dumps(told)}))


def read(
    path: Path,
    model: nn.Module,
    optimizer: torch.optim.Optimizer | None = None,
    *,
    classes: Sequence[str],
) -> dict[str, Any] | None:
    """Put a model and its optimiser where they stood; return what was told.

    None where there is no such file, a damaged one, or one whose head has other `classes`, or the same in
    another order: the training begins anew.
    """
    try:
        with safe_open(path, framework="pt") as file:
            told: dict[str, Any] = json.loads(file.metadata()[KEY])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError, KeyError, TypeError, ValueError):
        return None
    if told.get("classes") != list(classes):
        return None
    weights = {name[len(MODEL) :]: value for name, value in tensors.items() if name.startswith(MODEL)}
    if _shapes(weights) != _shapes(model.state_dict()):
        return None
    model.load_state_dict(weights)
    if optimizer is not None:
        _restore(optimizer, tensors)
    return told


def _shapes(tensors: dict[str, Tensor]) -> dict[str, torch.Size]:
    return {name: value.shape for name, value in tensors.items()}


def _restore(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        if name.startswith(OPTIMIZER):
            number, part = name[len(OPTIMIZER) :].split(".")
            like = parameters[int(number)]
            # laid out in memory as the optimiser had it: the next step rounds alike
            moment = value if part == "step" else torch.empty_like(like).copy_(value)
            state.setdefault(int(number), {})[part] = moment.detach()
    document = optimizer.state_dict()
    optimizer.load_state_dict({**document, "state": state})
