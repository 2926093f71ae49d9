"""Recipes: named defaults of front-end, statistics, width and classifier. Explicit settings override them.

"2018" is the study's: decibels or samples as they are, the mean of each map, the machine of 2018.
docs/recipe.md explains "v2", with the figures behind each setting. Importing this module loads no torch.
"""

from __future__ import annotations

from typing import Any

from elmarc._choices import choose
from elmarc.frontends import mfcc
from elmarc.networks import NETWORKS

STATISTICS = ("mean", "std", "lag1", "lag8")
SHORT_MAPS = {"vgg": ("mean", "std")}  # its pools leave too few frames for a lag
FRONT_ENDS: dict[str, dict[str, dict[str, Any]]] = {
    "2018": {
        "logmel": {"shift_db": 0.0, "scale_db": 1.0, "levelling": 0.0},
        "waveform": {"levelling": 0.0},
        "mfcc": {"statistics": mfcc.STUDY},
    },
    "v2": {
        "logmel": {"shift_db": 25.0, "scale_db": 20.0, "levelling": 0.5},
        "waveform": {"levelling": 0.5},
        "mfcc": {"statistics": mfcc.V2},
    },
}
RECIPES = tuple(FRONT_ENDS)
BASELINE = "mfcc"
WHOLE_CLIPS = {"fixed_length": 2048, "fix_length": "repeat-pad"}  # of the baseline, tiny ones too


def settings(recipe: str, *, frontend: Any, network: Any, classifier: Any) -> dict[str, Any]:
    """Return what a recipe sets, by section.

    Parameters
    ----------
    recipe : str
        One of `RECIPES`.
    frontend : str
        Its kind.
    network : mapping or None
        Its section; None for the MFCC.
    classifier : str or None
        Its name.

    Returns
    -------
    dict
        `frontend` and `classifier`, with a network also `pooling`, and `network` where it has filters to
        divide.

    Raises
    ------
    ConfigError
        The recipe is unknown.

    >>> settings("v2", frontend="waveform", network=None, classifier="elm")
    {'frontend': {'levelling': 0.5}, 'classifier': {'ridge': True, 'standardise': 'squashed'}}
    """
    recipe = choose("recipe", str(recipe), RECIPES)
    new = recipe == "v2"
    found: dict[str, Any] = {"frontend": FRONT_ENDS[recipe].get(frontend, {}), "classifier": {}}
    if classifier == "elm":
        found["classifier"]["ridge"] = new
    if new:
        found["classifier"]["standardise"] = "squashed"
    if network is not None:
        kind = network.get("kind")
        found["pooling"] = SHORT_MAPS.get(kind, STATISTICS) if new else ("mean",)
        if kind in NETWORKS and network.get("n_filters") is None:
            found["network"] = {"narrower": len(found["pooling"])}
    return found
