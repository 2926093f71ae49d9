"""From a ranking to the classifier that it found: the best system as a SoundClassifier."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from elmarc.comparison.compare import comparisons
from elmarc.comparison.records import Comparison, SystemScore, system_of
from elmarc.errors import ConfigError
from elmarc.features.extractor import FeatureExtractor
from elmarc.features.recipes import RECIPES
from elmarc.features.transformer import RandomCNNFeatures
from elmarc.model import SoundClassifier
from elmarc.networks.section import EXTERNAL, JOINED
from elmarc.results import Result
from elmarc.study import build
from elmarc.study.record import config_of
from elmarc.study.spec import Classifier, Experiment


@dataclass(frozen=True)
class Winner:
    """The best system of a ranking that can be had for new clips.

    Parameters
    ----------
    result : Result
        That of its first seed.
    score : SystemScore
        Its place in the ranking.
    n_systems : int
        How many it was the best of.
    tied : tuple of str
        Systems of its classifier that are not significantly different from it.
    passed_over : tuple of str
        Better ones that no new clip can be given to: their features were read from a file, or they are
        modules of one's own that were trained.
    """

    result: Result
    score: SystemScore
    n_systems: int
    tied: tuple[str, ...]
    passed_over: tuple[str, ...]

    @property
    def is_trained(self) -> bool:
        """Whether its network was trained: see `trained_fit.fit_trained`."""
        return "training" in self.result.config

    def config(self, *, trust: bool = False, **changes: Any) -> Experiment:
        """Return its configuration, on the clips that were ranked: see `record.config_of`."""
        return config_of(self.result, trust=trust, **changes)


def winner(results: Sequence[Result], *, clips_key: str | None = None) -> Winner:
    """Return the best system of the results of one data set.

    Parameters
    ----------
    results : sequence of Result
        Those that can be compared, see `summary.tell_apart`. Of two protocols, nested counts.
    clips_key : str or None
        The data set that is meant, where there are results for several.

    Raises
    ------
    ConfigError
        There are several data sets and none is meant, or no system's features can be had of new clips.
    """
    comparison = _one(results, clips_key)
    of_set = [r for r in results if (r.dataset, r.protocol) == (comparison.dataset, comparison.protocol)]
    passed: list[str] = []
    for score in comparison.scores:
        first = min((r for r in of_set if system_of(r) == score.system), key=lambda result: result.seed)
        if can_be_fitted(first):
            return Winner(first, score, len(comparison.scores), _tied(comparison, score), tuple(passed))
        passed.append(score.label)
    raise ConfigError(
        f"none of {', '.join(passed)} can be fitted: their features were read from a file, or they are "
        "modules of your own that were trained (a model file keeps neither their code nor their norms), or "
        "an older elmarc ranked them: train a network of elmarc, run rank again, or name --network and "
        "--classifier"
    )


def can_be_fitted(result: Result) -> bool:
    """Tell whether new clips can be given to the system of a result."""
    network = result.config.get("network")
    is_own = isinstance(network, Mapping) and network.get("kind") == EXTERNAL
    is_own_trained = is_own and "training" in result.config
    return bool(result.config) and not result.config.get("features_file") and not is_own_trained


def sound_classifier(config: Experiment, extractor: FeatureExtractor) -> SoundClassifier:
    """Return the classifier, not fitted, whose features are those of a configuration.

    Parameters
    ----------
    config : Experiment
    extractor : FeatureExtractor
        What `build.extractor` made of it: it knows how much of a clip is fed.
    """
    net, classifier, store = config.network, config.classifier or Classifier(name="ridge"), extractor.store
    shape: dict[str, Any] = {"network": "mfcc"}
    if net is not None:
        shape = {
            "network": build.network_section(net),
            "input_length": extractor.input_length,
            "fix_length": extractor.fix_length,
        }
    if net is None or net.kind != JOINED:
        shape["frontend"] = config.frontend.model_dump(mode="json")
    if net is not None and net.kind != JOINED:
        shape["statistics"] = tuple(config.pooling)
    features = RandomCNNFeatures(
        **shape,
        recipe=_recipe(config),
        batch_size=extractor.batch_size,
        n_workers=config.n_workers,
        device=config.device,
        store=store.root if store and not store.was_refused else None,
        random_state=config.seed,
    )
    return SoundClassifier(
        features, classifier.name, standardise=classifier.standardise, random_state=config.seed
    )


def _recipe(config: Experiment) -> str:
    """Return the recipe; of the elm, that which has its ridge: all else that a recipe sets is said anyway."""
    if config.head_name != "elm":
        return config.recipe
    ridge = bool(config.classifier and config.classifier.ridge)
    return next(name for name in (config.recipe, *RECIPES) if RECIPES[name].ridge == ridge)


def _one(results: Sequence[Result], clips_key: str | None) -> Comparison:
    """Return the comparison of the data set that is meant."""
    names = list(dict.fromkeys(result.dataset for result in results))
    if len(names) > 1:
        names = list(dict.fromkeys(r.dataset for r in results if clips_key and r.clips_key == clips_key))
    if len(names) != 1:
        found = ", ".join(dict.fromkeys(result.dataset for result in results))
        raise ConfigError(
            f"found results for {found}: give the DATA that is meant, or the folder of one alone"
        )
    nested_first = sorted(comparisons(results), key=lambda comparison: comparison.protocol != "nested")
    return next(comparison for comparison in nested_first if comparison.dataset == names[0])


def _tied(comparison: Comparison, best: SystemScore) -> tuple[str, ...]:
    return tuple(comparison.scores[k].label for k in comparison.tied(comparison.scores.index(best)))
