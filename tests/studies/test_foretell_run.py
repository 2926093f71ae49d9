"""`python -m studies.foretell` ranks, trains and compares; what is done is not done again."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from studies.foretell import __main__ as program
from studies.foretell import spaces
from studies.foretell.naswot import naswot_scores
from studies.foretell.plan import FULL, QUICK, Excerpts

from elmarc.agreement.rankings import LEAST
from elmarc.errors import ConfigError
from elmarc.networks import STUDY_NETWORKS
from elmarc.results import collect


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Put four tiny networks into the quick study, trained once for two epochs."""
    networks = [{"kind": "temporal", "n_filters": n, "name": f"n{n}"} for n in (4, 8, 12, 16)]
    plan = replace(
        QUICK, networks=lambda: networks, seeds=1, trained_seeds=1,
        sets=lambda *folders: [replace(each, seconds=0.5) for each in QUICK.sets(*folders)],
        training=replace(QUICK.training, epochs=2),
    )  # fmt: skip
    monkeypatch.setattr(program, "QUICK", plan)
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("small")
def test_it_ranks_trains_and_compares_and_a_second_run_repeats_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ["--quick", "-o", "out", "--store", "store"]
    assert program.main(words) == 0
    first = capsys.readouterr().out
    assert "4 architectures, 64 clips" in first
    assert {result.classifier for result in collect("out/rank")} == {"ridge"}
    assert [len(collect(f"out/{side}")) for side in ("rank", "short", "trained")] == [4, 4, 4]
    (comparison,) = json.loads(Path("out/agreement.json").read_text())["comparisons"]
    names = {predictor["name"] for predictor in comparison["predictors"]}
    assert {"ridge, 2018", "short training", "NASWOT", "number of parameters"} <= names
    before = {path: path.read_bytes() for path in Path("out").rglob("result.json")}
    assert program.main(words) == 0
    assert capsys.readouterr().out == first
    assert before == {path: path.read_bytes() for path in Path("out").rglob("result.json")}
    written = yaml.safe_load(Path("out/space.yaml").read_text())["networks"]
    assert [section["name"] for section in written] == ["n4", "n8", "n12", "n16"]
    assert len(json.loads(Path("out/rank/naswot.json").read_text())) == 4
    Path("out/rank/naswot.json").unlink()
    (table,) = Path("out").glob("toy-*.csv")
    heading, one, other, *rows = table.read_text().splitlines()
    swapped = [
        ",".join([two.split(",")[0], *each.split(",")[1:]]) for each, two in ((one, other), (other, one))
    ]
    table.write_text("\n".join([heading, *swapped, *rows]) + "\n")
    with pytest.raises(ConfigError, match="its clips have changed"):
        naswot_scores(collect("out/rank"), Path("out/rank"))


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


def test_a_network_that_needs_longer_clips_gets_them() -> None:
    deep = {"kind": "vgg", "n_filters": 4, "pool_frames": [4, 4, 4], "pool_bands": [2, 2, 2]}
    (shallow,) = QUICK.networks()[:1]
    assert Excerpts({}, 0.7).of(shallow) == {"seconds": 0.7}
    assert Excerpts({}, 0.7).of(deep)["seconds"] == pytest.approx(64 * 256 / 12000)


def test_a_tenth_of_the_digits_has_every_speaker(tmp_path: Path) -> None:
    (tmp_path / "fsdd").mkdir()
    rows = [f"{d}_{s}_{k}.wav,{d},{s}" for d in range(10) for s in range(6) for k in range(50)]
    (tmp_path / "fsdd" / "fsdd.csv").write_text("\n".join(["path,label,fold", *rows]) + "\n")
    digits = FULL.sets(tmp_path, tmp_path / "out")[2].data
    heading, *some = Path(digits["source"]).read_text().splitlines()
    assert heading == "path,label,fold"
    assert len(some) == 300
    counts = {tuple(row.split(",")[1:]) for row in some}
    assert len(counts) == 60
