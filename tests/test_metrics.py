from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, f1_score, recall_score

from elmarc import metrics

CLASSES = ["rock", "jazz", "blues"]  # not in alphabetical order: the data set's own order counts


@pytest.fixture
def labelled(rng: np.random.Generator) -> tuple[list[str], list[str]]:
    labels = rng.choice(CLASSES, size=60).tolist()
    kept = rng.random(60) < 0.6
    predicted = [name if keep else CLASSES[0] for name, keep in zip(labels, kept, strict=True)]
    return labels, predicted


def test_confusion_follows_the_order_of_the_classes(labelled):
    labels, predicted = labelled
    table = metrics.confusion(labels, predicted, classes=CLASSES)
    assert list(table.index) == list(table.columns) == CLASSES
    for true in CLASSES:
        for said in CLASSES:
            pairs = zip(labels, predicted, strict=True)
            assert table.loc[true, said] == sum(pair == (true, said) for pair in pairs)


def test_scores_follow_from_the_confusion_matrix(labelled):
    labels, predicted = labelled
    counts = metrics.confusion(labels, predicted, classes=CLASSES).to_numpy()
    hits, said, true = np.diag(counts), counts.sum(axis=0), counts.sum(axis=1)
    assert metrics.macro_f1(labels, predicted) == pytest.approx(np.mean(2 * hits / (said + true)))
    recalls = metrics.recalls(labels, predicted, classes=CLASSES)
    assert list(recalls) == CLASSES
    assert list(recalls.values()) == pytest.approx(list(hits / true))


def test_scores_are_those_of_scikit_learn_to_the_last_bit(rng: np.random.Generator) -> None:
    for n_clips in range(1, 200):
        names = [f"class {i}" for i in range(int(rng.integers(2, 30)))]
        labels = rng.choice(names, n_clips).tolist()
        predicted = np.where(rng.random(n_clips) < 0.5, labels, rng.choice(names, n_clips)).tolist()
        assert metrics.macro_f1(labels, predicted) == f1_score(labels, predicted, average="macro")
        present = [name for name in names if name in labels]
        recalls = recall_score(labels, predicted, labels=present, average=None)
        assert metrics.recalls(labels, predicted, classes=names) == dict(zip(present, recalls, strict=True))
        counts = metrics.confusion(labels, predicted, classes=names)
        assert np.array_equal(counts, confusion_matrix(labels, predicted, labels=names))


def test_a_class_that_was_never_held_out_has_no_recall_and_no_share_in_f1():
    labels, predicted = ["rock", "jazz"], ["rock", "jazz"]
    assert metrics.recalls(labels, predicted, classes=CLASSES) == {"rock": 1.0, "jazz": 1.0}
    assert metrics.macro_f1(labels, predicted) == 1.0
    assert metrics.confusion(labels, predicted, classes=CLASSES).loc["blues"].sum() == 0
    assert "blues" not in metrics.classification_report(labels, predicted, classes=CLASSES)


def test_report_names_every_class_even_one_never_predicted(labelled):
    labels, _ = labelled
    report = metrics.classification_report(labels, ["rock"] * len(labels), classes=CLASSES)
    assert [line.split()[0] for line in report.splitlines()[2:5]] == CLASSES
