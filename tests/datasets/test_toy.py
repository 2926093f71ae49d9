from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from elmarc._seeds import generator
from elmarc.audio.decode import decode
from elmarc.datasets import open_dataset, toy, validate
from elmarc.datasets.toy import DURATION_S, INSTRUMENTS, RHYTHMS, SR, onsets, tune
from elmarc.errors import DatasetError

SMALL = {"n_variations": 5}


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make clips of half a second, where it is the files that matter."""
    monkeypatch.setattr(toy, "DURATION_S", 0.5)


@pytest.mark.usefixtures("short")
def test_each_clip_has_a_rhythm_and_a_timbre_independent_of_each_other(tmp_path: Path) -> None:
    rhythm = toy.load(tmp_path, target="rhythm", **SMALL)
    timbre = toy.load(tmp_path, target="timbre", **SMALL)
    assert rhythm.classes == tuple(RHYTHMS)
    assert timbre.classes == tuple(INSTRUMENTS)
    assert min(len(rhythm.classes), len(timbre.classes)) >= 4
    assert [clip.path for clip in rhythm.clips] == [clip.path for clip in timbre.clips]
    pairs = zip(rhythm.clips, timbre.clips, strict=True)
    cells = Counter((a.label, b.label, a.fold) for a, b in pairs)
    assert set(cells.values()) == {1}, "every rhythm on every instrument in every fold equally often"
    assert len(cells) == 4 * 4 * 5
    assert rhythm.split_kind == "folds"


@pytest.mark.usefixtures("short")
def test_same_seed_same_bytes_other_seed_other_clips(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in "abc"]
    for folder, seed in zip(folders, (3, 3, 4), strict=True):
        toy.load(folder, seed=seed, **SMALL)
    first, again, other = ([path.read_bytes() for path in sorted(folder.glob("*.wav"))] for folder in folders)
    assert first == again
    assert not set(first) & set(other)
    assert len(set(first)) == len(first), "no two clips are the same"


def test_nothing_touches_global_random_state() -> None:
    np.random.seed(1)  # noqa: NPY002
    before = np.random.get_state()[1].tolist()  # noqa: NPY002
    tune("waltz", "bell", generator(0, "x"))
    assert np.random.get_state()[1].tolist() == before  # noqa: NPY002


@pytest.mark.usefixtures("short")
def test_what_is_absent_or_altered_is_made_again(tmp_path: Path) -> None:
    clips = [clip.path for clip in toy.load(tmp_path, **SMALL).clips]
    good = [path.read_bytes() for path in clips]
    clips[0].unlink()
    clips[1].write_bytes(good[1][:-2])
    unharmed = clips[2].stat().st_mtime_ns
    toy.load(tmp_path, **SMALL)
    assert [path.read_bytes() for path in clips] == good
    assert clips[2].stat().st_mtime_ns == unharmed, "nothing is made twice"


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize("marker", [None, "", "[]", "{", "null"])
def test_an_interrupted_synthesis_is_completed(tmp_path: Path, marker: str | None) -> None:
    data = toy.load(tmp_path, **SMALL)
    good = [clip.path.read_bytes() for clip in data.clips]
    data.clips[-1].path.write_bytes(b"half a cl")
    (tmp_path / toy.MARKER).unlink()
    if marker is not None:
        (tmp_path / toy.MARKER).write_text(marker)
    assert [clip.path.read_bytes() for clip in toy.load(tmp_path, **SMALL).clips] == good
    assert len(json.loads((tmp_path / toy.MARKER).read_text())) == len(good)


@pytest.mark.usefixtures("short")
def test_more_variations_keep_the_first(tmp_path: Path) -> None:
    few = {clip.id: clip.path.read_bytes() for clip in toy.load(tmp_path, **SMALL).clips}
    more = {clip.id: clip.path.read_bytes() for clip in toy.load(tmp_path, n_variations=6).clips}
    assert few.items() < more.items()


@pytest.mark.usefixtures("short")
def test_the_cache_is_where_the_user_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toy, "N_VARIATIONS", 5)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.delenv("ELMARC_CACHE", raising=False)
    assert toy.cache_dir() == tmp_path / "xdg" / "elmarc"
    monkeypatch.setenv("ELMARC_CACHE", str(tmp_path / "own"))
    clip = toy.load(**SMALL).clips[0]
    assert clip.path.is_relative_to(tmp_path / "own" / "toy")


def test_the_clips_are_audio_that_fits_the_input_length(tmp_path: Path) -> None:
    data = toy.load(tmp_path, **SMALL)
    assert data.input_length is not None
    assert (data.input_length.frames_s, data.input_length.samples_s) == (8.0, 8.0)
    for clip in data.clips[::7]:
        samples, sr = decode(clip.path)
        assert (samples.shape, sr) == ((round(data.input_length.samples_s * SR), 1), SR)
        assert 0.4 < np.abs(samples).max() < 1.0
    assert validate(data).ok


@pytest.mark.parametrize("rhythm", RHYTHMS)
def test_every_rhythm_has_one_onset_a_pulse(rhythm: str) -> None:
    durations = [duration for duration, _ in RHYTHMS[rhythm]]
    assert np.mean(durations) == pytest.approx(1.0)
    times = [time for time, _ in onsets(rhythm, 0.25, generator(0, rhythm))]
    assert len(times) == pytest.approx(DURATION_S / 0.25, abs=2)
    assert min(times) >= 0
    assert max(times) < DURATION_S


def test_the_long_term_spectrum_does_not_tell_the_rhythm() -> None:
    """The nearest class mean of 40 spectra a rhythm is right about as often as a guess would be."""
    clips = {rhythm: [_spectrum(rhythm, i) for i in range(40)] for rhythm in RHYTHMS}
    means = {rhythm: np.mean(spectra[:20], axis=0) for rhythm, spectra in clips.items()}
    right = [
        min(means, key=lambda name: float(np.sum((means[name] - spectrum) ** 2))) == rhythm
        for rhythm, spectra in clips.items()
        for spectrum in spectra[20:]
    ]
    assert np.mean(right) < 0.25 + 3 * np.sqrt(0.25 * 0.75 / 80)


def _spectrum(rhythm: str, i: int) -> np.ndarray:
    instrument = tuple(INSTRUMENTS)[i % 4]
    power = np.abs(np.fft.rfft(tune(rhythm, instrument, generator(9, rhythm, str(i))))) ** 2
    return np.log(power[1:48001].reshape(48, -1).mean(axis=1))


@pytest.mark.parametrize("instrument", INSTRUMENTS)
def test_every_instrument_sounds_in_tune_or_as_a_bell(instrument: str) -> None:
    t = np.arange(int(0.5 * SR)) / SR
    note = toy.INSTRUMENTS[instrument](220.0, t, 0.5, generator(0, instrument))
    assert note.shape == t.shape
    assert np.isfinite(note).all()
    spectrum = np.abs(np.fft.rfft(note * np.hanning(len(note))))
    lowest = int(np.argmax(spectrum > 0.2 * spectrum.max())) / 0.5
    assert instrument == "bell" or lowest == pytest.approx(220.0, abs=8.0)


def test_what_toy_cannot_do_is_said(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="target 'pitch' is unknown: expected rhythm or timbre"):
        toy.load(tmp_path, target="pitch")
    with pytest.raises(DatasetError, match="4 variations do not fill 5 folds"):
        toy.load(tmp_path, n_variations=4)
    (tmp_path / "file").write_text("")
    with pytest.raises(DatasetError, match=r"toy: cannot write its clips to .*: set ELMARC_CACHE"):
        open_dataset("toy", audio=tmp_path / "file")
