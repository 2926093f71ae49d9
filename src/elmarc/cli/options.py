"""Options of commands, made from the fields of dataclasses where their defaults and help stand; and help.

Help fits a terminal: rare options by name alone, lists of names from the packages that make them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from inspect import Parameter, Signature, signature
from pathlib import Path
from textwrap import fill, indent
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias, Union, get_args, get_origin, get_type_hints

import typer
from typer.core import TyperCommand

from elmarc.study.request import Clips, changed, option, rare

if TYPE_CHECKING:
    from elmarc.features.store import FeatureStore

Command: TypeAlias = Callable[..., None]
ADVANCED = "Advanced options"  # `rich_help_panel` of those that few need
HELP_ALL = "--help-all"
QUIET, JSON = "Print nothing but results and errors.", "Print results as JSON."
FORCE = "Replace a file that elmarc did not write; one that is read never is."
STORE = "Folder of stored features; default: the user's cache."
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help=QUIET)]
Json = Annotated[bool, typer.Option("--json", help=JSON)]
Force = Annotated[bool, typer.Option("--force", rich_help_panel=ADVANCED, help=FORCE)]
Store = Annotated[Path | None, typer.Option(rich_help_panel=ADVANCED, metavar="DIR", help=STORE)]


def positive(text: str) -> float:
    """Read a number above 0, as the `parser` of an option: neither NaN nor infinite.

    >>> positive("2.5")
    2.5
    """
    number = _number(text)
    if not 0 < number < math.inf:
        raise typer.BadParameter(f"found {text!r}, expected a number above 0")
    return number


def not_negative(text: str) -> float:
    """Read a number of at least 0, as the `parser` of an option: neither NaN nor infinite."""
    number = _number(text)
    if not 0 <= number < math.inf:
        raise typer.BadParameter(f"found {text!r}, expected a number of at least 0")
    return number


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


@dataclass(frozen=True, kw_only=True)
class Output:
    """Where results go, and what is printed."""

    output: Path = option(Path("runs"), "Folder for results.", names=("--output", "-o"), metavar="DIR")
    store: Path | None = rare(None, STORE, metavar="DIR")
    quiet: bool = option(False, QUIET, names=("--quiet", "-q"))
    as_json: bool = option(False, JSON, names=("--json",))

    def open_store(self) -> FeatureStore:
        """Return the store of features, by default in the user's cache."""
        from elmarc.features.store import open_store

        store = open_store(self.store or True)
        assert store is not None
        return store


@dataclass(frozen=True, kw_only=True)
class FileOutput(Output):
    """A file to write."""

    output: Path = option(Path("output"), "The file to write.", names=("--output", "-o"), metavar="FILE")
    force: bool = rare(False, FORCE)


@dataclass(frozen=True, kw_only=True)
class Predictions:
    """How to predict, and where to write it; without a window only recordings are read by windows."""

    output: Path | None = option(
        None, "FILE.csv or FILE.json; FILE.txt with --format.", names=("--output", "-o")
    )
    format: str | None = option(
        None, "Write events as a table for Raven, or as labels for Audacity.", metavar="NAME"
    )
    force: bool = rare(False, FORCE)
    window_s: float | None = option(
        None,
        "Read all files by windows of this length.",
        names=("--window",),
        metavar="SECONDS",
        parser=positive,
    )
    hop_s: float | None = option(
        None,
        "From one window to the next; default: half a window.",
        names=("--hop",),
        metavar="SECONDS",
        parser=positive,
    )
    min_confidence: float = option(0.0, "Below this probability the label is (unknown).", min=0, max=1)
    unknown: bool = option(True, "Label sounds of no class (unknown).", switch=True)
    plot: Path | None = option(None, "With --window: a picture of the time line, FILE.png or FILE.svg.")
    strict: bool = option(False, "Let a clip that cannot be read end the run.")
    quiet: bool = option(False, QUIET, names=("--quiet", "-q"))
    as_json: bool = option(False, JSON, names=("--json",))


def command(**defaults: Any) -> Callable[[Command], Command]:
    """Make options of a function's dataclasses: it is called with one object of each.

    Parameters
    ----------
    **defaults : Any
        In place of those of the fields; `...` where there is none.
    """

    def decorate(function: Command) -> Command:
        hints = get_type_hints(function, include_extras=True)
        own = signature(function).parameters.values()
        parts = {each.name: hints[each.name] for each in own if is_dataclass(hints[each.name])}

        def called(**values: Any) -> None:
            for name, part in parts.items():
                values[name] = part(
                    **{each.name: _value(each, values.pop(each.name)) for each in _options(part)}
                )
            function(**values)

        parameters = []
        for each in own:
            if part := parts.get(each.name):
                parameters += [_parameter(part, one, defaults) for one in _options(part)]
            else:
                kind = hints[each.name]
                parameters.append(each.replace(kind=Parameter.KEYWORD_ONLY, annotation=kind))
        called.__name__, called.__doc__ = function.__name__, function.__doc__
        called.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
        called.__annotations__ = {}
        return called

    return decorate


def words(request: Clips) -> list[str]:
    """Return the command line of a request: DATA, and an option for each field that is not at its default.

    >>> from elmarc.study.request import Rank
    >>> words(Rank(data="sounds", networks="vgg", baseline=False, overrides=["input.seconds=2"]))
    ['sounds', '--no-baseline', '--set', 'input.seconds=2', '--networks', 'vgg']
    """
    values = changed(request)
    typed = [str(values.pop("data"))]
    for each in _options(type(request)):
        if each.name not in values:
            continue
        flag, value = _flags(each)[0], values[each.name]
        if isinstance(value, bool):
            typed.append(flag if value else flag.replace("--", "--no-", 1))
        elif _type(type(request), each) == list[str]:
            many = [f"{name}={path}" for name, path in value.items()] if isinstance(value, Mapping) else value
            typed += [word for one in many for word in (flag, str(one))]
        else:
            typed += [flag, ",".join(map(str, value)) if isinstance(value, list) else str(value)]
    return typed


def _options(part: type[Any]) -> list[Field[Any]]:
    return [each for each in fields(part) if not each.metadata.get("hidden")]


def _value(each: Field[Any], value: Any) -> Any:
    if value is None and each.default is not MISSING:
        return each.default
    return tuple(value) if isinstance(value, list) else value


def _parameter(part: type[Any], each: Field[Any], defaults: Mapping[str, Any]) -> Parameter:
    """Return the parameter of a function by which typer makes an option, or the argument DATA."""
    more, kind = each.metadata, _type(part, each)
    default = defaults.get(each.name, each.default)
    default = Parameter.empty if default is MISSING or default is ... else default
    settings = {key: more[key] for key in ("help", "metavar", "min", "max", "parser") if key in more}
    if complete := more.get("complete"):
        settings["autocompletion"] = (
            data_names if complete == "data" else completer(complete[0], more=complete[1:])
        )
    if each.name == "data":
        info = typer.Argument(**{**settings, "metavar": "DATA"}, show_default=False)
    else:
        panel = ADVANCED if more.get("rare") else None
        shown = default not in (None, ())
        info = typer.Option(*_flags(each, kind), **settings, rich_help_panel=panel, show_default=shown)
    if kind == list[str] or default is None:
        kind, default = kind | None, default or None
    return Parameter(each.name, Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, info])


def _flags(each: Field[Any], kind: Any = None) -> tuple[str, ...]:
    flag = "--" + each.name.replace("_", "-")
    names = each.metadata.get("names", (flag,))
    return (f"{flag}/--no-{flag[2:]}",) if kind is bool and each.metadata.get("switch") else tuple(names)


def _type(part: type[Any], each: Field[Any]) -> Any:
    """Return the type of an option: of several that Python takes, the first."""
    kind = each.metadata.get("type") or get_type_hints(part)[each.name]
    return get_args(kind)[0] if get_origin(kind) in (Union, UnionType) else kind


def refuse(context: typer.Context, *names: str, because: str) -> None:
    """Refuse options that were typed and would change nothing."""
    for parameter in context.command.params:
        source = context.get_parameter_source(parameter.name or "")
        if parameter.name in names and source is not None and source.name == "COMMANDLINE":
            raise typer.BadParameter(f"{parameter.opts[0]}: {because}: leave it out")


class ListingCommand(TyperCommand):
    """A command in whose help {networks}, {classifiers} and {datasets} stand for the names there are."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help, lists put in."""
        self.help = listed(self.help or "")
        for parameter in self.params:
            if text := getattr(parameter, "help", None):
                parameter.help = listed(text)  # type: ignore[attr-defined]
        super().format_help(ctx, formatter)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the words; --help-all is --help that explains the rare options, too."""
        if HELP_ALL in args:
            ctx.meta[HELP_ALL] = True
            args = ["--help"]
        parsed: list[str] = super().parse_args(ctx, args)
        return parsed

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the arguments and options, rare ones by name alone unless --help-all was typed."""
        sections: dict[str, list[tuple[str, str]]] = {}
        rare = []
        for parameter in self.get_params(ctx):
            if (row := parameter.get_help_record(ctx)) is None:
                continue
            panel = getattr(parameter, "rich_help_panel", None)
            if panel == ADVANCED and not ctx.meta.get(HELP_ALL):
                rare.append(parameter.opts[0])
            else:
                title = panel or f"{parameter.param_type_name.capitalize()}s"
                sections.setdefault(title, []).append(row)
        for title in sorted(sections, key=ADVANCED.__eq__):
            with formatter.section(title):
                formatter.write_dl(sections[title], col_max=24)
        if rare:
            with formatter.section(f"{ADVANCED} ({HELP_ALL} explains them)"):
                text = fill(", ".join(rare), width=formatter.width - 2, break_on_hyphens=False)
                formatter.write(indent(text, "  ") + "\n")


def listed(text: str) -> str:
    """Put the names in the place of {networks} and its like.

    >>> "vgg" in listed("One of {networks}.")
    True
    """
    return re.sub(r"\{(\w+)\}", lambda kind: ", ".join(_names(kind[1])), text)


def completer(kind: str, more: Sequence[str] = ()) -> Callable[[str], list[str]]:
    """Return what completes a name of a kind, the last where several stand with commas between.

    >>> completer("networks")("vgg,timbral_temporal_")
    ['vgg,timbral_temporal_audio']
    """

    def complete(incomplete: str) -> list[str]:
        before, comma, last = incomplete.rpartition(",")
        return [f"{before}{comma}{name}" for name in (*more, *_names(kind)) if name.startswith(last)]

    return complete


def data_names(incomplete: str) -> list[str]:
    """Complete a data set's name, or a folder or file."""
    folder, slash, start = incomplete.rpartition("/")
    paths = sorted(Path(folder + slash or ".").glob(f"{start}*")) if "*" not in start else []
    return completer("datasets")(incomplete) + [
        f"{folder}{slash}{path.name}{'/' * path.is_dir()}" for path in paths
    ]


def _names(kind: str) -> list[str]:
    """Return the names of a kind; some take a second to import."""
    match kind:
        case "networks":
            from elmarc.networks import NETWORKS

            return [name for name, preset in NETWORKS.items() if not preset.required]
        case "classifiers":
            from elmarc.classifiers.grids import CLASSIFIERS

            return list(CLASSIFIERS)
        case "recorded":
            from elmarc.datasets.named import RECORDED

            return list(RECORDED)
        case _:
            from elmarc.datasets.named import DATASETS

            return list(DATASETS)
