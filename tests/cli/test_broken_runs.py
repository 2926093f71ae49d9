"""What is left when a run is broken off, cannot write, or has several data sets."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tests.cli.conftest import Run, rank
from tests.sounds import tone, write, write_tones

from elmarc.results import collect
from elmarc.study import run, summary


def interrupt_after(monkeypatch: pytest.MonkeyPatch, n: int, problem: BaseException) -> None:
    """Let the n + 1st classifier of a run end it."""
    evaluate, calls = run.evaluate, []

    def broken(*args, **options):
        calls.append(1)
        if len(calls) > n:
            raise problem
        return evaluate(*args, **options)

    monkeypatch.setattr(run, "evaluate", broken)


def test_an_interrupted_run_keeps_results_and_tables(
    elmarc: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupt_after(monkeypatch, 3, KeyboardInterrupt())
    code, _, err = rank(elmarc, folder, "--quiet")
    assert code == 130
    assert "run the same command again" in err
    assert len(collect("out")) == 3
    assert "mfcc" in Path("out/ranking.txt").read_text()
    assert f"3 of 4 were done; the ranking so far: {Path('out/ranking.txt')}" in err


@pytest.mark.parametrize("n", [0, 1, 3])
def test_a_run_that_is_taken_up_again_keeps_the_times_of_its_cells(
    elmarc: Run, folder: Path, monkeypatch: pytest.MonkeyPatch, n: int
) -> None:
    with monkeypatch.context() as broken:
        interrupt_after(broken, n, KeyboardInterrupt())
        assert rank(elmarc, folder, "--quiet")[0] == 130
    code, _, err = rank(elmarc, folder, "--json")
    assert code == 0
    assert err.count(f"{n} of 4 were done") == (n > 0)
    times: dict[str, set[float]] = {}
    for result in collect("out"):
        times.setdefault(result.features, set()).add(result.timings["s_per_clip"])
    assert {name: len(each) for name, each in times.items()} == {"mfcc": 1, "temporal": 1}


@pytest.mark.parametrize("damaged", ["[]", "5", "{", "endless"])
def test_damaged_times_end_no_run(
    elmarc: Run, folder: Path, monkeypatch: pytest.MonkeyPatch, damaged: str
) -> None:
    with monkeypatch.context() as broken:
        interrupt_after(broken, 1, KeyboardInterrupt())
        assert rank(elmarc, folder, "--quiet")[0] == 130
    file = Path("out/times.json")
    endless = dict.fromkeys(("seconds", "frontend_s", "network_s"), float("inf"))
    noted = dict.fromkeys(json.loads(file.read_text()), endless)
    file.write_text(json.dumps(noted) if damaged == "endless" else damaged)
    code, _, err = rank(elmarc, folder, "--quiet")
    assert (code, err) == (0, "")
    assert len(collect("out")) == 4


@pytest.mark.parametrize("problem", [KeyboardInterrupt(), OSError(28, "No space left on device")])
def test_a_summary_that_fails_does_not_hide_what_ended_the_run(
    elmarc: Run, folder: Path, monkeypatch: pytest.MonkeyPatch, problem: BaseException
) -> None:
    def fail(*args, **options):
        raise RuntimeError("no figure today")

    interrupt_after(monkeypatch, 3, problem)
    monkeypatch.setattr(summary, "comparisons", fail)
    code, _, err = rank(elmarc, folder, "--quiet")
    assert code == (130 if isinstance(problem, KeyboardInterrupt) else 2)
    assert "note: no summary of what is finished: no figure today" in err
    assert ("stopped" if code == 130 else "No space left on device") in err
    assert "Traceback" not in err
    assert len(collect("out")) == 3


def test_after_a_whole_run_the_comparison_is_made_once(
    elmarc: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compare, calls = summary.comparisons, []

    def counted(results, **options):
        calls.append(len(results))
        return compare(results, **options)

    monkeypatch.setattr(summary, "comparisons", counted)
    assert rank(elmarc, folder)[0] == 0
    assert calls == [4]


def test_a_run_says_what_it_took_beside_what_was_expected(elmarc: Run, folder: Path) -> None:
    code, _, err = rank(elmarc, folder)
    assert code == 0
    assert "about" in err
    assert "expected" in err
    took = json.loads(Path("out/run.json").read_text())
    assert took["forecast_s"] > 0
    assert took["taken_s"] > 0
    assert {result.command.split()[:2] == ["elmarc", "rank"] for result in collect("out")} == {True}


@pytest.mark.parametrize("option", ["--output", "--store"])
def test_a_file_where_a_folder_is_needed_is_refused_before_any_work(
    elmarc: Run, folder: Path, option: str
) -> None:
    Path("blocked").write_text("")
    code, out, err = rank(elmarc, folder, option, "blocked/inside")
    assert code == 2
    assert f"name another folder with {option}" in " ".join(err.split())
    assert "a file lies where a folder is needed" in " ".join(err.split())
    assert "Traceback" not in out + err
    assert not Path("out/cells").exists()


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder that nobody may write")
def test_a_folder_that_cannot_be_written_is_refused_before_any_work(elmarc: Run, folder: Path) -> None:
    code, out, err = rank(elmarc, folder, "-o", "/proc/elmarc")
    assert code == 2
    assert "/proc/elmarc: cannot be written" in err
    assert "Traceback" not in out + err
    code, out, err = elmarc("extract", folder, "--network", "temporal", "-o", "/proc/elmarc/f.npz")
    assert code == 2
    assert "/proc/elmarc: cannot be written" in err


def test_an_output_that_is_a_folder_is_refused(elmarc: Run, folder: Path) -> None:
    Path("f.npz").mkdir()
    code, _, err = elmarc("extract", folder, "--network", "temporal", "-o", "f.npz")
    assert code == 2
    assert "f.npz: is a folder: name a file with --output" in err


def test_a_device_that_is_not_there_is_one_sentence(elmarc: Run, folder: Path) -> None:
    code, out, err = rank(elmarc, folder, "--device", "mps")
    assert code == 2
    assert "torch finds no Apple GPU here" in " ".join(err.split())
    assert "Traceback" not in out + err
    assert not Path("out/cells").exists()


def second_folder(rng: np.random.Generator, name: str) -> Path:
    return write_tones(Path(name), rng, classes={"down": 2000, "up": 500}, step_hz=0)


SWEEP = """
data: [clips, {second}]
network: {{kind: {networks}, n_filters: 4}}
classifier: knn
"""


@pytest.mark.drawn
def test_a_sweep_over_two_data_sets_ends_well(elmarc: Run, folder: Path, rng: np.random.Generator) -> None:
    second = second_folder(rng, "more")
    Path("sweep.yaml").write_text(SWEEP.format(second=second, networks="temporal"))
    code, _, err = elmarc("run", "sweep.yaml", "-o", "out")
    assert code == 0, err
    assert "no ranks over data sets (nested): they have fewer than two systems in common" in " ".join(
        err.split()
    )
    Path("sweep.yaml").write_text(SWEEP.format(second=second, networks="[temporal, timbral]"))
    code, _, err = elmarc("run", "sweep.yaml", "-o", "out")
    assert code == 0, err
    assert {"clips-nested", "more-nested", "ranks-nested.png"} <= {p.name for p in Path("out").iterdir()}


def test_a_sweep_over_two_data_sets_of_one_name_tells_them_apart(
    elmarc: Run, folder: Path, rng: np.random.Generator
) -> None:
    Path("sweep.yaml").write_text(SWEEP.format(second=second_folder(rng, "other/clips"), networks="temporal"))
    code, _, err = elmarc("run", "sweep.yaml", "-o", "out")
    assert code == 0, err
    assert {"clips-nested", "clips-2-nested"} <= {p.name for p in Path("out").iterdir()}
    assert "several data sets are called clips" in " ".join(err.split())
    code, _, err = elmarc("report", "out", "-o", "page.html")
    assert code == 0, err
    assert "several data sets are called clips" in " ".join(err.split())
    assert "clips-2" in Path("page.html").read_text()


def test_a_report_names_the_results_it_leaves_out(
    elmarc: Run, folder: Path, rng: np.random.Generator
) -> None:
    rank(elmarc, folder)
    write(folder / "low" / "01.wav", tone(500, rng))
    rank(elmarc, folder, "--networks", "timbral")
    code, _, err = elmarc("report", "out", "-o", "page.html")
    assert code == 0, err
    assert "4 older results for clips are left out: its clips have changed since" in " ".join(err.split())
