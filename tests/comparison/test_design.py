from __future__ import annotations

import re

import pytest
from tests.simulated import simulated_result

from elmarc.comparison.answer import answer
from elmarc.comparison.compare import MOST_SEEDS, Power, compare


def results(n_seeds=2, n_clips=200, skills=(("vgg", 0.8), ("timbral", 0.6), ("mfcc", 0.5)), **changes):
    return [
        simulated_result(name, skill=skill, seed=seed, n_clips=n_clips, **changes)
        for name, skill in skills
        for seed in range(n_seeds)
    ]


def test_more_seeds_and_more_clips_find_smaller_differences():
    designs = ((2, 200), (5, 200), (2, 800))
    few, more_seeds, more_clips = (compare(results(*design)).design.detectable for design in designs)
    assert few > max(more_seeds, more_clips)


def test_the_parts_of_the_variance_foretell_other_designs():
    only_weights = Power(critical=1.96, weights=8e-4, noise=0.0, units=0.0, n_seeds=2, df=1e6)
    expected = (1.96 + 0.8416) * 0.02
    assert only_weights.detectable(2) == pytest.approx(expected, rel=1e-3)
    assert only_weights.detectable(8) == pytest.approx(expected / 2, rel=1e-3)
    assert only_weights.detectable(2, more_units=4) == only_weights.detectable(2)
    only_clips = Power(critical=1.96, weights=0.0, noise=0.0, units=4e-4, n_seeds=2, df=1e6)
    assert only_clips.detectable(2, more_units=4) == pytest.approx(only_clips.detectable(2) / 2)


@pytest.mark.parametrize(("n_clips", "n_seeds"), [(60, 2), (200, 2), (200, 5), (2000, 2), (2000, 10)])
def test_advice_is_something_that_one_can_do(n_clips, n_seeds):
    design = compare(results(n_seeds, n_clips)).design
    assert design.can_tell
    (advice,) = design.advice
    assert f"Differences of {100 * design.detectable:.1f} points are detected with 80 % power" in advice
    if design.more_seeds:
        assert n_seeds < design.more_seeds <= MOST_SEEDS
        assert f"draw the weights {design.more_seeds} times ({design.more_seeds} seeds)" in advice
    else:
        assert re.search(r"about [\d,]+ clips and \d+ seeds|more than [\d,]+ clips", advice)


def test_where_the_weights_matter_most_it_is_more_seeds_that_are_advised():
    """Draws that differ by 20 points: no number of clips detects 5 points."""
    cells = [
        simulated_result(name, skill=skill, seed=seed, shift=0.1 - 0.2 * seed, n_clips=100)
        for name, skill in (("vgg", 0.8), ("timbral", 0.6), ("temporal", 0.5))
        for seed in range(2)
    ]
    design = compare(cells).design
    assert design.more_seeds == MOST_SEEDS
    wanted = float(re.search(r"for ([\d.]+) points, draw the weights 10 times", design.advice[0])[1])
    assert 5 < wanted < 90 * design.detectable


def test_one_seed_can_tell_nothing_and_says_what_would():
    compared = compare(results(n_seeds=1))
    assert not compared.design.can_tell
    assert compared.design.detectable is None
    assert compared.design.more_seeds == 3
    assert "significant" not in " ".join(answer(compared))


def test_a_single_system_needs_no_advice():
    assert compare(results(skills=(("vgg", 0.8),))).design.advice == ()
