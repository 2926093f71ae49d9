"""`elmarc reproduce foretell` ranks, trains and compares; what is done is not done again."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from tests.cli.conftest import Run

from elmarc.agreement.correlation import LEAST
from elmarc.cli import foretell as foretell_command
from elmarc.experiments.foretell_study import FULL, QUICK, STUDY_NETWORKS
from elmarc.networks import spaces
from elmarc.results import collect

pytest.importorskip("lightning_fabric")


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put four tiny networks into the quick study, trained once for one epoch."""
    networks = [{"kind": "temporal", "n_filters": n, "name": f"n{n}"} for n in (4, 8, 12, 16)]
    made = replace(
        QUICK, networks=lambda: networks, seeds=1, trained_seeds=1, common={"input": {"seconds": 0.5}},
        training=replace(QUICK.training, epochs=2),
    )  # fmt: skip
    monkeypatch.setattr(foretell_command, "QUICK", made)


@pytest.mark.usefixtures("small")
def test_it_ranks_trains_and_compares_and_a_second_run_repeats_nothing(elmarc: Run) -> None:
    code, first, err = elmarc("reproduce", "foretell", "--quick", "-o", "out")
    assert code == 0, err
    assert "4 architectures, 64 clips" in " ".join(first.split())
    assert {result.classifier for result in collect("out/rank")} == {"ridge"}
    assert [len(collect(f"out/{side}")) for side in ("rank", "short", "trained")] == [4, 4, 4]
    (agreement,) = json.loads(Path("out/agreement.json").read_text())["agreements"]
    names = {foreteller["name"] for foreteller in agreement["foretellers"]}
    assert {"ridge, 2018", "short training", "NASWOT", "number of parameters"} <= names
    before = {path: path.read_bytes() for path in Path("out").rglob("result.json")}
    code, second, err = elmarc("reproduce", "foretell", "--quick", "-o", "out")
    assert code == 0, err
    assert err.count("already done") == 12
    assert second == first
    assert before == {path: path.read_bytes() for path in Path("out").rglob("result.json")}
    written = yaml.safe_load(Path("out/space.yaml").read_text())["networks"]
    assert [section["name"] for section in written] == ["n4", "n8", "n12", "n16"]


def test_options_that_the_plan_sets_are_refused(elmarc: Run) -> None:
    for options, said in (
        (("foretell", "--quick", "--seeds", 5), "--seeds"),
        (("esc10", "--audio", ".", "--quick"), "--quick"),
        (("foretell",), "--audio"),
        (("esc10",), "--audio"),
        (("foretell", "--audio", "."), "fsdd.csv"),
    ):
        code, _, err = elmarc("reproduce", *options, "-o", "out")
        assert code == 2
        assert said in err


def test_the_space_is_what_the_plan_says() -> None:
    networks = FULL.networks()
    drawn = networks[len(STUDY_NETWORKS) :]
    assert [section["kind"] for section in networks[: len(STUDY_NETWORKS)]] == list(STUDY_NETWORKS)
    assert len({section["name"] for section in drawn}) == 32
    assert max(spaces.cost(section, 5.0) for section in drawn) <= 3e7
    assert {section["kind"] for section in drawn} > {
        "single_layer",
        "vgg",
        "timbral_temporal",
        "sample_level",
    }
    assert len(QUICK.networks()) == LEAST


def test_a_fifth_of_the_digits_has_every_speaker(tmp_path: Path) -> None:
    (tmp_path / "fsdd").mkdir()
    rows = [f"{d}_{s}_{k}.wav,{d},{s}" for d in range(10) for s in range(6) for k in range(50)]
    (tmp_path / "fsdd" / "fsdd.csv").write_text("\n".join(["path,label,fold", *rows]) + "\n")
    digits = FULL.data(tmp_path, tmp_path / "out")[1]
    heading, *some = Path(digits["path"]).read_text().splitlines()
    assert heading == "path,label,fold"
    assert len(some) == 600
    counts = {tuple(row.split(",")[1:]) for row in some}
    assert len(counts) == 60
