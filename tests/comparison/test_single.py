from __future__ import annotations

import pytest
from tests.simulated import CLASSES, simulated_result

from elmarc.comparison.compare import compare, score_alone


@pytest.mark.parametrize("group_size", [1, 6])
def test_a_set_of_predictions_alone_scores_as_in_a_comparison(group_size: int) -> None:
    result = simulated_result(group_size=group_size)
    compared = compare([result])
    (score,) = compared.scores
    alone = score_alone(result.predictions, n_classes=len(CLASSES))
    assert (alone.accuracy, alone.low, alone.high) == pytest.approx((score.accuracy, score.low, score.high))
    assert (alone.chance, alone.majority) == (compared.chance, compared.majority)


def test_clips_of_a_group_are_one_draw() -> None:
    wide, narrow = (
        score_alone(simulated_result(group_size=size).predictions, n_classes=4) for size in (6, 1)
    )
    assert wide.high - wide.low > 1.2 * (narrow.high - narrow.low)
