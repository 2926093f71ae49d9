"""A torch.nn.Module of your own, ranked beside the study's networks: here a dilated 1-D CNN, untrained.

    python examples/own_network.py

Expect 99 % for it on the built-in timbres (chance: 25 %). The command line does the same:
`elmarc rank toy --target timbre --networks temporal,examples/own_network.py:Dilated`.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor, nn

import elmarc
from elmarc.datasets import Dataset, toy


class Dilated(nn.Module):
    """Three convolutions over time, bands as channels; `elmarc` states the key of stored features."""

    elmarc: ClassVar = {"key": "dilated-1"}

    def __init__(self, n_filters: int = 48) -> None:
        super().__init__()
        self.first = nn.Conv1d(96, n_filters, 3)
        self.second = nn.Conv1d(n_filters, n_filters, 3, dilation=4)
        self.third = nn.Conv1d(n_filters, n_filters, 3, dilation=16)

    def forward(self, x: Tensor) -> Tensor:
        """Take log-mel spectrograms (clips, frames, bands), return (clips, channels, frames)."""
        y = torch.relu(self.first(x.transpose(1, 2)))
        return self.third(torch.relu(self.second(y)))


NETWORK = {
    "kind": "external",
    "factory": f"{Path(__file__).resolve()}:Dilated",
    "layers": ["first", "second", "third"],
}


def main(data: Dataset | None = None) -> float:
    """Rank the module beside the temporal network and the MFCC; return its accuracy."""
    data = data or toy.load(target="timbre")
    ranking = elmarc.rank(data, networks=["temporal", NETWORK], classifiers="ridge", recipe="v2")
    print(ranking)
    found = [result.accuracy for result in ranking.results if result.features == "Dilated"]
    return sum(found) / len(found)


if __name__ == "__main__":
    main()
