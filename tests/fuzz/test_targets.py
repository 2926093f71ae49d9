"""Any file, damaged or made by someone who means harm, is read rightly or refused in a sentence.

The same examples each time, some 15 s of them. ELMARC_FUZZ=4 tries four times as many, a minute;
`python -m studies.reliability.fuzz` tries others, for as long as one likes.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from tests.fuzz.targets import TARGETS

TIMES = int(os.environ.get("ELMARC_FUZZ", "1"))
SUPPRESSED = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]


@pytest.mark.filterwarnings("ignore:Generating overly large repr")
@pytest.mark.parametrize("name", TARGETS)
def test_whatever_is_read_is_right_and_the_rest_is_refused(name: str, tmp_path: Path) -> None:
    target, outcomes = TARGETS[name], Counter[str]()

    @settings(
        max_examples=TIMES * target.n_examples,
        derandomize=True,
        database=None,
        deadline=None,  # the watchman of each example has one
        suppress_health_check=SUPPRESSED,
    )
    @given(target.examples())
    def holds(example: Any) -> None:
        outcomes[target.check(example, tmp_path)] += 1

    holds()
    assert set(outcomes) == {"read", "refused"}, f"{outcomes}: the examples are all of one kind"
