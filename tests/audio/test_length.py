from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from elmarc.audio import InputLength, fit_length
from elmarc.errors import AudioError, ConfigError

HOWS = ["crop", "zero-pad", "repeat-pad"]


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("n", [7, 8, 20])
def test_long_enough_inputs_are_cut_whatever_the_rule(rng: np.random.Generator, how: Any, n: int) -> None:
    x = rng.standard_normal((n, 3)).astype(np.float32)
    np.testing.assert_array_equal(fit_length(x, 7, how=how), x[:7])


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_the_axis_can_be_chosen(rng: np.random.Generator, how: Any, axis: int) -> None:
    x = rng.standard_normal((9, 9, 9))
    expected = np.moveaxis(fit_length(np.moveaxis(x, axis, 0), 5, how=how), 0, axis)
    np.testing.assert_array_equal(fit_length(x, 5, how=how, axis=axis), expected)


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_padding_keeps_dtype_and_other_axes(axis: int) -> None:
    x = np.ones((2, 2, 2), np.float32)
    for how in ("zero-pad", "repeat-pad"):
        padded = fit_length(x, 5, how=how, axis=axis)
        assert padded.dtype == np.float32
        assert sorted(padded.shape) == [2, 2, 5]
        assert padded.shape[axis] == 5


def test_zero_pad_appends_zeros(rng: np.random.Generator) -> None:
    x = rng.standard_normal((4, 3))
    padded = fit_length(x, 9, how="zero-pad")
    np.testing.assert_array_equal(padded[:4], x)
    assert not padded[4:].any()


@pytest.mark.parametrize("n", [1, 2, 3, 6])
def test_repeat_pad_is_periodic(rng: np.random.Generator, n: int) -> None:
    x = rng.standard_normal((n, 2))
    np.testing.assert_array_equal(fit_length(x, 7, how="repeat-pad"), np.tile(x, (7, 1))[:7])


def test_crop_refuses_short_clips_and_names_three_ways_out() -> None:
    with pytest.raises(AudioError, match=r"dog\.ogg: has 5 frames, 188 are needed") as caught:
        fit_length(np.zeros((5, 96)), 188, how="crop", name="dog.ogg", unit="frames")
    for way in ("'zero-pad'", "'repeat-pad'", "at most 5 frames"):
        assert way in str(caught.value)


@pytest.mark.parametrize("how", HOWS)
def test_an_empty_clip_is_refused(how: Any) -> None:
    with pytest.raises(AudioError, match="clip: has no samples"):
        fit_length(np.zeros(0), 5, how=how)


def test_settings_are_checked() -> None:
    with pytest.raises(ConfigError, match="length: 0 is not a length"):
        fit_length(np.zeros(3), 0, how="crop")
    with pytest.raises(
        ConfigError, match="fix_length: 'pad' is unknown: use 'crop', 'zero-pad', 'repeat-pad'"
    ):
        fit_length(np.zeros(3), 2, how="pad")  # type: ignore[arg-type]


def test_input_lengths_compare_by_value() -> None:
    assert InputLength(4.0, 4.0, "repeat-pad") == InputLength(4.0, 4.0, "repeat-pad")
