"""`elmarc fit`: what is named, or the winner of a ranking, in a file that gives the rank's features."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import numpy as np
import pytest
from tests.cli.conftest import Run, rank
from tests.sounds import tone, write

import elmarc as library
from elmarc import _defaults
from elmarc.results import collect
from elmarc.study import build
from elmarc.study.fit import winner
from elmarc.study.record import config_of


def test_where_nothing_is_said_it_is_recipe_v2_and_ridge(elmarc: Run, folder: Path) -> None:
    code, out, err = elmarc("fit", folder, "-o", "m.elmarc")
    assert code == 0, err
    model = library.load("m.elmarc")
    assert (model.features_.recipe, model.classifier, model.extractor_.network.name) == (
        "v2",
        "ridge",
        _defaults.NETWORK,
    )
    assert str(model.expected_) in out
    assert "chance 50.0 %" in out
    assert "[" in out


def test_three_groups_are_too_few_for_an_interval(elmarc: Run, folder: Path) -> None:
    paths = sorted(folder.rglob("*.wav"))
    rows = [f"{p.relative_to(folder)},{p.parent.name},s{i // 2 % 3}" for i, p in enumerate(paths)]
    (folder / "list.csv").write_text("\n".join(["path,label,group", *rows]))
    code, out, err = elmarc("fit", folder / "list.csv", "--network", "mfcc", "-o", "m.elmarc")
    assert code == 0, err
    assert "(no interval: too few groups of clips), from 12 clips" in out
    code, out, err = elmarc("fit", folder / "list.csv", "--network", "mfcc", "-o", "n.elmarc", "--json")
    assert code == 0, err
    assert json.loads(out)["expected"]["interval"] is None


def test_rank_ends_with_the_command_that_fits_its_winner(elmarc: Run, folder: Path) -> None:
    code, out, err = rank(elmarc, folder, "--no-baseline", "--recipe", "v2")
    assert code == 0, err
    (line,) = [line for line in out.splitlines() if "elmarc fit" in line]
    code, out, err = elmarc(*shlex.split(line[line.index("elmarc fit") :].split(";")[0])[1:], "--json")
    assert code == 0, err
    best = winner(collect("out"))
    assert json.loads(out)["system"] == f"{best.result.label} + {best.result.classifier}"
    assert f"{best.score.label} is taken" in err
    config = config_of(best.result, trust=False)
    extractor, _ = build.extractor(config, build.dataset(config.data))
    model = library.load("model.elmarc")
    clips = build.dataset(config.data).clips
    np.testing.assert_array_equal(
        model.extractor_.extract(clips).matrix.X, extractor.extract(clips).matrix.X
    )  # the winner's features, bit for bit


@pytest.mark.parametrize(
    ("n_bad", "options"),
    [
        (0, ()),
        (0, ("--set", "data.n_folds=4")),
        (0, ("--set", "data.shuffle=true")),
        (1, ("--keep-duplicates-together",)),
    ],
    ids=["groups", "asked", "shuffled", "copies"],
)
def test_the_accuracy_to_expect_is_that_of_the_ranking(
    elmarc: Run, tmp_path: Path, n_bad: int, options: tuple[str, ...]
) -> None:
    """More than ten classes that look like numbers, groups of all sizes, copies; and an unreadable clip."""
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 24, 96)
    rows = ["path,label,group"]
    for i in range(96):
        write(tmp_path / f"{i}.wav", tone(200 * (i % 12 + 1) + rng.normal(0, 60), rng, seconds=0.1))
        rows.append(f"{i}.wav,{i % 12 + 1},{f'g{groups[i]}' if i % 7 else ''}")
    (tmp_path / "94.wav").write_bytes((tmp_path / "46.wav").read_bytes())
    if n_bad:
        (tmp_path / "95.wav").write_bytes(b"no sound")
    (tmp_path / "clips.csv").write_text("\n".join(rows))
    how = ("--networks", "temporal", "--classifiers", "ridge", "--no-baseline", "--seeds", 1, "-o", "out")
    width = ("--set", "network.n_filters=4", "--set", "network.size=null", "--recipe", "v2")
    code, _, err = elmarc("rank", "clips.csv", *how, *width, *options)
    assert code == 0, err
    (ranked,) = collect("out")
    code, out, err = elmarc("fit", "--from", "out", "--json")
    assert code == 0, err
    expected = json.loads(out)["expected"]
    assert (expected["accuracy"], expected["n_clips"]) == (ranked.accuracy, 96 - n_bad)
    assert expected["n_folds"] == len(ranked.folds)
    assert 0.2 < ranked.accuracy < 0.9


def test_a_paper_protocols_accuracy_is_named_as_such(elmarc: Run, folder: Path) -> None:
    assert rank(elmarc, folder, "--protocol", "paper")[0] == 0
    assert "the accuracy to expect is nested" in elmarc("fit", folder, "--from", "out")[2]
    assert "nested" not in elmarc("fit", folder, "--network", "mfcc")[2]


def test_another_folder_is_told_from_the_one_that_was_ranked(elmarc: Run, folder: Path) -> None:
    assert rank(elmarc, folder)[0] == 0
    assert "not the clips that were ranked" not in elmarc("fit", folder, "--from", "out")[2]
    next(iter(folder.glob("low/*.wav"))).unlink()
    code, _, err = elmarc("fit", folder, "--from", "out")
    assert (code, "these are not the clips that were ranked" in err) == (0, True)


def test_a_bad_clip_is_left_out_or_with_strict_ends_it(elmarc: Run, folder: Path) -> None:
    (folder / "low" / "bad.wav").write_bytes(b"no sound")
    code, out, err = elmarc("fit", folder, "--network", "mfcc", "--json")
    assert code == 0, err
    assert [clip["id"] for clip in json.loads(out)["skipped"]] == ["low/bad.wav"]
    code, _, err = elmarc("fit", folder, "--network", "mfcc", "--strict")
    assert (code, "bad.wav" in err) == (2, True)


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ([], "no DATA"),
        (["--from", "nowhere"], "nowhere"),
        (["--from", "out", "--classifier", "svm"], "--classifier: --from says what is fitted"),
        (["clips", "--network", "vgh"], "vgg"),
        (["clips", "-o", "clips"], "is a folder"),
    ],
)
def test_mistakes_are_named(elmarc: Run, folder: Path, args: list[str], said: str) -> None:
    code, _, err = elmarc("fit", *args)
    assert code == 2
    assert said in err
