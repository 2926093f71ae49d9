"""What is typed is understood, or refused in a sentence: numbers, spellings, few clips, places."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import typer
from tests.cli.conftest import Run, rank
from tests.sounds import write_tones

from elmarc.audio.length import fit_length
from elmarc.cli.app import app
from elmarc.errors import AudioError
from elmarc.results import collect

SRC = Path(__file__).resolve().parents[2] / "src"


@pytest.mark.parametrize("number", ["nan", "inf", "-inf", "0", "-1", "x", "1e999"])
@pytest.mark.parametrize(
    "words",
    [
        ("predict", "m.elmarc", "clips", "--window"),
        ("predict", "m.elmarc", "clips", "--window", 1, "--hop"),
        ("extract", "clips", "--network", "temporal", "--per-frame", "-o", "f.npz", "--rate"),
    ],
)
def test_a_number_that_makes_no_sense_is_refused(elmarc: Run, words: tuple[object, ...], number: str) -> None:
    code, out, err = elmarc(*words, number)
    assert code == 2
    assert out == ""
    assert f"Invalid value for '{words[-1]}': found '{number}', expected a number above 0" in err


@pytest.mark.parametrize("number", ["nan", "inf", "-1"])
def test_a_size_may_be_0_and_nothing_below(elmarc: Run, number: str) -> None:
    code, _, err = elmarc("report", "out", "--embed-mb", number)
    assert code == 2
    assert f"found '{number}', expected a number of at least 0" in err
    assert "no result.json below it" in elmarc("report", ".", "--embed-mb", 0)[2]


@pytest.mark.parametrize("option", ["--size", "--protocol", "--recipe", "--executor"])
def test_a_choice_that_is_none_is_told_without_the_words_of_another_package(elmarc: Run, option: str) -> None:
    code, _, err = elmarc("rank", "toy", option, "huge")
    assert code == 2
    assert f"Invalid value for '{option}': 'huge' is not one of" in " ".join(err.split())
    assert "Value error" not in err


@pytest.mark.parametrize("option", ["--network", "--networks"])
@pytest.mark.parametrize(
    "words", [("rank", "toy"), ("train", "toy"), ("fit", "toy"), ("extract", "toy", "-o", "f.npz")]
)
def test_both_spellings_are_taken(elmarc: Run, words: tuple[str, ...], option: str) -> None:
    code, _, err = elmarc(*words, option, "vgq")
    assert code == 2
    assert "did you mean 'vgg'?" in err


def test_frames_slower_than_any_clip_are_one_a_clip(elmarc: Run, folder: Path) -> None:
    network = ("--network", "temporal", "--n-filters", 4)
    code, out, _ = elmarc("extract", folder, *network, "--per-frame", "--rate", 1e-9, "-o", "f.npz")
    assert code == 0
    assert "12 clips, 12 frames" in out


@pytest.mark.parametrize("n", [1, 2])
@pytest.mark.parametrize("classifier", ["svm", "elm", "knn", "ridge", "mlp"])
def test_few_clips_are_fitted_or_refused(
    elmarc: Run, tmp_path: Path, rng: np.random.Generator, classifier: str, n: int
) -> None:
    data, chooses = write_tones(Path("few"), rng, n=2 * n), classifier in ("svm", "elm", "knn")
    code, out, err = elmarc("fit", data, "--network", "mfcc", "--classifier", classifier, "-o", "m.elmarc")
    if n == 1 and chooses:
        assert code == 2
        assert f"{classifier} chooses its hyper-parameters on clips held out" in err
        return
    assert code == 0, err
    assert ("accuracy to expect: not known" in out) == (n == 1 or chooses)
    assert elmarc("predict", "m.elmarc", data)[0] == 0


def test_few_clips_are_ranked_or_refused_before_any_work(
    elmarc: Run, tmp_path: Path, rng: np.random.Generator
) -> None:
    data = write_tones(Path("few"), rng, n=4)
    code, _, err = rank(elmarc, data, "--classifiers", "ridge,svm")
    assert code == 2
    assert "no class has three clips, and svm chooses its hyper-parameters on clips held out" in err
    assert not Path("out/cells").exists()
    assert rank(elmarc, data, "--classifiers", "ridge")[0] == 0
    assert rank(elmarc, data, "--classifiers", "svm", "--protocol", "paper", "-o", "paper")[0] == 0


def test_a_label_of_thousands_of_digits_is_a_label(elmarc: Run, folder: Path) -> None:
    rows = [f"{path},{path.parent.name == 'low':d}{'0' * 5000}" for path in sorted(folder.rglob("*.wav"))]
    Path("long.csv").write_text("\n".join(["path,label", *rows]))
    assert rank(elmarc, Path("long.csv"), "--quiet", "--json")[0] == 0
    assert {len(label) for result in collect("out") for label in result.classes} == {5001}


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder that nobody may write")
def test_a_store_that_cannot_be_made_is_told_once_and_the_work_goes_on(elmarc: Run, folder: Path) -> None:
    network = ("--network", "temporal", "--set", "network.n_filters=4", "--set", "network.size=null")
    where = ("--store", "/proc/nobody/store")
    commands = (
        lambda: rank(elmarc, folder, "--networks", "temporal,timbral", *where),
        lambda: elmarc("extract", folder, *network, "-o", "f.npz", *where),
        lambda: elmarc("fit", folder, *network, "-o", "m.elmarc", *where),
    )
    for command in commands:
        code, _, err = command()
        assert code == 0, err
        assert " ".join(err.split()).count("the run goes on, and new features are not stored") == 1
        assert err.count("/proc/nobody/store") == 1


def test_the_commands_that_messages_name_are_there() -> None:
    known = set(typer.main.get_command(app).commands)  # type: ignore[attr-defined]
    text = "\n".join(path.read_text(encoding="utf-8") for path in SRC.rglob("*.py"))
    named = set(re.findall(r"`(?:python -m )?elmarc ([a-z]+)\b", text))
    assert len(named) > 5
    assert named <= known


def test_a_clip_that_is_too_short_is_told_with_the_key_of_either_form() -> None:
    with pytest.raises(AudioError, match=r"set fix_length \(in a file of 2018: fix_length_by\)"):
        fit_length(np.zeros(3), 5, how="crop", name="a.wav", unit="frames")
