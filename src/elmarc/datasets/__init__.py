"""Where clips, labels and folds come from: a data set's name, a folder, a CSV file, or list files.

Every data set is a module with the same constants (CLASSES, N_CLIPS, CITATION, LICENCE, URL, INPUT_LENGTH)
and `load(audio_dir, ...)`, which returns a `Dataset`.
"""

from __future__ import annotations

from elmarc.datasets.base import Clip, Dataset, Tags
from elmarc.datasets.files import cache_dir
from elmarc.datasets.lengths import suggest_input_length
from elmarc.datasets.mirdata import from_mirdata
from elmarc.datasets.objects import is_data_set
from elmarc.datasets.opening import DATASETS, open_dataset, open_lists
from elmarc.datasets.unlabelled import Unlabelled, has_classes, open_clips, open_unlabelled
from elmarc.datasets.validation import ValidationReport, validate

__all__ = [
    "DATASETS",
    "Clip",
    "Dataset",
    "Tags",
    "Unlabelled",
    "ValidationReport",
    "cache_dir",
    "from_mirdata",
    "has_classes",
    "is_data_set",
    "open_clips",
    "open_dataset",
    "open_lists",
    "open_unlabelled",
    "suggest_input_length",
    "validate",
]
