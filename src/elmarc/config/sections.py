"""What an experiment may say: the sections of a configuration, as frozen pydantic models.

Names only: which class a name stands for is known to `build.py` alone, so reading a configuration loads no
torch. Sections that come in several forms are told apart by their `kind`. A section may be written short, as
on the command line: `network: vgg`, `classifier: elm`, `data: toy`, `data: clips/`, `data: clips.csv`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from elmarc._types import FixLength, Precision, Size
from elmarc.config import recipes

DatasetName: TypeAlias = Literal["gtzan", "ballroom", "extended_ballroom", "urbansound8k", "esc10", "esc50"]
NetworkName: TypeAlias = Literal[
    "vgg", "7x96", "7x86", "timbral", "temporal", "timbral_temporal", "timbral_temporal_audio",
    "sample_level", "frame_level", "frame_level_many",
]  # fmt: skip
ClassifierName: TypeAlias = Literal["svm", "linear_svm", "elm", "knn", "mlp", "linear", "ridge"]
Statistic: TypeAlias = Literal["mean", "std", "max", "ppv", "lag1", "lag2", "lag4", "lag8", "lag16"]
PadMode: TypeAlias = Literal["reflect", "constant"]

WAVEFORM_NETWORKS = ("sample_level", "frame_level", "frame_level_many")

Count = Annotated[int, Field(strict=True, ge=1)]
Folds = Annotated[int, Field(strict=True, ge=2)]
Flag = Annotated[bool, Field(strict=True)]
Hertz = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Shape = tuple[Count, Count]  # (time, frequency)
Location = Annotated[Path, AfterValidator(Path.expanduser)]
Compat = Annotated[Literal["2018"], BeforeValidator(lambda value: str(value) if value == 2018 else value)]
RecipeName = Annotated[
    Literal["2018", "v2"], BeforeValidator(lambda value: str(value) if value == 2018 else value)
]
Text = Annotated[str, Field(coerce_numbers_to_str=True)]
Name = Annotated[Text, Field(pattern=r"^[^/\\]+$", description="a name without slashes")]
Device = Annotated[
    str, Field(pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$", description="auto, cpu, mps or cuda:0")
]


class Section(BaseModel):
    """A part of a configuration: fixed once made, and closed to keys it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class DataOptions(Section):
    """What every data set takes. Official folds are kept; where there are none, `n_folds` are made."""

    kind: str
    n_folds: Folds | None = None
    shuffle: Flag = False


class NamedData(DataOptions):
    """A known data set whose clips lie in `audio`; labels and folds are its own."""

    kind: Literal["named"]
    name: DatasetName
    audio: Location
    metadata: Location | None = None


class FolderData(DataOptions):
    """A folder with one sub-folder a class."""

    kind: Literal["folder"]
    path: Location


class TableData(DataOptions):
    """A CSV file `path,label[,fold]`; its paths are relative to `audio`, or to the file."""

    kind: Literal["table"]
    path: Location
    audio: Location | None = None


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


class ToyData(DataOptions):
    """Clips synthesised on the fly, labelled by rhythm or by timbre."""

    kind: Literal["toy"]
    target: Literal["rhythm", "timbre"] = "rhythm"


class LogMelFrontEnd(Section):
    """Log-mel spectrogram in dB; `fmax: null` is half the sampling rate, `top_db: null` cuts nothing.

    Cells become (dB + `shift_db`) / `scale_db`, once a share `levelling` of the clip's own loudness is out.
    """

    kind: Literal["logmel"]
    sr: Count = 12000
    n_fft: Count = 512
    hop_length: Count = 256
    n_mels: Count = 96
    fmin: Hertz = 0.0
    fmax: Hertz | None = None
    power: Annotated[float, Field(gt=0)] = 2.0
    top_db: Annotated[float, Field(gt=0)] | None = 80.0
    pad_mode: PadMode = "reflect"
    shift_db: float = 0.0
    scale_db: Annotated[float, Field(gt=0)] = 1.0
    levelling: Share = 0.0


class WaveformFrontEnd(Section):
    """The samples themselves; `levelling` takes out a share of each clip's own loudness."""

    kind: Literal["waveform"]
    sr: Count = 12000
    levelling: Share = 0.0


class MFCCFrontEnd(Section):
    """The study's baseline, no network behind it; clips come to `fixed_length` samples by `fix_length`."""

    kind: Literal["mfcc"]
    sr: Count = 12000
    n_mfcc: Count = 20
    fixed_length: Count | None = None
    fix_length: FixLength = "crop"
    pad_mode: PadMode = "constant"


class InputSection(Section):
    """How much of a clip a network reads; what is left out follows from the data set."""

    n_frames: Count | None = None
    n_samples: Count | None = None
    fix_length: FixLength | None = None


class NetworkOptions(Section):
    """What every network takes. `size` (large where nothing is said) or `n_filters`, not both.

    `narrower` divides the filters of `size`, so that more pooling statistics make no more features. `layers`
    picks feature maps by name; `compat: "2018"` repeats that program's frame-level defect.
    """

    kind: str
    size: Size | None = None
    n_filters: Count | None = None
    narrower: Count = 1
    layers: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    precision: Precision = "float32"
    compat: Compat | None = None

    @model_validator(mode="after")
    def _one_size(self) -> Self:
        if self.size is not None and self.n_filters is not None:
            raise ValueError("found size and n_filters, expected one of them (set the other to null)")
        if self.narrower > 1 and self.n_filters is not None:
            raise ValueError("found n_filters and narrower, which divides the filters of a size: drop one")
        return self


class StudyNetwork(NetworkOptions):
    """A network of the study, by name."""

    kind: NetworkName


class SingleLayerNetwork(NetworkOptions):
    """One convolution of any shape: 7x96 and 7x86 are `filter_shape` [7, 96] and [7, 86]."""

    kind: Literal["single_layer"]
    filter_shape: Shape
    pool_shape: Shape


class ClassifierSection(Section):
    """A classifier with its 2018 grid.

    `scale` standardises the features first (the paper did not); "squashed" bounds them as well.
    `ridge` fits the elm by leave-one-out ridge, on scaled weights; no other classifier has it.
    """

    name: ClassifierName
    scale: Literal[False, True, "squashed"] = False
    ridge: Flag = False

    @model_validator(mode="after")
    def _ridge_is_the_elms(self) -> Self:
        if self.ridge and self.name != "elm":
            raise ValueError(f"ridge: found true for {self.name}, but the elm alone has it; leave it out")
        return self


def data_from_text(text: str) -> dict[str, Any]:
    """Read DATA as the command line does: toy, a CSV file, or a folder with one sub-folder a class."""
    if text == "toy":
        return {"kind": "toy"}
    return {"kind": "table" if text.endswith(".csv") else "folder", "path": text}


def expand(key: str, value: Any) -> Any:
    """Return the full form of a section that may be written as one word.

    >>> expand("network", "vgg")
    {'kind': 'vgg'}
    """
    if not isinstance(value, str):
        return value
    match key:
        case "data":
            return data_from_text(value)
        case "network" | "frontend":
            return {"kind": value}
        case "classifier":
            return {"name": value}
        case "pooling":
            return [value]
        case _:
            return value


def input_kind(network: str) -> str:
    """Return the kind of front-end a network reads."""
    return "waveform" if network in WAVEFORM_NETWORKS else "logmel"


def in_full(document: Mapping[str, Any]) -> dict[str, Any]:
    """Write every section out; the front-end follows from the network, and `network: mfcc` is one alone."""
    full = {key: expand(key, value) for key, value in document.items()}
    network = full.get("network")
    kind = network.get("kind") if isinstance(network, Mapping) else None
    if kind == "mfcc":
        if network != {"kind": "mfcc"}:
            raise ValueError("network: the MFCC baseline has no options here; write `network: mfcc`")
        full["network"] = None
    if full.get("frontend") is None:
        full["frontend"] = {"kind": "mfcc" if kind in (None, "mfcc") else input_kind(kind)}
    return recipes.in_full(full)


Data = Annotated[NamedData | FolderData | TableData | ListsData | ToyData, Field(discriminator="kind")]
FrontEnd = Annotated[LogMelFrontEnd | WaveformFrontEnd | MFCCFrontEnd, Field(discriminator="kind")]
Network = Annotated[StudyNetwork | SingleLayerNetwork, Field(discriminator="kind")]


class ExperimentConfig(Section):
    """One experiment: data -> front-end -> network -> pooled features -> classifier -> score.

    `network: null` (or `network: mfcc`) is the MFCC baseline. `features_file` names features written by
    elmarc, read instead of being extracted. `recipe: v2` sets what is left open as docs/recipe.md explains.
    Relative paths are relative to the working directory.
    """

    name: Name = "experiment"
    recipe: RecipeName = "2018"
    data: Data
    network: Network | None
    frontend: FrontEnd
    input: InputSection = InputSection()
    pooling: Annotated[tuple[Statistic, ...], Field(min_length=1)] = ("mean",)
    classifier: ClassifierSection = ClassifierSection(name="svm")
    protocol: Literal["nested", "paper"] = "nested"
    seed: Annotated[int, Field(strict=True, ge=0)] = 0
    batch_size: Count | None = None
    device: Device = "auto"
    n_workers: Count | None = None
    strict: Flag = False
    features_file: Location | None = None
    store: Location | None = None
    results: Location = Path("results")
    notes: tuple[str, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _in_full(cls, document: Any) -> Any:
        return in_full(document) if isinstance(document, Mapping) else document

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        wanted = "mfcc" if self.network is None else input_kind(self.network.kind)
        if self.frontend.kind != wanted:
            reader = "the MFCC baseline (no network)" if self.network is None else self.network.kind
            raise ValueError(
                f"frontend.kind: found '{self.frontend.kind}', but {reader} reads '{wanted}'; "
                "leave frontend out and it follows from the network"
            )
        _check_input(self.input, wanted)
        return self


def _check_input(length: InputSection, frontend: str) -> None:
    """Refuse a length in the wrong unit: it would be ignored in silence."""
    if frontend == "mfcc" and length != InputSection():
        raise ValueError("input: the MFCC does not read it; use frontend.fixed_length and fix_length")
    used, other = ("n_samples", "n_frames") if frontend == "waveform" else ("n_frames", "n_samples")
    if getattr(length, used) is None and getattr(length, other) is not None:
        raise ValueError(f"input.{other}: a {frontend} network is cut by input.{used}; give that one")
