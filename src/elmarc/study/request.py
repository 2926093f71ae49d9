"""The requests of users: a study that ranks or trains networks, or one system.

Each field is an option of the command line, an argument in Python and a key of a file; its default and its
help stand here alone. Importing this module loads nothing heavy.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, TypeAlias

from elmarc import _defaults
from elmarc._choices import choose
from elmarc._types import Precision, RecipeName, Size
from elmarc.errors import ConfigError

if TYPE_CHECKING:
    from elmarc.study.spec import Experiment

Protocol: TypeAlias = Literal["nested", "paper"]
SHAPING = ("network", "frontend", "input", "pooling")  # the keys that features follow from
LEARNING_RATES = (0.001, 0.004)
NETWORKS_HELP = (
    "Names of `elmarc networks` with commas between, or all (the study's nine); rivals, as minirocket; "
    "your modules, package.module:Name or file.py:Name; or a FILE.yaml of networks."
)


def option(default: Any, help_: str = "", **more: Any) -> Any:
    """Return a field; `more` is what the command line needs to know, see `cli.options`."""
    return field(default=default, metadata={"help": help_, **more})


def rare(default: Any, help_: str = "", **more: Any) -> Any:
    """Return a field that few need."""
    return option(default, help_, rare=True, **more)


@dataclass(frozen=True, kw_only=True)
class Clips:
    """The data set: DATA as it is typed, with the options that belong to it."""

    data: Any = field(
        metadata={
            "help": "A folder with one sub-folder per class; a CSV file with columns path, label and perhaps "
            "fold; toy; a name of `elmarc datasets list`, with --audio; or mirdata:NAME, soundata:NAME or "
            "hf:NAME.",
            "complete": "data",
            "type": str,
        }
    )
    audio: str | Path | None = option(
        None, "Where the clips of a named set or CSV file lie.", metavar="DIR", type=Path
    )
    target: str | None = rare(None, "For toy: label by rhythm or by timbre.", metavar="NAME")
    split: str | None = rare(None, "For hf:NAME: this split alone.", metavar="NAME")
    keep_duplicates_together: bool = rare(False, "Keep clips of equal bytes in one fold.")

    def data_section(self) -> dict[str, Any]:
        """Return the data section of a configuration."""
        own = {"audio": self.audio and str(self.audio), "target": self.target, "split": self.split}
        section = dict(self.data) if isinstance(self.data, Mapping) else {"source": str(self.data)}
        if self.keep_duplicates_together:
            section["keep_duplicates_together"] = True
        return section | {key: value for key, value in own.items() if value is not None}


@dataclass(frozen=True, kw_only=True)
class Work:
    """How features are computed, and any other key of the configuration."""

    device: str = rare("auto", "auto, cpu, cuda or mps.", metavar="NAME")
    batch_size: int | None = rare(None, "Clips in flight at once.", metavar="N", min=1)
    n_workers: int | None = rare(None, "Threads that decode ahead of the network.", metavar="N", min=1)
    strict: bool = rare(False, "Let a clip that cannot be read end the run.")
    overrides: Sequence[str] = rare(
        (), "Any other key of the configuration.", names=("--set",), metavar="KEY=VALUE", type=list[str]
    )

    def work_keys(self) -> dict[str, Any]:
        """Return the keys of a configuration that say how to compute."""
        keys = ("device", "batch_size", "n_workers", "strict")
        return {key: value for key in keys if (value := getattr(self, key)) is not None}


@dataclass(frozen=True, kw_only=True)
class Run:
    """How long a study may run, and where."""

    budget: str | float | None = option(None, "Stop after 120s, 10m or 2h; train: race.", metavar="TIME")
    n_jobs: int = rare(2, "Threads for the classifiers' grids.", metavar="N", min=1)
    executor: Literal["serial", "processes", "dask"] = rare(
        "serial", "Where the work is done: this process, others, or Dask."
    )
    workers: int | None = rare(None, "Processes; default: one per core, or per GPU.", metavar="N", min=1)
    scheduler: str | None = rare(
        None, "With --executor dask: a scheduler that runs already.", metavar="ADDRESS"
    )
    scheduler_file: Path | None = rare(
        None, "With --executor dask: the file with its address.", metavar="FILE"
    )


@dataclass(frozen=True, kw_only=True)
class Study(Work, Clips):
    """A data set x systems: networks x seeds, with the heads that a subclass has.

    `keys` are further keys of the configuration: frontend, input, pooling, ...
    """

    kind: ClassVar[str]
    networks: Any = option("all", NETWORKS_HELP, metavar="NAMES", complete=("networks", "all"), type=str)
    size: Size = option(_defaults.SIZE, "About 3,500 features, or about 160.")
    seeds: int = option(
        _defaults.SEEDS, "Draws of the weights; with one nothing is tested.", metavar="N", min=1
    )
    recipe: RecipeName = option(_defaults.RECIPE, "More accurate, or the study's.")
    precision: Precision = rare("float32", "float32, tf32 (faster on a GPU) or bfloat16.", metavar="NAME")
    keys: Mapping[str, Any] = field(default_factory=dict, metadata={"hidden": True})

    def experiments(self) -> list[Experiment]:
        """Return the experiments, the cheapest network first.

        Raises
        ------
        ConfigError
            Anything is unknown, does not fit together, or would have one name with another.
        """
        from elmarc.study import plan

        sections = plan.choose_networks(self.networks, size=self.size, precision=self.precision)
        return plan.experiments(
            {"name": self.kind, "data": self.data_section(), "recipe": self.recipe}
            | self.work_keys()
            | dict(self.keys),
            systems=[*self.more_systems(), *({"network": section} for section in sections)],
            heads=self.heads(),
            seeds=self.seeds,
            overrides=self.overrides,
        )

    def heads(self) -> list[dict[str, Any]]:
        """Return the heads, as keys of a configuration."""
        raise NotImplementedError

    def more_systems(self) -> Iterator[dict[str, Any]]:
        """Yield what stands beside the networks, as keys of a configuration."""
        yield from ()

    def document(self) -> dict[str, Any]:
        """Return the study as a document, which `study_of` reads."""
        return {"study": self.kind, **changed(self), **self.keys}


@dataclass(frozen=True, kw_only=True)
class Rank(Study):
    """Untrained networks, each with every classifier."""

    kind = "rank"
    networks: Any = option(
        _defaults.NETWORKS,
        NETWORKS_HELP,
        metavar="NAMES",
        complete=("networks", "all"),
        type=str,
    )
    classifiers: str | Sequence[str] = option(
        _defaults.CLASSIFIER,
        "With commas between, or all. Known: {classifiers}.",
        metavar="NAMES",
        complete=("classifiers", "all"),
    )
    features: Sequence[str | Path] | Mapping[str, str | Path] = option(
        (),
        "Features made elsewhere, ranked beside the networks: FILE or NAME=FILE; .npz, .parquet, "
        ".csv or .pt. May be given several times.",
        metavar="FILE",
        type=list[str],
    )
    protocol: Protocol = rare("nested", "paper is the 2018 study's: optimistic on folds.")
    baseline: bool = rare(True, "Rank the MFCC baseline beside the networks.", switch=True)
    standardise: bool | Literal["squashed"] | None = rare(
        None, "Standardise the features; default: as the recipe has it.", switch=True
    )

    def heads(self) -> list[dict[str, Any]]:
        """Return the classifiers; the recipe 2018 standardises under the nested protocol."""
        from elmarc.classifiers.grids import CLASSIFIERS
        from elmarc.study.plan import choose_names

        words = self.classifiers if isinstance(self.classifiers, str) else ",".join(self.classifiers)
        standardise = self.standardise
        if standardise is None and self.recipe == "2018":
            standardise = self.protocol == "nested"
        more = {} if standardise is None else {"standardise": standardise}
        names = choose_names(words, tuple(CLASSIFIERS), what="classifier")
        return [{"protocol": self.protocol, "classifier": {"name": name, **more}} for name in names]

    def more_systems(self) -> Iterator[dict[str, Any]]:
        """Yield the baseline and the features that were made elsewhere."""
        from elmarc.features.recipes import BASELINE
        from elmarc.study.features_in import named_files

        if self.baseline:
            yield {"network": BASELINE}
        files = self.features if isinstance(self.features, Mapping) else named_files(self.features)
        for name, path in files.items():
            yield {"network": BASELINE, "features_file": str(path), "features_name": name}


@dataclass(frozen=True, kw_only=True)
class Train(Study):
    """Networks that are trained end to end."""

    kind = "train"
    size: Size = option(_defaults.TRAINED_SIZE, "About 160 features, or about 3,500.")
    epochs: int = option(40, "At most so many times through the clips.", metavar="N", min=1)
    learning_rates: str | Sequence[float] = option(
        ",".join(map(str, LEARNING_RATES)),
        "With commas between; an inner fold chooses, and how many epochs. One alone is taken, for "
        "all epochs, in a third of the time.",
        metavar="NUMBERS",
    )

    def heads(self) -> list[dict[str, Any]]:
        """Return the one recipe of training."""
        from elmarc.training.recipe import TrainingRecipe

        return [{"training": TrainingRecipe(epochs=self.epochs, learning_rates=self._rates())}]

    def race(self) -> list[Experiment]:
        """Return the experiments of a race: untrained systems, and the networks to train by one rate.

        The untrained ones are these networks, the default network, large, and MFCC, each with the default
        classifier. The rate is the highest; of the weights there is one draw.
        """
        shared = {each.name: getattr(self, each.name) for each in fields(Study) if each.name != "keys"}
        untrained = Rank(**{**shared, "seeds": 1}, keys=self.keys).experiments()
        best = Rank(
            **{**shared, "networks": _defaults.NETWORK, "size": _defaults.SIZE, "seeds": 1}, baseline=False,
            keys=self.keys,
        ).experiments()  # fmt: skip
        trained = replace(self, seeds=1, learning_rates=(max(self._rates()),)).experiments()
        return [*untrained, *(config for config in best if config not in untrained), *trained]

    def _rates(self) -> tuple[float, ...]:
        rates = self.learning_rates
        try:
            return tuple(float(rate) for rate in (rates.split(",") if isinstance(rates, str) else rates))
        except ValueError:
            raise ConfigError(
                f"learning_rates: found {rates!r}, expected positive numbers with commas between"
            ) from None


@dataclass(frozen=True, kw_only=True)
class Extract(Work, Clips):
    """The features of one network."""

    network: str = option(
        _defaults.NETWORK,
        "mfcc, a name of `elmarc networks`, or a module of your own: package.module:Name or file.py:Name.",
        metavar="NAME",
        complete=("networks", "mfcc"),
    )
    size: Size = option(_defaults.SIZE, "About 3,500 features, or about 160.")
    n_filters: int | None = option(None, "Width, in place of --size.", metavar="N", min=1)
    seed: int = option(0, "Seed of the random weights.", metavar="N", min=0)
    recipe: RecipeName = option(_defaults.RECIPE, "More accurate, or the study's.")
    precision: Precision = rare("float32", "float32, tf32 (faster on a GPU) or bfloat16.", metavar="NAME")

    def experiment(self, **keys: Any) -> Experiment:
        """Return the experiment whose features these are.

        Parameters
        ----------
        **keys : Any
            Further keys of the configuration, such as the classifier.

        Raises
        ------
        ConfigError
            Anything is unknown or does not fit together.
        """
        from elmarc.networks.section import section_of_text, with_options
        from elmarc.study import plan

        width: dict[str, Any] = {"n_filters": self.n_filters} if self.n_filters else {"size": self.size}
        section = with_options(section_of_text(self.network), precision=self.precision, **width)
        document = {"data": self.data_section(), "recipe": self.recipe, "seed": self.seed, **self.work_keys()}
        return plan.experiment({**document, **keys, "network": section}, self.overrides)

    @classmethod
    def of(cls, config: Experiment) -> Self:
        """Return what gives the features of an experiment: `experiment` gives them back."""
        net = config.network
        data = config.data.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
        for key in ("kind", "n_folds", "shuffle", "keep_duplicates_together"):  # they change no features
            data.pop(key, None)
        options: dict[str, Any] = {
            "data": data.pop("source", ""),
            "network": config.frontend.kind if net is None else _spelled(net),
            "seed": config.seed,
            "recipe": config.recipe,
            "device": config.device,
            "strict": config.strict,
        }
        options |= {key: data.pop(key) for key in ("audio", "target", "split") if key in data}
        if net is not None:
            options["precision"] = net.precision
            options |= {"n_filters": net.n_filters} if net.n_filters else {"size": net.size or _defaults.SIZE}
        more = [f"data.{key}={_yaml(value)}" for key, value in data.items()]
        more += [f"network.{key}={_yaml(getattr(net, key))}" for key in _required(options["network"])]
        plain = cls(**options, overrides=more)
        return replace(plain, overrides=(*more, *_differences(config, plain.experiment())))


@dataclass(frozen=True, kw_only=True)
class Fit(Extract):
    """One system, to be fitted on all clips."""

    classifier: str = option(_defaults.CLASSIFIER, "One of {classifiers}.", complete=("classifiers",))

    def experiment(self, **keys: Any) -> Experiment:
        """Return the experiment that the model is fitted as."""
        return super().experiment(classifier={"name": self.classifier}, **keys)


def _spelled(network: Any) -> str:
    """Return what names a network, or networks that are joined, on the command line."""
    parts = getattr(network, "parts", ())
    return "+".join(part.kind for part in parts) or getattr(network, "factory", network.kind)


def _required(network: str) -> tuple[str, ...]:
    """Return the options without which a network cannot be built."""
    from elmarc.networks import NETWORKS

    return NETWORKS[network].required if network in NETWORKS else ()


def study_of(document: Mapping[str, Any]) -> Study:
    """Return the study of a document with the key `study`, as `Study.document` writes it.

    Raises
    ------
    ConfigError
        There is no such study.
    """
    rest = dict(document)
    kinds: dict[str, type[Study]] = {each.kind: each for each in (Rank, Train)}
    study = kinds[choose("study", str(rest.pop("study")), tuple(kinds))]
    names = {each.name for each in fields(study)}
    if "data" not in rest:
        raise ConfigError("data: missing")
    own = {key: rest.pop(key) for key in list(rest) if key in names and key != "keys"}
    own = {key: tuple(value) if isinstance(value, list) else value for key, value in own.items()}
    return study(**own, keys=rest)


def changed(request: Clips) -> dict[str, Any]:
    """Return the fields of a request that have not their default, as YAML can hold them."""
    values = {each.name: getattr(request, each.name) for each in fields(request) if each.name != "keys"}
    defaults = {each.name: each.default for each in fields(request)}
    return {key: _plain(value) for key, value in values.items() if value != defaults[key]}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value


def _differences(config: Experiment, plain: Experiment) -> Iterator[str]:
    """Yield the overrides that give `plain` the features of `config`."""
    wanted, other = (each.model_dump(mode="json", include=set(SHAPING)) for each in (config, plain))
    for section in SHAPING:
        if not isinstance(wanted[section], dict) or not isinstance(other[section], dict):
            if wanted[section] != other[section]:
                yield f"{section}={_yaml(wanted[section])}"
            continue
        for key, value in wanted[section].items():
            if value != other[section].get(key):
                yield f"{section}.{key}={_yaml(value)}"


def _yaml(value: Any) -> str:
    """Return a value as `--set` reads it; words need no quotes of their own."""
    return value if isinstance(value, str) and value.isidentifier() else json.dumps(value)
