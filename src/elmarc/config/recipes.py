"""Recipes: the settings that one word stands for. What a configuration says itself goes before them.

"2018" is the study's: decibels or samples as they are, the mean of each map, the machine of 2018. "v2" is
explained, with the figures behind each setting, in docs/recipe.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

STATISTICS = ("mean", "std", "lag1", "lag8")
SHORT_MAPS = {"vgg": ("mean", "std")}  # its pools leave too few frames for a lag
FRONT_ENDS: dict[str, dict[str, dict[str, float]]] = {
    "2018": {
        "logmel": {"shift_db": 0.0, "scale_db": 1.0, "levelling": 0.0},
        "waveform": {"levelling": 0.0},
    },
    "v2": {
        "logmel": {"shift_db": 25.0, "scale_db": 20.0, "levelling": 0.5},
        "waveform": {"levelling": 0.5},
    },
}
RECIPES = tuple(FRONT_ENDS)


def settings(recipe: str, *, frontend: Any, network: Any, classifier: Any) -> dict[str, Any]:
    """Return what a recipe sets, by section.

    Parameters
    ----------
    frontend : its kind.
    network : its section, or None for the MFCC.
    classifier : its name.

    >>> settings("v2", frontend="mfcc", network=None, classifier="elm")
    {'frontend': {}, 'classifier': {'ridge': True, 'standardise': 'squashed'}}
    """
    new = recipe == "v2"
    found: dict[str, Any] = {"frontend": FRONT_ENDS[recipe].get(frontend, {}), "classifier": {}}
    if classifier == "elm":
        found["classifier"]["ridge"] = new
    if new:
        found["classifier"]["standardise"] = "squashed"
    if network is not None:
        found["pooling"] = SHORT_MAPS.get(network.get("kind"), STATISTICS) if new else ("mean",)
        if network.get("n_filters") is None:
            found["network"] = {"narrower": len(found["pooling"])}
    return found


def in_full(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a document, its sections written out, with what its recipe sets and it leaves open."""
    full = dict(document)
    network, frontend = full.get("network"), full.get("frontend")
    if full.get("recipe") != "v2" or not isinstance(frontend, Mapping):
        return full
    if not isinstance(network, Mapping | None):
        return full
    classifier = full.setdefault("classifier", {"name": "svm"})
    name = classifier.get("name") if isinstance(classifier, Mapping) else None
    wanted = settings("v2", frontend=frontend.get("kind"), network=network, classifier=name)
    for key, value in wanted.items():
        given = full.get(key)
        if isinstance(value, Mapping) and isinstance(given, Mapping):
            full[key] = {**value, **given}
        elif given is None:
            full[key] = value
    return full


def recipe_name(recipe: str, document: Mapping[str, Any]) -> str:
    """Name the recipe of a configuration, given as `model_dump` does: "custom" where it says otherwise."""
    network = document["network"]
    frontend, classifier = document["frontend"]["kind"], document["classifier"]["name"]
    wanted = settings(recipe, frontend=frontend, network=network, classifier=classifier)
    if recipe == "2018" and document["classifier"]["standardise"] == "squashed":
        return "custom"  # scaled or not, its features are still the study's
    return recipe if all(_holds(value, document[key]) for key, value in wanted.items()) else "custom"


def _holds(wanted: Any, found: Any) -> bool:
    if isinstance(wanted, Mapping):
        return all(found[key] == value for key, value in wanted.items())
    return tuple(wanted) == tuple(found)
