from __future__ import annotations

import numpy as np
import pytest

from elmarc._errors import DatasetError
from elmarc.evaluation.splits import Folds, Lists, inner_splits, make_splits

LABELS = ["a", "b"] * 20


def test_official_folds_are_kept_in_the_order_of_their_numbers() -> None:
    folds = [str(1 + i % 10) for i in range(40)]
    parts = make_splits(LABELS, folds, kind="folds")
    assert isinstance(parts, Folds)
    assert parts.names == tuple(str(i) for i in range(1, 11))
    for name, (train, test) in zip(parts.names, parts.splits, strict=True):
        assert {folds[i] for i in test} == {name}
        assert sorted([*train, *test]) == list(range(40))


def test_made_folds_are_stratified_in_the_order_of_the_clips() -> None:
    parts = make_splits(LABELS, [""] * 40, kind="none", n_folds=10)
    assert isinstance(parts, Folds)
    assert [sorted(test) for _, test in parts.splits[:2]] == [[0, 1, 2, 3], [4, 5, 6, 7]]


def test_made_folds_keep_groups_together() -> None:
    groups = [str(i // 4) for i in range(40)]
    parts = make_splits(LABELS, [""] * 40, kind="none", groups=groups, n_folds=5)
    assert isinstance(parts, Folds)
    for train, test in parts.splits:
        assert not {groups[i] for i in train} & {groups[i] for i in test}


def test_lists_are_told_apart_by_name() -> None:
    names = ["train"] * 20 + ["validation"] * 10 + ["test"] * 10
    parts = make_splits(LABELS, names, kind="lists")
    assert isinstance(parts, Lists)
    assert (len(parts.train), len(parts.validation), len(parts.test)) == (20, 10, 10)


def test_shuffling_official_folds_warns() -> None:
    with pytest.warns(UserWarning, match="official folds"):
        make_splits(LABELS, [str(i % 5) for i in range(40)], kind="folds", shuffle=True, n_folds=5)


@pytest.mark.parametrize(
    ("labels", "folds", "kind", "message"),
    [
        (["a"] * 4, [""] * 4, "none", "at least two classes"),
        (LABELS, ["train"] * 40, "lists", "validation list has no usable clip"),
        (LABELS, ["dev"] * 40, "lists", "'dev' is unknown"),
        (LABELS, ["1"] * 39 + [""], "folds", "1 clips have no fold"),
        (LABELS, ["1"] * 40, "folds", "only one fold"),
        (["a"] * 37 + ["b"] * 3, [""] * 40, "none", "'b' has 3 clips, too few for 10 folds"),
    ],
)
def test_what_cannot_be_split_is_said(labels, folds, kind, message) -> None:
    with pytest.raises(DatasetError, match=message):
        make_splits(labels, folds, kind=kind)


def test_inner_folds_hold_out_whole_official_folds() -> None:
    y, folds = np.asarray(LABELS), [str(i // 10) for i in range(40)]
    splits = inner_splits(y, folds, n_folds=5, seed=0)
    assert len(splits) == 4
    for train, test in splits:
        assert not {folds[i] for i in train} & {folds[i] for i in test}


def test_inner_folds_without_names_are_stratified() -> None:
    for _, test in inner_splits(np.asarray(LABELS), [], n_folds=5, seed=0):
        assert sorted(np.asarray(LABELS)[test]) == ["a"] * 4 + ["b"] * 4
