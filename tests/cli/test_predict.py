"""`elmarc predict`: labels of clips and of windows, in tables, pictures and JSON."""

from __future__ import annotations

import csv
import io
import json
import warnings
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from tests.cli.conftest import Run
from tests.sounds import SR, tone, write

import elmarc as library
from elmarc.cli.commands import predict
from elmarc.model.sound_classifier import RECORDING


@pytest.fixture
def model(folder: Path, rng: np.random.Generator) -> Path:
    """Low tones, high tones and soft noise, fitted; the file."""
    for i in range(6):
        write(folder / "noise" / f"{i}.wav", 0.01 * rng.standard_normal(SR // 2))
    paths = sorted(folder.glob("*/*.wav"))
    found = library.SoundClassifier(library.RandomCNNFeatures(size="small", store=False)).fit(
        paths, [p.parent.name for p in paths]
    )
    found.save(folder.parent / "m.elmarc")
    return folder.parent / "m.elmarc"


@pytest.fixture
def minute(tmp_path: Path, rng: np.random.Generator) -> Path:
    """A minute of soft noise in 44.1 kHz stereo with three events: low, high, low."""
    sr = 44100
    sound = 0.01 * rng.standard_normal((60 * sr, 2))
    for start, end, hz in EVENTS:
        t = np.arange((end - start) * sr) / sr
        sound[start * sr : end * sr] += 0.3 * np.sin(2 * np.pi * hz * t)[:, None]
    return write(tmp_path / "minute.wav", sound, sr)


EVENTS = [(10, 15, 340), (30, 34, 3100), (48, 56, 400)]
WINDOW = ("--window", 0.5, "--hop", 0.25)


def table(path: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(Path(path).read_text())))


def test_a_folder_without_labels_has_a_row_a_clip(elmarc: Run, model: Path, folder: Path) -> None:
    new = folder.parent / "new"
    new.mkdir()
    for i, clip in enumerate(sorted(folder.glob("*/*.wav"))[::3]):
        clip.rename(new / f"{i}.wav")
    code, out, err = elmarc("predict", model, "new", "-o", "out.csv")
    assert code == 0, err
    rows, paths = table("out.csv"), sorted(new.glob("*.wav"))
    loaded = library.load(model)
    assert [row["label"] for row in rows] == loaded.predict(paths).tolist()
    assert [row["file"] for row in rows] == [f"new/{i}.wav" for i in range(len(paths))]
    shares = [[float(row[f"p_{name}"]) for name in ("high", "low", "noise")] for row in rows]
    np.testing.assert_allclose(shares, loaded.predict_proba(paths), atol=1e-6)
    assert [float(row["probability"]) for row in rows] == [max(share) for share in shares]
    code, out, _ = elmarc("predict", model, "new")
    assert [line.split()[0] for line in out.splitlines()] == [row["label"] for row in rows]


def test_paths_come_from_stdin(
    elmarc: Run, model: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("clips/low/01.wav\n\nclips/high/00.wav\nclips/low/01.wav\n"))
    code, out, err = elmarc("predict", model, "-", "--json")
    assert code == 0, err
    found = json.loads(out)["clips"]
    assert [row["file"] for row in found] == ["clips/low/01.wav", "clips/high/00.wav"]
    monkeypatch.setattr("sys.stdin", io.StringIO("\n"))
    code, _, err = elmarc("predict", model, "-")
    assert (code, "no clips were named" in err) == (2, True)


@pytest.mark.parametrize("window", [(), WINDOW])
def test_bad_clips_are_left_out_or_with_strict_end_it(
    elmarc: Run, model: Path, folder: Path, window: tuple[object, ...]
) -> None:
    Path("bad.wav").write_bytes(b"no sound")
    args = ("predict", model, "clips/low/01.wav", "bad.wav", "gone.wav", *window)
    code, out, err = elmarc(*args, "--json")
    assert code == 0, err
    found = json.loads(out)
    assert {clip["id"] for clip in found["skipped"]} == {"bad.wav", "gone.wav"}
    assert {row["file"] for row in found["windows" if window else "clips"]} == {"clips/low/01.wav"}
    assert "skipped bad.wav" in err
    assert elmarc(*args, "--strict")[0] == 2
    code, _, err = elmarc("predict", model, "bad.wav", *window)
    assert (code, "none of the 1" in err) == (2, True)


def test_what_is_less_sure_than_asked_for_has_no_label(elmarc: Run, model: Path, folder: Path) -> None:
    rows = json.loads(elmarc("predict", model, "clips", "--json")[1])["clips"]
    border = sorted(row["probability"] for row in rows)[5]
    found = json.loads(elmarc("predict", model, "clips", "--json", "--min-confidence", border)[1])["clips"]
    assert [row["label"] for row in found] == [
        row["label"] if row["probability"] >= border else "(unknown)" for row in rows
    ]
    assert sum(row["label"] == "(unknown)" for row in found) == 5
    assert elmarc("predict", model, "clips", "--min-confidence", border)[1].count("(unknown)") == 5


def test_a_minute_with_three_events_gets_a_timeline_that_shows_them(
    elmarc: Run, model: Path, minute: Path
) -> None:
    code, out, err = elmarc("predict", model, minute, *WINDOW, "-o", "w.csv", "--plot", "t.svg")
    assert code == 0, err
    rows = table("w.csv")
    assert list(rows[0]) == [
        "file",
        "start",
        "end",
        "label",
        "probability",
        "unknown",
        "p_high",
        "p_low",
        "p_noise",
    ]
    assert len(rows) == 239
    assert [line.split()[3] for line in out.splitlines() if " - " in line][:2] == ["noise", "low"]
    assert Path("t.svg").read_text().startswith("<?xml")
    found = json.loads(elmarc("predict", model, minute, *WINDOW, "--json")[1])["events"]
    long = [event for event in found if event["end"] - event["start"] > 0.25]  # not one window at a border
    heard = [event for event in long if event["label"] != "noise"]
    assert [event["label"] for event in heard] == ["low", "high", "low"]
    for event, (start, end, _) in zip(heard, EVENTS, strict=True):
        assert abs(event["start"] - start) <= 0.5
        assert abs(event["end"] - end) <= 0.5
    assert (found[0]["start"], found[-1]["end"]) == (0, 60)
    for row in rows:  # every window that lies within an event or outside of all says so
        inside = [
            hz for start, end, hz in EVENTS if start <= float(row["start"]) and float(row["end"]) <= end
        ]
        outside = all(float(row["end"]) <= start or end <= float(row["start"]) for start, end, _ in EVENTS)
        if inside or outside:
            assert row["label"] == ("noise" if outside else "low" if inside[0] < 1000 else "high")


def test_pictures_of_several_recordings(elmarc: Run, model: Path, folder: Path, rng) -> None:
    for i in range(3):
        write(f"rec/{i}.wav", np.concatenate([tone(400, rng), tone(3100, rng, 1.0)]))
    code, _, err = elmarc("predict", model, "rec", *WINDOW, "--plot", "t.png", "-o", "all.json")
    assert code == 0, err
    assert Path("t.png").read_bytes().startswith(b"\x89PNG")
    document = json.loads(Path("all.json").read_text())
    assert {row["file"] for row in document["windows"]} == {f"rec/{i}.wav" for i in range(3)}


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["clips", "-o", "out.txt"], ".csv, .json"),
        (["clips", "--plot", "t.png"], "add --window"),
        (["clips", "--hop", "2"], "add --window"),
        (["clips", "--window", "2", "--plot", "t.pdf"], ".png, .svg"),
        (["clips", "--window", "0"], "found '0', expected a number above 0"),
        (["clips", "--window", "1", "--hop", "0"], "found '0', expected a number above 0"),
        (["clips", "--min-confidence", "2"], "min-confidence"),
        (["empty"], "no audio"),
    ],
)
def test_mistakes_are_named(elmarc: Run, model: Path, args: list[str], said: str) -> None:
    Path("empty").mkdir()
    code, _, err = elmarc("predict", model, *args)
    assert code == 2
    assert said in err


def test_a_file_that_is_no_model_is_refused(elmarc: Run, folder: Path) -> None:
    code, _, err = elmarc("predict", "clips/low/01.wav", "clips")
    assert (code, "no model file" in err) == (2, True)


def test_a_recording_is_read_by_windows_unasked(elmarc: Run, model: Path, minute: Path) -> None:
    """Not its first half second alone; the note names the option."""
    code, out, err = elmarc("predict", model, minute, "-o", "w.csv")
    assert code == 0, err
    note = " ".join(err.split())
    assert f"minute.wav, are over {RECORDING} times as long as the 0.5" in note
    assert "--window sets another length" in note
    assert f"over {RECORDING} times as long" in (predict.__doc__ or "")
    asked = library.load(model).clip_s
    assert 0.5 <= asked < 0.52
    by_hand = elmarc("predict", model, minute, "--window", asked, "-o", "v.csv")[1]
    assert out.replace("w.csv", "v.csv") == by_hand
    assert Path("w.csv").read_text() == Path("v.csv").read_text()
    found = json.loads(elmarc("predict", model, minute, "--json")[1])
    assert found["clips"] == []
    assert found["windows"][-1]["end"] == 60
    assert {"low", "high", "noise"} == {event["label"] for event in found["events"]}


def test_clips_and_recordings_side_by_side(elmarc: Run, model: Path, minute: Path, folder: Path) -> None:
    Path("bad.wav").write_bytes(b"no sound")
    clip = "clips/low/01.wav"
    code, out, err = elmarc("predict", model, clip, minute, "bad.wav", "-o", "all.csv")
    assert (code, "skipped bad.wav" in err, " windows" in out) == (0, True, True)
    rows = table("all.csv")
    assert list(rows[0])[:4] == ["file", "start", "end", "label"]
    assert [(row["file"], row["start"]) for row in rows][:2] == [(clip, ""), (str(minute), "0.0")]
    alone = json.loads(elmarc("predict", model, clip, "--json")[1])
    both = json.loads(elmarc("predict", model, clip, minute, "--json")[1])
    assert both["clips"] == alone["clips"]
    assert "windows" not in alone
    code, _, err = elmarc("predict", model, minute, "bad.wav")
    assert (code, "skipped bad.wav" in err) == (0, True)


def test_somewhat_longer_clips_are_clips(elmarc: Run, model: Path, rng: np.random.Generator) -> None:
    write("longer.wav", tone(400, rng, 1.9))
    write("recording.wav", tone(400, rng, 2.2))
    found = json.loads(elmarc("predict", model, "longer.wav", "recording.wav", "--json")[1])
    assert [row["file"] for row in found["clips"]] == ["longer.wav"]
    assert {row["file"] for row in found["windows"]} == {"recording.wav"}


def test_a_model_in_python_names_the_way_to_read_recordings(model: Path, minute: Path, folder: Path) -> None:
    found = library.load(model)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found.predict([minute])
    (told,) = [warning for warning in caught if "recordings over 4 times" in str(warning.message)]
    assert told.category is library.errors.CutWarning
    assert told.filename == __file__
    assert "elmarc.model.timeline(model, path, window_s=0.5" in str(told.message)
    paths = sorted(folder.glob("*/*.wav"))
    whole = library.SoundClassifier("mfcc").fit(paths, [path.parent.name for path in paths])
    assert not whole.is_recording(1e9)  # it uses all of a clip


def test_predictions_replace_earlier_ones(elmarc: Run, model: Path, folder: Path) -> None:
    for ending in ("csv", "json"):
        for _ in range(2):
            code, _, err = elmarc("predict", model, "clips", "-o", f"out.{ending}")
            assert code == 0, err


def test_raven_gets_a_selection_table_of_several_files(elmarc: Run, model: Path, minute: Path) -> None:
    again = write(minute.parent / "other.wav", *sf.read(minute))
    for _ in range(2):  # the second replaces the first
        code, _, err = elmarc(
            "predict", model, minute, again, *WINDOW, "--no-unknown", "--format", "raven", "-o", "e.txt"
        )
        assert code == 0, err
    rows = list(csv.DictReader(io.StringIO(Path("e.txt").read_text()), delimiter="\t"))
    found = json.loads(elmarc("predict", model, minute, again, *WINDOW, "--no-unknown", "--json")[1])[
        "events"
    ]
    assert [row["Selection"] for row in rows] == [str(i + 1) for i in range(len(found))]
    for row, event in zip(rows, found, strict=True):
        shift = 60.0 * (event["file"] == str(again))
        assert float(row["Begin Time (s)"]) == pytest.approx(event["start"] + shift, abs=1e-6)
        assert float(row["End Time (s)"]) == pytest.approx(event["end"] + shift, abs=1e-6)
        assert float(row["File Offset (s)"]) == pytest.approx(event["start"], abs=1e-6)
        assert (row["Annotation"], row["Begin File"]) == (event["label"], Path(event["file"]).name)
        assert (row["View"], row["Channel"], row["High Freq (Hz)"]) == ("Spectrogram 1", "1", "6000.0")


def test_audacity_gets_the_labels_of_one_file(elmarc: Run, model: Path, minute: Path, folder: Path) -> None:
    options = ("--no-unknown", "--format", "audacity", "-o", "e.txt")
    code, _, err = elmarc("predict", model, minute, *WINDOW, *options)
    assert code == 0, err
    found = json.loads(elmarc("predict", model, minute, *WINDOW, "--no-unknown", "--json")[1])["events"]
    rows = [line.split("\t") for line in Path("e.txt").read_text().splitlines()]
    assert [row[2] for row in rows] == [event["label"] for event in found]
    times = [[float(row[0]), float(row[1])] for row in rows]
    np.testing.assert_allclose(times, [[event["start"], event["end"]] for event in found], atol=1e-6)
    code, _, err = elmarc("predict", model, "clips", *options)
    assert (code, "a label track is of one file" in err) == (2, True)
    code, _, err = elmarc("predict", model, minute, "--format", "audacity")
    assert (code, "name the file to write" in err) == (2, True)
    code, _, err = elmarc("predict", model, minute, "--format", "praat", "-o", "e.txt")
    assert (code, "audacity" in err) == (2, True)


def test_a_whole_clip_is_an_event_and_one_of_no_class_is_none(
    elmarc: Run, model: Path, folder: Path, rng: np.random.Generator
) -> None:
    Path("new").mkdir()
    next(folder.glob("low/*.wav")).rename("new/low.wav")
    write("new/silence.wav", 1e-5 * rng.standard_normal(6000), 12000)
    code, _, err = elmarc("predict", model, "new", "--format", "raven", "-o", "e.txt", "--json")
    assert code == 0, err
    rows = list(csv.DictReader(io.StringIO(Path("e.txt").read_text()), delimiter="\t"))
    labels = {
        c["file"]: c["label"] for c in json.loads(elmarc("predict", model, "new", "--json")[1])["clips"]
    }
    known = [name for name, label in labels.items() if label != "(unknown)"]
    assert [row["Begin File"] for row in rows] == [Path(name).name for name in known]
    assert all(float(row["End Time (s)"]) - float(row["Begin Time (s)"]) == 0.5 for row in rows)
