"""`elmarc reproduce foretell` ranks, trains and compares; what is done is not done again."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from tests.cli.conftest import Run

from elmarc.agreement.correlation import LEAST
from elmarc.cli import foretell as foretell_command
from elmarc.networks import STUDY_NETWORKS, spaces
from elmarc.results import collect
from elmarc.study.foretell_study import FULL, QUICK, Heard


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put four tiny networks into the quick study, trained once for one epoch."""
    networks = [{"kind": "temporal", "n_filters": n, "name": f"n{n}"} for n in (4, 8, 12, 16)]
    made = replace(
        QUICK, networks=lambda: networks, seeds=1, trained_seeds=1,
        sets=lambda *folders: [replace(heard, seconds=0.5) for heard in QUICK.sets(*folders)],
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
    assert sum(int(found) for found in re.findall(r"(\d+) of \1 were done", err)) == 12
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
    assert len({section["name"] for section in networks}) == 9 + 32
    costs = {section["name"]: spaces.cost(section, 5.0) for section in networks}
    assert costs.pop("timbral_temporal n4") == pytest.approx(5.2e7, rel=0.02)
    assert max(costs.values()) < 2.55e7
    kinds = Counter(section["kind"] for section in drawn)
    waveform = sum(n for kind, n in kinds.items() if kind.endswith("_level"))
    assert (kinds["single_layer"], kinds["vgg"], waveform) == (8, 8, 8)
    assert len(QUICK.networks()) == LEAST


def test_a_network_that_needs_more_hears_more() -> None:
    deep = {"kind": "vgg", "n_filters": 4, "pool_frames": [4, 4, 4], "pool_bands": [2, 2, 2]}
    (shallow,) = QUICK.networks()[:1]
    assert Heard({}, 0.7).of(shallow) == {"seconds": 0.7}
    assert Heard({}, 0.7).of(deep)["seconds"] == pytest.approx(64 * 256 / 12000)


def test_a_tenth_of_the_digits_has_every_speaker(tmp_path: Path) -> None:
    (tmp_path / "fsdd").mkdir()
    rows = [f"{d}_{s}_{k}.wav,{d},{s}" for d in range(10) for s in range(6) for k in range(50)]
    (tmp_path / "fsdd" / "fsdd.csv").write_text("\n".join(["path,label,fold", *rows]) + "\n")
    digits = FULL.sets(tmp_path, tmp_path / "out")[2].data
    heading, *some = Path(digits["path"]).read_text().splitlines()
    assert heading == "path,label,fold"
    assert len(some) == 300
    counts = {tuple(row.split(",")[1:]) for row in some}
    assert len(counts) == 60
