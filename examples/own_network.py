"""Any torch.nn.Module as a feature extractor: here a dilated 1-D CNN that nobody has trained.

    python examples/own_network.py

Expect some 95 % on the built-in timbres (chance: 25 %). Layers are named as in `named_modules()`; each gives
maps (clips, channels, *positions), of which mean and deviation are kept here.
"""

from __future__ import annotations

import torch
from sklearn.linear_model import RidgeClassifierCV
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn

from elmarc import FeatureExtractor
from elmarc.datasets import Dataset, toy
from elmarc.frontends import LogMel
from elmarc.networks import ExternalNetwork


class Dilated(nn.Module):
    """Three convolutions over time, bands as channels."""

    def __init__(self, n_filters: int = 48) -> None:
        super().__init__()
        self.first = nn.Conv1d(96, n_filters, 3)
        self.second = nn.Conv1d(n_filters, n_filters, 3, dilation=4)
        self.third = nn.Conv1d(n_filters, n_filters, 3, dilation=16)

    def forward(self, x: Tensor) -> Tensor:
        """Take log-mel spectrograms (clips, frames, bands)."""
        y = torch.relu(self.first(x.transpose(1, 2)))
        return self.third(torch.relu(self.second(y)))


def main(data: Dataset | None = None) -> float:
    """Print and return the mean accuracy of ridge regression on the module's features."""
    data = data or toy.load(target="timbre")
    torch.manual_seed(0)  # the module's own weights; elmarc's networks need no global seed
    network = ExternalNetwork(
        Dilated(), layers=["first", "second", "third"], input_unit="frames", n_bands=96, input_length=376
    )
    extractor = FeatureExtractor(
        LogMel(), network, length=376, fix_length="repeat-pad", statistics=("mean", "std")
    )
    features = extractor.extract(data.clips).matrix
    classifier = make_pipeline(StandardScaler(), RidgeClassifierCV([1.0, 10.0, 100.0, 1000.0]))
    scores = cross_val_score(classifier, features.X, features.y, cv=4)
    print(f"{features.X.shape[1]} features, accuracy on {data.name}: {100 * scores.mean():.1f} %")
    return float(scores.mean())


if __name__ == "__main__":
    main()
