"""What an experiment is: a system (features, a head and a seed) on a data set, by a protocol.

Frozen pydantic models that hold names only: `build.py` makes the objects, so reading a configuration loads no
torch. A document is flat: the keys of `Experiment`, `System` and `Features` stand side by side. A section may
be one word, as on the command line: `network: vgg`, `classifier: elm`, `data: toy`, `data: clips.csv`.
"""

from __future__ import annotations

from collections.abc import Mapping
from os.path import exists  # False for a name that is too long, where Path raises
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, TypeAlias

from pydantic import BeforeValidator, Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from elmarc import _defaults
from elmarc._choices import choose
from elmarc._types import FixLength, Unit
from elmarc.classifiers.grids import CLASSIFIERS
from elmarc.config.schema import (
    Count,
    Device,
    Flag,
    Folds,
    Location,
    Name,
    Seconds,
    Section,
    Text,
    Year,
    checked,
    location,
)
from elmarc.datasets.named import RECORDED, known_name
from elmarc.datasets.packages import package_name
from elmarc.features.recipes import RECIPES, default_frontend, settings, unit_read
from elmarc.features.statistics import STATISTICS
from elmarc.frontends import FRONTENDS, frontends_of
from elmarc.networks.section import JOINED, section_of_text
from elmarc.study.sections import FRONTEND_SECTIONS
from elmarc.study.sections import FrontEnd as FrontEnd
from elmarc.study.sections import Network as Network
from elmarc.training.recipe import VERSION, TrainingRecipe

FILLED_IN = tuple(name for name in RECIPES if name != "2018")  # whose settings are the sections' defaults

if TYPE_CHECKING:
    DatasetName: TypeAlias = str
    ClassifierName: TypeAlias = str
    Statistic: TypeAlias = str
    RecipeName: TypeAlias = str
else:
    DatasetName = Literal[RECORDED]
    ClassifierName = Literal[tuple(CLASSIFIERS)]
    Statistic = Literal[tuple(STATISTICS)]
    RecipeName = Annotated[Literal[tuple(RECIPES)], Year]


class DataOptions(Section):
    """What every data set takes. Official folds are kept; where there are none, `n_folds` are made.

    `keep_duplicates_together` keeps clips of equal bytes in one fold.
    """

    kind: str
    n_folds: Folds | None = None
    shuffle: Flag = False
    keep_duplicates_together: Flag = False

    @model_serializer(mode="wrap")
    def _without_default(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        written: dict[str, Any] = dump(self)
        if not self.keep_duplicates_together:
            written.pop("keep_duplicates_together", None)
        return written


class ClipsData(DataOptions):
    """What `open_dataset` takes: a folder with one sub-folder per class, a CSV file, a name, or PACKAGE:NAME.

    `audio` is where the clips of a name or a CSV file lie; `label`, `fold` and `group` name columns or
    attributes where elmarc does not know them; `split` and `config` belong to hf:NAME.
    """

    kind: Literal["clips"] = "clips"
    source: Path | Text
    audio: Location | None = None
    target: Literal["rhythm", "timbre"] | None = None
    metadata: Location | None = None
    label: Text | None = None
    fold: Text | None = None
    group: Text | None = None
    split: Text | None = None
    config: Text | None = None

    @model_validator(mode="before")
    @classmethod
    def _place_or_name(cls, section: Any) -> Any:
        """Make a path of a source that is none of the known names."""
        source = section.get("source") if isinstance(section, Mapping) else None
        if not isinstance(source, str | Path) or _is_name(str(source), section.get("audio")):
            return section
        return {**section, "source": location(source)}


class ListsData(DataOptions):
    """List files of one path a line, as in 2018: three fixed lists, or one (`files`) that is cut into folds.

    `audio` is put before each line as it stands. `name` says whose labels and folds they are; without it, a
    clip's label is the folder it lies in.
    """

    kind: Literal["lists"]
    name: DatasetName | None = None
    audio: str = ""
    train: Location | None = None
    validation: Location | None = None
    test: Location | None = None
    files: Location | None = None
    metadata: Location | None = None

    @model_validator(mode="after")
    def _one_way_to_split(self) -> Self:
        fixed = {"train": self.train, "validation": self.validation, "test": self.test}
        missing = [key for key, value in fixed.items() if value is None]
        if self.files is not None and len(missing) < 3:
            raise ValueError("found files beside fixed lists; give files, or train, validation and test")
        if self.files is None and missing:
            raise ValueError(f"missing {', '.join(missing)}; expected train, validation and test, or files")
        return self


class ObjectData(DataOptions):
    """A `Dataset` in memory, by its name: whoever runs the experiment passes it."""

    kind: Literal["object"]
    name: Name


def _is_name(source: str, audio: Any) -> bool:
    """Return whether a source is the name of a data set, as `open_dataset` reads it, and not a path."""
    name = known_name(source)
    return bool(package_name(source)) or name == "toy" or bool(name and (audio or not exists(source)))


class Input(Section):
    """How much of a clip a network reads; what is left out follows from the data set.

    `seconds` holds at any rate and hop; `n_frames` and `n_samples` are positions of the network's input.
    """

    seconds: Seconds | None = None
    n_frames: Count | None = None
    n_samples: Count | None = None
    fix_length: FixLength | None = None

    @model_validator(mode="after")
    def _one_unit(self) -> Self:
        positions = [key for key in ("n_frames", "n_samples") if getattr(self, key) is not None]
        if self.seconds is not None and positions:
            raise ValueError(f"found seconds and {positions[0]}, expected one of them")
        return self

    def positions(self, unit: Unit) -> int | None:
        """Return the length in this unit, where it is given so."""
        return self.n_frames if unit == "frames" else self.n_samples


class Classifier(Section):
    """A classifier with its 2018 grid.

    `standardise` standardises the features first (the paper did not); "squashed" bounds them as well.
    `ridge` fits the elm by leave-one-out ridge, on scaled weights; no other classifier has it.
    """

    name: ClassifierName
    standardise: Literal[False, True, "squashed"] = False
    ridge: Flag = False

    @model_validator(mode="after")
    def _ridge_is_the_elms(self) -> Self:
        if self.ridge and self.name != "elm":
            raise ValueError(f"ridge: found true for {self.name}, but the elm alone has it; leave it out")
        return self


def expand(key: str, value: Any) -> Any:
    """Return the full form of a section that may be written as one word.

    >>> expand("network", "vgg"), expand("network", "models.py:MyNet")
    ({'kind': 'vgg'}, {'kind': 'external', 'factory': 'models.py:MyNet'})
    """
    if not isinstance(value, str):
        return value
    match key:
        case "data":
            return {"kind": "clips", "source": value}
        case "network":
            return section_of_text(value)
        case "frontend":
            return {"kind": value}
        case "classifier":
            return {"name": value}
        case "pooling":
            return [value]
        case _:
            return value


def _training(value: Any) -> Any:
    """Read a recipe of training; a result's names the version that its weights follow from."""
    if not isinstance(value, Mapping):
        return value
    if value.get("version", VERSION) != VERSION:
        TrainingRecipe.of(value)  # says so
    for key in value:
        choose("key of training", str(key), (*TrainingRecipe.__dataclass_fields__, "version"))
    return {key: item for key, item in value.items() if key != "version"}


Data = Annotated[ClipsData | ListsData | ObjectData, Field(discriminator="kind")]
Training = Annotated[TrainingRecipe, BeforeValidator(_training)]


TRAINED = "trained"  # what results call the head of a network that was trained


class Features(Section):
    """What decides the vector of a clip, apart from the seed.

    `network: null` (or `network: mfcc`) is the MFCC baseline. `features_file` names features that are read
    instead of being extracted: elmarc's own, or without a network those of any program, which results call
    `features_name`. The recipe sets what is left open, see docs/recipe.md.
    """

    recipe: RecipeName = _defaults.RECIPE
    network: Network | None
    frontend: FrontEnd
    input: Input = Input()
    pooling: Annotated[tuple[Statistic, ...], Field(min_length=1)] = ("mean",)
    features_file: Location | None = None
    features_name: Name | None = None

    @model_validator(mode="before")
    @classmethod
    def _in_full(cls, document: Any) -> Any:
        return in_full(document) if isinstance(document, Mapping) else document

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        unit = unit_read(self.network)
        if FRONTENDS[self.frontend.kind].unit != unit:
            known = " or ".join(repr(kind) for kind in frontends_of(unit))
            reader = "a configuration without a network" if self.network is None else self.network.kind
            raise ValueError(
                f"frontend.kind: found '{self.frontend.kind}', but {reader} reads {known}; "
                "leave kind out and it follows from the network"
            )
        _check_input(self.input, self.frontend.kind, unit)
        if self.features_name and (self.features_file is None or self.network is not None):
            raise ValueError(
                "features_name: it names what features_file holds, where there is no network; leave it out"
            )
        if getattr(self.network, "parts", None):
            self._check_joined()
        if unit is None and self.pooling != ("mean",):
            raise ValueError(f"pooling: the {self.frontend.kind.upper()} has no maps to pool; leave it out")
        return self

    def _check_joined(self) -> None:
        """Refuse keys that would apply to some parts alone."""
        wanted = in_full({"recipe": self.recipe, "network": self.network.model_dump()})  # type: ignore[union-attr]
        front = type(self.frontend)(**wanted["frontend"])
        if self.frontend != front or self.pooling != tuple(wanted.get("pooling", ("mean",))):
            raise ValueError("network: joined networks have the front-ends and the pooling of the recipe")
        if self.input.n_frames or self.input.n_samples:
            raise ValueError("input: joined networks are cut by input.seconds; give that one")

    @property
    def label(self) -> str:
        """What results call the features: the network, mfcc, or the file that they are read from.

        A network that keeps the 2018 program's average has `_2018` after its name.
        """
        if self.network is None:
            file = self.features_file
            return self.frontend.kind if file is None else self.features_name or file.stem
        averaged_as_2018 = self.network.compat and self.network.kind.startswith("frame_level")
        return self.network.label + ("_2018" if averaged_as_2018 else "")

    @property
    def size(self) -> str | None:
        """The size of the network, where no number of filters takes its place."""
        net = self.network
        return None if net is None or net.n_filters else net.size


class System(Features):
    """Features, a head, and the seed of all that is drawn.

    The head is a `classifier` with its grid, or `training`, by which the network is trained end to end.
    """

    classifier: Classifier | None = None
    training: Training | None = None
    seed: Annotated[int, Field(strict=True, ge=0)] = 0

    @property
    def head(self) -> Classifier | TrainingRecipe:
        """The classifier or the training."""
        head = self.training or self.classifier
        assert head is not None  # see `_one_head`
        return head

    @property
    def head_name(self) -> str:
        """What results call the head."""
        return TRAINED if self.classifier is None else self.classifier.name

    @model_validator(mode="after")
    def _one_head(self) -> Self:
        if (self.classifier is None) == (self.training is None):
            raise ValueError("training: found it beside a classifier, expected one of them")
        if self.training and (self.network is None or self.network.kind == JOINED):
            raise ValueError("training: there is no one network to train; name one, or take a classifier")
        return self

    @model_serializer(mode="wrap")
    def _without_the_other_head(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        written: dict[str, Any] = dump(self)
        written.pop("training" if self.training is None else "classifier", None)
        if self.training is not None and "training" in written:
            written["training"] = self.training.definition()
        return written


class Experiment(System):
    """A system on a data set, by a protocol, and how it is computed.

    Relative paths are relative to the working directory.
    """

    name: Name = "experiment"
    data: Data
    protocol: Literal["nested", "paper"] = "nested"
    batch_size: Count | None = None
    device: Device = "auto"
    n_workers: Count | None = None
    strict: Flag = False
    store: Location | None = None
    results: Location = Path("results")
    notes: tuple[str, ...] = ()


def parse_experiment(document: Mapping[str, Any], *, source: str = "config") -> Experiment:
    """Check a document of a single experiment.

    Raises
    ------
    ConfigError
        With a line for each problem: the source, the dotted key, what was found and what was expected.
    """
    return checked(Experiment, document, source)


def in_full(document: Mapping[str, Any]) -> dict[str, Any]:
    """Write every section out, with what the network and the recipe set where the document leaves it open."""
    full = {key: expand(key, value) for key, value in document.items()}
    recipe = str(full.get("recipe", _defaults.RECIPE))
    data = full.get("data")
    if isinstance(data, Mapping) and "kind" not in data:
        full["data"] = {"kind": "clips" if "source" in data else "lists", **data}
    network = full.get("network")
    kind = network.get("kind") if isinstance(network, Mapping) else None
    if kind in frontends_of(None):
        if network != {"kind": kind}:
            raise ValueError(
                f"network: the {kind.upper()} baseline has no options here; write `network: {kind}`"
            )
        full["network"] = None
    frontend = full.get("frontend")
    if frontend is None or (isinstance(frontend, Mapping) and "kind" not in frontend):
        full["frontend"] = frontend = {"kind": default_frontend(network), **(frontend or {})}
    if full.get("classifier") is None and full.get("training") is None:
        full["classifier"] = {"name": _defaults.CLASSIFIER}
    network = full.get("network")
    if isinstance(network, Mapping) and network.get("kind") == JOINED:
        full["network"] = _parts_in_full(network, recipe)
    if recipe in FILLED_IN:
        _fill_in(full, recipe)
    return full


def _fill_in(full: dict[str, Any], recipe: str) -> None:
    """Set what the recipe sets and the document leaves open; what is wrong is left for the checks."""
    network, frontend, classifier = (full.get(key) for key in ("network", "frontend", "classifier"))
    named = [section for section in (frontend, network) if section is not None]
    if not all(isinstance(each, Mapping) and isinstance(each.get("kind"), str) for each in named):
        return
    name = classifier.get("name") if isinstance(classifier, Mapping) else None
    wanted = settings(recipe, frontend=named[0]["kind"], network=network, classifier=name)
    for key, value in wanted.items():
        own = full.get(key)
        if isinstance(value, Mapping) and isinstance(own, Mapping):
            full[key] = {**value, **own}
        elif own is None and key != "classifier":
            full[key] = value


def _parts_in_full(joined: Mapping[str, Any], recipe: str) -> dict[str, Any]:
    """Return a section of joined networks whose parts have the width of the recipe."""
    parts = [expand("network", part) for part in joined.get("parts") or ()]
    if recipe in FILLED_IN:
        widths = [
            settings(recipe, frontend=None, network=part, classifier=None).get("network", {})
            for part in parts
        ]
        parts = [{**width, **part} for width, part in zip(widths, parts, strict=True)]
    return {**joined, "parts": parts}


def recipe_name(recipe: str, document: Mapping[str, Any]) -> str:
    """Name the recipe of a configuration, given as `model_dump` does: "custom" where it says otherwise."""
    classifier = document.get("classifier") or {}
    wanted = settings(
        recipe,
        frontend=document["frontend"]["kind"],
        network=document["network"],
        classifier=classifier.get("name"),
    )
    if recipe == "2018" and classifier.get("standardise") == "squashed":
        return "custom"  # scaled or not, its features are still the study's
    return recipe if all(_holds(value, document.get(key)) for key, value in wanted.items()) else "custom"


def _holds(setting: Any, value: Any) -> bool:
    if isinstance(setting, Mapping):
        return value is None or all(value[key] == item for key, item in setting.items())
    return tuple(setting) == tuple(value)


def _check_input(length: Input, kind: str, unit: Unit | None) -> None:
    """Refuse a length in the wrong unit: it would be ignored in silence."""
    if unit is None:
        if length != Input():
            keys = ", ".join(key for key in FRONTEND_SECTIONS[kind].model_fields if key != "kind")
            raise ValueError(f"input: the {kind.upper()} does not read it; frontend has {keys}")
        return
    used, other = ("n_frames", "n_samples") if unit == "frames" else ("n_samples", "n_frames")
    if getattr(length, used) is None and getattr(length, other) is not None:
        raise ValueError(
            f"input.{other}: a {kind} network is cut by input.{used}; give that one, or input.seconds"
        )
