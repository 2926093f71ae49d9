"""Windows add up to events, and each has the numbers of the clip that it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from tests.sounds import noises

from elmarc.audio import windows
from elmarc.datasets.base import Clip
from elmarc.errors import AudioError, CutWarning
from elmarc.model import Event, Timeline, timeline
from elmarc.model.timelines import warn_of_cut_windows
from elmarc.model.unknown import UNKNOWN


def line(labels: str, *, hop_s: float = 2.0, window_s: float = 4.0) -> Timeline:
    starts = hop_s * np.arange(len(labels))
    classes = ("a", "b")
    shares = np.array([[0.9, 0.1] if name == "a" else [0.2, 0.8] for name in labels])
    said = tuple(name.strip() or UNKNOWN for name in labels)
    return Timeline(starts, starts + window_s, said, shares, classes)


def spans(found: Timeline) -> list[tuple[float, float, str]]:
    return [(event.start_s, event.end_s, event.label) for event in found.events()]


def test_neighbours_of_one_label_are_one_event() -> None:
    found = line("aabb")  # 0-4, 2-6 | 4-8, 6-10: the border is in the middle of 4-6
    assert spans(found) == [(0, 5, "a"), (5, 10, "b")]
    assert found.events()[1] == Event(5, 10, "b", pytest.approx(0.8))


def test_windows_without_a_label_part_events() -> None:
    assert spans(line("a a")) == [(0, 3, "a"), (5, 8, "a")]


def test_windows_that_do_not_touch_are_events_of_their_own() -> None:
    assert spans(line("aa", hop_s=5)) == [(0, 4, "a"), (5, 9, "a")]
    assert spans(line("aa", hop_s=4)) == [(0, 8, "a")]


def test_a_window_has_the_numbers_of_the_clip_cut_out_and_predicted_alone(fitted, tmp_path: Path) -> None:
    model, path = fitted(), tmp_path / "long.wav"
    sf.write(path, np.concatenate(list(noises(9, seed=5)[0])), 44100)
    found = timeline(model, path, window_s=0.2, hop_s=0.15, unknown=False)
    assert len(found.labels) > 5
    for i, (start, end) in enumerate(zip(found.start_s, found.end_s, strict=True)):
        clip = Clip("alone", path, "", start=float(start), end=float(end))
        assert model.predict([clip]).tolist() == [found.labels[i]]
        np.testing.assert_allclose(model.predict_proba([clip])[0], found.probabilities[i], rtol=1e-5)


def test_a_window_has_the_features_of_the_clip_bit_for_bit(fitted, tmp_path: Path) -> None:
    extractor, path = fitted().extractor_, tmp_path / "long.wav"
    sf.write(path, np.concatenate(list(noises(9, seed=5)[0])), 44100)
    found = windows(path, window_s=0.2, hop_s=0.15)
    for window, features in extractor.stream(found, lambda w: w.load(sr=extractor.frontend.sr)):
        clip = Clip("alone", path, "", start=window.start_s, end=window.end_s)
        np.testing.assert_array_equal(features, extractor.extract([clip]).matrix.X[0])


def test_what_is_not_sure_has_no_label(fitted, tmp_path: Path) -> None:
    model, path = fitted(), tmp_path / "long.wav"
    sf.write(path, np.concatenate(list(noises(9, seed=5)[0])), 12000)
    loose = timeline(model, path, window_s=0.5)
    best = loose.probabilities.max(axis=1)
    border = float(np.median(best))
    strict = timeline(model, path, window_s=0.5, min_confidence=border)
    expected = tuple(label if p >= border else UNKNOWN for label, p in zip(loose.labels, best, strict=True))
    assert strict.labels == expected
    assert UNKNOWN in expected


def test_a_recording_that_breaks_off_is_named(fitted, tmp_path: Path) -> None:
    path = tmp_path / "nan.wav"
    samples = np.zeros(120_000, np.float32)
    samples[-1] = np.nan
    sf.write(path, samples, 12000, subtype="FLOAT")
    with pytest.raises(AudioError, match=r"nan\.wav.*NaN"):
        timeline(fitted(), path, window_s=1)


def test_windows_longer_than_the_input_are_warned_of(fitted) -> None:
    with pytest.warns(CutWarning, match="longer than"):
        warn_of_cut_windows(fitted(), 2.0)
    warn_of_cut_windows(fitted(), 0.5)
