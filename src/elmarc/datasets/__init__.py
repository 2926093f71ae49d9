"""Where clips, labels and folds come from: a folder, a CSV file, a name, or another package's data set."""

from __future__ import annotations

from elmarc.datasets.base import Clip, Dataset, Tags, Unlabelled, suggest_input_length
from elmarc.datasets.folder import cache_dir, has_classes, open_clips, open_unlabelled
from elmarc.datasets.named import DATASETS, NAMED
from elmarc.datasets.opening import is_data_set, open_dataset, open_lists
from elmarc.datasets.validation import ValidationReport, validate

__all__ = [
    "DATASETS",
    "NAMED",
    "Clip",
    "Dataset",
    "Tags",
    "Unlabelled",
    "ValidationReport",
    "cache_dir",
    "has_classes",
    "is_data_set",
    "open_clips",
    "open_dataset",
    "open_lists",
    "open_unlabelled",
    "suggest_input_length",
    "validate",
]
