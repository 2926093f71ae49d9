"""What the sections of a configuration share: strict values, and errors that name the key and the way out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from elmarc._choices import did_you_mean
from elmarc._names import expanded, printable
from elmarc.errors import ConfigError

Count = Annotated[int, Field(strict=True, ge=1)]
Folds = Annotated[int, Field(strict=True, ge=2)]
Flag = Annotated[bool, Field(strict=True)]
Seconds = Annotated[float, Field(gt=0)]
Shape = tuple[Count, Count]  # (time, frequency)
Counts = Annotated[tuple[Count, ...], Field(min_length=1)]


def location(path: str | Path) -> Path:
    """Return a path, `~` expanded, that results can name."""
    if path == "":
        raise ValueError("found '' (text), expected a path: '.' is the folder at hand")
    if (shown := printable(str(path))) != str(path):
        raise ValueError(f"{shown} cannot be written into results: rename it, or name a link to it")
    return expanded(path)


def _location(path: object) -> object:
    return location(path) if isinstance(path, str | Path) else path


Location = Annotated[Path, BeforeValidator(_location)]
Text = Annotated[str, Field(coerce_numbers_to_str=True)]
_NAME = r"^[^/\\\x00-\x1f]*[^/\\.\x00-\x1f][^/\\\x00-\x1f]*$"  # "." and ".." are folders
Name = Annotated[Text, Field(pattern=_NAME, description="a name without slashes, and not dots alone")]
Device = Annotated[
    str, Field(pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$", description="auto, cpu, mps or cuda:0")
]
Year = BeforeValidator(lambda value: str(value) if value == 2018 else value)  # YAML reads 2018 as a number


class Section(BaseModel):
    """A part of a configuration: frozen, and closed to unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


Model = TypeVar("Model", bound=BaseModel)
Place = tuple[int | str, ...]

EXPECTED = {
    "bool_type": "true or false",
    "float_parsing": "a number",
    "float_type": "a number",
    "int_from_float": "a whole number",
    "int_type": "a whole number",
    "model_attributes_type": "a section of `key: value` lines",
    "model_type": "a section of `key: value` lines",
    "path_type": "a path",
    "string_too_short": "text",
    "string_type": "text",
    "tuple_type": "a list",
}


def checked(model: type[Model], document: Mapping[str, Any], source: str) -> Model:
    """Return `document` as a `model`.

    Raises
    ------
    ConfigError
        With a line for each problem; each names `source`, the dotted key and the way out.
    """
    try:
        return model.model_validate(document)
    except ValidationError as error:
        raise ConfigError("\n".join(f"{source}: {line}" for line in problems(model, error))) from None


def problems(model: type[BaseModel], error: ValidationError) -> list[str]:
    """Return one line for each thing that is wrong."""
    details = error.errors(include_url=False)
    places = {item["loc"] for item in details}
    return [_line(model, item) for item in details if not _explained_below(item["loc"], places)]


def shown(value: object) -> str:
    """Return what a user wrote, and of which kind it is.

    >>> shown("5")
    "'5' (text)"
    """
    text = "null" if value is None else repr(value)
    return f"{text if len(text) <= 60 else text[:57] + '...'} ({_kind_of(value)})"


def _kind_of(value: object) -> str:
    match value:
        case None:
            return "nothing"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "text"
        case list() | tuple():
            return "a list"
        case Mapping():
            return "a section"
        case _:
            return f"a {type(value).__name__}"


def sections(model: type[BaseModel]) -> dict[str, list[type[BaseModel]]]:
    """Return the models that may stand at each key of `model`."""
    inner = {name: list(_models(field.annotation)) for name, field in model.model_fields.items()}
    return {name: models for name, models in inner.items() if models}


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)


def _explained_below(place: Place, places: set[Place]) -> bool:
    """Is there an error deeper at the same place? Then the outer one says nothing new."""
    return bool(place) and any(len(other) > len(place) and other[: len(place)] == place for other in places)


def _line(model: type[BaseModel], item: ErrorDetails) -> str:
    place = _without_tag(model, item["loc"])
    key = ".".join(str(part) for part in place)
    match item["type"]:
        case "extra_forbidden":
            return f"{key}: unknown key{_nearest_key(model, item['loc'])}"
        case "missing":
            return f"{key}: missing"
        case "union_tag_not_found":
            return f"{key}.kind: missing; found {shown(item['input'])}"
        case "union_tag_invalid":
            return f"{key}.kind: {_one_of(item['ctx']['tag'], item['ctx']['expected_tags'])}"
        case "literal_error":
            expected = item["ctx"]["expected"].replace("False, True", "false, true")  # as YAML has it
            return f"{key}: {_one_of(item['input'], expected)}"
        case "value_error":
            return ": ".join(filter(None, [key, str(item["ctx"]["error"])]))
        case "refused_by_part":  # its text begins with the option
            return f"{key}.{item['ctx']['text']}"
        case _:
            return f"{key}: found {shown(item['input'])}, expected {_expected(model, item)}"


def _one_of(word: object, listing: str) -> str:
    known = [part.strip(" '") for part in listing.replace(" or ", ", ").split(",")]
    return f"found {shown(word)}, expected {listing}{did_you_mean(word, known)}"


def _expected(model: type[BaseModel], item: ErrorDetails) -> str:
    match item["type"]:
        case "too_short":
            return f"at least {item['ctx']['min_length']} items"
        case "too_long":
            return f"at most {item['ctx']['max_length']} items"
        case "string_pattern_mismatch":
            return model.model_fields[str(item["loc"][0])].description or item["msg"]
        case kind:
            return EXPECTED.get(kind, item["msg"].removeprefix("Input should be "))


def _without_tag(model: type[BaseModel], place: Place) -> Place:
    """Drop the `kind` that pydantic puts behind the name of a section of several forms."""
    forms = sections(model).get(str(place[0]), []) if place else []
    return place[:1] + place[2:] if len(forms) > 1 else place


def _nearest_key(model: type[BaseModel], place: Place) -> str:
    """Look in the same section first, then at the top, then for the same word in any other section."""
    word, inner = str(place[-1]), sections(model)
    if len(place) > 1 and (kinds := list(_kinds_with(model, place, word))):
        return f"; kind {' or '.join(kinds)} has it"
    here = did_you_mean(word, _siblings(model, place), prefix=f"{place[0]}.") if len(place) > 1 else ""
    owners = [key for key, forms in inner.items() if any(word in form.model_fields for form in forms)]
    elsewhere = f"; did you mean '{owners[0]}.{word}'?" if owners else ""
    return here or did_you_mean(word, model.model_fields) or elsewhere


def _kinds_with(model: type[BaseModel], place: Place, word: str) -> Iterator[str]:
    """Yield the other kinds of this section that have a key of this name."""
    for form in sections(model)[str(place[0])]:
        if word in form.model_fields and "kind" in form.model_fields:
            yield from get_args(form.model_fields["kind"].annotation)


def _siblings(model: type[BaseModel], place: Place) -> list[str]:
    forms = sections(model)[str(place[0])]
    if len(forms) > 1:
        forms = [form for form in forms if place[1] in get_args(form.model_fields["kind"].annotation)]
    return [name for form in forms for name in form.model_fields]
