"""A recipe in a configuration: it sets what the document leaves open, and results are named by it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from elmarc.features.recipes import settings


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
