"""`elmarc.rank` gives what `elmarc rank` gives, as objects."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.utils.validation import check_is_fitted

import elmarc
from elmarc import ElmarcError
from elmarc.comparison.compare import compare
from elmarc.results import collect
from elmarc.study.ranking import Ranking

QUICK: dict[str, Any] = {
    "networks": [{"kind": "temporal", "n_filters": 4}], "classifiers": ["knn", "ridge"], "progress": False,
}  # fmt: skip
SAME = ("features", "classifier", "seed", "accuracy", "predictions", "definition", "recipe", "best_params")


def essence(results: list) -> list:
    return sorted(([getattr(r, name) for name in SAME] for r in results), key=lambda row: row[:3])


@pytest.fixture(scope="module")
def ranking(tmp_path_factory: pytest.TempPathFactory) -> Ranking:
    from tests.sounds import write_tones

    folder = write_tones(tmp_path_factory.mktemp("ranked") / "clips", np.random.default_rng(0), n=8)
    return elmarc.rank(folder, **QUICK)


@pytest.mark.usefixtures("undrawn")
def test_the_results_are_those_of_the_command(
    tones: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from elmarc.cli import app as cli

    monkeypatch.setenv("ELMARC_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    np.savez("openl3.npz", id=[f"{i}.wav" for i in range(8)], X=np.arange(16.0).reshape(8, 2))
    words = ["--networks", "temporal", "--set", "network.n_filters=4", "--set", "network.size=null"]
    words += ["--classifiers", "knn,ridge", "--features", "openl3.npz", "--recipe", "v2", "--json"]
    monkeypatch.setattr(sys, "argv", ["elmarc", "rank", str(tones), *words, "-o", "typed"])
    assert cli.main() == 0
    found = elmarc.rank(tones, features=["openl3.npz"], recipe="v2", output="called", **QUICK)
    typed = collect("typed")
    assert len(typed) == 12
    assert essence(found.results) == essence(typed) == essence(collect("called"))
    for name in ("ranking.csv", "ranking.txt"):
        mine, theirs = (Path(folder, name).read_text() for folder in ("called", "typed"))
        assert drop_times(mine) == drop_times(theirs)
    names = {path.name for path in Path("typed/cells").iterdir()}
    assert {path.name for path in Path("called/cells").iterdir()} == names  # one goes on with the other's


def drop_times(text: str) -> str:
    if "s_per_clip" not in text.split("\n", 1)[0]:
        return text
    from io import StringIO

    return pd.read_csv(StringIO(text)).drop(columns="s_per_clip").to_csv()


def test_a_data_set_in_memory_gives_the_results_of_its_folder(ranking: Ranking) -> None:
    held = elmarc.rank(replace(ranking.dataset, name="held/elsewhere"), **QUICK)
    assert essence(held.results) == essence(ranking.results)
    assert held.results[0].source == {"kind": "object", "name": "held-elsewhere", "shuffle": False}


def test_a_data_frame_is_a_data_set(ranking: Ranking) -> None:
    table = pd.DataFrame([{"path": str(c.path), "label": c.label} for c in ranking.dataset.clips])
    framed = elmarc.rank(table, **QUICK)
    assert [r.accuracy for r in framed.results] == [r.accuracy for r in ranking.results]


def test_nothing_is_left_on_the_disk_where_no_folder_is_named(
    tones: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.chdir(tmp_path)
    elmarc.rank(tones, **{**QUICK, "classifiers": "knn", "seeds": 1})
    assert {path.name for path in tmp_path.iterdir()} == {"clips", "temporary"}
    assert not list((tmp_path / "temporary").iterdir())


def test_it_prints_as_sentences_and_a_short_table(ranking: Ranking) -> None:
    text = repr(ranking)
    assert text.startswith("clips: nested (selected inside")
    assert ranking.answer.startswith(f"Best: {ranking.best.label}, ")
    assert ranking.answer[:40] in text
    assert "temporal" in text.split("Best: ", 1)[1]
    assert max(map(len, text.splitlines())) <= 80


def test_in_a_notebook_names_are_text_and_no_html(tones: Path, tmp_path: Path) -> None:
    name = "<script>x"
    np.savez(tmp_path / "f.npz", id=[f"{i}.wav" for i in range(8)], X=np.arange(16.0).reshape(8, 2))
    found = elmarc.rank(tones, **{**QUICK, "networks": []}, features={name: tmp_path / "f.npz"})
    shown = found._repr_html_()
    assert "<script>" not in shown
    assert "&lt;script&gt;x" in shown
    assert "<table" in shown


def test_a_table_of_two_classifiers_has_no_letters_in_a_notebook(ranking: Ranking) -> None:
    assert "<th>ties</th>" not in ranking._repr_html_()
    alone = replace(ranking, comparisons=[compare([r for r in ranking.results if r.classifier == "knn"])])
    assert "<th>ties</th>" in alone._repr_html_()


def test_frame_figure_and_best_say_the_same(ranking: Ranking) -> None:
    frame = ranking.to_frame()
    assert len(frame) == 4
    assert frame["accuracy"][0] == ranking.best.accuracy == max(frame["accuracy"])
    assert len(ranking.plot().axes) == 1
    assert len(ranking.results) == 8
    assert len(ranking.comparisons) == 1


def test_the_best_becomes_a_classifier_of_new_clips(ranking: Ranking) -> None:
    model = ranking.fit()
    check_is_fitted(model)
    assert model.classifier == ranking.best.system.classifier
    clips = ranking.dataset.clips
    assert [*model.predict([clip.path for clip in clips])] == [clip.label for clip in clips]


def test_features_of_a_file_are_passed_over(tones: Path, tmp_path: Path) -> None:
    X = np.random.default_rng(0).standard_normal((8, 3)) + 9.0 * (np.arange(8) % 2)[:, None]
    np.savez(tmp_path / "perfect.npz", id=[f"{i}.wav" for i in range(8)], X=X)
    found = elmarc.rank(tones, **{**QUICK, "networks": []}, features=[tmp_path / "perfect.npz"])
    assert found.best.name in ("mfcc", "perfect")
    assert found.fit().features.network == "mfcc"
    alone = elmarc.rank(
        tones, **{**QUICK, "networks": []}, features=[tmp_path / "perfect.npz"], baseline=False
    )
    with pytest.raises(ElmarcError, match="read from a file"):
        alone.fit()


def test_progress_is_a_line_a_result(tones: Path, capsys: pytest.CaptureFixture[str]) -> None:
    elmarc.rank(tones, **{**QUICK, "progress": True, "seeds": 1})
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 4
    elmarc.rank(tones, **{**QUICK, "seeds": 1})
    assert capsys.readouterr() == ("", "")


def test_a_cell_that_cannot_be_run_is_a_warning(tones: Path) -> None:
    too_long = [{"kind": "temporal", "n_filters": 4}, {"kind": "vgg", "n_filters": 4}]
    keys = {**QUICK, "networks": too_long, "classifiers": "knn", "seeds": 1}
    short = {"seconds": 0.4, "fix_length": "crop"}  # too short for the vgg
    with pytest.warns(UserWarning, match="left out vgg") as warned:
        found = elmarc.rank(tones, **keys, input=short)
    assert warned[0].filename == __file__
    (failed,) = found.failed
    assert (failed.features, failed.classifier, failed.seed) == ("vgg", "knn", 0)
    assert "vgg could not be run: vgg needs at least" in " ".join(repr(found).split())
    assert "vgg could not be run" in found._repr_html_()
    last = found.to_frame().iloc[-1]
    assert (last["network"], last["n_seeds"]) == ("vgg", 0)
    assert "needs at least" in last["failed"]
    assert {r.features for r in found.results} == {"temporal", "mfcc"}
    assert any("left out vgg" in note for note in found.notes)
    with pytest.raises(ElmarcError):
        elmarc.rank(tones, **keys, input=short, strict=True)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"networks": ["vgq"]}, "vgq"),
        ({"classifiers": ["svn"]}, "svn"),
        ({"colour": "red"}, "colour"),
        ({"budget": "soon"}, "budget soon: expected a time"),
        ({"networks": [object()]}, r"found a object object, expected a name.*package.module:Name"),
        ({"data": 3}, "found a int"),
    ],
)
def test_mistakes_are_said(tones: Path, keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ElmarcError, match=message):
        elmarc.rank(**{"data": tones, **QUICK, **keys})
