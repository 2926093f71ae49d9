"""Options of commands, made from the fields of dataclasses, where their defaults and help stand."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from inspect import Parameter, Signature, signature
from pathlib import Path
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias, Union, get_args, get_origin, get_type_hints

import typer

from elmarc.cli.listing import ADVANCED, completer
from elmarc.study.request import Clips, changed, option, rare

if TYPE_CHECKING:
    from elmarc.features.store import FeatureStore

Command: TypeAlias = Callable[..., None]
TRUST = "Import modules that the results name: whoever made these results can run code then."
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but results and errors.")]
Json = Annotated[bool, typer.Option("--json", help="Print results as JSON.")]
Force = Annotated[
    bool,
    typer.Option(
        "--force",
        rich_help_panel=ADVANCED,
        help="Replace a file that elmarc did not write; one that is read never is.",
    ),
]
Store = Annotated[
    Path | None,
    typer.Option(
        rich_help_panel=ADVANCED, metavar="DIR", help="Folder of stored features; default: the user's cache."
    ),
]


@dataclass(frozen=True, kw_only=True)
class Output:
    """Where results go, and what is printed."""

    output: Path = option(Path("runs"), "Folder for results.", names=("--output", "-o"), metavar="DIR")
    store: Path | None = rare(None, "Folder of stored features; default: the user's cache.", metavar="DIR")
    quiet: bool = option(False, "Print nothing but results and errors.", names=("--quiet", "-q"))
    as_json: bool = option(False, "Print results as JSON.", names=("--json",))

    def open_store(self) -> FeatureStore:
        """Return the store of features."""
        from elmarc.cli.folders import store_at

        return store_at(self.store)


@dataclass(frozen=True, kw_only=True)
class FileOutput(Output):
    """A file to write."""

    output: Path = option(Path("output"), "The file to write.", names=("--output", "-o"), metavar="FILE")
    force: bool = rare(False, "Replace a file that elmarc did not write; one that is read never is.")


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
    """Return what is typed for a request: DATA, and an option for each field that has not its default.

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
    more = each.metadata
    default = defaults.get(each.name, each.default)
    default = Parameter.empty if default is MISSING or default is ... else default
    settings = {key: more[key] for key in ("help", "metavar", "min", "parser") if key in more}
    if (complete := more.get("complete")) is not None:
        settings["autocompletion"] = (
            data_names if complete == "data" else completer(complete[0], more=complete[1:])
        )
    if each.name == "data":
        info = typer.Argument(**{**settings, "metavar": "DATA"}, show_default=False)
    else:
        panel = ADVANCED if more.get("rare") else None
        info = typer.Option(
            *_flags(each, _type(part, each)),
            **settings,
            rich_help_panel=panel,
            show_default=default not in (None, ()),
        )
    kind = _type(part, each)
    if kind == list[str] or default is None:
        kind, default = kind | None, default or None
    return Parameter(each.name, Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, info])


def _flags(each: Field[Any], kind: Any = None) -> tuple[str, ...]:
    flag = "--" + each.name.replace("_", "-")
    names = each.metadata.get("names", (flag,))
    return (f"{flag}/--no-{flag[2:]}",) if kind is bool and each.metadata.get("switch") else tuple(names)


def _type(part: type[Any], each: Field[Any]) -> Any:
    """Return what is typed: of several types that Python takes, the first."""
    kind = each.metadata.get("type") or get_type_hints(part)[each.name]
    return get_args(kind)[0] if get_origin(kind) in (Union, UnionType) else kind


def data_names(incomplete: str) -> list[str]:
    """Complete a data set's name, or a folder or file."""
    folder, slash, start = incomplete.rpartition("/")
    paths = sorted(Path(folder + slash or ".").glob(f"{start}*")) if "*" not in start else []
    return completer("datasets")(incomplete) + [
        f"{folder}{slash}{path.name}{'/' * path.is_dir()}" for path in paths
    ]


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


def refuse(context: typer.Context, *names: str, because: str) -> None:
    """Refuse options that were typed and would change nothing."""
    for parameter in context.command.params:
        source = context.get_parameter_source(parameter.name or "")
        if parameter.name in names and source is not None and source.name == "COMMANDLINE":
            raise typer.BadParameter(f"{parameter.opts[0]}: {because}: leave it out")
