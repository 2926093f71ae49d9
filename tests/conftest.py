"""What every test may ask for: a seeded generator, and folders of data and fixtures that may be absent."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from elmarc import _defaults
from elmarc._io import write_atomic

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_defaults.SIZE, _defaults.SEEDS = "small", 2  # type: ignore[assignment]  # quick, before all else is imported

SHARED = Path(__file__).resolve().parents[2] / "shared"
os.environ.setdefault("ELMARC_HASH_MEMO", "off")  # none in the user's cache; its own tests switch it on
SMALL_FIXTURES = Path(__file__).parent / "parity" / "data"
SLOW = (  # what `make test` leaves out: corpora, fuzzing, kills, clusters, whole runs in other processes
    "adapters/",
    "cli/test_app.py::test_an_error_is_printed_once",
    "cli/test_broken_runs.py",
    "cli/test_cli.py::test_equal_seeds_give_equal_bytes",
    "cli/test_cli.py::test_the_recipe_is_named_in_every_result",
    "cli/test_copies.py",
    "cli/test_failed_cells.py",
    "cli/test_fit.py::test_a_paper_protocols_accuracy_is_named_as_such",
    "cli/test_foreign_features.py",
    "cli/test_full_disk.py",
    "cli/test_hash_seeds.py",
    "cli/test_killed.py",
    "cli/test_options.py",
    "cli/test_other_packages.py",
    "cli/test_outputs.py",
    "cli/test_own_",
    "cli/test_same_features.py",
    "cli/test_special_files.py",
    "cli/test_store.py",
    "cli/test_transient.py",
    "cli/test_trust.py",
    "corpus/",
    "datasets/test_toy.py::test_the_long_term_spectrum",
    "evaluation/test_protocol.py::test_on_random_labels",
    "frontends/test_add_a_front_end.py",
    "fuzz/",
    "model/test_by_name.py",
    "model/test_file.py::test_a_new_process",
    "model/test_learning.py",
    "model/test_own_classifiers.py",
    "model/test_sound_classifier.py::test_the_most_probable_class",
    "networks/test_add_a_network.py",
    "reports/test_page_browser.py",
    "reports/test_page_private.py",
    "studies/",
    "study/executors/",
    "study/test_legacy_runs.py",
    "study/test_objects.py::test_another_process",
    "study/test_one_table.py",
    "study/test_ranking.py::test_the_results_are_those_of_the_command",
    "study/test_summary.py",
    "test_docs.py",
    "test_examples.py",
    "training/test_command.py",
)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Do not even import the files that `-m slow` or `-m "not slow"` leaves out whole."""
    name = collection_path.relative_to(Path(__file__).parent).as_posix() + "/" * collection_path.is_dir()
    if config.option.markexpr == "not slow":
        return name.startswith(tuple(each for each in SLOW if "::" not in each)) or None
    if config.option.markexpr == "slow":
        files = [each.split("::")[0] for each in SLOW]
        return not any(name.startswith(each) or each.startswith(name) for each in files) or None
    return None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.nodeid.removeprefix("tests/").startswith(SLOW):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session", autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Give the tests a cache of their own: features are stored there, and the user's stay as they are."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ELMARC_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def undrawn(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the figures of a run, but write only their names: drawing takes most of the time of a small run.

    A test marked `drawn` has them whole.
    """
    from elmarc.reports import figures

    def save(figure: Figure, stem: str | Path) -> None:
        for name in figures.names(str(stem)):
            write_atomic(Path(name), name)

    if not request.node.get_closest_marker("drawn"):
        monkeypatch.setattr(figures, "save", save)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20181205)


@pytest.fixture(params=["fast", "not x86", "plain"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Run a test as on this processor, as on one that is not x86, and by torch's public calls alone."""
    from elmarc.networks.fast import onednn, plain

    if request.param == "fast":
        yield "fast"
        return
    monkeypatch.setattr(onednn, "OPS", None)  # any use of a private operator fails
    if request.param == "plain":
        with plain():
            yield "plain"
        return
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    yield "not x86"


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder with `esc10/` and `fsdd/`."""
    folder = Path(os.environ.get("ELMARC_DATA", SHARED / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real clips at {folder}: set ELMARC_DATA to a folder with esc10/ and fsdd/")
    return folder


@pytest.fixture(scope="session")
def fixtures_dir() -> Path:
    """The outputs of the 2018 program, for fixed weights and inputs."""
    return fixtures_folder()


def fixtures_folder() -> Path:
    """The whole fixtures where they are at hand, else the small part in this repository."""
    whole = SHARED / "reference" / "fixtures"
    return Path(os.environ.get("ELMARC_FIXTURES", whole if whole.is_dir() else SMALL_FIXTURES))


def fixture_files(kind: str) -> list[Path]:
    """Every npz of one kind ("arch", "frontend", "elm"), found by listing the folder."""
    return sorted((fixtures_folder() / kind).glob("*.npz"))
