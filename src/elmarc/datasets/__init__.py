"""Where clips, labels and folds come from."""

from __future__ import annotations

from pathlib import Path

from elmarc._errors import DatasetError
from elmarc.datasets import toy
from elmarc.datasets.base import Clip, Dataset
from elmarc.datasets.validation import ValidationReport

DATASETS = ("toy",)

__all__ = ["DATASETS", "Clip", "Dataset", "ValidationReport", "open_dataset"]


def open_dataset(data: str | Path, *, audio: str | Path | None = None, target: str | None = None) -> Dataset:
    """Open a data set by its name."""
    if str(data) == "toy":
        return toy.load(audio, target=target)
    raise DatasetError(f"{data}: unknown data set")
