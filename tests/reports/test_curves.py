"""Learning curves show every fold and the mean of each learning rate."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from elmarc.reports.figures import curves_figure, to_svg
from elmarc.study.trainings import write_curves


def curves(part: str, rates: tuple[float, ...], n_folds: int = 3, n_epochs: int = 4) -> pd.DataFrame:
    rows = [
        {"fold": fold, "part": part, "learning_rate": rate, "epoch": epoch, "loss": fold + rate / epoch}
        | ({"validation_accuracy": 0.1 * epoch} if part == "inner" else {})
        for fold in range(n_folds)
        for rate in rates
        for epoch in range(1, n_epochs + 1 - fold)  # folds end early
    ]
    return pd.DataFrame(rows)


def test_each_fold_has_a_line_and_each_rate_a_mean() -> None:
    table = pd.concat([curves("inner", (0.1, 0.2)), curves("outer", (0.2,))])
    loss, accuracy = curves_figure(table).axes
    assert len(loss.lines) == 3 + 1
    assert len(accuracy.lines) == 2 * (3 + 1)
    mean = loss.lines[-1]
    expected = table[table["part"] == "outer"].groupby("epoch")["loss"].mean()
    np.testing.assert_allclose(np.asarray(mean.get_ydata(), float), expected)
    np.testing.assert_allclose(np.asarray(accuracy.lines[-1].get_ydata(), float), [10, 20, 30, 40])
    assert mean.get_color() == accuracy.lines[-1].get_color() != accuracy.lines[0].get_color()


@pytest.mark.parametrize("n_rates", [1, 9])
def test_without_inner_folds_there_is_the_loss_alone(n_rates: int) -> None:
    (loss,) = curves_figure(curves("outer", tuple(0.1 * (k + 1) for k in range(n_rates)))).axes
    assert len(loss.lines) == n_rates * 4
    assert "learning rate 0.1" in to_svg(curves_figure(curves("outer", (0.1,))))


def test_a_fold_that_looks_like_a_formula_is_none_in_the_file(tmp_path: Path) -> None:
    table = curves("outer", (0.1,))
    table["fold"] = [f"=1+{fold}" for fold in table["fold"]]
    write_curves(table, tmp_path)
    rows = (tmp_path / "curves.csv").read_text().splitlines()[1:]
    assert all(row.startswith("'=1+") for row in rows)
