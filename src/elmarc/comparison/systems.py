"""Systems: what is compared is everything about a result but its seed."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from elmarc.errors import ConfigError
from elmarc.results import Result


@dataclass(frozen=True)
class System:
    """What is compared: a result's features and classifier, whatever its seed."""

    features: str
    classifier: str
    size: str = ""
    n_filters: str = ""
    recipe: str = ""
    definition: str = ""  # canonical JSON without seeds
    is_foreign: bool = False  # features made elsewhere, read from a file


def system_of(result: Result) -> System:
    """Return the system that a result is one seed of."""
    definition = json.dumps(_without_seeds(result.definition), sort_keys=True)
    filters = "" if result.n_filters is None else str(result.n_filters)
    return System(
        result.features,
        result.classifier,
        result.size or "",
        filters,
        result.recipe,
        definition,
        is_foreign="file" in result.definition.get("features", ()),
    )


def _without_seeds(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_seeds(item) for key, item in value.items() if key != "seed"}
    return [_without_seeds(item) for item in value] if isinstance(value, list) else value


def by_system(results: Sequence[Result]) -> dict[System, list[Result]]:
    """Return each system's results, by seed; they must be of one data set and protocol."""
    where = sorted({(r.dataset, r.protocol) for r in results})
    if len(where) != 1:
        raise ConfigError(f"compare() takes one data set and protocol, found {where}: use comparisons()")
    if len({result.clips_key for result in results if result.clips_key}) > 1:
        raise ConfigError(
            f"results for {where[0][0]} are of different clips, or of clips that changed in between: compare "
            "those of one run (`study.summary.tell_apart` tells them apart)"
        )
    cells: dict[System, dict[int, Result]] = defaultdict(dict)
    for result in results:
        seen = cells[system_of(result)].setdefault(result.seed, result)
        if seen.predictions != result.predictions:
            raise ConfigError(
                f"two different results for {result.features} + {result.classifier}, seed {result.seed}, on "
                f"{result.dataset}: keep one of the two runs in the folder"
            )
    return {system: [by_seed[s] for s in sorted(by_seed)] for system, by_seed in cells.items()}


def system_names(systems: Sequence[System]) -> list[str]:
    """Name each system by its features, adding size, filters, ... only where that tells two apart."""
    names = [s.features for s in systems]
    variants = {
        definition: f"definition {k + 1}"
        for k, definition in enumerate(sorted({s.definition for s in systems}))
    }
    for extra in ("size", "n_filters", "recipe", "definition"):
        values: dict[tuple[str, str], set[str]] = defaultdict(set)
        for name, s in zip(names, systems, strict=True):
            values[name, s.classifier].add(getattr(s, extra))
        for k, s in enumerate(systems):
            value = getattr(s, extra)
            if len(values[names[k], s.classifier]) > 1 and value:
                names[k] += f" ({variants[value] if extra == 'definition' else value})"
    return names
