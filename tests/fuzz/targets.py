"""What is fuzzed: for each target, what examples look like and what has to hold of any of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from tests.fuzz import of_configs, of_features, of_models, of_results, of_sounds, of_stores, of_tables


@dataclass(frozen=True)
class Target:
    """One reader.

    Parameters
    ----------
    examples : callable
        Returns what hypothesis draws from.
    check : callable
        Takes an example and a folder to write it to; returns "read" or "refused", raises where a property
        does not hold.
    n_examples : int
        How many the tests try.
    """

    examples: Callable[[], st.SearchStrategy[Any]]
    check: Callable[[Any, Path], str]
    n_examples: int


TARGETS = {
    "sounds": Target(of_sounds.examples, of_sounds.check, 400),
    "configs": Target(of_configs.examples, of_configs.check, 300),
    "configs of 2018": Target(of_configs.old_examples, of_configs.check, 300),
    "tables": Target(of_tables.examples, of_tables.check, 300),
    "lists": Target(of_tables.list_examples, of_tables.check, 200),
    "stores": Target(of_stores.examples, of_stores.check, 150),
    "results": Target(of_results.examples, of_results.check, 200),
    "models": Target(of_models.examples, of_models.check, 100),
    "feature files": Target(of_features.examples, of_features.check, 200),
}
