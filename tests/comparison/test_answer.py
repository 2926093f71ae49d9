from __future__ import annotations

import re
from itertools import combinations

import numpy as np
import pytest
from tests.simulated import simulated_result

from elmarc.comparison.answer import answer, best_of_both
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


def test_the_answer_says_of_each_system_what_its_letters_say(drawn):
    best, sentences = drawn.scores[0], answer(drawn)
    assert len(sentences) <= 5
    tied = [drawn.scores[k].label for k in drawn.tied(0) if not drawn.scores[k].is_baseline]
    named = re.findall(r"(\S+ \+ \w+) \((?:level|-)", " ".join(sentences))
    assert named == tied[:3]
    letters = {score.label: set(score.ties) for score in drawn.scores}
    assert all(letters[label] & letters[best.label] for label in named)


def test_the_answer_counts_what_is_better_and_worse_than_mfcc_as_the_tests_do(drawn):
    members = drawn.members(drawn.classifiers[0])
    against = [text for text in answer(drawn) if text.startswith("Against mfcc")]
    if drawn.scores[0].is_baseline:
        assert not against
        return
    significant = [c.difference for c in map(drawn.against_baseline, members) if c and c.differs]
    better, worse = (
        re.search(rf"(\d+)[^,(]* significantly {verdict}", against[0]) for verdict in ("better", "worse")
    )
    assert int(better[1] if better else 0) == sum(d > 0 for d in significant)
    assert int(worse[1] if worse else 0) == sum(d < 0 for d in significant)


@pytest.mark.parametrize("how", [{"seeds": 1}, {"group_size": 100}])
def test_where_nothing_is_tested_nothing_is_called_different_or_not(how):
    nothing = compared(("vgg", 0.9, CHEAP), ("timbral", 0.5, DEAR), ("mfcc", 0.4, None), **how)
    assert not any(c.differs for family in nothing.families for c in family.contrasts)
    assert {(c.low, c.high) for family in nothing.families for c in family.contrasts} == {(None, None)}
    assert {score.ties for score in nothing.scores} == {""}
    assert "significant" not in " ".join(answer(nothing))
    assert len(answer(nothing)) == 3


def test_the_best_and_what_is_significantly_worse():
    text = text_of(("vgg", 0.9, None), ("timbral", 0.5, None))
    assert text.startswith("vgg + svm is best with ")
    assert "All other networks with svm (1) are significantly worse." in text


def test_what_is_not_different_by_how_much_and_which_of_those_is_cheapest():
    text = text_of(("vgg", 0.9, DEAR), ("timbral", 0.89, CHEAP), ("temporal", 0.2, CHEAP))
    assert re.search(r"Not significantly different: timbral \+ svm \((-\d+\.\d points|level)\);", text)
    assert "all other networks with svm (1) are significantly worse." in text
    assert "The cheapest network of these is timbral + svm: 4.0 times fewer multiply-adds than vgg" in text


def test_systems_of_equal_accuracy_are_level():
    text = text_of(("vgg", 0.8, None), ("vgg", 0.8, None), seeds=1)
    assert "0.0 points" not in text
    same = [simulated_result("vgg", seed=s, skill=0.7) for s in range(2)]
    twins = [simulated_result("vgg", seed=s, skill=0.7, size="small") for s in range(2)]
    text = " ".join(answer(compare(same + twins)))
    assert "(level)" in text
    assert "0.0 points (" not in text


def test_whether_any_network_is_better_than_mfcc():
    text = text_of(("vgg", 0.9, None), ("mfcc", 0.6, None), ("temporal", 0.2, None))
    expected = "1 of 2 networks is significantly better (vgg), 1 is significantly worse (temporal)"
    assert re.search(rf"Against mfcc \+ svm \(\d+\.\d %\), {re.escape(expected)}\.", text)
    near = text_of(("mfcc", 0.60, None), ("vgg", 0.63, None))
    assert re.search(
        r"Against mfcc \+ svm .*, no network is significantly better \(vgg: \+\d+\.\d points\)", near
    )


def test_where_mfcc_is_the_best_each_network_is_spoken_of_once():
    text = text_of(("mfcc", 0.9, None), ("vgg", 0.88, None), ("temporal", 0.3, None))
    assert "mfcc + svm is best" in text
    assert "Not significantly different: vgg + svm (" in text
    assert "Against mfcc" not in text


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
    text = " ".join(answer(both))
    assert (
        "%), 1 of 2 networks is significantly better (vgg), 1 of 2 feature files is significantly "
        "better (openl3), 2 are significantly worse (temporal, bad)."
    ) in text
    family = next(family for family in both.families if family.kind == "baseline")
    assert family.name == "networks and files against mfcc, with svm"
    assert "all networks and files against the baseline" in family.method


def test_where_guessing_lies():
    assert "Guessing gives 25.0 %." in text_of(("vgg", 0.9, None))
    uneven = ["dog", "dog", "dog", "rain", "sea"]
    text = text_of(("vgg", 0.9, None), classes=uneven)
    assert "always saying the largest class 60.0 %" in text


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
    (sentence,) = (text for text in answer(both) if "trained" in text)
    assert f"Best without training: vgg + svm, {best['vgg + svm']} (" in sentence
    assert f"best trained: 7x86, {best['7x86 + trained']} (" in sentence
    assert best_of_both(s for s in both.scores if s.is_trained) == ""
