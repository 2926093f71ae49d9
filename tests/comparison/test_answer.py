from __future__ import annotations

import re
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from tests.simulated import simulated_result

from elmarc.comparison.answer import answer, best_of_both, details, p_value
from elmarc.comparison.compare import compare
from elmarc.comparison.records import Comparison

CHEAP, DEAR = {"multiply_adds_per_clip": 2e6}, {"multiply_adds_per_clip": 8e6}
FOREIGN = {"features": {"file": "a hash"}}


def compared(*systems, seeds=3, n_clips=300, **changes) -> Comparison:
    return compare(
        [
            simulated_result(name, skill=skill, seed=seed, cost=cost, n_clips=n_clips, **changes)
            for name, skill, cost in systems
            for seed in range(seeds)
        ]
    )


def text_of(*systems, **changes) -> str:
    return " ".join(answer(compared(*systems, **changes)))


@pytest.fixture(scope="module", params=range(12))
def drawn(request) -> Comparison:
    """A comparison of four networks and MFCC, with two classifiers, drawn at random; some have groups."""
    rng = np.random.default_rng(request.param)
    skills = {name: rng.uniform(0.3, 0.95) for name in ("vgg", "timbral", "temporal", "7x86", "mfcc")}
    shifts = rng.normal(0, 0.03, size=(5, 2, 2))
    how = {"n_clips": 120, "group_size": 5 if request.param % 3 == 0 else 1}
    return compare(
        [
            simulated_result(name, classifier, skill=skill, seed=seed, shift=shifts[k, c, seed], **how)
            for k, (name, skill) in enumerate(skills.items())
            for c, classifier in enumerate(("svm", "elm"))
            for seed in (0, 1)
        ]
    )


def test_each_pair_of_a_classifier_is_tested_in_one_family(drawn):
    tested = sorted(tuple(sorted((c.a, c.b))) for family in drawn.families for c in family.contrasts)
    expected = [pair for name in drawn.classifiers for pair in combinations(drawn.members(name), 2)]
    assert tested == sorted(expected)
    for a, b in expected:
        assert drawn.contrast(a, b) == drawn.contrast(b, a).turned


def test_systems_share_a_letter_if_and_only_if_their_one_contrast_is_not_significant(drawn):
    for name in drawn.classifiers:
        for a, b in combinations(drawn.members(name), 2):
            shared = set(drawn.scores[a].ties) & set(drawn.scores[b].ties)
            assert bool(shared) is not drawn.contrast(a, b).differs


def test_an_interval_leaves_out_zero_if_and_only_if_the_difference_is_significant(drawn):
    for contrast in (c for family in drawn.families for c in family.contrasts):
        assert contrast.low < contrast.difference < contrast.high
        assert contrast.differs is not (contrast.low <= 0 <= contrast.high)
        assert contrast.differs is (contrast.p_value < 0.05)


def test_the_answer_names_what_shares_a_letter_with_the_best(drawn):
    best, lines = drawn.scores[0], answer(drawn)
    assert len(lines) <= 4
    tied = [drawn.scores[k] for k in drawn.tied(0) if not drawn.scores[k].is_baseline]
    (line,) = [line for line in lines if "ignificantly" in line]
    assert line == (
        "Not significantly different: "
        + ", ".join(score.name for score in tied[:3])
        + (f" and {len(tied) - 3} more" if len(tied) > 3 else "")
        if tied
        else f"All other systems with {best.system.classifier} are significantly worse"
    )
    assert all(set(score.ties) & set(best.ties) for score in tied)


def test_the_answer_and_its_details_say_of_mfcc_what_the_tests_do(drawn):
    members = drawn.members(drawn.classifiers[0])
    against = [text for text in answer(drawn) if text.startswith("MFCC")]
    each = [text for text in details(drawn) if text.startswith("Against mfcc")]
    if drawn.scores[0].is_baseline:
        assert not against
        assert not each
        return
    contrasts = [c for c in map(drawn.against_baseline, members) if c]
    mfcc, best = drawn.scores[contrasts[0].b], contrasts[0]
    verdict = ("" if best.differs else "not significant, ") + p_value(best.p_value)
    by = f"{100 * best.difference:.1f} points better ({verdict})"
    assert against == [f"MFCC: {100 * mfcc.accuracy:.1f} %; the best is {by}"]
    significant = [c.difference for c in contrasts if c.differs]
    better, worse = (
        re.search(rf"(\d+)[^,(]* significantly {verdict}", each[0]) for verdict in ("better", "worse")
    )
    assert int(better[1] if better else 0) == sum(d > 0 for d in significant)
    assert int(worse[1] if worse else 0) == sum(d < 0 for d in significant)


@pytest.mark.parametrize(
    ("how", "reason"), [({"seeds": 1}, "one seed only"), ({"group_size": 100}, "too few groups of clips")]
)
def test_where_nothing_is_tested_nothing_is_called_different_or_not(how, reason):
    nothing = compared(("vgg", 0.9, CHEAP), ("timbral", 0.5, DEAR), ("mfcc", 0.4, None), **how)
    assert not any(c.differs for family in nothing.families for c in family.contrasts)
    assert {(c.low, c.high) for family in nothing.families for c in family.contrasts} == {(None, None)}
    assert {score.ties for score in nothing.scores} == {""}
    best, untested, mfcc, chance = answer(nothing)
    assert best.startswith("Best: vgg + svm, ")
    assert untested.startswith(f"Differences are not tested: {reason}")
    assert mfcc.endswith("better (not tested)")
    assert chance == "Chance: 25.0 %"
    assert "significant" not in " ".join((*answer(nothing), *details(nothing)))


def test_the_best_and_what_is_significantly_worse():
    best, others, chance = answer(compared(("vgg", 0.9, None), ("timbral", 0.5, None)))
    assert re.fullmatch(r"Best: vgg \+ svm, \d+\.\d % \(95 % CI \d+\.\d to \d+\.\d\)", best)
    assert others == "All other systems with svm are significantly worse"
    assert chance == "Chance: 25.0 %"


@pytest.mark.parametrize(("costs", "cheapest"), [((DEAR, CHEAP), "timbral"), ((CHEAP, DEAR), "vgg")])
def test_what_is_not_different_and_which_of_those_is_cheapest(costs, cheapest):
    systems = [("vgg", 0.9, costs[0]), ("timbral", 0.89, costs[1]), ("temporal", 0.2, CHEAP)]
    both = compared(*systems)
    names = {both.scores[0].name, *(both.scores[k].name for k in both.tied(0))}
    assert names == {"vgg", "timbral"}
    (other,) = names - {both.scores[0].name}
    assert answer(both)[1] == f"Not significantly different: {other}; the cheapest is {cheapest}"


@pytest.mark.parametrize("cost", [None, CHEAP])
def test_no_system_is_called_cheapest_where_costs_are_unknown_or_equal(cost):
    assert "cheapest" not in text_of(("vgg", 0.9, cost), ("timbral", 0.89, cost))


def test_systems_of_equal_accuracy_are_level():
    mfcc = [simulated_result("mfcc", seed=s, skill=0.7) for s in range(2)]
    same = [*mfcc, *(replace(result, features="aaa") for result in mfcc)]
    assert "the best is level (not significant, p > 0.999)" in " ".join(answer(compare(same)))


def test_whether_any_network_is_better_than_mfcc():
    far = compared(("vgg", 0.9, None), ("mfcc", 0.6, None), ("temporal", 0.2, None))
    assert re.search(
        r"MFCC: \d+\.\d %; the best is \d+\.\d points better \(p < 0.001\)", "\n".join(answer(far))
    )
    expected = "1 of 2 networks is significantly better (vgg), 1 is significantly worse (temporal)"
    assert re.search(rf"Against mfcc \+ svm \(\d+\.\d %\), {re.escape(expected)}\.", " ".join(details(far)))
    near = compared(("mfcc", 0.60, None), ("vgg", 0.63, None))
    assert re.search(r"MFCC: .* points better \(not significant, p = 0\.\d{3}\)", "\n".join(answer(near)))
    assert "no network is significantly better." in " ".join(details(near))


def test_mfcc_of_another_classifier_is_compared_with_the_best_of_that():
    cells = [("vgg", "trained", 0.95), ("vgg", "svm", 0.8), ("mfcc", "svm", 0.5)]
    both = compare([simulated_result(f, c, skill=s, seed=seed) for f, c, s in cells for seed in range(2)])
    assert re.search(
        r"MFCC \+ svm: .* %; vgg \+ svm is \d+\.\d points better \(p = 0.\d+\)", "\n".join(answer(both))
    )


def test_where_mfcc_is_the_best_it_has_no_second_line():
    both = compared(("mfcc", 0.9, None), ("vgg", 0.88, None), ("temporal", 0.3, None))
    best, others, _ = answer(both)
    assert best.startswith("Best: mfcc + svm, ")
    assert others == "Not significantly different: vgg"
    assert "Against mfcc" not in " ".join(details(both))


def test_files_of_features_are_not_counted_as_networks():
    systems = [("vgg", 0.9, {}), ("temporal", 0.2, {}), ("mfcc", 0.6, {})]
    systems += [("openl3", 0.95, FOREIGN), ("bad", 0.1, FOREIGN)]
    both = compare(
        [
            simulated_result(name, skill=skill, seed=seed, n_clips=300, definition=definition)
            for name, skill, definition in systems
            for seed in range(3)
        ]
    )
    text = " ".join(details(both))
    assert (
        "%), 1 of 2 networks is significantly better (vgg), 1 of 2 feature files is significantly "
        "better (openl3), 2 are significantly worse (temporal, bad)."
    ) in text
    family = next(family for family in both.families if family.kind == "baseline")
    assert family.name == "networks and files against mfcc, with svm"
    assert "all networks and files against the baseline" in family.method


def test_rivals_are_not_counted_as_networks_and_fitted_ones_are_not_untrained():
    systems = [("vgg", "svm", 0.9, {}), ("mfcc", "svm", 0.6, {}), ("vgg", "trained", 0.5, {})]
    systems += [("minirocket", "svm", 0.97, {"features": {"fitted": {}}}), ("scattering", "svm", 0.3, {})]
    both = compare(
        [
            simulated_result(name, head, skill=skill, seed=seed, n_clips=300, definition=definition)
            for name, head, skill, definition in systems
            for seed in range(3)
        ]
    )
    text = " ".join(details(both))
    assert "%), 1 of 1 networks is significantly better (vgg), 1 of 2 rivals is significantly better" in text
    assert "Best without training: vgg + svm" in text
    family = next(family for family in both.families if family.kind == "baseline")
    assert family.name == "networks and rivals against mfcc, with svm"


def test_chance_and_the_largest_class():
    assert answer(compared(("vgg", 0.9, None)))[-1] == "Chance: 25.0 %"
    uneven = ["dog", "dog", "dog", "rain", "sea"]
    line = answer(compared(("vgg", 0.9, None), classes=uneven))[-1]
    assert line == "Chance: 20.0 % (always the largest class: 60.0 %)"


def test_trained_and_untrained_results_of_one_data_set_are_named_in_one_sentence():
    cells = [
        simulated_result(name, classifier, skill=skill, seed=seed)
        for name, classifier, skill in (
            ("vgg", "svm", 0.9),
            ("vgg", "trained", 0.5),
            ("7x86", "trained", 0.7),
        )
        for seed in range(2)
    ]
    both = compare(cells)
    best = {s.label: f"{100 * s.accuracy:.1f} %" for s in both.scores}
    (sentence,) = (text for text in details(both) if "trained" in text)
    assert f"Best without training: vgg + svm, {best['vgg + svm']} (" in sentence
    assert f"best trained: 7x86, {best['7x86 + trained']} (" in sentence
    assert best_of_both(s for s in both.scores if s.is_trained) == ""
