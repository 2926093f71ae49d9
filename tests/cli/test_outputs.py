"""No command replaces what it reads, nor what elmarc did not write; what elmarc wrote is replaced."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.figure import Figure
from tests.cli.conftest import Run
from tests.sounds import tone, write

import elmarc as library

NARROW = ("--set", "network.n_filters=4", "--set", "network.size=null", "--set", "input.seconds=0.4")
CONFIG = "network: {kind: temporal, n_filters: 4}\nclassifier: ridge\ndata: {source: clips}\n"
CLIP = "clips/low/01.wav"


class Command(NamedTuple):
    """A command without its output, the option that names it, an output, and files that it reads."""

    words: tuple[object, ...]
    option: str
    output: str
    read: tuple[str, ...]


EXTRACT = ("extract", "clips", "--network", "temporal", *NARROW, "-q")
LISTED = ("extract", "list.csv", "--network", "temporal", *NARROW, "-q")
COMMANDS = {
    "npz": Command(EXTRACT, "-o", "x.npz", (CLIP,)),
    "parquet": Command(EXTRACT, "-o", "x.parquet", (CLIP,)),
    "csv": Command(LISTED, "-o", "x.csv", ("list.csv", CLIP)),
    "pt": Command(EXTRACT, "-o", "x.pt", (CLIP,)),
    "frames npz": Command((*EXTRACT, "--per-frame"), "-o", "f.npz", (CLIP,)),
    "frames parquet": Command((*EXTRACT, "--per-frame"), "-o", "f.parquet", (CLIP,)),
    "frames csv": Command((*LISTED, "--per-frame"), "-o", "f.csv", ("list.csv", CLIP)),
    "fit": Command(("fit", "clips", "--network", "mfcc", "-q"), "-o", "new.elmarc", (CLIP,)),
    "fit of a list": Command(("fit", "list.csv", "--network", "mfcc", "-q"), "-o", "new", ("list.csv", CLIP)),
    "fit --from": Command(("fit", "--from", "out", "-q"), "-o", "best.elmarc", (CLIP, "result.json")),
    "predict csv": Command(("predict", "m.elmarc", "clips", "-q"), "-o", "p.csv", ("m.elmarc", CLIP)),
    "predict json": Command(("predict", "m.elmarc", "clips", "-q"), "-o", "p.json", ("m.elmarc", CLIP)),
    "windows csv": Command(
        ("predict", "m.elmarc", CLIP, "--window", 0.5, "-q"), "-o", "w.csv", ("m.elmarc", CLIP)
    ),
    "windows json": Command(("predict", "m.elmarc", CLIP, "--window", 0.5, "-q"), "-o", "w.json", (CLIP,)),
    "plot png": Command(("predict", "m.elmarc", CLIP, "--window", 0.5, "-q"), "--plot", "p.png", (CLIP,)),
    "plot svg": Command(("predict", "m.elmarc", CLIP, "--window", 0.5, "-q"), "--plot", "p.svg", (CLIP,)),
    "report": Command(("report", "out", "-q"), "-o", "page.html", (CLIP, "result.json")),
}


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Clips, a list of them, a configuration, a model and a ranking of one result."""
    place, rng = tmp_path_factory.mktemp("template"), np.random.default_rng(0)
    clips = [place / "clips" / label / f"{i:02d}.wav" for i in range(4) for label in ("high", "low")]
    for clip in clips:
        write(clip, tone(300 if clip.parent.name == "low" else 3000, rng))
    rows = [f"{clip.relative_to(place)},{clip.parent.name}" for clip in clips]
    (place / "list.csv").write_text("\n".join(["path,label", *rows]) + "\n")
    (place / "config.yaml").write_text(CONFIG)
    library.SoundClassifier("mfcc").fit(clips, [clip.parent.name for clip in clips]).save(place / "m.elmarc")
    library.rank(
        place / "clips", networks=[{"kind": "temporal", "n_filters": 4, "size": None}], classifiers="ridge",
        seeds=1, baseline=False, progress=False, output=place / "out",
    )  # fmt: skip
    return place


@pytest.fixture
def place(elmarc: Run, template: Path, tmp_path: Path) -> Path:
    shutil.copytree(template, tmp_path, dirs_exist_ok=True)
    (result,) = tmp_path.rglob("result.json")
    result.write_text(result.read_text().replace(str(template), str(tmp_path)))
    os.link(result, tmp_path / "result.json")  # for a short name
    return tmp_path


def files(place: Path) -> dict[Path, bytes]:
    """Return every file but those that are caches."""
    return {
        path: path.read_bytes()
        for path in place.rglob("*")
        if path.is_file() and "cache" not in path.relative_to(place).parts
    }


@pytest.mark.parametrize("name", COMMANDS)
def test_what_is_read_is_never_written(elmarc: Run, place: Path, name: str) -> None:
    """By its own name, another spelling, a link or a hard link, with --force and without."""
    words, option, output, read = COMMANDS[name]
    ending = Path(output).suffix
    for file in read:
        links = [place / f"link{ending}", place / f"hard{ending}"]
        links[0].symlink_to(place / file)
        os.link(place / file, links[1])
        same = [Path(file), place / "clips" / ".." / file]
        own = [path for path in same if path.suffix == ending or (option == "-o" and words[0] in FREE)]
        before = files(place)
        for path in [*own, *links]:
            for force in ((), ("--force",)):
                code, _, err = elmarc(*words, option, path, *force)
                assert code == 2, (path, err)
                assert path.name in err
                assert "is read by this command" in err or not force
                assert files(place) == before
                assert links[0].is_symlink()
        for link in links:
            link.unlink()


FREE = ("fit", "report", "config")  # any ending will do


def foreign(path: Path) -> None:
    """Write a file of the same ending as another program does."""
    X = np.arange(12.0).reshape(6, 2)
    match path.suffix:
        case ".npz":
            np.savez(path, X=X, ids=[str(i) for i in range(6)])
        case ".parquet":
            pd.DataFrame(X, columns=["id", "time_s"]).to_parquet(path)
        case ".csv":
            path.write_text("id,label,fold,group,f0,f1\na,b,,,1,2\n")
        case ".pt":
            torch.save({"X": torch.from_numpy(X), "ids": ["a"]}, path)
        case ".png" | ".svg":
            Figure().savefig(path)
        case ".json":
            path.write_text(json.dumps({"clips": [{"name": "mine"}]}, indent=1))
        case ".html":
            path.write_text("<!doctype html>\n<title>elmarc</title>\n<p>My notes on elmarc.</p>\n")
        case ".yaml":
            path.write_text("# my own\n" + CONFIG)
        case _:
            path.write_bytes(b"RIFF elmarc model 1\n")


@pytest.mark.parametrize("name", COMMANDS)
def test_what_elmarc_did_not_write_is_replaced_with_force_alone(elmarc: Run, place: Path, name: str) -> None:
    words, option, output, _ = COMMANDS[name]
    file = Path(output)
    foreign(file)
    before = file.read_bytes()
    code, _, err = elmarc(*words, option, file)
    assert code == 2
    assert f"{file}: is there already" in err
    assert "--force" in err
    assert file.read_bytes() == before
    code, _, err = elmarc(*words, option, file, "--force")
    assert code == 0, err
    written = file.read_bytes()
    assert written != before
    code, _, err = elmarc(*words, option, file)  # what elmarc wrote is replaced without a word
    assert code == 0, err
    assert file.read_bytes() == written or file.suffix in (".npz", ".pt")  # a zip has the time in it


@pytest.mark.parametrize("first", COMMANDS)
def test_what_elmarc_wrote_in_another_form_is_not_replaced(elmarc: Run, place: Path, first: str) -> None:
    words, option, output, _ = COMMANDS[first]
    assert elmarc(*words, option, output)[0] == 0
    before = Path(output).read_bytes()
    for name, (words, option, other, _) in COMMANDS.items():
        if form(name) != form(first) and Path(other).suffix == Path(output).suffix:
            code, _, err = elmarc(*words, option, output)
            assert code == 2, name
            assert "is there already" in err
            assert Path(output).read_bytes() == before


def form(name: str) -> str:
    return "predictions" if name.startswith(("predict", "windows")) else name.split()[0]


def test_a_link_that_leads_nowhere_is_not_replaced(elmarc: Run, place: Path) -> None:
    Path("model.elmarc").symlink_to("drive/model.elmarc")
    code, _, err = elmarc("fit", "clips", "--network", "mfcc", "-o", "model.elmarc")
    assert code == 2
    assert "is there already" in err
    assert Path("model.elmarc").is_symlink()


@pytest.mark.parametrize("file", ["ranking.csv", "ranking.txt", "figure.png"])
@pytest.mark.parametrize("verb", ["rank", "run"])
def test_a_run_replaces_nothing_that_no_run_wrote(elmarc: Run, place: Path, verb: str, file: str) -> None:
    words = {"rank": ("rank", "clips", "--networks", "temporal", *NARROW), "run": ("run", "config.yaml")}[
        verb
    ]
    (place / "mine").mkdir()
    (place / "mine" / file).write_text("mine")
    (place / "mine" / "notes.txt").write_text("mine")
    code, _, err = elmarc(*words, "-o", "mine", "-q")
    assert code == 2
    assert f"mine/{file}: is there already, and no run of elmarc wrote it" in err
    assert {path.name for path in Path("mine").iterdir()} == {file, "notes.txt"}
    (place / "mine" / file).unlink()
    for _ in range(2):  # what the first run wrote is replaced by the second
        code, _, err = elmarc(*words, "-o", "mine", "-q")
        assert code == 0, err
    assert (place / "mine" / file).read_bytes() != b"mine"


def test_a_run_replaces_nothing_that_it_reads(elmarc: Run, place: Path) -> None:
    """A list of clips, and a configuration, by names that a run writes, in a folder of results."""
    Path("list.csv").replace("out/ranking.csv")
    config = {"network": "mfcc", "classifier": "knn", "data": "clips"}
    Path("out/ranking.json").write_text(json.dumps(config))
    before = files(place)
    for words in (
        ("rank", "out/ranking.csv", "--audio", ".", "--networks", "temporal"),
        ("run", "out/ranking.json"),
    ):
        code, _, err = elmarc(*words, "-o", "out")
        assert code == 2
        assert "is read by this command" in err
    assert files(place) == before


def test_an_agreement_replaces_nothing_that_it_did_not_write(elmarc: Run, place: Path) -> None:
    Path("mine").mkdir()
    Path("mine/agreement.csv").write_text("mine")
    code, _, err = elmarc("agreement", "out", "out", "-o", "mine")
    assert code == 2
    assert "mine/agreement.csv: is there already" in err
    assert Path("mine/agreement.csv").read_text() == "mine"
