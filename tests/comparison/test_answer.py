from __future__ import annotations

from tests.simulated import simulated_result

from elmarc.comparison.answer import answer
from elmarc.comparison.compare import compare

CHEAP, DEAR = {"multiply_adds_per_clip": 2e6}, {"multiply_adds_per_clip": 8e6}


def said(*systems, **changes) -> str:
    cells = [
        simulated_result(name, skill=skill, seed=seed, cost=cost, n_clips=300, **changes)
        for name, skill, cost in systems
        for seed in range(3)
    ]
    return " ".join(answer(compare(cells)))


def test_the_best_its_lead_and_whether_that_is_chance():
    text = said(("vgg", 0.9, None), ("timbral", 0.5, None))
    assert text.startswith("vgg + svm is best with ")
    assert "points better than timbral + svm, the next: more than chance" in text
    assert "Every other system with svm is worse" in text
    assert "which may be chance" in said(("vgg", 0.9, None), ("timbral", 0.89, None))


def test_what_ties_and_which_of_those_is_cheapest():
    text = said(("vgg", 0.9, DEAR), ("timbral", 0.89, CHEAP), ("temporal", 0.2, CHEAP))
    assert "Not told apart from it: " in text
    assert "The cheapest network of these is timbral + svm: 2 million multiply-adds a clip, 4.0 times" in text


def test_whether_any_network_beats_mfcc():
    assert "1 of 2 networks beats MFCC + svm: vgg + svm. Worse than MFCC + svm: temporal + svm." in said(
        ("vgg", 0.9, None), ("mfcc", 0.6, None), ("temporal", 0.2, None)
    )
    assert "No network beats MFCC + svm." in said(("mfcc", 0.9, None), ("vgg", 0.5, None))
    near = said(("mfcc", 0.60, None), ("vgg", 0.63, None))
    assert "No network is shown to beat MFCC + svm: vgg is " in near


FOREIGN = {"features": {"file": "a hash"}}


def test_files_of_features_are_not_counted_as_networks():
    systems = [("vgg", 0.9, {}), ("temporal", 0.2, {}), ("mfcc", 0.6, {})]
    systems += [("openl3", 0.95, FOREIGN), ("bad", 0.1, FOREIGN)]
    compared = compare(
        [
            simulated_result(name, skill=skill, seed=seed, n_clips=300, definition=definition)
            for name, skill, definition in systems
            for seed in range(3)
        ]
    )
    text = " ".join(answer(compared))
    assert "1 of 2 networks beats MFCC + svm: vgg + svm. 1 of 2 feature files beats MFCC + svm: open" in text
    assert "Worse than MFCC + svm: temporal + svm, bad + svm." in text
    family = next(family for family in compared.families if family.kind == "baseline")
    assert family.name == "networks and files against mfcc, with svm"
    assert "all networks and files against the baseline" in family.method


def test_where_guessing_lies():
    assert "Guessing gives 25.0 %." in said(("vgg", 0.9, None))
    uneven = ["dog", "dog", "dog", "rain", "sea"]
    text = said(("vgg", 0.9, None), classes=uneven)
    assert "always saying the largest class 60.0 %" in text
