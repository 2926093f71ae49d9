"""Read the 2018 `config_file.py` as a document of today: with `ast`, never executed.

Only this module knows the 2018 names and the indices of feature maps. What it interprets goes into `notes`.
Understood are literals, names assigned before, `+` of texts or lists, arithmetic, `os.path.join` and
`{**other}`.
"""

from __future__ import annotations

import ast
import operator
import os.path
from collections.abc import Callable
from contextlib import suppress
from pathlib import PurePath
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from elmarc._types import FixLength
from elmarc.config.schema import Count, Section, Shape, Text, checked
from elmarc.errors import ConfigError
from elmarc.networks import NETWORKS

BACK_END = ("back1", "back2", "back3")
MAPS = {
    "cnn_small_filters": ("pool1", "pool2", "pool3", "pool4", "pool5"),
    "cnn_single": ("conv", "pool"),
    "cnn_music": ("timbral", "temporal"),
    "cnn_audio": ("timbral", "temporal"),
    "sample_level": ("conv0", "pool1", "pool2", "pool3", "pool4", "pool5", "pool6"),
    "frame_level": ("conv", *BACK_END),
    "frame_level_many": ("conv512", "conv256", "conv128", "conv64", "conv32", *BACK_END),
}
NAMES = {
    "cnn_small_filters": "vgg",
    "cnn_single": "single_layer",
    "cnn_music": "timbral_temporal",
    "cnn_audio": "timbral_temporal_audio",
}
STUDY_SHAPES = {((7, 96), (1, 1)): "7x96", ((7, 86), (1, 11)): "7x86"}
DEFAULT_LAYERS = {"7x96": ("pool",), "7x86": ("pool",), "timbral": ("timbral",), "temporal": ("temporal",)}
CLASSIFIERS = {
    "SVM": "svm", "linearSVM": "linear_svm", "ELM": "elm", "KNN": "knn", "MLP": "mlp", "linear": "linear",
}  # fmt: skip
DATASETS = {
    "GTZAN": "gtzan",
    "Ballroom": "ballroom",
    "ExtendedBallroom": "extended_ballroom",
    "Extended Ballroom": "extended_ballroom",
    "UrbanSound8K": "urbansound8k",
}
SIGNALS = {"logmel": "spectrogram", "waveform": "waveform"}
FEATURE_FILE = ".npz"  # as written by elmarc
MAX_TEXT = 10_000  # characters of a text, or items of a list, that a file puts together
MAX_NUMBER = 10**18
FMAX_HZ, STUDY_SR, STUDY_MELS = 6000.0, 12000, 96

NothingIfFalse = BeforeValidator(lambda value: None if value is False or value == "" else value)
OptionalText = Annotated[str | None, NothingIfFalse]


class CNN2018(Section):
    """The `CNN` part."""

    signal: Literal["spectrogram", "waveform"] | None = None
    n_samples: Count | None = None
    n_mels: Count = STUDY_MELS
    n_frames: Count | None = None
    architecture: Literal[
        "cnn_small_filters", "cnn_single", "cnn_music", "cnn_audio",
        "sample_level", "frame_level", "frame_level_many",
    ]  # fmt: skip
    num_filters: Count
    selected_features_list: Annotated[tuple[Annotated[int, Field(strict=True)], ...], Field(min_length=1)]
    filter_shape: Shape | None = None
    pool_shape: Shape | None = None
    batch_size: Count | None = None

    @property
    def reads(self) -> str:
        """The front-end of this architecture."""
        return NETWORKS[NAMES.get(self.architecture, self.architecture)].frontend

    @property
    def layers(self) -> tuple[str, ...]:
        """The selected maps by name, each once; indices count from the end if negative, as in Python."""
        return tuple(dict.fromkeys(MAPS[self.architecture][i] for i in self.selected_features_list))

    @model_validator(mode="after")
    def _fits(self) -> Self:
        maps = MAPS[self.architecture]
        outside = [i for i in self.selected_features_list if not -len(maps) <= i < len(maps)]
        if outside:
            listed = ", ".join(f"{i} {name}" for i, name in enumerate(maps))
            raise ValueError(f"selected_features_list: found {outside[0]}, {self.architecture} has {listed}")
        if self.signal not in (None, SIGNALS[self.reads]):
            raise ValueError(
                f"signal: found '{self.signal}', but {self.architecture} reads '{SIGNALS[self.reads]}'"
            )
        if self.architecture == "cnn_single" and not (self.filter_shape and self.pool_shape):
            raise ValueError("filter_shape, pool_shape: cnn_single needs both, as in [7, 86] and [1, 11]")
        return self


class MFCC2018(Section):
    """The `MFCC` part."""

    number: Count = 20
    fixed_length: Annotated[Count | None, NothingIfFalse] = None


class Config2018(Section):
    """`config_main` of the 2018 program, under its own names."""

    experiment_name: Text = "experiment"
    features_type: Literal["CNN", "MFCC"]
    model_type: Literal["SVM", "linearSVM", "ELM", "KNN", "MLP", "linear"] = "SVM"
    SVM_verbose: Any = None
    load_extracted_features: OptionalText = None
    sampling_rate: Count = STUDY_SR
    dataset: Literal["GTZAN", "Ballroom", "ExtendedBallroom", "Extended Ballroom", "UrbanSound8K"]
    audio_path: str
    save_extracted_features_folder: OptionalText = None
    results_folder: OptionalText = None
    train_set_list: OptionalText = None
    val_set_list: OptionalText = None
    test_set_list: OptionalText = None
    audios_list: OptionalText = None
    fix_length_by: Annotated[FixLength | None, NothingIfFalse] = None
    CNN: CNN2018 | None = None
    MFCC: MFCC2018 | None = None

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        if getattr(self, self.features_type) is None:
            raise ValueError(f"{self.features_type}: missing, and features_type asks for it")
        lists = ("train_set_list", "val_set_list", "test_set_list")
        missing = [key for key in lists if getattr(self, key) is None]
        if self.audios_list is None and missing:
            raise ValueError(f"{missing[0]}: missing; give the three lists, or all clips in audios_list")
        if self.MFCC and self.features_type == "MFCC" and self.fix_length_by and not self.MFCC.fixed_length:
            raise ValueError(f"MFCC.fixed_length: missing; fix_length_by '{self.fix_length_by}' needs it")
        return self

    @model_validator(mode="after")
    def _loads_no_pickle(self) -> Self:
        path = self.load_extracted_features
        if path and _stored_as(path) == "pickle":
            raise ValueError(
                f"load_extracted_features: '{path}' is a pickle of the 2018 program, never opened here since "
                "a pickle can run code; set it to False: the features are extracted again, and kept"
            )
        return self


def _stored_as(path: str) -> Literal["file", "store", "pickle"]:
    """Return what a path names: a feature file of elmarc, the folder of a store, or anything else."""
    suffix = PurePath(path).suffix
    if suffix == FEATURE_FILE:
        return "file"
    folder = path.endswith("/") or os.path.isdir(path) or (not suffix and not os.path.isfile(path))
    return "store" if folder else "pickle"


def read_document(text: str, source: str) -> dict[str, Any]:
    """Return a 2018 configuration as the document of an experiment; `notes` say what was interpreted.

    Raises
    ------
    ConfigError
        With the line of what would have to be executed, or the 2018 key that is wrong.
    """
    reader = AssignmentReader(source)
    reader.read(text)
    old = checked(Config2018, _config_dict(reader), source)
    data: dict[str, Any] = {"kind": "lists", "name": DATASETS[old.dataset], "audio": old.audio_path}
    if old.audios_list:
        data["files"] = old.audios_list
    else:
        data |= {"train": old.train_set_list, "validation": old.val_set_list, "test": old.test_set_list}
    folders = {"results": old.results_folder, "store": old.save_extracted_features_folder}
    if old.load_extracted_features:
        is_file = _stored_as(old.load_extracted_features) == "file"
        folders["features_file" if is_file else "store"] = old.load_extracted_features
    return _without_none(
        {
            "name": old.experiment_name.replace("/", "_").replace("\\", "_") or "experiment",
            "recipe": "2018",
            "data": data,
            **(_mfcc(old) if old.features_type == "MFCC" else _cnn(old)),
            "classifier": {"name": CLASSIFIERS[old.model_type]},
            "protocol": "paper",
            **folders,
            "notes": [*reader.notes, *_notes(old)],
        }
    )


def _config_dict(reader: AssignmentReader) -> dict[str, Any]:
    """Return `config_main`, or `config`, or the only dict of the file."""
    dicts = [name for name, value in reader.values.items() if isinstance(value, dict)]
    named = [name for name in ("config_main", "config") if name in reader.values]
    if not named and len(dicts) != 1:
        raise ConfigError(
            f"{reader.source}: found no `config_main = {{...}}`, expected the 2018 configuration"
        )
    value = reader.value_of((named or dicts)[0])
    if not isinstance(value, dict):
        raise ConfigError(f"{reader.source}: {named[0]} is not a dict, expected `config_main = {{...}}`")
    return value


def _without_none(section: dict[str, Any]) -> dict[str, Any]:
    inner = {
        key: _without_none(value) if isinstance(value, dict) else value for key, value in section.items()
    }
    return {key: value for key, value in inner.items() if value is not None}


def _mfcc(old: Config2018) -> dict[str, Any]:
    """Return the sections of the baseline; without `fix_length_by` the whole clip is used."""
    mfcc = old.MFCC or MFCC2018()
    frontend = {"kind": "mfcc", "sr": old.sampling_rate, "n_mfcc": mfcc.number, "pad_mode": "reflect"}
    if old.fix_length_by:
        frontend |= {"fixed_length": mfcc.fixed_length, "fix_length": old.fix_length_by}
    return {"network": "mfcc", "frontend": frontend}


def _cnn(old: Config2018) -> dict[str, Any]:
    """Return the sections of a network and of what it reads."""
    cnn, sr = old.CNN, old.sampling_rate
    assert cnn is not None  # see `Config2018`
    kind = _study_name(cnn)
    network: dict[str, Any] = {"kind": kind, "n_filters": cnn.num_filters}
    if cnn.layers != DEFAULT_LAYERS.get(kind, MAPS[cnn.architecture]):
        network["layers"] = list(cnn.layers)
    if kind == "single_layer":
        shapes = {"filter_shape": cnn.filter_shape, "pool_shape": cnn.pool_shape}
        network |= {key: list(shape) for key, shape in shapes.items() if shape}
    if kind.startswith("frame_level"):
        network["compat"] = "2018"
    frontend: dict[str, Any] = {"kind": cnn.reads, "sr": sr}
    length = {"n_samples": cnn.n_samples}
    if cnn.reads == "logmel":
        frontend |= {"n_mels": cnn.n_mels, "fmax": FMAX_HZ if sr > STUDY_SR else None}
        length = {"n_frames": cnn.n_frames}
    return {
        "network": network,
        "frontend": frontend,
        "input": {**length, "fix_length": old.fix_length_by or "crop"},
        "batch_size": cnn.batch_size,
    }


def _study_name(cnn: CNN2018) -> str:
    """Name the network; a branch alone, and the two study shapes at 96 bands, have names of their own."""
    if cnn.architecture == "cnn_music" and len(cnn.layers) == 1:
        return cnn.layers[0]
    name = NAMES.get(cnn.architecture, cnn.architecture)
    if name == "single_layer" and cnn.filter_shape and cnn.pool_shape and cnn.n_mels == STUDY_MELS:
        return STUDY_SHAPES.get((cnn.filter_shape, cnn.pool_shape), name)
    return name


def _notes(old: Config2018) -> list[str]:
    """Return what was interpreted, and what of the file has no effect."""
    cnn = old.CNN if old.features_type == "CNN" else None
    notes = ["2018 had no seed: two runs differed; seed 0 draws the weights here (set seed for others)"]
    if old.fix_length_by is None:
        rest = "'crop', a clip that is too short stops" if cnn else "the whole clip is read"
        notes.append(f"fix_length_by is not set: {rest}")
    if cnn and cnn.architecture.startswith("frame_level"):
        notes.append(
            "the 2018 defect is asked for: each back-end map is one number and zeros, as published "
            "(network.compat: null gives the mean of each channel)"
        )
    if cnn and len(cnn.layers) < len(cnn.selected_features_list):
        notes.append("selected_features_list names a map twice; it is read once")
    if cnn and cnn.reads == "logmel" and old.sampling_rate < STUDY_SR:
        notes.append(
            f"the bands end at {old.sampling_rate / 2:g} Hz; 2018 spread them to 6000 Hz and left those "
            "above silent"
        )
    if old.load_extracted_features:
        notes.append(
            "load_extracted_features: this file's settings are used, not those the features were stored with"
        )
    unread = ["SVM_verbose", "MFCC" if cnn else "CNN"]
    if old.audios_list:
        unread[1:1] = ["train_set_list", "val_set_list", "test_set_list"]
    ignored = [key for key in unread if getattr(old, key) is not None]
    if cnn:
        of_cnn = {"n_mels", "n_frames"} if cnn.reads == "waveform" else {"n_samples"}
        of_cnn |= set() if cnn.architecture == "cnn_single" else {"filter_shape", "pool_shape"}
        ignored += sorted(f"CNN.{key}" for key in of_cnn & cnn.model_fields_set)
    return [*notes, f"without effect here: {', '.join(ignored)}"] if ignored else notes


ARITHMETIC: dict[type[ast.operator], Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
}


class AssignmentReader:
    """The assignments of one file, in order; what cannot be read is refused only where it is used."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.values: dict[str, Any] = {}  # a ConfigError where one cannot be read
        self.notes: list[str] = []

    def read(self, text: str) -> None:
        """Take in every assignment.

        Raises
        ------
        ConfigError
            The text is no Python, or a statement other than an assignment would have to be executed.
        """
        try:
            statements = ast.parse(text).body
        except SyntaxError as error:
            raise ConfigError(f"{self.source}, line {error.lineno}: not Python: {error.msg}") from None
        except (ValueError, RecursionError, MemoryError) as error:
            raise ConfigError(f"{self.source}: not Python that can be read: {error}") from None
        for statement in statements:
            match statement:
                case ast.Assign(targets=targets, value=node) if all(isinstance(t, ast.Name) for t in targets):
                    names = [ast.unparse(target) for target in targets]
                case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as node):
                    names = [name]
                case ast.Import() | ast.ImportFrom() | ast.Pass() | ast.FunctionDef() | ast.ClassDef():
                    continue
                case ast.Expr(value=ast.Constant()):
                    continue
                case _:
                    raise self._refusal(statement)
            try:
                value = self._value(node)
            except ConfigError as error:
                value = error
            self.values |= dict.fromkeys(names, value)

    def value_of(self, name: str) -> Any:
        """Return what a name stands for, or raise the ConfigError that says why it cannot be read."""
        value = self.values[name]
        if isinstance(value, ConfigError):
            raise value
        return value

    def _value(self, node: ast.expr) -> Any:
        match node:
            case ast.Constant(value=value):
                return value
            case ast.Name(id=name) if name in self.values:
                return self.value_of(name)
            case ast.List(elts=items) | ast.Tuple(elts=items):
                return [self._value(item) for item in items]
            case ast.Dict(keys=keys, values=values):
                result: dict[str, Any] = {}
                for key_node, value_node in zip(keys, values, strict=True):
                    self._add(result, key_node, value_node)
                return result
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return self._combined(node, operator.neg, operand)
            case ast.BinOp(left=left, op=op, right=right) if type(op) in ARITHMETIC:
                return self._combined(node, ARITHMETIC[type(op)], left, right)
            case ast.Call(func=func, args=args, keywords=[]) if ast.unparse(func) == "os.path.join":
                return self._combined(node, os.path.join, *args)
            case _:
                raise self._refusal(node)

    def _add(self, result: dict[str, Any], key_node: ast.expr | None, value_node: ast.expr) -> None:
        """Add an entry of a dict, or with `**` those of another."""
        value = self._value(value_node)
        if key_node is None and isinstance(value, dict):
            result |= value
            return
        key = self._value(key_node) if key_node else None
        if not isinstance(key, str):
            raise self._refusal(key_node or value_node)
        if key in result:
            self.notes.append(f"{key} is written twice; the last one counts (line {value_node.lineno})")
        result[key] = value

    def _combined(self, node: ast.expr, function: Callable[..., Any], *operands: ast.expr) -> Any:
        """Return numbers, texts or lists put together, of a size that somebody may mean."""
        values = [self._value(operand) for operand in operands]
        types = {type(value) for value in values}
        fits = types == {str} if function is os.path.join else types <= {int, float}
        if fits or (function is operator.add and types in ({str}, {list})):
            with suppress(ArithmeticError):
                value = function(*values)
                is_number = isinstance(value, int | float)
                if abs(value) <= MAX_NUMBER if is_number else len(value) <= MAX_TEXT:
                    return value
        raise self._refusal(node)

    def _refusal(self, node: ast.stmt | ast.expr) -> ConfigError:
        code = ast.unparse(node).splitlines()[0]
        return ConfigError(
            f"{self.source}, line {node.lineno}: `{code[:60]}` would have to be executed, and this file is "
            "only read, never executed; write the value itself"
        )
