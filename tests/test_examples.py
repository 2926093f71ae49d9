"""The examples run as they are, and find what their headings promise, on fewer clips or seeds."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from examples import compare_networks, own_network, rank_folder, sklearn_pipeline

from elmarc.datasets import toy
from elmarc.datasets.base import Dataset
from elmarc.study.load import load_config

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
CHANCE = 0.25


@pytest.fixture(autouse=True, scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Toy is made in a folder of these tests, not in the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ELMARC_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def timbres(cache: None) -> Dataset:
    return toy.load(target="timbre", n_variations=5)


def test_a_folder_is_ranked(timbres: Dataset, tmp_path, capsys) -> None:
    clips = timbres.clips[::2]
    for clip in clips:
        (tmp_path / clip.label).mkdir(exist_ok=True)
        (tmp_path / clip.label / clip.path.name).symlink_to(clip.path)
    rank_folder.main(str(tmp_path), ("timbral",))
    said = capsys.readouterr().out
    assert f"{len(clips)} clips" in said
    assert "mfcc" in said
    assert "timbral" in said


@pytest.mark.parametrize("example", [sklearn_pipeline, own_network])
def test_untrained_features_tell_timbres_apart(example: ModuleType, timbres: Dataset) -> None:
    assert example.main(timbres) > 2 * CHANCE


def test_a_module_of_ones_own_has_one_accuracy(timbres: Dataset) -> None:
    assert len({own_network.main(timbres) for _ in range(3)}) == 1


def test_temporal_filters_beat_timbral_ones_on_rhythm() -> None:
    comparison = compare_networks.main(seeds=2)
    assert [score.name for score in comparison.scores] == ["temporal", "timbral"]
    assert comparison.contrast(0, 1).low > 0
    assert comparison.contrast(0, 1).differs


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_each_script_is_run_here_and_says_what_to_expect(path: Path) -> None:
    assert path.stem in globals()
    heading = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    assert f"python examples/{path.name}" in heading
    assert "expect" in heading.lower()


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.stem)
def test_each_configuration_is_valid(path: Path) -> None:
    load_config(path)
