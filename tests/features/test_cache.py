"""The seconds a clip that an extraction reports."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from tests.sounds import write_noise

from elmarc.audio.issues import Issues
from elmarc.datasets.base import Clip
from elmarc.features.cache import FrontEndCache
from elmarc.features.extractor import Extraction, FeatureExtractor
from elmarc.features.store import FeatureStore
from elmarc.frontends.logmel import LogMel
from elmarc.frontends.mfcc import MFCC
from elmarc.networks import build_network

DECODING_S = 0.5


@pytest.fixture
def clips(tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> list[Clip]:
    """Four clips whose decoding takes long."""
    decode = Clip.load_with_issues

    def slowly(clip: Clip, *, sr: int) -> tuple[np.ndarray, Issues]:
        time.sleep(DECODING_S)
        return decode(clip, sr=sr)

    monkeypatch.setattr(Clip, "load_with_issues", slowly)
    for i in range(4):
        write_noise(tmp_path / f"{i}.wav", rng)
    return [Clip(f"{i}", tmp_path / f"{i}.wav", "ab"[i % 2]) for i in range(4)]


def extraction(clips: list[Clip], **options: object) -> Extraction:
    net = build_network("temporal", n_filters=4)
    return FeatureExtractor(LogMel(), net, length=40, fix_length="repeat-pad", **options).extract(clips)


def test_a_network_costs_the_same_whether_it_runs_first_or_later(clips: list[Clip], tmp_path: Path) -> None:
    cache = FrontEndCache(tmp_path / "cache")
    first, later = extraction(clips, cache=cache), extraction(clips, cache=cache)
    assert first.frontend_s == later.frontend_s > DECODING_S
    assert later.seconds < 2 * DECODING_S <= first.seconds
    for found in (first, later):
        assert 0 < found.network_s < DECODING_S  # decoding is no part of it


def test_decoding_counts_without_a_cache_too(clips: list[Clip]) -> None:
    assert extraction(clips).frontend_s > DECODING_S


def test_the_mfcc_costs_its_front_end(clips: list[Clip]) -> None:
    found = FeatureExtractor(MFCC()).extract(clips)
    assert found.frontend_s > DECODING_S
    assert found.network_s == 0.0


def test_rows_from_the_store_have_no_cost(clips: list[Clip], tmp_path: Path) -> None:
    extraction(clips, store=FeatureStore(tmp_path / "store"))
    again = extraction(clips, store=FeatureStore(tmp_path / "store"))
    assert (again.frontend_s, again.network_s) == (None, None)
