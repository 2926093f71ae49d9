"""The shared least squares equal pseudo-inverses, for every shape and rank that hidden layers come in."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.model_selection import KFold

from elmarc.classifiers import elm_grid
from elmarc.classifiers.elm import output_weights

Array = NDArray[np.float64]
Kind = Callable[[np.random.Generator], Array]
N_CLIPS = 60
FOLDS = [(train, test) for train, test in KFold(6).split(np.zeros(N_CLIPS))]  # 50 to learn from
SIZES = [5, 20, 40, 49, 50, 51, 57, 60, 61, 90]


def independent(rng: np.random.Generator) -> Array:
    return np.maximum(rng.normal(size=(N_CLIPS, 90)), 0.0)


def with_dead_units(rng: np.random.Generator) -> Array:
    hidden = independent(rng)
    hidden[:, ::4] = 0.0
    return hidden


def with_units_of_one_clip(rng: np.random.Generator) -> Array:
    """Alone in its fold such a unit is silent in training; two on one clip depend on each other."""
    hidden = independent(rng)
    for unit, clip in ((2, 3), (7, 3), (11, 3), (12, 25), (30, 59)):
        hidden[:, unit] = 0.0
        hidden[clip, unit] = 1.0 + unit
    return hidden


def with_units_that_differ_in_held_out_clips_alone(rng: np.random.Generator) -> Array:
    hidden = independent(rng)
    hidden[:, 9] = 2.0 * hidden[:, 4]
    hidden[3, 9] += 1.0
    return hidden


def of_low_rank(rng: np.random.Generator) -> Array:
    return rng.normal(size=(N_CLIPS, 12)) @ rng.normal(size=(12, 90))


def of_many_sizes(rng: np.random.Generator) -> Array:
    return independent(rng) * rng.lognormal(0, 2, size=90)


KINDS = [
    independent,
    with_dead_units,
    with_units_of_one_clip,
    with_units_that_differ_in_held_out_clips_alone,
    of_low_rank,
    of_many_sizes,
]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_outputs_equal_those_of_the_pseudo_inverse(kind: Kind, rng: np.random.Generator) -> None:
    hidden, targets = kind(rng), rng.normal(size=(N_CLIPS, 3))
    found = elm_grid.held_out_outputs(hidden, targets, FOLDS, SIZES)

    for size, row in zip(SIZES, found, strict=True):
        for (train, test), outputs in zip(FOLDS, row, strict=True):
            expected = hidden[test, :size] @ output_weights(hidden[train, :size], targets[train])
            atol = 1e-7 * np.abs(expected).max()
            np.testing.assert_allclose(outputs, expected, rtol=0, atol=atol, err_msg=f"{size} units")


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_shortcut_is_taken(kind: Kind, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    plain: list[tuple[int, ...]] = []

    def counted(hidden: Array, targets: Array) -> Array:
        plain.append(hidden.shape)
        return output_weights(hidden, targets)

    monkeypatch.setattr(elm_grid, "output_weights", counted)
    elm_grid.held_out_outputs(kind(rng), rng.normal(size=(N_CLIPS, 3)), FOLDS, SIZES)

    more_units_than_clips_but_less_rank = {of_low_rank: 2, with_units_of_one_clip: 1}
    assert len(plain) == len(FOLDS) * more_units_than_clips_but_less_rank.get(kind, 0)


def test_rank_in_doubt_is_left_to_the_pseudo_inverse(rng: np.random.Generator) -> None:
    hidden = independent(rng)
    hidden[:, 8] = hidden[:, 1] + 1e-12 * hidden[:, 8]
    targets = rng.normal(size=(N_CLIPS, 3))
    found = elm_grid.held_out_outputs(hidden, targets, FOLDS, [20])[0]

    for (train, test), outputs in zip(FOLDS, found, strict=True):
        expected = hidden[test, :20] @ output_weights(hidden[train, :20], targets[train])
        np.testing.assert_array_equal(outputs, expected)


def test_targets_of_held_out_clips_do_not_matter(rng: np.random.Generator) -> None:
    hidden, targets = independent(rng), rng.normal(size=(N_CLIPS, 3))
    spoilt = targets.copy()
    spoilt[FOLDS[0][1]] += 100.0
    before, after = (elm_grid.held_out_outputs(hidden, t, FOLDS[:1], SIZES) for t in (targets, spoilt))

    np.testing.assert_array_equal(before, after)


def test_silent_layer_gives_zeros(rng: np.random.Generator) -> None:
    found = elm_grid.held_out_outputs(np.zeros((N_CLIPS, 10)), rng.normal(size=(N_CLIPS, 3)), FOLDS, [5, 10])

    assert not np.any(found)
