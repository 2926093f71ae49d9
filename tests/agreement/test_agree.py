"""Agreement of results: who is matched, what is refused, and that known skills come out."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest
from tests.simulated import SKILLS, side, simulated_result, trained

from elmarc.agreement.agree import agreements
from elmarc.agreement.answer import answer
from elmarc.errors import ConfigError
from elmarc.reports.agreements import to_frame, to_json


@pytest.fixture(scope="module")
def agreement():
    untrained = side() + side(SKILLS[::-1], "elm")
    return agreements(untrained, trained(), short=side(SKILLS, "trained", seeds=1))[0]


def named(agreement, name):
    return next(f for f in agreement.foretellers if f.name == name)


def test_a_ranking_of_the_same_skills_agrees_and_its_opposite_does_not(agreement):
    assert agreement.best.name == "svm, 2018"
    assert agreement.best.spearman.low > 0.3
    assert agreement.best.kendall.low > 0.2
    assert named(agreement, "elm, 2018").spearman.high < -0.2
    assert named(agreement, "elm, 2018").regrets[1].expected.low > 0.1
    assert agreement.best.regrets[3].here.high < 0.1


def test_controls_and_short_training_stand_beside(agreement):
    kinds = [f.kind for f in agreement.foretellers]
    assert kinds == sorted(kinds, key=("untrained", "short", "control").index)
    assert named(agreement, "number of parameters").spearman.high < -0.5
    assert "number of parameters" not in named(agreement, "number of parameters").given
    assert named(agreement, "short training").spearman.value > 0.8
    assert named(agreement, "spread over seeds (svm, 2018)").ceiling is None


def test_partial_correlation_is_given_all_that_is_known(agreement):
    assert agreement.best.given == ("number of parameters", "multiply-adds", "number of features")
    assert (
        abs(agreement.best.partial.value) < agreement.best.spearman.value
    )  # parameters follow the skill here


@pytest.mark.parametrize(("n", "n_free"), [(5, 2), (6, 3), (7, 3)])
def test_few_architectures_have_no_partial_correlation_and_it_is_said_what_it_takes(n, n_free):
    """Where three covariates leave no degree of freedom, the correlation would be 1 or -1."""
    (found,) = agreements(side(SKILLS[:n]), trained(SKILLS[:n]))
    text = " ".join(answer(found))
    best = to_frame([found]).set_index("foreteller").loc[found.best.name]
    few = n - n_free < 4
    assert (found.best.partial.n_given, found.best.partial.df) == (n_free, n - n_free - 2)
    assert pd.isna(best["partial"]) == few
    assert (f"It takes {4 + n_free} architectures." in text) == few
    assert (f"freedom of {n} architectures are n - k - 2 = {n - n_free - 2}." in text) == few
    assert "NaN" not in to_json([found])


def test_the_first_three_never_lose_more_than_the_first(agreement):
    for found in agreement.foretellers:
        one, three = found.regrets[1], found.regrets[3]
        assert three.here.value <= one.here.value
        assert three.expected.value <= one.expected.value
        assert three.measured <= one.measured


def test_time_and_ceiling(agreement):
    assert agreement.trained_ceiling.value > 0.8
    assert agreement.best.seconds == pytest.approx(12 * 2 * 3.0)
    assert agreement.times_sooner(agreement.best) == pytest.approx(101 / 3)
    assert agreement.n_seeds == (2, 2)


def test_features_from_a_store_have_no_known_time():
    stored = side(timings={"extract_s": 0.0, "classify_s": 1.0})
    found = agreements(stored, trained())[0]
    assert found.times_sooner(found.best) is None


def test_equal_results_give_equal_numbers(agreement):
    again = agreements(
        side() + side(SKILLS[::-1], "elm"), trained(), short=side(seeds=1, classifier="trained")
    )[0]
    assert again == agreement


def test_the_baseline_and_networks_of_one_side_are_left_out():
    untrained = [*side(), simulated_result("mfcc", "svm", n_clips=80)]
    found = agreements(untrained, trained(SKILLS[:11]))[0]
    assert len(found.architectures) == 11
    assert found.notes == (
        "trained lacks 1 architectures that others have, such as net11: they are left out",
    )


@pytest.mark.parametrize(
    ("untrained", "train", "message"),
    [
        (side(dataset="other"), trained(), "no data set has both"),
        (side(), side(SKILLS[:3], "trained"), "expected at least 4"),
        (side(), trained() + side(classifier="long"), "of several kinds"),
        (side(clips_key="a"), trained(clips_key="b"), "different clips"),
        (
            side() + [replace(r, definition={"other": 1}) for r in side(seeds=1)],
            trained(),
            "results of two definitions",
        ),
    ],
)
def test_what_does_not_belong_together_is_refused(untrained, train, message):
    with pytest.raises(ConfigError, match=message):
        agreements(untrained, train)
