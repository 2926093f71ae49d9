"""The long runs count what they are there to count: a fault, a crash, a leak."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import strategies as st
from studies.reliability import fuzz, soak
from tests.fuzz.targets import Target

FINE = soak.Found("serial", 100, 1.0, 1.0, 1.0, 200.0, 201.0, 210.0, 4, 4, 6, 6, (), "")


def test_a_fault_is_counted_once_and_kept_with_its_shortest_input(tmp_path: Path) -> None:
    def check(example: int, folder: Path) -> str:
        if example % 2:
            raise ValueError(f"{example} is odd")
        return "read" if example else "refused"

    found = fuzz.explore(
        "numbers", Target(lambda: st.integers(0, 99), check, 1), tmp_path, minutes=0, seed_=0
    )
    assert set(found.outcomes) == {"read", "refused", "fault"}
    ((fault, example),) = found.faults.items()
    assert fault == "ValueError at what was read: * is odd"
    assert len(example) == 1
    fuzz.keep(tmp_path / "kept", found)
    assert fault in (tmp_path / "kept" / "numbers-0.txt").read_text()


@pytest.mark.parametrize("folder", ["/home/me/elmarc/tests", "/home/elmarc/lib/python3/site-packages/numpy"])
def test_a_fault_is_placed_in_the_package_wherever_that_lies(folder: str) -> None:
    def fault(code: str) -> str:
        try:
            exec(compile(code, f"{folder}/others.py", "exec"), {})
        except ValueError as problem:
            return fuzz.fault_of(problem)
        raise AssertionError("it raised nothing")

    assert fault("raise ValueError('odd')") == "ValueError at what was read: odd"
    inside = "from elmarc.study.run import seconds; seconds('soon')"
    assert fault(inside).startswith("ConfigError at run.py, seconds: ")


@pytest.mark.parametrize(
    ("worse", "message"),
    [
        ({"mb_last": 280.0}, "memory grew from 200 to 280 MB"),
        ({"files_last": 10}, "open files grew from 4 to 10"),
        ({"threads_last": 30}, "threads grew from 6 to 30"),
        ({"left": ("tmp/frontend-1",)}, "left behind: tmp/frontend-1"),
        ({"ms_last": 2.0}, "a clip took 1.00 ms and then 2.00"),
    ],
)
def test_a_run_that_is_not_flat_is_named(worse: dict, message: str) -> None:
    assert FINE.problems(rows_mb=20) == []
    assert replace(FINE, **worse).problems(rows_mb=20) == [message]


def test_what_is_left_is_found(tmp_path: Path) -> None:
    for name in (
        "tmp/torch-1",
        "store/ab/definition.json",
        "store/ab/.shard-1.part",
        "features.npz",
        "other",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert sorted(soak.left_behind(tmp_path)) == ["other", "store/ab/.shard-1.part", "tmp/torch-1"]
