from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.cli.conftest import Run, rank
from tests.sounds import SR, tone, write

from elmarc.results import collect


@pytest.mark.drawn
def test_rank_writes_what_other_tools_read(elmarc: Run, folder: Path) -> None:
    code, out, err = rank(elmarc, folder)
    assert code == 0, err
    assert "temporal" in out
    first = out.index("Next: ")
    assert out.index("Best: ") < out.index("Chance: ") < first < out.index(" network ")
    assert out[first:].startswith("Next: elmarc fit --from out -o model.elmarc; elmarc report out")
    assert {"ranking.csv", "ranking.json", "ranking.txt", "figure.png", "figure.svg"} <= set(
        os.listdir("out")
    )
    table = pd.read_csv("out/ranking.csv")
    assert set(table["network"]) == {"temporal", "mfcc"}
    assert table["accuracy"].between(0, 1).all()
    cell = next(Path("out/cells").iterdir())
    assert {file.name for file in cell.iterdir()} == {"result.json", "report.txt", "confusion.csv"}
    result = collect("out")[0]
    assert len(result.predictions) == 12
    assert result.protocol == "nested"


def test_the_second_run_repeats_nothing_and_says_the_same(elmarc: Run, folder: Path) -> None:
    rank(elmarc, folder)
    before = {path: path.stat().st_mtime_ns for path in Path("out/cells").rglob("*")}
    code, _, err = rank(elmarc, folder)
    assert code == 0
    assert err.count("4 of 4 were done") == 1
    assert "seed" not in err  # nothing of single cells
    assert before == {path: path.stat().st_mtime_ns for path in Path("out/cells").rglob("*")}


def test_a_renamed_run_finds_its_features_in_the_store(elmarc: Run, folder: Path) -> None:
    rank(elmarc, folder)
    rank(elmarc, folder, "-o", "elsewhere")
    assert all("s_per_clip" not in result.timings for result in collect("elsewhere"))


@pytest.mark.usefixtures("few_candidates")
def test_equal_seeds_give_equal_bytes(elmarc: Run, folder: Path) -> None:
    texts = []
    for where in ("one", "two"):
        rank(elmarc, folder, "--classifiers", "svm,elm", "-o", where, "--store", f"store-{where}")
        records = [json.loads(path.read_text()) for path in sorted(Path(where).rglob("result.json"))]
        for record in records:
            for key in ("timings", "environment", "created", "command", "source"):
                record.pop(key)
        texts.append(json.dumps(records))
    assert texts[0] == texts[1]


def test_json_is_json(elmarc: Run, folder: Path) -> None:
    code, out, _ = rank(elmarc, folder, "--json", "--quiet")
    assert code == 0
    document = json.loads(out)
    assert {row["features"] for row in document["results"]} == {"temporal", "mfcc"}
    assert document["rankings"] == [json.loads(Path("out/ranking.json").read_text())]
    assert document["rankings"][0]["answer"]


def test_the_recipe_is_named_in_every_result(elmarc: Run, folder: Path) -> None:
    for recipe in ("2018", "v2"):
        code, _, err = rank(elmarc, folder, "--recipe", recipe, "--protocol", "paper", "-o", recipe)
        assert code == 0, err
        assert {result.recipe for result in collect(recipe)} == {recipe}


def test_extract_writes_each_format(elmarc: Run, folder: Path) -> None:
    for ending in ("npz", "csv", "parquet"):
        code, _, err = elmarc(
            "extract", folder, "--network", "temporal", "--n-filters", 4, "-o", f"f.{ending}"
        )
        assert code == 0, err
    frame = pd.read_parquet("f.parquet")
    assert frame.shape == (12, 4 + 4 * 56)  # four statistics of each map
    np.testing.assert_allclose(pd.read_csv("f.csv").iloc[:, 4:], frame.iloc[:, 4:], rtol=1e-5)


def test_extract_takes_clips_without_labels(elmarc: Run, folder: Path) -> None:
    options = ("--network", "temporal", "--n-filters", 4)
    assert elmarc("extract", folder, *options, "-o", "labelled.csv")[0] == 0
    labelled = pd.read_csv("labelled.csv").set_index("id")
    for data, n_clips in ((folder / "low", 6), (folder / "low" / "01.wav", 1)):
        code, _, err = elmarc("extract", data, *options, "-o", "plain.csv")
        assert code == 0, err
        frame = pd.read_csv("plain.csv", keep_default_na=False)
        assert len(frame) == n_clips
        assert set(frame["label"]) == {""}
        same = labelled.loc["low/" + frame["id"]]
        np.testing.assert_allclose(frame.iloc[:, 4:], same.iloc[:, 3:], rtol=1e-5)
    code, _, err = elmarc("extract", "nowhere", *options, "-o", "plain.csv")
    assert (code, "nowhere: no such data set" in err) == (2, True)


def test_a_bad_clip_among_good_ones_is_skipped_and_listed(elmarc: Run, folder: Path) -> None:
    (folder / "low" / "bad.wav").write_bytes(b"not audio")
    write(folder / "low" / "nan.wav", np.full(SR, np.nan, np.float32), subtype="FLOAT")
    write(folder / "low" / "empty.wav", np.empty(0, np.float32))
    code, _, err = rank(elmarc, folder)
    assert code == 0, err
    skipped = {clip.id for clip in collect("out")[0].skipped}
    assert skipped == {"low/bad.wav", "low/nan.wav", "low/empty.wav"}
    assert all(name in err for name in skipped)


def test_strict_stops_at_a_bad_clip(elmarc: Run, folder: Path) -> None:
    (folder / "low" / "bad.wav").write_bytes(b"not audio")
    code, _, err = elmarc("extract", folder, "--network", "temporal", "-o", "f.npz", "--strict")
    assert code == 2
    assert "bad.wav" in err


@pytest.mark.parametrize("channels", [2, 8])
def test_channels_are_averaged(elmarc: Run, folder: Path, rng: np.random.Generator, channels: int) -> None:
    write(folder / "low" / "wide.wav", np.tile(tone(300, rng)[:, None], channels))
    code, _, err = elmarc("extract", folder, "--network", "temporal", "--n-filters", 4, "-o", "f.npz")
    assert code == 0, err


def test_one_sample_is_repeated(elmarc: Run, folder: Path) -> None:
    write(folder / "low" / "one.wav", np.full(1, 0.5, np.float32))
    code, _, err = rank(elmarc, folder)
    assert code == 0, err
    assert not collect("out")[0].skipped


def mistakes() -> dict[str, tuple[list[str], str]]:
    extract = ["extract", "clips", "--network", "temporal", "-o", "f.npz"]
    vgg = ["--network", "vgg", "--set", "input.n_frames=188"]
    return {
        "empty folder": (["rank", "empty"], "no audio files"),
        "one class": (["rank", "one_class"], "only one class"),
        "no such folder": (["rank", "nowhere"], "nowhere: no such data set, folder or CSV"),
        "unknown network": (["rank", "clips", "--networks", "vggg"], "did you mean 'vgg'"),
        "unknown classifier": (["rank", "clips", "--classifiers", "swm"], "did you mean 'svm'"),
        "named data set without a folder": (["rank", "gtzan"], "--audio DIR"),
        "wrong key": (["run", "wrong.yaml"], "did you mean 'network'"),
        "no such config": (["run", "none.yaml"], "none.yaml: cannot be read"),
        "missing file on a list": (["rank", "list.csv"], "gone.wav"),
        "unknown ending": ([*extract[:-1], "f.mat"], "f.mat: its ending says the format"),
        "VGG on 4 s clips": (["extract", "clips", *vgg, "-o", "f.npz"], "vgg needs at least 1280 frames"),
        "bad duration": (["rank", "clips", "--budget", "soon"], "expected a time as 120s"),
        "unknown layer": ([*extract, "--set", "network.layers=[conv9]"], "conv9"),
        "no results": (["report", "clips"], "no result.json below it"),
        "bad option": (["rank", "clips", "--sedes", "3"], "No such option"),
    }


@pytest.mark.parametrize("case", mistakes())
def test_a_mistake_gets_one_clear_message_and_exit_code_2(
    elmarc: Run, folder: Path, tmp_path: Path, case: str
) -> None:
    (tmp_path / "empty").mkdir()
    write(tmp_path / "one_class" / "only" / "a.wav", np.zeros(SR, np.float32))
    (tmp_path / "wrong.yaml").write_text("data: clips\nnetwrk: vgg\n")
    (tmp_path / "list.csv").write_text(
        "path,label\nclips/low/01.wav,low\nclips/high/00.wav,high\ngone.wav,low\n"
    )
    args, message = mistakes()[case]
    code, out, err = elmarc(*args)
    assert code == 2
    assert message in " ".join(err.split())
    assert "Traceback" not in out + err


def test_networks_and_datasets_describe_themselves(elmarc: Run) -> None:
    code, out, _ = elmarc("networks", "--json")
    assert code == 0
    assert [row["name"] for row in json.loads(out) if row["study"]][:2] == ["vgg", "7x96"]
    code, out, _ = elmarc("networks", "vgg", "--size", "large", "--json")
    assert json.loads(out)["n_parameters"] == 18_517_242
    assert json.loads(out)["min_input_length"] == 1280
    code, out, _ = elmarc("datasets", "list", "--json")
    assert {"gtzan", "esc10", "toy"} <= {row["name"] for row in json.loads(out)}


def test_validate_names_what_is_wrong(elmarc: Run, folder: Path) -> None:
    assert elmarc("datasets", "validate", folder)[0] == 0
    (folder / "low" / "bad.wav").write_bytes(b"not audio")
    code, out, _ = elmarc("datasets", "validate", folder)
    assert code == 1
    assert "bad.wav" in out


def test_help_teaches(elmarc: Run) -> None:
    code, out, _ = elmarc("--help")
    assert code == 0
    for command in ("demo", "run", "extract", "rank", "networks", "datasets", "store", "report"):
        assert command in out


def test_importing_elmarc_loads_no_torch() -> None:
    check = "import sys, elmarc; sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    subprocess.run([sys.executable, "-c", check], check=True)


def test_python_m_elmarc_works() -> None:
    said = subprocess.run(
        [sys.executable, "-m", "elmarc", "--version"], capture_output=True, text=True, check=True
    )
    assert said.stdout.startswith("elmarc ")


def test_public_names_are_there() -> None:
    import elmarc as package

    for name in package.__all__:
        assert getattr(package, name) is not None
