"""Fresh weights for a module of one's own: drawn from (seed, parameter's name), as wide as the fan-in asks.

Kernels and matrices are drawn as those of the study's networks; what a recurrent layer applies to its own
state has variance 1/fan-in, tables and free tokens have the deviation 0.02. Biases are 0, norms are as new.
Any other parameter, such as a scale for each channel, stays as the factory gave it.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvTransposeNd
from torch.nn.utils import parametrize

from elmarc.errors import ConfigError
from elmarc.networks.weights import GAIN, draw_normal

TABLE_SIGMA = 0.02  # of embeddings and tokens, as BERT and ViT have it
OLD_NORMS = ("weight_g", "weight_orig")  # what torch.nn.utils.weight_norm and spectral_norm leave


@torch.no_grad()
def redraw(module: nn.Module, seed: int, name: str) -> frozenset[str]:
    """Draw a module's weights anew, in place.

    Parameters
    ----------
    module : nn.Module
    seed : int
        With each parameter's name, it names a stream of random numbers.
    name : str
        What messages call the network.

    Returns
    -------
    frozenset of str
        The parameters that were drawn, whose values are told by the seed.

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
            _check(weight, full, name)
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


def _check(weight: Tensor, full: str, name: str) -> None:
    if torch.nn.parameter.is_lazy(weight) or weight.is_meta:
        raise ConfigError(
            f"{name}: the module has weights that are not there yet ({full}): run it once on a clip before "
            "it is wrapped"
        )
    if full.endswith(OLD_NORMS):
        raise _refused(
            full, name, "the old weight_norm or spectral_norm hides it: use torch.nn.utils.parametrizations"
        )


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
