from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
import torch
from tests.sounds import SR, write, write_noise

from elmarc.audio import content_hash
from elmarc.datasets.base import Clip
from elmarc.errors import AudioError, ConfigError, DatasetError, StoreWarning
from elmarc.features import contents
from elmarc.features.cache import FrontEndCache
from elmarc.features.contents import contents_of
from elmarc.features.extractor import FeatureExtractor
from elmarc.features.store import FeatureStore
from elmarc.frontends.base import FrontEnd
from elmarc.frontends.logmel import LogMel
from elmarc.frontends.mfcc import MFCC
from elmarc.frontends.waveform import RawWaveform
from elmarc.networks import build_network


@pytest.fixture
def clips(tmp_path: Path, rng: np.random.Generator) -> list[Clip]:
    """Five clips of noise of different lengths."""
    made = []
    for i in range(5):
        path = write_noise(tmp_path / "audio" / f"{i}.wav", rng, SR + 1000 * i)
        made.append(Clip(id=path.name, path=path, label="ab"[i % 2], fold=str(i)))
    return made


def extractor(name: str = "temporal", *, seed: int = 0, **options) -> FeatureExtractor:
    net = build_network(name, n_filters=4, seed=seed)
    frontend = LogMel() if net.input_unit == "frames" else RawWaveform()
    length = 64 if net.input_unit == "frames" else 2500
    return FeatureExtractor(frontend, net, **{"length": length, "fix_length": "repeat-pad", **options})


@pytest.mark.parametrize("name", ["timbral", "temporal", "7x86", "sample_level", "mixed"])
def test_batch_size_and_workers_do_not_change_features(clips: list[Clip], name: str) -> None:
    first = extractor(name, batch_size=1, n_workers=1).extract(clips).matrix.X
    for batch_size, n_workers in [(2, 1), (5, 3)]:
        again = extractor(name, batch_size=batch_size, n_workers=n_workers).extract(clips).matrix.X
        assert np.array_equal(first, again)


def test_rows_follow_the_clips(clips: list[Clip]) -> None:
    forward = extractor().extract(clips).matrix
    backward = extractor().extract(clips[::-1]).matrix
    assert forward.ids == tuple(clip.id for clip in clips)
    assert np.array_equal(forward.X[::-1], backward.X)
    assert forward.labels == ("a", "b", "a", "b", "a")


@pytest.mark.parametrize("order", ["01234", "43210", "3", "0011", "42", "14320"])
def test_stored_and_computed_rows_come_in_the_order_of_the_clips(
    clips: list[Clip], tmp_path: Path, order: str
) -> None:
    whole = extractor().extract(clips).matrix.X
    store = FeatureStore(tmp_path / "store")
    extractor(store=store).extract(clips[2:4])
    again = extractor(store=store).extract([clips[int(place)] for place in order])
    assert np.array_equal(again.matrix.X, whole[[int(place) for place in order]])
    assert again.n_computed == len(set(order) - {"2", "3"})


def test_the_second_run_computes_nothing_and_gives_the_same(clips: list[Clip], tmp_path: Path) -> None:
    store = FeatureStore(tmp_path / "store")
    first = extractor(store=store).extract(clips)
    second = extractor(store=store, batch_size=2).extract(clips)
    assert (first.n_computed, second.n_computed) == (5, 0)
    assert np.array_equal(first.matrix.X, second.matrix.X)


def test_the_store_is_found_by_content_not_by_name(clips: list[Clip], tmp_path: Path) -> None:
    store = FeatureStore(tmp_path / "store")
    extractor(store=store).extract(clips)
    moved = clips[0].path.rename(tmp_path / "elsewhere.wav")
    again = extractor(store=store).extract([Clip(id="new", path=moved, label="z")])
    assert again.n_computed == 0


def test_damaged_rows_are_computed_again_and_are_the_same(clips: list[Clip], tmp_path: Path) -> None:
    store = FeatureStore(tmp_path / "store")
    first = extractor(store=store).extract(clips[:3])
    shard = next(store.root.rglob("shard-*.safetensors"))
    data = bytearray(shard.read_bytes())
    data[-7] ^= 4  # the third clip's row
    shard.write_bytes(data)
    extractor(store=store).extract(clips[3:])
    with pytest.warns(StoreWarning, match=f"{shard.name}: damaged shard: its checksum is another"):
        again = extractor(store=store).extract(clips)
    assert again.n_computed == 3
    assert np.array_equal(again.matrix.X[:3], first.matrix.X)
    assert extractor(store=store).extract(clips).n_computed == 0


def rewrite(clip: Clip) -> None:
    """Put other sound into a clip's file, as much as before, and set its time back."""
    times = clip.path.stat()
    y, sr = sf.read(clip.path, dtype="float32")
    sf.write(clip.path, -y[::-1], sr)
    os.utime(clip.path, ns=(times.st_atime_ns, times.st_mtime_ns))


@pytest.mark.parametrize("age_s", [0, 3600])
@pytest.mark.parametrize("cached", [False, True])
def test_a_file_that_changes_after_it_was_hashed_is_not_stored_under_the_old_hash(
    clips: list[Clip], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cached: bool, age_s: int
) -> None:
    later = time.time_ns() + age_s * 10**9
    monkeypatch.setattr(contents.time, "time_ns", lambda: later)
    store = FeatureStore(tmp_path / "store")
    cache = FrontEndCache(tmp_path / "cache") if cached else None
    hashed = contents_of(clips)
    assert bool(hashed.signatures) == (age_s > 0)
    rewrite(clips[2])
    found = extractor(store=store, cache=cache).extract(clips, contents=hashed)
    ((name, reason),) = found.skipped
    assert name == "2.wav"
    assert "2.wav: the file has changed since the run began" in reason
    assert hashed.of(clips[2]) not in store.index(extractor().definition)
    assert len(store.index(extractor().definition)) == 4


@pytest.mark.parametrize("change", [{"seed": 1}, {"length": 65}, {"fix_length": "zero-pad"}])
def test_a_changed_recipe_is_computed_anew(clips: list[Clip], tmp_path: Path, change: dict) -> None:
    store = FeatureStore(tmp_path / "store")
    extractor(store=store).extract(clips)
    assert extractor(store=store, **change).extract(clips).n_computed == 5


def test_the_frontend_cache_changes_nothing(clips: list[Clip], tmp_path: Path) -> None:
    plain = extractor().extract(clips).matrix.X
    cache = FrontEndCache(tmp_path / "cache")
    for _ in range(2):
        assert np.array_equal(extractor(cache=cache).extract(clips).matrix.X, plain)


def test_the_frontend_cache_decodes_once(clips: list[Clip], tmp_path: Path) -> None:
    cache = FrontEndCache(tmp_path / "cache")
    extractor(cache=cache).extract(clips)
    n_files = len(list((tmp_path / "cache").rglob("*.npy")))
    extractor("sample_level", cache=cache).extract(clips)
    assert n_files == 10  # decoded, log-mel
    assert len(list((tmp_path / "cache").rglob("*.npy"))) == 15  # and what the waveform network reads


def test_what_was_computed_before_a_stop_is_kept(clips: list[Clip], tmp_path: Path) -> None:
    store = FeatureStore(tmp_path / "store")

    def stop(done: int, total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        extractor(store=store, batch_size=1).extract(clips, progress=stop)
    assert extractor(store=store).extract(clips).n_computed == 3


def test_a_bad_clip_is_skipped_and_named(clips: list[Clip], tmp_path: Path) -> None:
    bad = tmp_path / "bad.wav"
    bad.write_bytes(b"no audio at all")
    gone = Clip(id="gone.wav", path=tmp_path / "gone.wav", label="a")
    found = extractor().extract([*clips, Clip(id="bad.wav", path=bad, label="a"), gone])
    assert len(found.matrix) == 5
    assert [name for name, _ in found.skipped] == ["gone.wav", "bad.wav"]
    assert all(str(tmp_path) in reason for _, reason in found.skipped)


def test_strict_ends_the_run_at_a_bad_clip(clips: list[Clip], tmp_path: Path) -> None:
    bad = tmp_path / "bad.wav"
    bad.write_bytes(b"")
    with pytest.raises(AudioError, match=r"bad\.wav"):
        extractor(strict=True).extract([*clips, Clip(id="bad.wav", path=bad, label="a")])


def test_samples_that_overflow_are_skipped(clips: list[Clip], tmp_path: Path) -> None:
    path = write(tmp_path / "loud.wav", np.full(SR, 3e38, np.float32), subtype="FLOAT")
    found = extractor("sample_level").extract([*clips, Clip(id="loud.wav", path=path, label="a")])
    assert [name for name, _ in found.skipped] == ["loud.wav"]
    assert np.isfinite(found.matrix.X).all()


@pytest.mark.parametrize("cached", [False, True])
@pytest.mark.parametrize(
    ("samples", "frontend", "message"),
    [
        (np.zeros(100), MFCC(), "100 samples give 1 MFCC frame"),
        (np.full(SR, 3e38, np.float32), RawWaveform(), "its features overflow"),
        (np.zeros(100), RawWaveform(), "100 samples, 2500 are needed"),
    ],
)
def test_every_problem_names_the_file(
    tmp_path: Path, cached: bool, samples: np.ndarray, frontend: FrontEnd, message: str
) -> None:
    path = write(tmp_path / "odd.wav", samples, subtype="FLOAT")
    net = None if frontend.kind == "mfcc" else build_network("sample_level", n_filters=4)
    cache = FrontEndCache(tmp_path / "cache") if cached else None
    made = FeatureExtractor(frontend, net, length=net and 2500, cache=cache, strict=True)
    with pytest.raises(AudioError, match=rf"odd\.wav: .*{message}") as caught:
        made.extract([Clip(id="odd", path=path, label="a")])
    assert str(caught.value).count(str(path)) == 1


def segments(path: Path) -> list[Clip]:
    times = [(None, None), (0.0, 0.5), (0.5, 1.0), (0.5, None)]
    return [Clip(f"{path.name}#{i}", path, "a", start=a, end=b) for i, (a, b) in enumerate(times)]


@pytest.mark.parametrize("cached", [False, True])
def test_segments_have_the_features_of_files_that_hold_them(
    clips: list[Clip], tmp_path: Path, cached: bool
) -> None:
    path = clips[2].path
    cache = FrontEndCache(tmp_path / "cache") if cached else None
    found = extractor(cache=cache).extract(segments(path)).matrix.X
    files = []
    for clip in segments(path):
        samples = sf.read(path, dtype="int16")[0][round((clip.start or 0) * SR) :][: _n(clip)]
        part = write(tmp_path / f"{clip.id}.wav", samples)
        files.append(Clip(part.name, part, "a"))
    assert np.array_equal(found, extractor().extract(files).matrix.X)
    assert len(np.unique(found, axis=0)) == 4


def _n(clip: Clip) -> int | None:
    return None if clip.end is None else round((clip.end - (clip.start or 0)) * SR)


def test_the_store_tells_segments_apart_and_keeps_whole_files(clips: list[Clip], tmp_path: Path) -> None:
    store = FeatureStore(tmp_path / "store")
    whole = extractor(store=store).extract(clips)
    parts = [part for clip in clips for part in segments(clip.path)]
    assert (whole.n_computed, extractor(store=store).extract(parts).n_computed) == (5, 15)
    assert extractor(store=store).extract(parts).n_computed == 0
    keys = set(store.index(extractor().definition))
    assert {content_hash(clip.path) for clip in clips} < keys  # as they were before there were segments


def test_a_segment_that_is_not_there_is_skipped_by_name(clips: list[Clip]) -> None:
    late = Clip("late", clips[0].path, "a", start=0.5, end=60.0)
    ((name, reason),) = extractor().extract([*clips, late]).skipped
    assert name == "late"
    assert "0.wav: the segment from 0.5 s to 60 s does not lie in the file" in reason


def test_no_good_clip_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "another.wav").touch()  # the folder is there: it is the clip that is missing
    with pytest.raises(DatasetError, match="none of the 1 clips"):
        extractor().extract([Clip(id="x", path=tmp_path / "x.wav", label="a")])


def test_short_clips_are_refused_where_nothing_pads_them(clips: list[Clip]) -> None:
    with pytest.raises(AudioError, match=r"0\.wav.*repeat-pad"):
        extractor(length=5000, fix_length="crop", strict=True).extract(clips)


def test_a_network_that_needs_more_says_so_before_any_audio_is_read() -> None:
    with pytest.raises(ConfigError, match=r"vgg needs at least 1280 frames.*188"):
        extractor("vgg", length=188)


def test_a_frontend_of_the_wrong_kind_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"frames of 96 bands, and a waveform .* samples of 1"):
        FeatureExtractor(RawWaveform(), build_network("temporal", n_filters=4), length=5000)


def test_mfcc_needs_no_network(clips: list[Clip]) -> None:
    matrix = FeatureExtractor(MFCC()).extract(clips).matrix
    assert matrix.X.shape == (5, 120)
    assert len(set(matrix.columns)) == 120


def test_columns_name_layer_channel_and_statistic(clips: list[Clip]) -> None:
    matrix = extractor(statistics=("mean", "std")).extract(clips).matrix
    assert len(set(matrix.columns)) == matrix.X.shape[1]
    assert matrix.columns[0] == "temporal/0/mean"


def test_a_front_end_of_other_bands_or_of_none_is_refused() -> None:
    net = build_network("temporal", n_filters=4)
    with pytest.raises(ConfigError, match=r"takes frames of 96 bands, .* gives frames of 80"):
        FeatureExtractor(LogMel(n_mels=80), net, length=64)
    with pytest.raises(ConfigError, match="a mfcc front-end gives one vector per clip"):
        FeatureExtractor(MFCC(), net, length=64)


def test_features_do_not_follow_torchs_rounding_of_products(clips: list[Clip]) -> None:
    expected = extractor("timbral").extract(clips).matrix.X
    torch.set_float32_matmul_precision("medium")  # bfloat16, on some CPUs
    try:
        found = extractor("timbral").extract(clips).matrix.X
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision("highest")
    assert np.array_equal(found, expected)
