"""Every file is read rightly or refused in a sentence, and changes nothing of the clips beside it."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from tests.corpus import sounds
from tests.corpus.sounds import SR, Sound
from tests.corpus.watching import checked, harmless
from tests.fuzz import of_sounds
from tests.fuzz.watch import watched

from elmarc.audio import decode
from elmarc.datasets import open_dataset, validate
from elmarc.datasets.base import Dataset
from elmarc.datasets.folder import is_audio
from elmarc.features.extractor import Extraction
from elmarc.features.store import FeatureStore
from elmarc.study import build
from elmarc.study.spec import parse_experiment

ODD, WHOLE = sounds.odd(), sounds.whole()
CONFIG = {
    "data": "toy", "network": {"kind": "temporal", "n_filters": 4},
    "input": {"seconds": 0.2, "fix_length": "repeat-pad"},
}  # fmt: skip
PADDED = ("SDS",)  # where a file ends early, libsndfile goes on in silence


@pytest.mark.parametrize("name", ODD)
def test_a_file_is_read_or_refused(tmp_path: Path, name: str) -> None:
    suffix, data = ODD[name]
    of_sounds.check((suffix, data, 12000, (None, None)), tmp_path)
    said: list[str] = []
    with harmless(tmp_path, said):
        decode(tmp_path / f"clip{suffix}", start=0.05, end=0.1)


@pytest.mark.parametrize("name", WHOLE)
def test_a_whole_file_of_any_format_is_read(tmp_path: Path, name: str) -> None:
    suffix, data = WHOLE[name]
    assert of_sounds.check((suffix, data, SR, (0.01, 0.05)), tmp_path) == "read"
    samples, sr = decode(tmp_path / f"clip{suffix}")
    assert sr in (SR, 8001, 44100)  # VOC writes a divisor, XI no rate at all
    y = sounds.noise()[:, 0]
    assert np.corrcoef(samples[: len(y), 0], y)[0, 1] > 0.9


@pytest.mark.parametrize("form", [name.removesuffix(" cut in half") for name in ODD if "cut in half" in name])
def test_what_is_left_of_a_file_is_its_beginning(tmp_path: Path, form: str) -> None:
    suffix, data = ODD[f"{form} cut in half"]
    (tmp_path / f"cut{suffix}").write_bytes(data)
    (tmp_path / f"whole{suffix}").write_bytes(sounds.written(form, sf.default_subtype(form)))
    said: list[str] = []
    with harmless(tmp_path, said):
        left = decode(tmp_path / f"cut{suffix}")[0]
        whole = decode(tmp_path / f"whole{suffix}")[0]
        n = len(left) if form not in PADDED else len(left) // 3
        np.testing.assert_allclose(left[:n], whole[:n], atol=1e-6)
    assert all("cut" in sentence for sentence in said)


@pytest.mark.parametrize(
    "name", ["au of text", "gsm of text", "vox of text", "headerless", "AU header of zeros"]
)
def test_what_has_no_header_is_not_taken_for_noise(tmp_path: Path, name: str) -> None:
    assert of_sounds.check((*ODD[name], 12000, (None, None)), tmp_path) == "refused"


def test_what_libsndfile_takes_for_an_mp3_is_not_called_a_pipe(tmp_path: Path) -> None:
    path = tmp_path / "page.mp3"
    path.write_bytes(ODD["a web page"][1])
    said: list[str] = []
    with harmless(tmp_path, said):
        decode(path)
    assert "(libsndfile: no MPEG frames): convert it, or leave it out" in said[0]


def put(folder: Path, files: dict[str, Sound]) -> None:
    """Write files by turns into two class folders; what has no suffix of a clip gets that of a wav."""
    for i, (suffix, data) in enumerate(files.values()):
        place = folder / "ab"[i % 2]
        place.mkdir(parents=True, exist_ok=True)
        suffix = suffix if is_audio(f"x{suffix}") else f"{suffix}.wav"
        (place / f"{len(files)}-{i:03d}{suffix}").write_bytes(data)


def extracted(data: Dataset, store: Path) -> Extraction:
    config = parse_experiment(CONFIG)
    return build.extractor(config, data, store=FeatureStore(store))[0].extract(data.clips)


@cache
def good() -> dict[str, Sound]:
    return {f"{k}": (".wav", sounds.written("WAV", y=sounds.noise() * (k + 1) / 10)) for k in range(8)}


@pytest.mark.filterwarnings("ignore::elmarc.errors.ElmarcWarning")
def test_good_clips_keep_their_features_among_all_others(tmp_path: Path) -> None:
    put(tmp_path / "alone", good())
    put(tmp_path / "all", good())
    put(tmp_path / "all", ODD)
    alone = extracted(open_dataset(tmp_path / "alone"), tmp_path / "store 1").matrix
    data = open_dataset(tmp_path / "all")
    with watched(tmp_path):
        first = extracted(data, tmp_path / "store 2")
        again = extracted(data, tmp_path / "store 2")
    np.testing.assert_array_equal(again.matrix.X, first.matrix.X)
    rows = [first.matrix.ids.index(name) for name in alone.ids]
    np.testing.assert_array_equal(first.matrix.X[rows], alone.X)
    assert np.isfinite(first.matrix.X).all()
    assert len(first.skipped) > 100
    assert len(first.skipped) + len(first.matrix) == len(data.clips)
    for name, reason in first.skipped:
        assert f"/all/{name}: " in checked(reason)


def test_validate_tells_every_file_that_extraction_leaves_out(tmp_path: Path) -> None:
    put(tmp_path / "all", ODD)
    data = open_dataset(tmp_path / "all")
    with watched(tmp_path):
        report = validate(data, decode=True)
    told = {*dict(report.unreadable), *report.zero_length, *dict(report.odd or ())}
    assert {name for name, _ in extracted(data, tmp_path / "store").skipped} <= told
    for _, reason in report.unreadable:
        checked(reason)
