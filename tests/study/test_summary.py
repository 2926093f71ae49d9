"""Tables and figures of a run: of results that belong together, and never at the cost of the results."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from tests.simulated import simulated_result

from elmarc.comparison.compare import comparisons
from elmarc.errors import StoreError
from elmarc.results import Failure, Result, collect
from elmarc.study.summary import (
    beside,
    comparable,
    read_failures,
    still_failed,
    summarise,
    write_summary,
)

RANKS = [f"ranks-nested.{ending}" for ending in ("png", "svg", "pdf")]


def result(place: str, clips: str, *, created: str = "2026-01-01", **keys) -> Result:
    changes = {"source": {"source": place}, "clips_key": clips, "created": created}
    return replace(simulated_result(**{"n_clips": 40, **keys}), **changes)


def test_equal_data_sets_in_two_places_are_one() -> None:
    results = [result("/a/sounds", "k", features="vgg"), result("/b/sounds", "k", features="temporal")]
    assert comparable(results) == (results, [])


def test_two_data_sets_of_one_name_are_shown_apart() -> None:
    results = [result("/a/sounds", "k"), result("/b/sounds", "other", shift=0.1)]
    kept, notes = comparable(results)
    assert [r.dataset for r in kept] == ["sounds", "sounds-2"]
    assert notes == ["several data sets are called sounds: sounds-2 is the one of /b/sounds"]
    assert [c.dataset for c in comparisons(kept)] == ["sounds", "sounds-2"]
    assert comparable(results[::-1])[0] == kept[::-1]  # whichever is read first


def test_a_name_that_is_taken_is_not_given_again() -> None:
    results = [result("/a", "1"), result("/b", "2"), result("/c", "3", dataset="sounds-2")]
    assert {r.dataset for r in comparable(results)[0]} == {"sounds", "sounds-2", "sounds-3"}


def test_of_one_place_the_newest_clips_count_and_older_results_are_named() -> None:
    old = [result("/a", "before", features=name) for name in ("vgg", "temporal")]
    new = result("/a", "after", created="2026-02-01", features="vgg")
    kept, notes = comparable([*old, new])
    assert kept == [new]  # not beside temporal's, which heard other clips
    assert notes == ["2 older results for sounds are left out: its clips have changed since"]


def test_of_two_results_for_one_question_the_newest_counts() -> None:
    old, new = result("/a", "k"), result("/a", "k", created="2026-02-01")
    kept, notes = comparable([new, old])
    assert kept == [new]
    assert notes == ["1 older results of other settings are left out"]


def failure(**keys: object) -> Failure:
    about = {"dataset": "sounds", "features": "vgg", "size": "", "classifier": "svm", "protocol": "nested"}
    return Failure(**{**about, "seed": 0, "reason": "no", "clips_key": "k", "created": "2026-02-01", **keys})  # type: ignore[arg-type]


def test_failures_are_named_until_a_newer_result_makes_them_good(tmp_path: Path) -> None:
    old = result("/a", "k", features="vgg", classifier="svm", seed=0)
    size = old.size or ""
    newer = failure(size=size)
    newer.save(tmp_path / "cells" / "one")
    (tmp_path / "cells" / "two").mkdir()
    (tmp_path / "cells" / "two" / "failed.json").write_text("{")
    assert read_failures(tmp_path) == [newer]
    assert still_failed([newer], [old]) == [newer]
    assert still_failed([newer], [replace(old, created="2026-03-01")]) == []
    assert still_failed([failure(size=size, clips_key="before")], [old]) == []  # of clips that have changed
    assert still_failed([newer], [replace(old, dataset="sounds-2")])[0].dataset == "sounds-2"


def test_a_data_set_of_which_nothing_could_be_run_is_named() -> None:
    _, compared, notes = summarise([result("/a", "k")], None, [failure(dataset="digits", clips_key="d")])
    assert compared[0].failed == ()
    assert notes == ["digits, nested: no cell could be run: no"]


def test_results_that_cannot_be_read_are_named_and_the_others_kept(tmp_path: Path) -> None:
    simulated_result().save(tmp_path / "good")
    old = json.loads(simulated_result().to_json()) | {"schema_version": 1}
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "result.json").write_text(json.dumps(old))
    notes: list[str] = []
    results = collect(tmp_path, notes=notes)
    assert len(results) == 1
    assert "1 results are left out" in notes[0]
    (tmp_path / "good" / "result.json").unlink()
    with pytest.raises(StoreError, match="run the cell again"):
        collect(tmp_path, notes=notes)


def two_sets(*second: str) -> list[Result]:
    return [
        simulated_result(features=name, dataset=dataset, n_clips=40, seed=seed)
        for dataset, names in [("one", ("vgg", "temporal")), ("two", second)]
        for name in names
        for seed in (0, 1)
    ]


def test_data_sets_with_the_same_systems_get_a_figure_of_ranks(tmp_path: Path) -> None:
    assert write_summary(comparisons(two_sets("vgg", "temporal")), tmp_path) == []
    assert {"one-nested", "two-nested", *RANKS} == set(os.listdir(tmp_path))


@pytest.mark.parametrize("second", [("timbral", "sample_level"), ("vgg", "timbral")])
def test_data_sets_without_common_systems_get_their_tables_and_a_note(
    tmp_path: Path, second: tuple[str, str]
) -> None:
    (note,) = write_summary(comparisons(two_sets(*second)), tmp_path)
    assert "fewer than two systems in common" in note
    assert (tmp_path / "two-nested" / "ranking.json").exists()


def test_what_cannot_be_written_is_named_and_the_rest_is_written(tmp_path: Path) -> None:
    (tmp_path / "one-nested").write_text("a file where a folder is needed")
    notes = write_summary(comparisons(two_sets("vgg", "temporal")), tmp_path)
    assert len(notes) == 1
    assert "one-nested was not written" in notes[0]
    assert (tmp_path / "two-nested" / "ranking.json").exists()


def test_trained_and_untrained_results_of_folders_side_by_side_are_named_together(tmp_path: Path) -> None:
    """Of the same clips alone, the other kind alone; damaged ones are passed over."""
    ranked = [result("/a", "k", features=name, skill=skill) for name, skill in (("vgg", 0.9), ("7x86", 0.5))]
    trained = [replace(r, classifier="trained") for r in ranked[1:]]
    others = [result("/b", "other", classifier="trained", skill=0.99)]
    for folder, own in {"ranked": ranked, "trained": trained, "other": others}.items():
        for number, each in enumerate(own):
            each.save(tmp_path / folder / "cells" / str(number))
    best, last = (f"{100 * r.accuracy:.1f} %" for r in ranked)
    for own, folder in ((ranked, "ranked"), (trained, "trained")):
        sentence = beside(own, tmp_path / folder)
        assert f"Best without training: vgg + svm, {best} (" in sentence
        assert f"best trained: 7x86, {last} (" in sentence
    assert beside(others, tmp_path / "other") == ""
    (tmp_path / "trained" / "cells" / "0" / "result.json").write_text("{")
    assert beside(ranked, tmp_path / "ranked") == ""


def test_a_run_writes_its_figures_for_print_too_and_the_one_of_costs(tmp_path: Path) -> None:
    cost = {"multiply_adds_per_clip": 1e6, "n_parameters": 100}
    cells = [simulated_result(name, seed=s, cost=cost) for name in ("vgg", "temporal") for s in (0, 1)]
    write_summary(comparisons(cells), tmp_path)
    stems = {path.stem for path in tmp_path.glob("*.pdf")}
    assert stems == {"figure", "differences", "cost"}
    for stem in stems:
        assert {path.suffix for path in tmp_path.glob(f"{stem}.*")} == {".pdf", ".png", ".svg"}
