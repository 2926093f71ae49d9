"""What a value in a configuration may be: numbers, paths, and the names in the tables of the parts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from elmarc._names import expanded, printable
from elmarc.classifiers.grids import CLASSIFIERS
from elmarc.datasets.opening import RECORDED
from elmarc.features.recipes import RECIPES
from elmarc.features.statistics import STATISTICS

Count = Annotated[int, Field(strict=True, ge=1)]
Folds = Annotated[int, Field(strict=True, ge=2)]
Flag = Annotated[bool, Field(strict=True)]
Seconds = Annotated[float, Field(gt=0)]
Shape = tuple[Count, Count]  # (time, frequency)
Counts = Annotated[tuple[Count, ...], Field(min_length=1)]


def _location(path: Path) -> Path:
    if (shown := printable(str(path))) != str(path):
        raise ValueError(f"{shown} cannot be written into results: rename it, or name a link to it")
    return expanded(path)


def _said(path: object) -> object:
    if path == "":
        raise ValueError("found '' (text), expected a path: '.' is the folder at hand")
    return path


Location = Annotated[Path, BeforeValidator(_said), AfterValidator(_location)]
Text = Annotated[str, Field(coerce_numbers_to_str=True)]
_NAME = r"^[^/\\\x00-\x1f]*[^/\\.\x00-\x1f][^/\\\x00-\x1f]*$"  # "." and ".." are folders
Name = Annotated[Text, Field(pattern=_NAME, description="a name without slashes, and not dots alone")]
Device = Annotated[
    str, Field(pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$", description="auto, cpu, mps or cuda:0")
]
Year = BeforeValidator(lambda value: str(value) if value == 2018 else value)  # YAML reads 2018 as a number
Compat = Annotated[Literal["2018"], Year]

if TYPE_CHECKING:
    DatasetName: TypeAlias = str
    ClassifierName: TypeAlias = str
    Statistic: TypeAlias = str
    RecipeName: TypeAlias = str
else:
    DatasetName = Literal[RECORDED]
    ClassifierName = Literal[tuple(CLASSIFIERS)]
    Statistic = Literal[tuple(STATISTICS)]
    RecipeName = Annotated[Literal[RECIPES], Year]


class Section(BaseModel):
    """A part of a configuration: fixed once made, and closed to keys it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
