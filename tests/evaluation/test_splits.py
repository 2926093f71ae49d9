from __future__ import annotations

import numpy as np
import pytest
from sklearn.model_selection import StratifiedGroupKFold

from elmarc.errors import DatasetError
from elmarc.evaluation.splits import Folds, Lists, inner_splits, keep_together, make_splits

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


def test_a_clip_without_a_group_stands_alone() -> None:
    """100 clips, half of them in groups of five: once, the others made one group, and a fold of 50."""
    labels = ["a", "b"] * 50
    groups = [str(i // 5) if i < 50 else "" for i in range(100)]
    parts = make_splits(labels, [""] * 100, kind="none", groups=groups, n_folds=5)
    assert isinstance(parts, Folds)
    assert all(18 <= len(test) <= 22 for _, test in parts.splits)
    assert all(abs(sum(labels[i] == "a" for i in test) - len(test) / 2) <= 1 for _, test in parts.splits)
    for train, test in parts.splits:
        assert not {groups[i] for i in train} & {groups[i] for i in test} - {""}


def test_full_groups_make_the_folds_they_made() -> None:
    groups = [f"g{(7 * i) % 12}" for i in range(40)]
    parts = make_splits(LABELS, [""] * 40, kind="none", groups=groups, n_folds=4)
    assert isinstance(parts, Folds)
    expected = StratifiedGroupKFold(4).split(LABELS, LABELS, groups)
    for (_, test), (_, wanted) in zip(parts.splits, expected, strict=True):
        assert test.tolist() == wanted.tolist()


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        (["x"] * 40, "column `group`: all clips are of one group, 'x'.*leave the column out"),
        (["x", "x", "y", "y"] * 10, r"column `group`: 2 groups .*too few for 5 folds: ask for at most 2"),
        (["x"] * 38 + ["", "y"], "column `group`: 3 groups .*too few for 5 folds"),
    ],
)
def test_too_few_groups_name_the_column_and_the_way_out(groups: list[str], message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        make_splits(LABELS, [""] * 40, kind="none", groups=groups, n_folds=5)


def test_inner_folds_let_clips_without_a_name_stand_alone() -> None:
    y = np.asarray(LABELS)
    names = [str(i // 4) if i < 20 else "" for i in range(40)]
    splits = inner_splits(y, names, n_folds=5, seed=0)
    assert [len(test) for _, test in splits] == [8] * 5
    for train, test in splits:
        assert not {names[i] for i in train} & {names[i] for i in test} - {""}


def test_inner_folds_leave_two_classes_to_learn_from() -> None:
    for train, _ in inner_splits(np.asarray(["a", "b"] * 5), ["x", "y"] * 5, n_folds=5, seed=0):
        assert len(set(train % 2)) == 2


def test_groups_come_before_official_folds() -> None:
    assert keep_together(["", "x"], ["1", "2"], kind="folds") == ["", "x"]
    assert keep_together(["", ""], ["1", "2"], kind="folds") == ["1", "2"]
    assert keep_together(["", ""], ["train", "test"], kind="lists") == ()


def test_there_need_be_no_validation_list() -> None:
    parts = make_splits(LABELS, ["train"] * 20 + ["test"] * 20, kind="lists")
    assert isinstance(parts, Lists)
    assert (len(parts.train), len(parts.validation), len(parts.test)) == (20, 0, 20)


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
        (LABELS, ["train"] * 40, "lists", "test list has no usable clip"),
        (LABELS, ["test", "validation"] * 20, "lists", "train list has no usable clip"),
        (LABELS, ["train", "test"] * 20, "lists", "train list holds clips of one class only, 'a'"),
        (LABELS, ["1", "2"] * 20, "folds", "outside fold 1 are all of class 'b'.*spread each class"),
        (LABELS, ["dev"] * 40, "lists", "'dev' is unknown"),
        (LABELS, ["1"] * 39 + [""], "folds", "1 clips have no fold"),
        (LABELS, ["1"] * 40, "folds", "only one fold"),
        (["a"] * 37 + ["b"] * 3, [""] * 40, "none", "'b' has 3 clips, too few for 10 folds"),
    ],
)
def test_what_cannot_be_split_is_said(labels, folds, kind, message) -> None:
    with pytest.raises(DatasetError, match=message):
        make_splits(labels, folds, kind=kind, n_folds=10)


def test_where_no_number_is_asked_for_there_are_as_many_folds_as_the_rarest_class_has_clips() -> None:
    parts = make_splits(["a"] * 37 + ["b"] * 3, [""] * 40, kind="none")
    assert isinstance(parts, Folds)
    assert parts.names == ("1", "2", "3")


def test_inner_folds_hold_out_whole_official_folds() -> None:
    y, folds = np.asarray(LABELS), [str(i // 10) for i in range(40)]
    splits = inner_splits(y, folds, n_folds=5, seed=0)
    assert len(splits) == 4
    for train, test in splits:
        assert not {folds[i] for i in train} & {folds[i] for i in test}


def test_inner_folds_without_names_are_stratified() -> None:
    for _, test in inner_splits(np.asarray(LABELS), [], n_folds=5, seed=0):
        assert sorted(np.asarray(LABELS)[test]) == ["a"] * 4 + ["b"] * 4
