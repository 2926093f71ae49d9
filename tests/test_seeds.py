from __future__ import annotations

import numpy as np

from elmarc._seeds import generator, uniform


def test_same_name_same_numbers() -> None:
    assert np.array_equal(uniform(3, "vgg", "conv1", size=5), uniform(3, "vgg", "conv1", size=5))


def test_every_part_of_the_name_counts() -> None:
    streams = [(0, "a", "b"), (1, "a", "b"), (0, "ab"), (0, "b", "a")]
    first = {float(uniform(seed, *names, size=1)[0]) for seed, *names in streams}
    assert len(first) == len(streams)


def test_a_longer_draw_begins_with_the_shorter_one() -> None:
    assert np.array_equal(uniform(0, "x", size=100)[:10], uniform(0, "x", size=10))


def test_numbers_are_those_of_the_first_release() -> None:
    np.testing.assert_allclose(uniform(0, "a", size=3), [0.59671281, 0.15444008, 0.76347393], atol=1e-8)


def test_numbers_lie_inside_the_unit_interval(rng: np.random.Generator) -> None:
    draws = uniform(int(rng.integers(1000)), "u", size=100_000)
    assert draws.min() > 0
    assert draws.max() < 1
    assert abs(draws.mean() - 0.5) < 0.01


def test_the_global_state_is_left_alone() -> None:
    before = np.random.get_state()[1].copy()  # noqa: NPY002  # the state that must not change
    generator(0, "x").normal(size=10)
    assert np.array_equal(before, np.random.get_state()[1])  # noqa: NPY002
