"""The command that extracts what won gives the rows that won."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import numpy as np
import pytest
from tests.cli.conftest import Run

from elmarc.cli.studies import extract_command
from elmarc.features.matrix import FeatureMatrix
from elmarc.study import build
from elmarc.study.request import Rank


def command_of(out: str) -> list[str]:
    (line,) = [line for line in out.splitlines() if "elmarc extract" in line]
    return shlex.split(line[line.index("elmarc extract") :])[1:]


WIDTH = ["--set", "network.n_filters=4", "--set", "network.size=null"]
CASES = {
    "baseline beside": ["--networks", "temporal"],
    "v2": ["--networks", "timbral", "--recipe", "v2", "--no-baseline"],
    "options": ["--networks", "temporal", "--set", "pooling=[mean, max]", "--no-baseline"],
    "width": ["--networks", "temporal", *WIDTH, "--no-baseline"],
    "options that have no default": ["--networks", "space.yaml", "--no-baseline"],
}


@pytest.mark.parametrize("case", CASES)
def test_rank_ends_with_the_command_that_extracts_the_best(elmarc: Run, folder: Path, case: str) -> None:
    moved = folder.rename("my clips")  # a name that a shell would split
    Path("space.yaml").write_text(
        "networks: [{kind: single_layer, n_filters: 4, filter_shape: [3, 60], pool_shape: [2, 37]}]"
    )
    code, out, err = elmarc("rank", moved, *CASES[case], "--classifiers", "knn", "--seeds", 1, "-o", "out")
    assert code == 0, err
    args = command_of(out)
    assert args[1] == "my clips"
    code, out, err = elmarc(*args, "--json")
    assert code == 0, err
    assert json.loads(out)["n_computed"] == 0  # its rows are in the store: the rank's own


@pytest.mark.parametrize("network", ["temporal", "mfcc"])
def test_its_rows_are_those_of_the_rank(elmarc: Run, folder: Path, network: str) -> None:
    networks = [] if network == "mfcc" else [network]
    config = Rank(data=folder, networks=networks, baseline=not networks, seeds=1).experiments()[0]
    data = build.dataset(config.data)
    extractor, _ = build.extractor(config, data)
    code, _, err = elmarc(*shlex.split(extract_command(config))[1:])
    assert code == 0, err
    found = FeatureMatrix.load("features.npz")
    np.testing.assert_array_equal(found.X, extractor.extract(data.clips).matrix.X)


def test_every_option_that_matters_is_said() -> None:
    config = Rank(
        data="toy", target="timbre", networks="timbral", recipe="2018", size="large", precision="bfloat16",
        device="cpu", strict=True, baseline=False, overrides=["frontend.sr=16000"],
    ).experiments()[1]  # fmt: skip
    assert extract_command(config) == (
        "elmarc extract toy --target timbre --device cpu --strict --set frontend.sr=16000 "
        "--network timbral --size large --seed 1 --recipe 2018 --precision bfloat16 -o features.npz"
    )


def test_named_data_sets_say_where_their_clips_lie() -> None:
    (config,) = Rank(data="esc10", audio=Path("my clips"), networks=[], seeds=1).experiments()
    assert extract_command(config) == "elmarc extract esc10 --audio 'my clips' --network mfcc -o features.npz"
