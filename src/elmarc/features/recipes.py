"""Recipes: named defaults of front-end, statistics, width and classifier. Explicit settings override them.

docs/recipe.md explains "v2", with the figures behind each setting. Importing this module loads no torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, get_args

from elmarc._choices import choose
from elmarc._types import Unit
from elmarc.frontends import FRONTENDS, LogMel, frontends_of, mfcc
from elmarc.frontends.logmel_vectors import LogMelVector
from elmarc.networks import NETWORKS
from elmarc.networks.section import EXTERNAL, JOINED

STATISTICS = ("mean", "std", "lag1", "lag8")
PEAKS = ("mean", "std", "max", "lag1", "beat", "half_beat", "quarter_beat")
BASELINE = "mfcc"
OF_LOGMELS = tuple(kind for kind, made in FRONTENDS.items() if issubclass(made, LogMel | LogMelVector))
WHOLE_CLIPS = {"fixed_length": 2048, "fix_length": "repeat-pad"}  # of the baseline, tiny ones too


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What a recipe sets; the defaults are the study's.

    Attributes
    ----------
    frontends : mapping
        Options of each front-end, by kind.
    pooling : tuple of str
        Statistics of each feature map; keys of `elmarc.features.statistics.STATISTICS`.
    pooling_of : mapping
        Those of networks that have others, by name.
    ridge : bool
        Whether the ELM's output weights are a ridge regression's.
    standardise : str or None
        How features are scaled; None: as the classifier has it.
    """

    frontends: Mapping[str, Mapping[str, Any]]
    pooling: tuple[str, ...] = ("mean",)
    pooling_of: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    ridge: bool = False
    standardise: str | None = None


RECIPES: dict[str, Recipe] = {
    "2018": Recipe(
        frontends={
            **{kind: {"shift_db": 0.0, "scale_db": 1.0, "levelling": 0.0} for kind in OF_LOGMELS},
            "waveform": {"levelling": 0.0},
            "mfcc": {"statistics": mfcc.STUDY},
        }
    ),
    "v2": Recipe(
        frontends={
            **{kind: {"shift_db": 25.0, "scale_db": 20.0, "levelling": 0.5} for kind in OF_LOGMELS},
            "waveform": {"levelling": 0.5},
            "mfcc": {"statistics": mfcc.V2},
        },
        pooling=STATISTICS,
        pooling_of={
            "vgg": ("mean", "std"),  # its pools leave too few frames for a lag
            "mixed": PEAKS,
        },
        ridge=True,
        standardise="squashed",
    ),
}


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
    chosen = RECIPES[choose("recipe", str(recipe), tuple(RECIPES))]
    sections: dict[str, Any] = {"frontend": chosen.frontends.get(frontend, {}), "classifier": {}}
    if classifier == "elm":
        sections["classifier"]["ridge"] = chosen.ridge
    if chosen.standardise is not None:
        sections["classifier"]["standardise"] = chosen.standardise
    if network is not None:
        kind = network.get("kind")
        sections["pooling"] = chosen.pooling_of.get(kind, chosen.pooling)
        if kind in NETWORKS and network.get("n_filters") is None:
            sections["network"] = {"narrower": len(sections["pooling"])}
    return sections


def default_frontend(network: Any) -> str:
    """Return the front-end that a network reads where none is named; without a network, the MFCC.

    The name of a front-end that gives one vector per clip stands for itself: `network: mfcc` is no network.

    Parameters
    ----------
    network : mapping, section or None
        The section of a network, checked or not.

    >>> [default_frontend(network) for network in ({"kind": "sample_level"}, {"kind": "mfcc"}, None)]
    ['waveform', 'mfcc', 'mfcc']
    """
    alone = frontends_of(None)
    if network is None:
        return alone[0]
    section = network if isinstance(network, Mapping) else getattr(network, "__dict__", {})
    kind, unit = section.get("kind"), section.get("unit")
    if kind == JOINED:
        kinds = [default_frontend(part) for part in section.get("parts") or ()]
        return next((kind for kind in kinds if kind not in alone), next(iter(FRONTENDS)))
    if kind in alone:
        return str(kind)
    if kind == EXTERNAL and unit in get_args(Unit):
        return frontends_of(unit)[0]
    preset = NETWORKS.get(kind) if isinstance(kind, str) else None
    return preset.frontend if preset else next(iter(FRONTENDS))


def unit_read(network: Any) -> Unit | None:
    """Return what the length of a network's input counts; None where there is no network."""
    unit: Unit | None = FRONTENDS[default_frontend(network)].unit
    return unit
