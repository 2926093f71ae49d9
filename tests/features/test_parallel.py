"""Items one by one and in batches: the same rows, and the same problems, in order."""

from __future__ import annotations

import numpy as np
import pytest

from elmarc.errors import AudioError
from elmarc.features.parallel import in_batches, one_by_one

BAD = {2, 3, 4, 5, 7}  # a batch of four with one good item, and one with three


def prepare(item: int) -> np.ndarray:
    if item in BAD:
        raise AudioError(f"{item} is bad")
    return np.full(3, np.inf if item == 9 else item, np.float32)


def pool(inputs: np.ndarray) -> np.ndarray:
    return inputs * 2


def rows(outcomes: object) -> list:
    return [(item, str(out) if isinstance(out, AudioError) else out.tolist()) for item, out in outcomes]


@pytest.mark.parametrize("batch_size", [1, 2, 4, 20])
def test_batches_give_what_single_items_give(batch_size: int) -> None:
    alone = rows(one_by_one(range(10), prepare, pool, n_workers=2, n_threads=1))
    together = rows(in_batches(range(10), prepare, pool, n_workers=2, batch_size=batch_size))
    assert together == alone
    assert [item for item, _ in alone] == list(range(10))
    assert alone[1] == (1, [2.0, 2.0, 2.0])
    assert alone[2] == (2, "2 is bad")
    assert "overflow" in alone[9][1]
