"""Draw weights: truncated normal kernels and zero biases as in 2018, from (seed, network, layer).

`redraw` does the same for a user's module, with a variance that follows from the fan-in. What a recurrent
layer applies to its own state has variance 1 / fan-in, tables and free tokens have the deviation 0.02. Biases
are 0, norms are as new. Any other parameter, such as a scale for each channel, stays.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvTransposeNd
from torch.nn.utils import parametrize

from elmarc import _seeds
from elmarc._resources import memory_bytes
from elmarc.errors import ConfigError

CUT = 2.0  # standard deviations, as in TensorFlow's truncated_normal
BYTES = 40  # of memory for each weight while it is drawn
PLENTY = 2**28  # bytes; any machine has as many, and asking takes longer than drawing a small kernel
GAIN = 1.3  # the study's; 1.0 would be He's
TABLE_SIGMA = 0.02  # of embeddings and tokens, as BERT and ViT have it
OLD_NORMS = ("weight_g", "weight_orig")  # what torch.nn.utils.weight_norm and spectral_norm leave


def draw_kernel(seed: int, family: str, layer: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Draw the kernel of one layer, in TensorFlow's layout (HWIO or WIO).

    Values are normal(0, sigma) cut at 2 sigma, with sigma = sqrt(1.3 * 2 / fan_in): sigma belongs to the
    uncut normal, so the kernel's own standard deviation is 0.88 sigma. Bit-equal on every platform.

    Seed, family of the network and layer name the stream of random numbers. The last axis of `shape` is the
    filters, the others make fan_in. Raises a ConfigError where the kernel does not fit into memory.

    >>> draw_kernel(0, "vgg", "conv1", (3, 3, 1, 8)).shape
    (3, 3, 1, 8)
    """
    return draw_normal(seed, family, layer, shape, math.sqrt(GAIN * 2.0 / math.prod(shape[:-1])))


def draw_normal(
    seed: int, family: str, layer: str, shape: tuple[int, ...], sigma: float
) -> NDArray[np.float32]:
    """Draw normal(0, sigma) cut at 2 sigma: see `draw_kernel`."""
    check_fits(shape, f"{family}, layer {layer!r}")
    low, high = ndtr(-CUT), ndtr(CUT)
    values = np.empty(math.prod(shape), np.float32)
    start = 0
    for u in _seeds.uniform_blocks(seed, "weights", family, layer, size=len(values)):
        values[start : start + len(u)] = sigma * ndtri(low + (high - low) * u)
        start += len(u)
    return values.reshape(shape)


def check_fits(shape: tuple[int, ...], owner: str) -> None:
    """Raise a ConfigError where a kernel of this shape does not fit into memory, before it is allocated."""
    needed = math.prod(shape) * BYTES
    if needed > PLENTY and needed > memory_bytes():
        raise ConfigError(
            f"{owner}: the kernel {shape} does not fit into memory: take fewer filters, or smaller ones"
        )


@torch.no_grad()
def redraw(module: nn.Module, seed: int, name: str) -> frozenset[str]:
    """Draw new weights for a user's module, in place; return the names of the parameters that were drawn.

    The seed and a parameter's name name a stream of random numbers; `name` is what messages call the network.

    Raises
    ------
    ConfigError
        A parameter cannot be drawn.
    """
    drawn: set[str] = set()
    done: set[int] = set()  # shared parameters are drawn once
    for path, part in module.named_modules():
        if isinstance(part, parametrize.ParametrizationList):
            continue
        _renew(part)
        if parametrize.is_parametrized(part):
            drawn |= _assign(path, part, seed, name)
        for key, weight in part.named_parameters(recurse=False):
            full = f"{path}.{key}".lstrip(".")
            if full.endswith(OLD_NORMS):
                raise _refused(
                    full,
                    name,
                    "the old weight_norm or spectral_norm hides it: use torch.nn.utils.parametrizations",
                )
            if id(weight) in done or not weight.is_floating_point() or _is_norm(part):
                continue
            done.add(id(weight))
            if weight.ndim > 1:
                weight.copy_(_drawn(weight, part, key, full, seed))
                drawn.add(full)
            elif "bias" in key:
                weight.zero_()
    return frozenset(drawn)


def _assign(path: str, part: nn.Module, seed: int, name: str) -> set[str]:
    """Set the parametrised weights of a part: each parametrisation makes its own parameters of them."""
    changed = set()
    for key, chain in part.parametrizations.items():  # type: ignore[union-attr, operator]
        full = f"{path}.{key}".lstrip(".")
        if any(True for _ in chain.buffers()):
            raise _refused(full, name, "its parametrisation keeps values that belong to the old weights")
        value = _drawn(getattr(part, key), part, key, full, seed)
        try:
            setattr(part, key, value)
        except (NotImplementedError, AttributeError) as problem:
            raise _refused(
                full, name, f"its parametrisation has no inverse ({type(problem).__name__})"
            ) from problem
        inside = dict(chain.named_parameters())
        changed |= {f"{path}.parametrizations.{key}.{inner}".lstrip(".") for inner in inside}
    return changed


def _refused(full: str, name: str, why: str) -> ConfigError:
    return ConfigError(f"{name}: {full} cannot be drawn anew, {why}; or say weights: keep")


def _is_norm(part: nn.Module) -> bool:
    return "Norm" in type(part).__name__ and all(
        weight.ndim < 2 or key == "weight" for key, weight in part.named_parameters(recurse=False)
    )


def _renew(part: nn.Module) -> None:
    """Set a norm to scale 1, shift 0, running mean 0 and running variance 1."""
    if not _is_norm(part):
        return
    for key, weight in part.named_parameters(recurse=False):
        weight.fill_(0.0 if "bias" in key else 1.0)
    for key, value in part.named_buffers(recurse=False):
        if key.startswith("running_"):
            value.fill_(1.0 if key == "running_var" else 0.0)
        elif key == "num_batches_tracked":
            value.zero_()


def _drawn(weight: Tensor, part: nn.Module, key: str, full: str, seed: int) -> Tensor:
    shape = tuple(weight.shape)
    values = draw_normal(seed, "external", full, shape, _sigma(weight, part, key))
    drawn = torch.from_numpy(values).to(weight.dtype).to(weight.device)
    if isinstance(part, nn.Embedding) and part.padding_idx is not None:
        drawn[part.padding_idx] = 0.0
    return drawn


def _sigma(weight: Tensor, part: nn.Module, key: str) -> float:
    if isinstance(part, nn.Embedding | nn.EmbeddingBag) or "weight" not in key:
        return TABLE_SIGMA
    if isinstance(part, _ConvTransposeNd):
        summed = weight.shape[0] // part.groups * math.prod(weight.shape[2:])
        return math.sqrt(2 * GAIN / summed)
    fan_in = weight[0].numel()
    return math.sqrt((1.0 if key.startswith("weight_hh") else 2 * GAIN) / fan_in)
