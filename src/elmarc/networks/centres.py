"""Where in a clip the positions of a layer lie."""

from __future__ import annotations

import math

import torch

from elmarc.networks.base import Network
from elmarc.networks.random_cnn import RandomCNN


def first_centre(network: Network, layer: str) -> float | None:
    """Return the centre of a layer's first position, in input positions counted from the middle of the first.

    A network reads alike to and fro, so the middle of its positions lies in the middle of what it reads: of
    the shortest input that gives as many positions.

    Parameters
    ----------
    network : Network
    layer : str
        One of its selected layers, with positions that grow with the clip.

    Returns
    -------
    float or None
        None where it depends on the clip's length (`padding_follows_length`), and the positions lie in the
        middle of the clip.

    Examples
    --------
    >>> from elmarc.networks import build_network
    >>> first_centre(build_network("vgg"), "pool1"), first_centre(build_network("frame_level"), "conv")
    (1.5, 255.5)
    """
    if network.padding_follows_length:
        return None
    reduction = network.reduction(layer)
    length, n_positions = _shortest(network, layer, network.min_input_length + math.ceil(reduction))
    return (length - 1 - reduction * (n_positions - 1)) / 2


def _shortest(network: Network, layer: str, longest: int) -> tuple[int, int]:
    """Return the shortest input that gives as many positions as the longest one, and how many these are."""
    n_positions = _n_positions(network, layer, longest)
    low, high = network.min_input_length, longest
    while low < high:
        middle = (low + high) // 2
        if _n_positions(network, layer, middle) == n_positions:
            high = middle
        else:
            low = middle + 1
    return high, n_positions


def _n_positions(network: Network, layer: str, length: int) -> int:
    if isinstance(network, RandomCNN):
        return [cost.shape[1] for cost in network.layer_costs(length) if cost.layer == layer][-1]
    tiles = network.tiles(torch.zeros(1, length, network.n_bands))
    return next(maps.shape[2] for name, maps, _, _ in tiles if name == layer)
