"""NASWOT is the log-determinant of how many units two clips share, as the paper has it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.simulated import SKILLS, side, trained

from elmarc.agreement.agree import agreements
from elmarc.agreement.naswot import alike, naswot
from elmarc.networks import build_network


def test_it_is_the_log_determinant_of_shared_units(rng):
    network = build_network("timbral_temporal", n_filters=4, seed=3)
    inputs = rng.standard_normal((5, 40, 96)).astype(np.float32)
    codes = np.concatenate(
        [(m > 0).flatten(1).numpy() for m in network(torch.from_numpy(inputs)).values()], axis=1
    )
    shared = (codes[:, None] == codes[None]).sum(axis=2)
    assert naswot(network, inputs) == pytest.approx(np.log(np.linalg.det(shared.astype(float))))


def test_many_units_are_counted_exactly(rng):
    bits = rng.integers(0, 2, size=(3, 200_003))
    shared = (bits[:, None] == bits[None]).sum(axis=2)
    assert np.array_equal(alike([np.packbits(row) for row in bits], bits.shape[1]), shared)


def test_clips_that_no_unit_tells_apart_have_no_score(rng):
    one = rng.standard_normal((40, 96)).astype(np.float32)
    assert naswot(build_network("temporal", n_filters=4), [one, one]) is None


def test_a_proxy_stands_among_the_controls_or_says_why_not():
    ranks = {f"net{k}": float(k) for k in range(len(SKILLS))}
    proxies = {"NASWOT": lambda r: ranks[r.features], "other": lambda r: {**ranks, "net3": None}[r.features]}
    (found,) = agreements(side(), trained(), proxies=proxies)
    (control,) = (f for f in found.foretellers if f.name == "NASWOT")
    assert control.kind == "control"
    assert control.scores == tuple(ranks[name] for name in found.architectures)
    assert control.spearman.value > 0.8
    assert found.notes == ("other is left out: 1 architectures, such as net3, have none",)
