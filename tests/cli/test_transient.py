"""What may pass, such as too many open files, never leaves a clip out: the command stops, and can go on."""

from __future__ import annotations

import builtins
import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import soundfile as sf
from tests.cli.conftest import Run, rank
from tests.study.executors.conftest import timeless

from elmarc.audio import content_hash, duration_s, load
from elmarc.datasets import open_dataset
from elmarc.errors import AudioError, TransientError
from elmarc.features.assemble import FeatureOptions, assemble
from elmarc.features.contents import contents_of
from elmarc.results import Result, collect

BAD = "03.wav"  # of the class low
QUICK = ("--network", "temporal", "--set", "network.n_filters=4", "--set", "network.size=null")
Break = Callable[[int, Exception], None]


@pytest.fixture
def break_open(monkeypatch: pytest.MonkeyPatch) -> Break:
    """Let the n-th opening of a clip fail, and no other."""
    real = builtins.open

    def break_nth(n: int, problem: Exception) -> None:
        left = [n]

        def opening(file, *args, **options):
            if str(file).endswith(BAD):
                left[0] -= 1
                if left[0] == 0:
                    raise problem
            return real(file, *args, **options)

        monkeypatch.setattr(builtins, "open", opening)

    return break_nth


@pytest.fixture
def break_read(monkeypatch: pytest.MonkeyPatch) -> Break:
    """Let the n-th reading of a clip's samples by libsndfile fail."""
    real = sf.SoundFile.read

    def break_nth(n: int, problem: Exception) -> None:
        left = [n]

        def reading(self, *args, **options):
            if os.fsdecode(self.name).endswith(BAD):
                left[0] -= 1
                if left[0] == 0:
                    raise problem
            return real(self, *args, **options)

        monkeypatch.setattr(sf.SoundFile, "read", reading)

    return break_nth


def stopped(code: int, err: str) -> bool:
    flat = " ".join(err.split())
    return code == 2 and f"low/{BAD}: cannot be read at the moment (" in flat and "Traceback" not in err


@pytest.mark.parametrize(
    ("what", "problem"),
    [
        ("open", OSError(errno.EMFILE, "Too many open files")),
        ("read", sf.LibsndfileError(2)),  # a system error
        ("read", sf.LibsndfileError(17)),  # no memory
        ("read", MemoryError()),
    ],
)
def test_a_run_stops_and_gives_the_same_when_it_goes_on(
    elmarc: Run, folder: Path, what: str, problem: Exception, break_open: Break, break_read: Break
) -> None:
    """Whichever time it is that the clip cannot be read: for its hash, its length, or its samples."""
    assert rank(elmarc, folder, "-o", "undisturbed", "--quiet")[0] == 0
    n_stopped = 0
    for n in (1, 4):
        {"open": break_open, "read": break_read}[what](n, problem)
        again = ("-o", f"out{n}", "--store", f"store{n}", "--quiet")
        code, _, err = rank(elmarc, folder, *again)
        if code:  # else it was not read so often, or a forecast did without it
            n_stopped += 1
            assert stopped(code, err), err
            assert not any(result.skipped for result in kept(f"out{n}"))
            assert rank(elmarc, folder, *again)[0] == 0
        assert timeless(kept(f"out{n}")) == timeless(kept("undisturbed"))
    assert n_stopped


def kept(name: str) -> list[Result]:
    return collect(name) if list(Path(name).rglob("result.json")) else []


def test_cells_that_are_finished_stay(elmarc: Run, folder: Path, break_open: Break) -> None:
    assert rank(elmarc, folder, "--classifiers", "knn", "--quiet")[0] == 0
    n_finished = len(collect("out"))
    break_open(3, OSError(errno.EMFILE, "Too many open files"))
    assert stopped(*rank(elmarc, folder, "--quiet", "--store", "other")[::2])
    assert len(collect("out")) >= n_finished > 0


def test_extract_fit_and_predict_stop_too(elmarc: Run, folder: Path, break_open: Break) -> None:
    problem = OSError(errno.ESTALE, "Stale file handle")
    assert elmarc("fit", folder, *QUICK, "-o", "m.elmarc", "--quiet")[0] == 0
    for command in (
        ("extract", folder, *QUICK, "-o", "f.npz"),
        ("extract", folder, *QUICK, "--per-frame", "-o", "g.npz"),
        ("fit", folder, *QUICK, "-o", "n.elmarc"),
        ("predict", "m.elmarc", folder),
        ("predict", "m.elmarc", folder, "--window", "0.2"),
        ("datasets", "validate", folder, "--decode"),
    ):
        break_open(1, problem)
        code, _, err = elmarc(*command)
        assert stopped(code, err), (command, err)
    assert not [name for name in ("f.npz", "g.npz", "n.elmarc") if Path(name).exists()]


@pytest.mark.parametrize(
    "kind", ["EMFILE", "ENFILE", "ENOMEM", "EIO", "ESTALE", "ETIMEDOUT", "EAGAIN", "ENOTCONN"]
)
@pytest.mark.parametrize("ask", [load, duration_s, content_hash])
def test_what_the_machine_lacks_may_pass(
    folder: Path, break_open: Break, kind: str, ask: Callable[[Path], object]
) -> None:
    number = getattr(errno, kind)
    break_open(1, OSError(number, os.strerror(number)))
    with pytest.raises(TransientError, match=f"{BAD}: cannot be read at the moment .{os.strerror(number)}"):
        ask(folder / "low" / BAD)
    ask(folder / "low" / BAD)


@pytest.mark.parametrize("kind", ["EACCES", "EPERM", "ELOOP", "ENAMETOOLONG"])
def test_what_the_file_is_to_blame_for_stays(folder: Path, break_open: Break, kind: str) -> None:
    break_open(1, OSError(getattr(errno, kind), "no"))
    with pytest.raises(AudioError, match=f"{BAD}: cannot be read .no.: check its path and its permissions"):
        content_hash(folder / "low" / BAD)


@pytest.mark.parametrize(
    "empties", [shutil.rmtree, lambda folder: [path.unlink() for path in folder.iterdir()]]
)
@pytest.mark.parametrize("hashed", [False, True])
def test_a_drive_that_went_away_is_no_missing_clip(
    folder: Path, empties: Callable[[Path], object], hashed: bool
) -> None:
    """The folder is gone, or there is nothing in it: before the clips were hashed, and after."""
    data = open_dataset(folder)
    contents = contents_of(data.clips) if hashed else None
    extractor = assemble(FeatureOptions("mfcc"))
    (folder / "low" / BAD).unlink()
    assert (
        len(extractor.extract(data.clips, contents=contents).skipped) == 1
    )  # a file alone is a clip the less
    empties(folder / "low")
    with pytest.raises(
        TransientError, match=r"low/01\.wav: cannot be read at the moment .its folder is gone"
    ):
        extractor.extract(data.clips, contents=contents)


def test_a_list_is_not_shortened_by_a_drive_that_is_away(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path(folder / "clips.csv").write_text("path,label\n" + "".join(f"low/{BAD},{x}\n" for x in "ab"))
    stat = os.stat

    def stale(path, *args, **options):
        if str(path).endswith(BAD):
            raise OSError(errno.ESTALE, "Stale file handle")
        return stat(path, *args, **options)

    monkeypatch.setattr(os, "stat", stale)
    with pytest.raises(TransientError, match="Stale file handle"):
        open_dataset(folder / "clips.csv")


EXHAUSTED = """
import resource, sys
from elmarc.errors import TransientError
from elmarc.audio import content_hash, load, opening
load(sys.argv[1]), content_hash(sys.argv[1])
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
held = []
try:
    while True:
        held.append(open("/dev/null"))
except OSError:
    pass
for ask in (load, content_hash):
    try:
        ask(sys.argv[1])
    except TransientError as problem:
        print(problem)
opening._check_readable = lambda path: None  # as where another thread takes the last one in between
try:
    load(sys.argv[1])
except TransientError as problem:
    print(problem)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no limit of open files")
def test_a_process_without_open_files_left(folder: Path) -> None:
    command = [sys.executable, "-c", EXHAUSTED, folder / "low" / BAD]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    assert ["Too many open files" in line for line in said] == [True, True, False]
    assert "System error" in said[2]
