"""One description: what is typed, written and read again is the same request; a system is its own file."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import pytest
import typer
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from elmarc.cli.options import command, words
from elmarc.config.files import yaml_text
from elmarc.errors import ConfigError
from elmarc.networks import STUDY_NETWORKS
from elmarc.study.load import load_config, parse_config, to_yaml
from elmarc.study.request import Clips, Extract, Rank, Study, Train, study_of
from elmarc.study.sweep import SweepConfig

Request = TypeVar("Request", bound=Clips)
NUMBERS = st.one_of(st.none(), st.integers(1, 8))
SIZES, RECIPES = st.sampled_from(["large", "small"]), st.sampled_from(["v2", "2018"])
SHARED: dict[str, Any] = {
    "data": st.sampled_from(["toy", "clips", "my clips/list.csv"]),
    "networks": st.lists(st.sampled_from(STUDY_NETWORKS), min_size=1, max_size=3, unique=True).map(",".join),
    "size": SIZES,
    "seeds": st.integers(1, 4),
    "recipe": RECIPES,
    "device": st.sampled_from(["auto", "cpu"]),
    "batch_size": NUMBERS,
    "n_workers": NUMBERS,
    "strict": st.booleans(),
    "keep_duplicates_together": st.booleans(),
    "overrides": st.lists(st.sampled_from(["frontend.sr=16000", "input.seconds=2"]), unique=True).map(tuple),
}
RANK = {
    "classifiers": st.sampled_from(["ridge", "svm,elm", "knn"]),
    "features": st.sampled_from([(), ("openl3.npz",), ("a=b.csv", "c.pt")]),
    "protocol": st.sampled_from(["nested", "paper"]),
    "baseline": st.booleans(),
    "standardise": st.sampled_from([None, True, False]),
    "precision": st.sampled_from(["float32", "bfloat16"]),
}
TRAIN = {"epochs": st.integers(1, 50), "learning_rates": st.sampled_from(["0.001,0.004", "0.01"])}
SYSTEMS = {
    "networks": st.sampled_from(STUDY_NETWORKS),
    "size": SIZES,
    "recipe": RECIPES,
    "seeds": st.integers(1, 2),
    "device": st.sampled_from(["auto", "cpu"]),
    "precision": st.sampled_from(["float32", "bfloat16"]),
    "overrides": st.sampled_from([(), ("frontend.sr=16000",), ("pooling=[max]", "frontend.sr=8000")]),
}
SHAPE = {"recipe", "network", "frontend", "input", "pooling", "seed", "data", "device", "strict"}


def typed(request: Request) -> Request:
    """Return what the command line makes of the words of a request."""
    parser, requests = parser_of(type(request))
    parser.main(words(request), standalone_mode=False)
    return requests.pop()


@cache
def parser_of(kind: type[Clips]) -> tuple[Any, list[Any]]:
    """Return a command that takes a kind of request, and the list to which it appends each."""
    requests: list[Any] = []

    def take(request: Any) -> None:
        requests.append(request)

    take.__annotations__ = {"request": kind, "return": None}
    app = typer.Typer()
    app.command()(command()(take))
    return typer.main.get_command(app), requests


@settings(max_examples=40, deadline=None)
@given(study=st.one_of(st.builds(Rank, **SHARED, **RANK), st.builds(Train, **SHARED, **TRAIN)))
def test_command_line_to_spec_to_yaml_to_spec_is_the_identity(study: Study) -> None:
    assert typed(study) == study
    assert study_of(yaml.safe_load(yaml_text(study.document()))) == study


@settings(max_examples=40, deadline=None)
@given(study=st.builds(Rank, data=st.sampled_from(["toy", "my clips"]), **SYSTEMS))
def test_a_system_survives_yaml_and_the_command_that_extracts_its_features(study: Rank) -> None:
    for config in (study.experiments()[0], study.experiments()[-1]):  # the baseline, and a network
        assert parse_config(yaml.safe_load(to_yaml(config))) == config
        extracted = typed(Extract.of(config)).experiment()
        assert extracted.model_dump(include=SHAPE) == config.model_dump(include=SHAPE)


def test_run_takes_the_file_of_a_study(tmp_path: Path) -> None:
    study = Rank(data="toy", networks="vgg", baseline=False, keys={"pooling": ["max"]})
    (tmp_path / "mine.yaml").write_text(yaml_text(study.document()))
    loaded = load_config(tmp_path / "mine.yaml")
    assert isinstance(loaded, SweepConfig)
    assert loaded.name == "mine"
    assert list(loaded.experiments) == study.experiments()


@pytest.mark.parametrize(
    ("keys", "match"),
    [
        ({"study": "rnk"}, "unknown study 'rnk'"),
        ({"seedz": 2}, "seedz: unknown key"),
        ({"data": None}, "data: missing"),
    ],
)
def test_a_mistake_in_the_file_of_a_study_is_named(keys: dict[str, Any], match: str) -> None:
    document = {"study": "rank", "data": "toy", "networks": "vgg", **keys}
    with pytest.raises(ConfigError, match=match):
        parse_config({key: value for key, value in document.items() if value is not None})
