from __future__ import annotations

import numpy as np
import pytest

from elmarc.errors import ConfigError
from elmarc.frontends.scattering import FLOOR, Scattering

SMALL = Scattering(octaves=8, per_octave=4)


def test_senseless_settings_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"^octaves: found 20, expected 2 to 14"):
        Scattering(octaves=20)
    with pytest.raises(ConfigError, match=r"^per_octave: found 0"):
        Scattering(per_octave=0)


class TestWithKymatio:
    @pytest.fixture(autouse=True)
    def _installed(self) -> None:
        pytest.importorskip("kymatio")

    def test_a_clip_is_bitwise_independent_of_its_batch(self, rng: np.random.Generator) -> None:
        batch = rng.standard_normal((2, 2, 6000)).astype(np.float32)
        vectors = SMALL(batch)
        assert vectors.shape == (2, 2, SMALL.n_bands)
        assert vectors.dtype == np.float32
        np.testing.assert_array_equal(SMALL(batch[1, 0]), vectors[1, 0])

    def test_columns_are_the_paths_of_first_and_second_order(self) -> None:
        assert len(set(SMALL.columns)) == SMALL.n_bands
        assert SMALL.columns[0] == "scattering/mean/0"
        assert {name.count("-") for name in SMALL.columns} == {0, 1}

    def test_loudness_moves_all_means_alike(self, rng: np.random.Generator) -> None:
        y = rng.standard_normal(20000).astype(np.float32)
        louder = SMALL(10 * y) - SMALL(y)
        first = [k for k, name in enumerate(SMALL.columns) if "-" not in name]  # well above the floor
        expected = [np.log(10) if "/mean/" in SMALL.columns[k] else 0 for k in first]
        np.testing.assert_allclose(louder[first], expected, atol=0.02)

    def test_silence_and_tiny_clips_are_finite(self) -> None:
        np.testing.assert_allclose(SMALL(np.zeros(3000, np.float32)).max(), 0, atol=1e-6)
        np.testing.assert_allclose(SMALL(np.zeros(3000, np.float32)).min(), np.log(FLOOR), rtol=1e-6)
        for n in (1, 2, 100):
            assert np.isfinite(SMALL(np.ones(n, np.float32))).all()

    def test_long_clips_are_read_in_blocks(self, rng: np.random.Generator) -> None:
        y = rng.standard_normal(2**17).astype(np.float32)
        halves = [SMALL(part)[: SMALL.n_bands // 2] for part in np.split(y, 2)]
        whole = SMALL(y)[: SMALL.n_bands // 2]
        np.testing.assert_allclose(whole, np.mean(halves, axis=0), atol=1e-5)
